"""Front doors: every room says what lives there, exports what it names, and readers' texts come in through doors only."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipelines
import surrogates
import xva
from tests.support.places import ROOT

ROOMS = [
    module.name
    for top in (xva, surrogates, pipelines)
    for module in [
        *pkgutil.walk_packages(top.__path__, f"{top.__name__}."),
        pkgutil.ModuleInfo(None, top.__name__, True),  # type: ignore[arg-type]
    ]
    if module.ispkg
]
FREE = {"xva.dates", "xva.errors"}  # rooms of one file


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_lives_there_and_has_what_it_names(room: str) -> None:
    door = importlib.import_module(room)
    assert (door.__doc__ or "").strip(), f"{room}/__init__.py has no docstring"
    for name in getattr(door, "__all__", ()):
        assert hasattr(door, name), f"{room} exports {name}, which is not there"


def test_an_unknown_name_of_a_lazy_door_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'pipelines' has no attribute 'nonsense'"):
        pipelines.nonsense  # noqa: B018
    assert set(pipelines.__all__) <= set(dir(pipelines))


def _texts() -> Iterator[tuple[Path, str]]:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for block in re.findall(r"```python\n(.*?)```", path.read_text(), re.S):
            yield path, block
    for path in [*sorted((ROOT / "examples").rglob("*.py")), *sorted((ROOT / "notebooks").glob("*.py"))]:
        yield path, path.read_text()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "code":
                yield path, "".join(cell["source"])


def _imports(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("%", "!"))]
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def test_readers_come_in_through_doors() -> None:
    seen = 0
    for path, text in _texts():
        for module, name in _imports(text):
            if module.split(".")[0] not in ("xva", "surrogates", "pipelines") or module in FREE:
                continue
            seen += 1
            where = f"{path.relative_to(ROOT)}: from {module} import {name}"
            assert module in ROOMS, f"{where}: reaches past a door"
            public = set(getattr(importlib.import_module(module), "__all__", ()))
            assert name in public or f"{module}.{name}" in FREE | {"xva.numerics.tree"}, (
                f"{where}: not public"
            )
    assert seen > 40
