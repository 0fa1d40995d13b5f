"""A cross-asset market moved by few numbers: curve level and slope, volatilities and spots as inputs of a surrogate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from xva.errors import DomainError
from xva.market import DiscountCurve
from xva.models import LognormalAsset
from xva.models.cross_asset_paths import PathMarket

PIVOT = 10.0
"""Years at which a slope moves nothing; it moves the zero rates at 0 by as much down as those at twice that up."""
KINDS = ("LEVEL", "SLOPE", "RATE_VOL", "FX_VOL", "EQ_VOL", "FX", "EQ")


def moved(market: PathMarket, names: Sequence[str], values: Tensor) -> PathMarket:
    """The market with some of its numbers moved.

    Parameters
    ----------
    names : sequence of str
        ``LEVEL/EUR`` and ``SLOPE/EUR`` add to all zero rates of a currency, discount and projection alike (per year);
        ``RATE_VOL/EUR``, ``FX_VOL/USD``, ``EQ_VOL/<name>`` multiply volatilities, ``FX/USD`` and ``EQ/<name>`` spots.
    values : Tensor
        ``(name,)``.

    Raises
    ------
    DomainError
        A name that is none of these or that the market has not.
    """
    for name, value in zip(names, values, strict=True):
        kind, _, what = name.partition("/")
        if kind not in KINDS:
            raise DomainError(
                f"market parameter {name!r}: expected {', '.join(f'{k}/...' for k in KINDS)}", [name]
            )
        market = _MOVES[kind](market, what, value)
    return market


def _curves(shape: Callable[[Tensor], Tensor]) -> Callable[[PathMarket, str, Tensor], PathMarket]:
    def move(market: PathMarket, currency: str, amount: Tensor) -> PathMarket:
        moved = _shifted(market.discount(currency), shape, amount)
        projections = {
            name: replace(on, curve=_shifted(on.curve, shape, amount)) if on.currency == currency else on
            for name, on in market.projections.items()
        }
        return replace(market, discounts=market.discounts | {currency: moved}, projections=projections)

    return move


def _shifted(curve: DiscountCurve, shape: Callable[[Tensor], Tensor], amount: Tensor) -> DiscountCurve:
    times = torch.from_numpy(curve.times)
    return replace(curve, log_discounts=curve.log_discounts - amount * shape(times) * times)


def _rate_vol(market: PathMarket, currency: str, factor: Tensor) -> PathMarket:
    lgm = market.lgm(currency)
    return replace(market, rates=market.rates | {currency: replace(lgm, sigmas=factor * lgm.sigmas)})


def _assets(group: str, number: str) -> Callable[[PathMarket, str, Tensor], PathMarket]:
    def move(market: PathMarket, name: str, factor: Tensor) -> PathMarket:
        assets: dict[str, LognormalAsset] = getattr(market, group)
        if name not in assets:
            known = ", ".join(assets) or "none"
            raise DomainError(f"market parameter of {name}: expected one of {known}", [name])
        change: dict[str, Any] = {number: factor * getattr(assets[name], number)}
        whole: dict[str, Any] = {group: assets | {name: replace(assets[name], **change)}}
        return replace(market, **whole)

    return move


_MOVES: dict[str, Callable[[PathMarket, str, Tensor], PathMarket]] = {
    "LEVEL": _curves(torch.ones_like),
    "SLOPE": _curves(lambda times: times / PIVOT - 1.0),
    "RATE_VOL": _rate_vol,
    "FX_VOL": _assets("fx", "sigmas"),
    "EQ_VOL": _assets("equities", "sigmas"),
    "FX": _assets("fx", "spot"),
    "EQ": _assets("equities", "spot"),
}
