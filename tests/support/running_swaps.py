"""Short swaps whose exposure has a closed form: two lognormal legs, so an exchange option on every date.

In Hull-White terms: the floating leg over [S, E] with its notional, paid at E, is worth ``P(0, S)`` on average, the fixed
side ``(1 + c) P(0, E)``; their log ratio has the volatility ``sigma (B(E - u) - B(S - u))`` until S, ``sigma B(E - u)`` after
it while the rate compounds, and none once it is fixed. ``B(t) = (1 - exp(-kappa t))/kappa``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.support.flat_world import FlatWorld
from xva.trades import InterestRateSwap

Floats = NDArray[np.float64]
_NODE, _WEIGHT = (torch.from_numpy(v) for v in np.polynomial.legendre.leggauss(16))
NOTIONAL = 1e7


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


def one_coupon(side: str = "payer", rate: float = 0.0305, **terms: Any) -> InterestRateSwap:
    """One overnight coupon against one fixed one, over a year from the valuation date unless told otherwise."""
    given: dict[str, Any] = {
        "trade_id": "SHORT",
        "netting_set": "N",
        "currency": "EUR",
        "index": "EUR-FLAT-ON",
        "start_date": day("2025-01-15"),
        "maturity_date": day("2026-01-15"),
        "fixed_day_count": "A365",
        "fixed_frequency": "1Y",
        "notional": NOTIONAL,
    }
    return InterestRateSwap(side=side, fixed_rate=rate, **(given | terms))


def monthly(*more: str) -> NDArray[np.datetime64]:
    """The 15th of eleven months and the day before the year's end."""
    months = np.arange("2025-02", "2026-01", dtype="datetime64[M]").astype("datetime64[D]") + 14
    return np.sort(np.concatenate([months, np.array(["2026-01-14", *more], dtype="datetime64[D]")]))


def exposure(
    times: Floats,
    start: float,
    end: float,
    fixed: float,
    rate: Tensor,
    sigma: Tensor,
    kappa: Tensor,
    fixing: float | None = None,
    side: float = 1.0,
) -> Tensor:
    """EPE ``(time,)`` of a unit of notional, floating received against ``fixed`` (``side`` -1: paid), at ``times < end``.

    ``fixing`` is when the rate is known, for a term rate; a compounded one fixes until ``end``.
    """
    stdev = torch.stack([log_ratio_stdev(t, start, end, fixing, sigma, kappa) for t in times.tolist()])
    floating, known = torch.exp(-rate * start), (1.0 + fixed) * torch.exp(-rate * end)
    d = torch.log(floating / known) / stdev + 0.5 * stdev
    normal = torch.special.ndtr
    if side < 0.0:
        return known * normal(stdev - d) - floating * normal(-d)
    return floating * normal(d) - known * normal(d - stdev)


def log_ratio_stdev(
    time: float, start: float, end: float, fixing: float | None, sigma: Tensor, kappa: Tensor
) -> Tensor:
    """Of the log ratio's value at ``time``, by Gauss-Legendre quadrature."""
    last = time if fixing is None else min(time, fixing)
    variance = torch.zeros((), dtype=torch.float64)
    for a, b in ((0.0, min(start, last)), (start, last)):
        if b > a:
            u = 0.5 * (a + b) + 0.5 * (b - a) * _NODE
            begun = torch.where(u < start, _duration(start - u, kappa), torch.zeros_like(u))
            loading = sigma * (_duration(end - u, kappa) - begun)
            variance = variance + 0.5 * (b - a) * (loading**2 * _WEIGHT).sum()
    return torch.sqrt(variance)


def _duration(time: Tensor, kappa: Tensor) -> Tensor:
    return -torch.expm1(-kappa * time) / kappa


def cva(times: Floats, epe: Tensor, hazard: float, recovery: float) -> Tensor:
    """Unilateral, of EPE on the dates ``times`` ``(time,)`` after today."""
    survival = np.exp(-hazard * np.append(0.0, times))
    return (1.0 - recovery) * (epe * torch.from_numpy(survival[:-1] - survival[1:])).sum()


def parameters(world: FlatWorld, currency: str = "EUR") -> tuple[Tensor, Tensor, Tensor]:
    """Rate, volatility and mean reversion."""
    values = (
        world.rates[currency],
        world.sigmas.get(currency, 0.01),
        world.kappas.get(currency, 0.03),
    )
    rate, sigma, kappa = (torch.tensor(v, dtype=torch.float64) for v in values)
    return rate, sigma, kappa
