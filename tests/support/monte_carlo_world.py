"""Trades, parameters and the statistical check of this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.support.statistics import three_sigma
from xva.models.path_model import PathModel
from xva.options.greeks import Greeks, greeks
from xva.options.monte_carlo import FlatBasket, MonteCarloGreeks, simulate_greeks
from xva.pricing.closed_form.black_scholes import black_scholes
from xva.pricing.exercise.pricing import Estimate
from xva.trades import AsianOption, BarrierOption, BasketOption, DigitalOption, TradeContext, WorstOfOption
from xva.trades.path_trade import PathTrade

AS_OF = np.datetime64("2026-01-15")
CONTEXT = TradeContext(AS_OF)
YEAR = AS_OF + 365
HALF = AS_OF + 182
NAMES: dict[str, Any] = {"trade_id": "T", "netting_set": "N", "currency": "USD", "side": "long"}
ONE: dict[str, Any] = {**NAMES, "underlying": "EQ/A", "option_type": "call", "quantity": 1.0, "strike": 100.0}
CALL = AsianOption(**ONE, averaging_dates=(YEAR,))
DIGITAL = DigitalOption(**ONE, cash=100.0, expiry_date=YEAR)
CONTINUOUS = BarrierOption(**ONE, barrier=90.0, barrier_type="down-and-out", expiry_date=YEAR)
WATCHED = BarrierOption(
    **ONE, barrier=95.0, barrier_type="down-and-out", expiry_date=YEAR, monitoring_dates=(HALF, YEAR)
)
BASKET = BasketOption(
    **NAMES,
    underlyings=("EQ/A", "EQ/B", "EQ/C"),
    weights=(1 / 3,) * 3,
    option_type="call",
    quantity=1.0,
    strike=100.0,
    expiry_date=YEAR,
)
WORST = WorstOfOption(
    **NAMES,
    underlyings=("EQ/A", "EQ/B"),
    initial_prices=(100.0, 50.0),
    measure="worst",
    option_type="put",
    notional=100.0,
    strike=1.02,
    expiry_date=YEAR,
)
MARKET = {"spot": 100.0, "vol": 0.2, "rate": 0.05, "dividend": 0.0, "time": 0.0}


def numbers(**values: Any) -> dict[str, Tensor]:
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}


def greeks_of(trade: PathTrade, parameters: Mapping[str, Tensor], **options: Any) -> MonteCarloGreeks:
    """Without measuring savings unless asked to."""
    build = FlatBasket.of(trade, CONTEXT)
    return simulate_greeks(build, trade, CONTEXT, parameters, **{"savings": False, **options})


def bound(estimate: Estimate, batches: int = 32, reference: float = 0.0) -> float:
    """Three standard errors, as Student has them."""
    error = float(np.hypot(float(estimate.error), reference))
    return three_sigma(batches) * error


def agrees(
    estimate: Estimate, exact: float, power: float = 0.005, reference: float = 0.0, batches: int = 32
) -> None:
    """Within three standard errors, which are small enough to see a bias of ``power``."""
    width = bound(estimate, batches, reference)
    assert width < power * abs(exact), f"no power: {width / abs(exact):.2e}"
    assert abs(float(estimate.value) - exact) <= width, (float(estimate.value), exact, width)


def stretched(trade: PathTrade, years: float) -> Callable[[Mapping[str, Tensor]], PathModel]:
    """Days are whole: a year's dates spread over ``years``, whose volatility and rate are less."""
    inner = FlatBasket.of(trade, CONTEXT)
    return lambda p: inner({**p, "vol": p["vol"] / years**0.5, "rate": p["rate"] / years})


def exact_call(**moved: Any) -> Greeks:
    given = {k: v for k, v in {**MARKET, **moved}.items() if k != "time"}
    return greeks(black_scholes, order=2)(strike=100.0, expiry=1.0, **given)


def digital(spot: Tensor, expiry: Tensor, rate: Tensor, vol: Tensor, dividend: Tensor) -> Tensor:
    deviation = vol * torch.sqrt(expiry)
    d2 = (torch.log(spot / 100.0) + (rate - dividend) * expiry) / deviation - 0.5 * deviation
    return 100.0 * torch.exp(-rate * expiry) * torch.special.ndtr(d2)


def watched(kind: str, rebate: float) -> Callable[..., Tensor]:
    """Barrier at 95 watched after 182 and 365 days, strike 100, by quadrature over the first date."""
    nodes, weights = (torch.from_numpy(x) for x in np.polynomial.legendre.leggauss(200))
    first = 182.0 / 365.0

    def price(spot: Tensor, vol: Tensor, rate: Tensor, dividend: Tensor, time: Tensor) -> Tensor:
        early, late, whole = first - time, torch.tensor(1.0 - first, dtype=torch.float64), 1.0 - time
        drift = torch.log(spot) + (rate - dividend - 0.5 * vol**2) * early
        deviation = vol * torch.sqrt(early)
        edge = (np.log(95.0) - drift) / deviation
        z = edge + 6.5 * (nodes + 1.0)
        mass = 6.5 * weights * torch.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
        level = torch.exp(drift + deviation * z)
        spread = vol * torch.sqrt(late)
        d1 = (torch.log(level / 100.0) + (rate - dividend) * late) / spread + 0.5 * spread
        kept = level * torch.exp(-dividend * late) * torch.special.ndtr(d1)
        kept = kept - 100.0 * torch.exp(-rate * late) * torch.special.ndtr(d1 - spread)
        alive = torch.special.ndtr(
            (torch.log(level / 95.0) + (rate - dividend) * late) / spread - 0.5 * spread
        )
        out = torch.exp(-rate * early) * (mass * kept).sum()
        survival = (mass * alive).sum()
        bond = rebate * torch.exp(-rate * whole)
        if kind.endswith("out"):
            return out + bond * (1.0 - survival)
        return black_scholes(spot, torch.tensor(100.0), whole, rate, vol, dividend) - out + bond * survival

    return price
