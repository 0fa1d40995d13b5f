"""Who imports whom: no circle of modules, by imports for types or in functions either; nobody reaches past a door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOPS = ("xva", "surrogates", "pipelines")


def modules() -> dict[str, ast.Module]:
    """Every module of the packages by name; a package's door bears the package's."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            path.read_text()
        )
        for top in TOPS
        for path in sorted((ROOT / top).rglob("*.py"))
    }


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Modules and names of them that a module imports, wherever it does; the name is empty for a module itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Sets of nodes that reach each other (Kosaraju): nodes by finishing time, then sets of the reversed graph."""
    order: list[str] = []
    seen: set[str] = set()
    for start in graph:
        stack = [(start, iter(sorted(graph[start])))] if start not in seen else []
        seen.add(start)
        while stack:
            node, rest = stack[-1]
            for other in rest:
                if other not in seen:
                    seen.add(other)
                    stack.append((other, iter(sorted(graph[other]))))
                    break
            else:
                order.append(node)
                stack.pop()
    reverse: dict[str, set[str]] = {node: set() for node in graph}
    for node, others in graph.items():
        for other in others:
            reverse[other].add(node)
    found, placed = [], set()
    for start in reversed(order):
        group, todo = set(), [start]
        while todo:
            node = todo.pop()
            if node not in placed:
                placed.add(node)
                group.add(node)
                todo += reverse[node]
        if len(group) > 1:
            found.append(group)
    return found


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
    assert circles({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []


def test_no_circle_hides_behind_types_or_in_functions() -> None:
    trees = modules()
    graph = {
        name: {
            target
            for module, part in imported(tree)
            for target in [f"{module}.{part}" if f"{module}.{part}" in trees else module]
            if target in trees and target != name
        }
        for name, tree in trees.items()
    }
    assert sum(map(len, graph.values())) > 1000
    assert circles(graph) == []


def doors(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Public names by room; the three packages themselves are no rooms."""
    return {
        name: set(ast.literal_eval(node.value))
        for name, tree in trees.items()
        if "." in name
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    }


def past_a_door(importer: str, module: str, name: str, public: dict[str, set[str]]) -> str:
    """The outermost room, of those that the importer is outside of, whose door exports what is taken from deeper inside."""
    parts = module.split(".")
    rooms = [".".join(parts[:k]) for k in range(2, len(parts))]
    outside = [room for room in rooms if importer != room and not importer.startswith(f"{room}.")]
    return next((room for room in outside if name in public.get(room, ())), "")


def test_reaching_past_a_door_is_seen() -> None:
    public = {"xva.market": {"Market"}, "xva.pricing.nested": {"nested_values"}}
    assert past_a_door("xva.models.lgm", "xva.market.market", "Market", public) == "xva.market"
    assert past_a_door("xva.market.build", "xva.market.market", "Market", public) == ""
    assert past_a_door("xva.models.lgm", "xva.market.market", "Equity", public) == ""
    deep = past_a_door("surrogates.book.book", "xva.pricing.nested.values", "nested_values", public)
    assert deep == "xva.pricing.nested"


def test_what_a_door_exports_comes_through_the_door() -> None:
    """What no door exports is its room's own; whoever needs it all the same imports the module and says so."""
    trees = modules()
    public = doors(trees)
    found = [
        f"{importer}: from {module} import {name} -> from {room} import {name}"
        for importer, tree in trees.items()
        for module, name in imported(tree)
        if f"{module}.{name}" not in trees
        if (room := past_a_door(importer, module, name, public))
    ]
    assert not found, "\n".join(found)
