"""The underlyings of a currency's quoted swaption strip, and at the money what they are made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from xva import dates
from xva.errors import CalibrationError, MarketDataError
from xva.market import Market, MarketConfig
from xva.market.conventions import swap_convention
from xva.market.indices import RateIndex
from xva.models.rates_terms import Need
from xva.numerics.types import Floats


class LogDiscount(Protocol):
    def log_discount(self, time: Any) -> Tensor: ...


@dataclass(frozen=True)
class StripSwap:
    """Times of one underlying swap of the strip: the fixed leg of swaps quoted on ``index``, floating leg on it."""

    expiry: float
    tenor: float
    fixed_pay: Floats
    fixed_accrual: Floats
    float_start: Floats
    float_end: Floats

    @property
    def times(self) -> Floats:
        """Of the terms that `at_the_money` gives weights of."""
        return np.concatenate([self.float_start, self.float_end, self.fixed_pay])


def strip_swap(as_of: np.datetime64, index: RateIndex, expiry: float, maturity: np.datetime64) -> StripSwap:
    """The underlying that starts ``fixing_lag`` days after ``expiry`` and ends at ``maturity``."""
    expiry_date = dates.adjust(as_of + np.timedelta64(round(365.0 * expiry), "D"), index.calendar, "F")
    start = dates.business_days(expiry_date, index.fixing_lag, index.calendar)
    convention = swap_convention(index)
    fixed = dates.schedule(start, maturity, convention.fixed_frequency, index.calendar)
    floating = fixed if index.overnight else dates.schedule(start, maturity, index.tenor, index.calendar)
    accrual = [dates.year_fraction(convention.fixed_day_count, a, b) for a, b in zip(fixed[:-1], fixed[1:])]
    float_times = np.asarray(dates.years(as_of, floating))
    return StripSwap(
        float(dates.years(as_of, expiry_date)),
        float(dates.years(expiry_date, maturity)),
        np.asarray(dates.years(as_of, fixed[1:])),
        np.asarray(accrual, dtype=np.float64),
        float_times[:-1],
        float_times[1:],
    )


def at_the_money(swap: StripSwap, discount: LogDiscount, projection: LogDiscount) -> tuple[Tensor, Tensor]:
    """Today's values ``(term,)`` of the terms of the payer swap that is worth nothing, and its annuity ``()``."""
    log_float = (
        projection.log_discount(swap.float_start)
        - projection.log_discount(swap.float_end)
        + discount.log_discount(swap.float_end)
    )
    forward = torch.exp(log_float)
    paid = torch.exp(discount.log_discount(swap.float_end))
    fixed = torch.from_numpy(swap.fixed_accrual) * torch.exp(discount.log_discount(swap.fixed_pay))
    annuity = fixed.sum()
    strike = (forward - paid).sum() / annuity
    return torch.cat([forward, -paid, -strike * fixed]), annuity


@dataclass(frozen=True)
class QuotedStrip:
    """A currency's strip: ``vols`` ``(swaption,)`` normal, ``names`` for messages, the curves of its swaps."""

    swaps: tuple[StripSwap, ...]
    vols: Tensor
    names: tuple[str, ...]
    discount: LogDiscount
    projection: LogDiscount


def quoted_strip(market: Market, currency: str, coterminal: str, model: str) -> QuotedStrip:
    """The swaptions whose expiry and length add up to ``coterminal``, of which the swap lasts a year or more.

    Raises
    ------
    MarketDataError, CalibrationError
        The market does not quote such; named by the ``model`` that asks.
    """
    vols = market.swaption_vol(currency)
    index = market.config.conventions.of(currency).swaption_index
    if index not in market.config.indices:
        raise MarketDataError(
            f"{model} {currency}: expected the index of the currency's quoted swaptions, got {index or 'none'} -> use "
            'currencies of the conventions table, or state the model (calibration = "stated")',
            [currency],
        )
    swaps = _swaps(market.config, index, tuple(vols.expiries.tolist()), coterminal)
    if not swaps:
        raise CalibrationError(
            f"{model} {currency}: expected swaption expiries at least a year before {coterminal}, got "
            f"{', '.join(f'{e:.2f}y' for e in vols.expiries)}",
            [currency],
        )
    return QuotedStrip(
        swaps,
        vols.vol(np.array([s.expiry for s in swaps]), np.array([s.tenor for s in swaps])),
        tuple(f"SWAPTION/RATE_NVOL/{currency} at {s.expiry:.2f}y x {s.tenor:.2f}y" for s in swaps),
        market.discount_curve(currency),
        market.projection_curve(index),
    )


def behind_strip(market: Market, currency: str) -> tuple[object, ...]:
    """All of the market that `quoted_strip` and the values of its swaps depend on."""
    index = market.config.conventions.of(currency).swaption_index
    return (
        market.swaption_vol(currency),
        market.discount_curve(currency),
        market.projection_curve(index) if index in market.config.indices else (),
    )


def swaption_need(currency: str) -> Need:
    """Quotes of a strip."""
    return Need("swaption vol", f"SWAPTION/RATE_NVOL/{currency}/<expiry>/<tenor>/ATM")


def check_tenor(coterminal: str) -> None:
    """Raise MarketDataError where it is none."""
    if not re.fullmatch(dates.LENGTH, coterminal):
        raise MarketDataError.of("coterminal", "a tenor such as 20Y", repr(coterminal))


@lru_cache(maxsize=64)
def _swaps(
    config: MarketConfig, index: str, expiries: Sequence[float], coterminal: str
) -> tuple[StripSwap, ...]:
    """Underlyings of the co-terminal strip: they depend on dates only."""
    end = dates.add_tenor(config.as_of, coterminal)
    last = float(dates.years(config.as_of, end))
    terms = config.indices[index]
    return tuple(
        strip_swap(config.as_of, terms, e, end) for e in sorted(np.unique(expiries)) if e <= last - 0.99
    )
