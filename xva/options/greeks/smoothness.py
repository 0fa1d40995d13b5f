"""Second order only of what has one: piecewise linear prices are refused.

The second derivative of a network of ReLUs is zero almost everywhere and infinite on the kinks; automatic
differentiation returns the zero. A gamma of 0 would look like a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from xva.errors import DomainError

KINKED = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.RReLU,
    nn.Hardtanh,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardshrink,
    nn.Softshrink,
    nn.Threshold,
)
"""Activations without a second derivative that means anything."""

_KINKED_OPERATIONS = frozenset(
    (
        *(
            "relu",
            "relu_",
            "leaky_relu",
            "leaky_relu_",
            "prelu",
            "_prelu_kernel",
            "rrelu_with_noise",
            "threshold",
        ),
        *("hardtanh", "hardtanh_", "hardsigmoid", "hardswish", "hardshrink", "softshrink"),
        *("clamp", "clamp_min", "clamp_max", "maximum", "minimum", "abs", "amax", "amin"),
    )
)
_ADVICE = "use a smooth activation (nn.Softplus, nn.SiLU, nn.GELU, nn.Tanh), or ask for order=1"
_DEPTH = 4


def refuse_kinked_modules(price: Callable[..., Tensor]) -> tuple[nn.Module, ...]:
    """The networks that a pricing function holds, refused if one has a piecewise linear activation layer.

    Raises
    ------
    DomainError
        Naming the layer.
    """
    found = tuple(dict.fromkeys(_modules(price, _DEPTH)))
    for network in found:
        for name, layer in network.named_modules():
            if isinstance(layer, KINKED):
                where = f"{type(network).__name__}{'.' + name if name else ''}"
                raise _refusal(f"{where} is a {type(layer).__name__}", where)
    return found


def kinked_calls(networks: tuple[nn.Module, ...], run: Callable[[], Any]) -> frozenset[str]:
    """Run a price once; what piecewise linear operations it called.

    Raises
    ------
    DomainError
        One was called inside a network's forward (``F.relu`` in place of a layer).
    """
    recorder = _Recorder()
    hooks = [
        hook
        for network in networks
        for hook in (
            network.register_forward_pre_hook(lambda *_: recorder.enter()),
            network.register_forward_hook(lambda *_: recorder.leave(), always_call=True),
        )
    ]
    try:
        with torch.no_grad(), recorder:
            run()
    finally:
        for hook in hooks:
            hook.remove()
    if recorder.inside:
        called = ", ".join(sorted(recorder.inside))
        raise _refusal(f"{type(networks[0]).__name__} calls {called}", type(networks[0]).__name__)
    return frozenset(recorder.seen)


def refuse_false_zero(name: str, calls: frozenset[str]) -> DomainError:
    """The error for a second derivative that is exactly zero everywhere because the price is piecewise linear."""
    return DomainError(
        f"{name}: expected a twice differentiable price, but it is piecewise linear ({', '.join(sorted(calls))}): its "
        "second derivative is 0 almost everywhere and infinite on the kinks, so AD's 0 is not the Greek"
        " -> smooth the kink, use a likelihood ratio, differentiate an expectation in closed form, or ask for order=1",
        [name],
    )


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Names of the kinked operations called; those called within a network apart."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: set[str] = set()
        self.inside: set[str] = set()
        self.depth = 0

    def enter(self) -> None:
        self.depth += 1

    def leave(self) -> None:
        self.depth -= 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.partition(".")[0]
        if name in _KINKED_OPERATIONS:
            self.seen.add(name)
            if self.depth > 0:
                self.inside.add(name)
        return func(*args, **(kwargs or {}))


def _refusal(what: str, where: str) -> DomainError:
    return DomainError(
        f"second order asked of a network that is piecewise linear: {what}; its second derivative is zero almost "
        f"everywhere, whatever the true gamma -> {_ADVICE}",
        [where],
    )


def _modules(thing: Any, depth: int) -> Iterator[nn.Module]:
    """Networks reachable from a callable: itself, what it is bound to, closes over, or names."""
    if isinstance(thing, nn.Module):
        yield thing
    elif depth == 0:
        return
    elif isinstance(thing, partial):
        for part in (thing.func, *thing.args, *thing.keywords.values()):
            yield from _modules(part, depth - 1)
    elif isinstance(thing, MethodType):
        yield from _modules(thing.__self__, depth - 1)
        yield from _modules(thing.__func__, depth - 1)
    elif isinstance(thing, FunctionType):
        cells = [c.cell_contents for c in thing.__closure__ or () if _filled(c)]
        named = [thing.__globals__[n] for n in thing.__code__.co_names if n in thing.__globals__]
        for part in (*cells, *named, *(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values()):
            yield from _modules(part, depth - 1)
    elif isinstance(thing, (list, tuple)):
        for part in thing[:100]:
            yield from _modules(part, depth - 1)
    elif isinstance(thing, dict):
        for part in list(thing.values())[:100]:
            yield from _modules(part, depth - 1)
    elif not isinstance(thing, (Tensor, type, str)) and hasattr(thing, "__dict__") and callable(thing):
        for part in vars(thing).values():
            yield from _modules(part, depth - 1)


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:  # not yet assigned
        return False
    return True
