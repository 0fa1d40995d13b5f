"""Trades under Black-Scholes, and their values and deltas by closed form or quadrature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.stats import norm
from torch import Tensor

from surrogates.regression.surrogate import Surrogate
from xva.models.deterministic_rates import RateCurve
from xva.models.equity_basket import EquityBasket
from xva.models.heston import HestonBasket
from xva.trades.asian_option import AsianOption
from xva.trades.barrier_option import BarrierOption
from xva.trades.context import TradeContext
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths
from xva.trades.terms import Terms

AS_OF = np.datetime64("2026-01-01")
CONTEXT = TradeContext(AS_OF)
MONTHS = tuple(AS_OF + np.timedelta64(round(365 * k / 12), "D") for k in range(13))
VOL, RATE = 0.25, 0.03
Floats = NDArray[np.float64]


def days(*months: int) -> NDArray[np.datetime64]:
    return np.array([MONTHS[k] for k in months], dtype="datetime64[D]")


def real(value: float | Sequence[float]) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def one_equity(rate: float = RATE, spot: float = 1.0) -> EquityBasket:
    return EquityBasket.flat("EUR", ("S",), real([spot]), real([VOL]), rate)


def heston_equity() -> HestonBasket:
    one, zero = real([1.0]), real([0.0])
    return HestonBasket(
        "EUR",
        ("S",),
        one,
        0.06 * one,
        2.0 * one,
        0.06 * one,
        0.5 * one,
        -0.5 * one,
        zero,
        RateCurve.of(RATE),
        torch.eye(1, dtype=torch.float64),
    )


def barrier(kind: str, monthly: bool = True, rebate: float = 0.0) -> BarrierOption:
    """The call: strike 1, barrier 1.3 above or 0.85 below, 12 monthly fixings or continuous."""
    return BarrierOption(
        "B",
        "N",
        underlying="EQ/S",
        currency="EUR",
        side="long",
        option_type="call",
        quantity=1.0,
        strike=1.0,
        barrier=1.3 if kind.startswith("up") else 0.85,
        barrier_type=kind,
        expiry_date=MONTHS[12],
        monitoring_dates=MONTHS[1:] if monthly else (),
        rebate=rebate,
    )


@dataclass(frozen=True, kw_only=True)
class OneYear(PathTrade):
    """A product of one's own: pays on one equity's price in a year."""

    @property
    def currencies(self) -> tuple[str, ...]:
        return ("EUR",)

    @property
    def equities(self) -> tuple[tuple[str, str], ...]:
        return (("S", "EUR"),)

    @property
    def maturity(self) -> np.datetime64:
        return MONTHS[12]

    def observation_dates(self, context: TradeContext) -> NDArray[np.datetime64]:
        return days(12)

    def _check(self, terms: Terms) -> None:
        pass


@dataclass(frozen=True, kw_only=True)
class Digital(OneYear):
    """1 where the price ends above 1."""

    kind: ClassVar[str] = "digitals"
    jumps: ClassVar[bool] = True

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        above = paths.step(torch.log(paths.equity("S", MONTHS[12])))
        return [Flow("EUR", MONTHS[12], MONTHS[12], above)]


@dataclass(frozen=True, kw_only=True)
class Call(OneYear):
    """Strike 1."""

    kind: ClassVar[str] = "calls"

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        gain = torch.relu(paths.equity("S", MONTHS[12]) - 1.0)
        return [Flow("EUR", MONTHS[12], MONTHS[12], gain)]


def call() -> Call:
    return Call("C", "N")


def digital_exact(month: int, x: Floats, rate: float = RATE) -> tuple[Floats, Floats]:
    """Deflated value and derivative to ``ln S``."""
    rest = 1.0 - CONTEXT.time(MONTHS[month])
    dev = VOL * np.sqrt(rest)
    d = (x + (rate - VOL**2 / 2) * rest) / dev
    return np.exp(-rate) * norm.cdf(d), np.exp(-rate) * norm.pdf(d) / dev


def call_exact(time: float, x: Floats, vol: Any = VOL, rate: Any = RATE) -> tuple[Floats, Floats]:
    """Deflated value of the one-year call and derivative to ``ln S``."""
    rest = 1.0 - time
    dev = vol * np.sqrt(rest)
    d = (x + (rate + vol**2 / 2) * rest) / dev
    home = np.exp(-rate * time)
    asset = home * np.exp(x) * norm.cdf(d)
    return asset - np.exp(-rate) * norm.cdf(d - dev), asset


def knock_out_exact(
    month: int, x: Floats, up: bool = True, rate: float = RATE, rebate: float = 0.0
) -> tuple[Floats, Floats]:
    """Deflated value and derivative to ``ln S`` of the monthly knock-out, alive: `_knock_out` and splines."""
    grid = np.linspace(x.min() - 1e-9, x.max() + 1e-9, 400)
    value, slope = _knock_out(month, grid, up, rate, rebate)
    return CubicSpline(grid, value)(x), CubicSpline(grid, slope)(x)


def _knock_out(month: int, x: Floats, up: bool, rate: float, rebate: float) -> tuple[Floats, Floats]:
    """Gauss-Legendre between fixings."""
    z, w = leggauss(300)
    edge = np.log(1.3 if up else 0.85)
    cuts = [-2.5, 0.0, edge] if up else [edge, 0.0, 2.5]
    nodes = np.concatenate([(b - a) / 2 * z + (a + b) / 2 for a, b in zip(cuts, cuts[1:])])
    weights = np.concatenate([(b - a) / 2 * w for a, b in zip(cuts, cuts[1:])])
    times = [CONTEXT.time(day) for day in MONTHS[month:]]
    value = np.exp(-rate) * (np.maximum(np.exp(nodes) - 1.0, 0.0) - rebate)
    for early, late in zip(times[-2:0:-1], times[:1:-1]):
        dev = VOL * np.sqrt(late - early)
        moved = (nodes - nodes[:, None] - (rate - VOL**2 / 2) * (late - early)) / dev
        value = (norm.pdf(moved) / dev) @ (weights * value)
    first = times[1] - times[0]
    dev = VOL * np.sqrt(first)
    moved = (nodes - x[:, None] - (rate - VOL**2 / 2) * first) / dev
    density = norm.pdf(moved) / dev
    return density @ (weights * value) + np.exp(-rate) * rebate, (density * moved / dev) @ (weights * value)


def sigmas(error: Tensor | Floats, weight: Floats | None = None) -> float:
    """Mean of ``error (x weight)`` in standard errors of independent samples; 0 where all is rounding."""
    found = np.asarray(error) * (1.0 if weight is None else weight)
    spread = found.std() / np.sqrt(len(found))
    return 0.0 if abs(found.mean()) < 1e-9 else float(abs(found.mean()) / spread)


def assert_unbiased(found: Tensor | Floats, exact: Floats, x: Floats, limit: float = 2.5) -> None:
    """Labels are right on average, also where the state is high and where it is low."""
    error = np.asarray(found) - exact
    centred = (x - x.mean()) / x.std()
    for weight in (np.ones_like(x), centred, centred**2):
        assert sigmas(error, weight) < limit, (error.mean(), exact.mean())


@dataclass(frozen=True)
class ExactCall(Surrogate):
    """The call's closed form times ``scale``, as a first pass."""

    kind: ClassVar[str] = "exact call"

    time: float
    scale: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        return ("EQ:S",)

    def parameters(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {}, {}

    @classmethod
    def from_parameters(cls, tensors: dict[str, Tensor], meta: dict[str, Any]) -> ExactCall:
        return cls(0.0)

    def _value(self, features: Tensor) -> Tensor:
        return self._value_and_gradient(features)[0]

    def _value_and_gradient(self, features: Tensor) -> tuple[Tensor, Tensor]:
        value, slope = call_exact(self.time, features[:, 0].numpy())
        return torch.from_numpy(self.scale * value), torch.from_numpy(self.scale * slope)[:, None]


def asian() -> AsianOption:
    return AsianOption(
        "A",
        "N",
        underlying="EQ/S",
        currency="EUR",
        side="long",
        option_type="call",
        quantity=1.0,
        strike=1.0,
        averaging_dates=MONTHS[1:],
    )
