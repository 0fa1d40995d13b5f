"""The arguments of a pricing function, checked and laid out: one row per option.

User-facing checks stand here, not in the formulas: an engine that evaluates `margrabe` on a hundred thousand states
whose market was checked when it was built should not pay for them again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xva.errors import DomainError
from xva.options.greeks.naming import Component
from xva.pricing.closed_form.domain import require_all


@dataclass(frozen=True)
class PricingInputs:
    """What is differentiated and what is not, for options laid out in ``batch``.

    ``moving`` ``(option, component)`` has one column per entry of ``components``; ``widths`` gives each argument's number
    of columns (None: a number). ``batched`` are tensors that are not differentiated, ``(option, ...)``; ``settings``
    everything else.
    """

    batch: tuple[int, ...]
    moving: Tensor
    components: tuple[Component, ...]
    widths: Mapping[str, int | None]
    batched: Mapping[str, Tensor]
    settings: Mapping[str, Any]

    def arguments(self, row: Tensor, batched: Mapping[str, Tensor]) -> dict[str, Any]:
        """One option's arguments from its row ``(component,)``."""
        found: dict[str, Any] = {**self.settings, **batched}
        start = 0
        for name, width in self.widths.items():
            found[name] = row[start] if width is None else row[start : start + width]
            start += 1 if width is None else width
        return found


def lay_out(
    price: Callable[..., Tensor],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    wrt: Sequence[str] | None,
    vectors: Sequence[str],
) -> PricingInputs:
    """Bind, check and broadcast the arguments of one call.

    Raises
    ------
    DomainError
        Arguments that the function does not take, shapes that do not fit, NaN, or a value outside its domain.
    """
    named = _bind(price, args, kwargs)
    numbers = {name: value for name, value in named.items() if _is_number(price, name, value)}
    settings = {name: value for name, value in named.items() if name not in numbers}
    moving_names = _chosen(numbers, settings, wrt, vectors)
    tensors = _tensors(numbers)
    require_all({name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()})
    batch = _batch_shape(tensors, vectors)
    columns: list[Tensor] = []
    components: list[Component] = []
    widths: dict[str, int | None] = {}
    batched: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        tail = tensor.shape[-1:] if name in vectors else torch.Size()
        rows = tensor.expand((*batch, *tail)).reshape((-1, *tail))
        if name not in moving_names:
            batched[name] = rows
            continue
        widths[name] = tail[0] if tail else None
        columns.append(rows if tail else rows[:, None])
        components += [Component(name, i) for i in range(tail[0])] if tail else [Component(name)]
    return PricingInputs(batch, torch.cat(columns, 1), tuple(components), widths, batched, settings)


def _bind(price: Callable[..., Tensor], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    signature = inspect.signature(price.forward if isinstance(price, torch.nn.Module) else price)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as problem:
        raise DomainError(
            f"greeks: expected the arguments of {signature}, got {sorted(kwargs)} and {len(args)} unnamed ({problem})"
        ) from problem
    found: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        elif kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY):
            raise DomainError(
                f"greeks: expected arguments with names, got an unnamed one in {signature}", [name]
            )
        else:
            found[name] = value
    return found


def _is_number(price: Callable[..., Tensor], name: str, value: Any) -> bool:
    """Tensors, arrays and floats; whole numbers where the function says it takes a tensor and nothing else."""
    if isinstance(value, (Tensor, np.ndarray, np.floating, float)):
        return True
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    parameter = inspect.signature(price).parameters.get(name)
    note = "" if parameter is None else parameter.annotation
    return note is Tensor or note in ("Tensor", "torch.Tensor", "Tensor | float")


def _chosen(
    numbers: Mapping[str, Any], settings: Mapping[str, Any], wrt: Sequence[str] | None, vectors: Sequence[str]
) -> list[str]:
    missing = [name for name in (*(wrt or ()), *vectors) if name not in numbers]
    if missing:
        hint = f" ({missing[0]} is the setting {settings[missing[0]]!r})" if missing[0] in settings else ""
        raise DomainError(
            f"greeks: expected {missing[0]} among the numbers of this call, {', '.join(numbers)}, got none{hint}"
            " -> pass it as a float or a tensor",
            missing,
        )
    floating = [n for n, v in numbers.items() if _floating(v)]
    whole = [name for name in wrt or () if name not in floating]
    if whole or not floating:
        names = whole or list(numbers)
        raise DomainError(
            f"greeks: expected floating-point numbers to differentiate by, got none in {', '.join(names) or 'the call'}"
            " -> pass float64 or float32",
            names,
        )
    return floating if wrt is None else list(wrt)


def _floating(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.is_floating_point()
    return not isinstance(value, np.ndarray) or bool(np.issubdtype(value.dtype, np.floating))


def _tensors(numbers: Mapping[str, Any]) -> dict[str, Tensor]:
    """All on one dtype (the widest of the tensors given, float64 if there are none) and device, without graph."""
    given = {n: torch.as_tensor(v) for n, v in numbers.items() if isinstance(v, (Tensor, np.ndarray))}
    floating = [t.dtype for t in given.values() if t.is_floating_point()]
    if any(t.is_complex() for t in given.values()):
        raise DomainError("greeks: expected real numbers, got complex ones", list(given))
    dtype = reduce(torch.promote_types, floating) if floating else torch.float64
    device = next((t.device for t in given.values()), torch.device("cpu"))
    found: dict[str, Tensor] = {}
    for name, value in numbers.items():
        tensor = given.get(name)
        if tensor is None:
            tensor = torch.tensor(float(value), dtype=dtype, device=device)
        found[name] = tensor.detach().to(dtype) if tensor.is_floating_point() else tensor
    return found


def _batch_shape(tensors: Mapping[str, Tensor], vectors: Sequence[str]) -> tuple[int, ...]:
    shapes: dict[str, torch.Size] = {}
    for name, tensor in tensors.items():
        if name in vectors and tensor.ndim == 0:
            raise DomainError(
                f"{name}: expected a vector (..., component), got a number -> see vectors", [name]
            )
        shapes[name] = tensor.shape[:-1] if name in vectors else tensor.shape
    try:
        batch = tuple(torch.broadcast_shapes(*shapes.values()))  # type: ignore[no-untyped-call]
    except RuntimeError as problem:
        listed = ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())
        raise DomainError(
            f"greeks: expected shapes that broadcast to one of options, got {listed} -> give every argument one"
            " number or one per option; a vector argument's last dimension belongs to one option (vectors)",
            list(shapes),
        ) from problem
    if 0 in batch:
        raise DomainError("greeks: expected at least one option, got an empty batch", list(shapes))
    return batch
