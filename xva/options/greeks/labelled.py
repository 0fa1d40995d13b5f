"""Every first- and second-order Greek of a pricing function, labelled, by automatic differentiation.

greeks(black_scholes, order=2)(spot=100.0, strike=100.0, expiry=1.0, rate=0.05, vol=strip)["vanna"]
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor
from torch.func import jacfwd, jacrev, vmap

from xva.errors import DomainError
from xva.options.greeks.inputs import PricingInputs, lay_out
from xva.options.greeks.naming import Label, labels
from xva.options.greeks.result import Greeks
from xva.options.greeks.smoothness import kinked_calls, refuse_false_zero, refuse_kinked_modules

Mode = Literal["reverse", "forward", "mixed"]
_GRADIENT: dict[str, Callable[..., Any]] = {"reverse": jacrev, "forward": jacfwd, "mixed": jacrev}
_HESSIAN: dict[str, Callable[..., Any]] = {"reverse": jacrev, "forward": jacfwd, "mixed": jacfwd}


def greeks(
    price: Callable[..., Tensor],
    *,
    order: int = 1,
    mode: Mode = "reverse",
    wrt: Sequence[str] | None = None,
    vectors: Sequence[str] = (),
    chunk: int | None = None,
) -> Callable[..., Greeks]:
    """A function of the same arguments that returns the price with its labelled Greeks.

    Parameters
    ----------
    price : callable
        From named numbers to one option's value, in torch operations; or a ``torch.nn.Module``. It sees one option at a
        time (``torch.func.vmap``): Hessians are per option, never batch by batch. Random numbers, if it draws any,
        are the same for all options.
    order : {1, 2}
        Highest order of derivative.
    mode : {"reverse", "forward", "mixed"}
        Reverse once or twice; forward once or twice (the cost grows with the inputs, squared); or forward over reverse.
    wrt : sequence of str, optional
        Arguments to differentiate by; all floats and floating-point tensors that are passed, if omitted. Whole numbers
        (``sign=1``), strings and defaults left alone are settings.
    vectors : sequence of str
        Arguments whose last dimension belongs to one option (the spots of a basket).
    chunk : int, optional
        Options differentiated at once; all, if omitted.

    Returns
    -------
    callable
        ``(*args, **kwargs) -> Greeks``. Numbers of any broadcastable shapes, one entry per option; the dtype of the
        tensors passed (float32 stays float32), float64 if there are none. The results carry no graph.

    Raises
    ------
    DomainError
        Now: an unknown order or mode, or second order of a network of piecewise linear activations. On the call:
        unfit shapes, NaN, an argument outside its domain (negative volatility, expired option), a price that is not
        one number per option, a result that is not finite, or a second derivative that AD would wrongly call zero.

    Notes
    -----
    Theta, charm and veta are per year as time passes, ``-d/d expiry``; vega, rho and the rest per unit, not per cent.
    """
    if order not in (1, 2) or isinstance(order, bool):
        raise DomainError(
            f"order: expected 1 or 2, got {order!r} -> higher orders: compose torch.func yourself", ["order"]
        )
    if mode not in _GRADIENT:
        raise DomainError(f"mode: expected one of {', '.join(_GRADIENT)}, got {mode!r}", ["mode"])
    networks = refuse_kinked_modules(price) if order == 2 else ()

    def labelled(*args: Any, **kwargs: Any) -> Greeks:
        inputs = lay_out(price, args, kwargs, wrt, vectors)
        first = {name: rows[0] for name, rows in inputs.batched.items()}

        def once() -> Tensor:
            return _checked_price(price, inputs, inputs.moving[0], first)

        calls = kinked_calls(networks, once) if order == 2 else frozenset()
        found = _differentiate(price, inputs, order, mode, chunk)
        names = labels(inputs.components, order)
        _refuse_non_finite(names, found, inputs)
        if calls:
            _refuse_false_zeros(names, found, calls)
        return Greeks(names, found.reshape(-1, *inputs.batch), inputs.components)

    return labelled


@cache
def _load_forward_mode() -> None:
    """Torch compiles its forward-mode formulas on first use, by means that torch itself warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.func.jvp(torch.exp, (torch.ones(()),), (torch.ones(()),))


def _checked_price(
    price: Callable[..., Tensor], inputs: PricingInputs, row: Tensor, batched: dict[str, Tensor]
) -> Tensor:
    value = price(**inputs.arguments(row, batched))
    if not isinstance(value, Tensor) or value.numel() != 1:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise DomainError(
            f"price: expected one number for one option, a tensor of shape (), got {got} -> it is called once per"
            " option with numbers; name arguments that are vectors in `vectors`"
        )
    return value.reshape(())


def _differentiate(
    price: Callable[..., Tensor], inputs: PricingInputs, order: int, mode: Mode, chunk: int | None
) -> Tensor:
    """``(label, option)``: values, gradients and upper triangles, with the labels' signs."""

    if mode != "reverse":
        _load_forward_mode()

    def value_twice(row: Tensor, batched: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        value = _checked_price(price, inputs, row, batched)
        return value, value

    gradient = _GRADIENT[mode](value_twice, has_aux=True)

    def gradient_twice(row: Tensor, batched: dict[str, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        slope, value = gradient(row, batched)
        return slope, (slope, value)

    size = inputs.moving.shape[1]
    signs = torch.tensor(
        [label.sign for label in labels(inputs.components, order)],
        dtype=inputs.moving.dtype,
        device=inputs.moving.device,
    )
    batched = dict(inputs.batched)
    if order == 1:
        slope, value = vmap(gradient, chunk_size=chunk, randomness="same")(inputs.moving, batched)
        return signs[:, None] * torch.cat([value[:, None], slope], 1).T.detach()
    curvature = _HESSIAN[mode](gradient_twice, has_aux=True)
    bend, (slope, value) = vmap(curvature, chunk_size=chunk, randomness="same")(inputs.moving, batched)
    i, j = torch.triu_indices(size, size, device=bend.device)
    return signs[:, None] * torch.cat([value[:, None], slope, bend[:, i, j]], 1).T.detach()


def _refuse_non_finite(names: tuple[Label, ...], found: Tensor, inputs: PricingInputs) -> None:
    good = torch.isfinite(found)
    if bool(good.all()):
        return
    k, option = (int(x) for x in torch.nonzero(~good)[0])
    row = ", ".join(f"{c}={float(x):g}" for c, x in zip(inputs.components, inputs.moving[option]))
    raise DomainError(
        f"{names[k].name} of option {option}: expected a finite number, got {float(found[k, option])} at {row}"
        " -> outside the domain of this price, or on a point where it has no such derivative",
        [names[k].name],
    )


def _refuse_false_zeros(names: tuple[Label, ...], found: Tensor, calls: frozenset[str]) -> None:
    """A price that calls kinked operations, moves with an input and has no curvature in it at all."""
    rows = {label.by: found[k] for k, label in enumerate(names)}
    for by, row in rows.items():
        if len(by) == 2 and by[0] == by[1] and bool((row == 0.0).all()) and bool((rows[by[:1]] != 0.0).any()):
            name = next(label.name for label in names if label.by == by)
            raise refuse_false_zero(name, calls)
