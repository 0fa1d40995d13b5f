"""Walk the tensors of nested frozen dataclasses, dicts and tuples; rebuild the same structure on others.

One reverse pass is cut into pieces at such structures: the piece downstream sees fresh leaves, its gradients
become the cotangents of the piece upstream.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def map_tensors(tree: T, function: Callable[[Tensor], Tensor]) -> T:
    """The same structure with ``function`` applied to every tensor; everything else is shared."""
    return _walk(tree, function)  # type: ignore[no-any-return]


def tensors(tree: Any) -> list[Tensor]:
    """All tensors of a structure, in walking order."""
    found: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    _walk(tree, keep)
    return found


def cut(tree: T) -> tuple[T, list[Tensor], list[Tensor]]:
    """Cut the graph at a structure.

    Returns
    -------
    copy : the structure on detached leaves that require grad
    leaves : those leaves
    sources : the tensors they were copied from, still attached to their own graph
    """
    leaves: list[Tensor] = []
    sources: list[Tensor] = []

    def detach(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        leaf = tensor.detach().clone().requires_grad_(True)
        leaves.append(leaf)
        sources.append(tensor)
        return leaf

    return map_tensors(tree, detach), leaves, sources


def equal(left: Any, right: Any) -> bool:
    """True if two structures hold bitwise the same tensors in the same order."""
    a, b = tensors(left), tensors(right)
    return len(a) == len(b) and all(x.shape == y.shape and torch.equal(x, y) for x, y in zip(a, b))


def _walk(node: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(node, Tensor):
        return function(node)
    if isinstance(node, dict):
        return {key: _walk(value, function) for key, value in node.items()}
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return type(node)(*(_walk(value, function) for value in node))
    if isinstance(node, tuple):
        return tuple(_walk(value, function) for value in node)
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        old = {f.name: getattr(node, f.name) for f in dataclasses.fields(node)}
        new = {name: _walk(value, function) for name, value in old.items()}
        changed = {name: value for name, value in new.items() if value is not old[name]}
        return dataclasses.replace(node, **changed) if changed else node
    return node
