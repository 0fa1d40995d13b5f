"""A forward on an average, as a user would write it, and a surrogate small enough to be seen through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from surrogates.certificate import Certificate, Comparison, Evidence, Tolerance, certify
from surrogates.labels.problem import LabelProblem, label_normals
from surrogates.labels.strategy import Pathwise
from surrogates.regression.domain import Domain
from surrogates.regression.pricer import SurrogatePricer
from surrogates.regression.samples import Samples
from surrogates.regression.surrogate import Surrogate
from xva.models.equity_basket import EquityBasket
from xva.trades.context import TradeContext
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths
from xva.trades.terms import Terms

AS_OF = np.datetime64("2026-01-15")
CONTEXT = TradeContext(AS_OF)
FIXINGS = tuple(AS_OF + np.timedelta64(91 * k, "D") for k in range(1, 5))
DAYS = np.array([FIXINGS[0] + np.timedelta64(30, "D"), FIXINGS[2] - 1, FIXINGS[2] + np.timedelta64(45, "D")])
RATE, DIVIDEND, VOL, SPOT = 0.03, 0.01, 0.25, 100.0


@dataclass(frozen=True, kw_only=True)
class AverageForward(PathTrade):
    """Pays the average of ``ACME`` on four dates less a strike."""

    kind: ClassVar[str] = "average_forwards"
    strike: float = 100.0
    quantity: float = 1000.0

    @property
    def currencies(self) -> tuple[str, ...]:
        return ("EUR",)

    @property
    def maturity(self) -> np.datetime64:
        return FIXINGS[-1]

    @property
    def equities(self) -> tuple[tuple[str, str], ...]:
        return (("ACME", "EUR"),)

    def observation_dates(self, context: TradeContext) -> np.ndarray:
        return np.array([d for d in FIXINGS if d > context.as_of])

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        total = sum(self._totals(paths, FIXINGS)[-1:])
        return (Flow("EUR", FIXINGS[-1], FIXINGS[-1], self.quantity * (total / 4.0 - self.strike)),)

    def state(self, paths: Paths) -> dict[str, Tensor]:
        seen = [d for d in FIXINGS if d <= max(paths.report)]
        return {"total": paths.hold(seen, self._totals(paths, seen))}

    def _totals(self, paths: Paths, days: Sequence[np.datetime64]) -> list[Tensor]:
        total, found = torch.zeros(paths.n_paths, dtype=torch.float64), []
        for day in days:
            total = total + paths.equity("ACME", day)
            found.append(total)
        return found

    def _check(self, terms: Terms) -> None:
        terms.positive("strike", "quantity")


@dataclass(frozen=True, kw_only=True)
class ForgetfulForward(AverageForward):
    """The same by somebody who overlooks that prices seen so far matter."""

    def state(self, paths: Paths) -> dict[str, Tensor]:
        return {}


def value(day: np.datetime64, log_price: Tensor, total: Tensor, trade: AverageForward) -> Tensor:
    """Deflated value in closed form: forwards of what is still to be seen."""
    time = CONTEXT.time(day)
    ahead = [CONTEXT.time(d) - time for d in FIXINGS if d > day]
    growth = sum(np.exp((RATE - DIVIDEND) * step) for step in ahead)
    last = CONTEXT.time(FIXINGS[-1])
    return np.exp(-RATE * last) * trade.quantity * ((total + growth * log_price.exp()) / 4.0 - trade.strike)


def model(dividend: float = DIVIDEND, vol: float = VOL) -> EquityBasket:
    """One lognormal equity."""

    def vector(x: float) -> Tensor:
        return torch.tensor([x], dtype=torch.float64)

    return EquityBasket.flat("EUR", ("ACME",), vector(SPOT), vector(vol), RATE, vector(dividend))


@final
class Cubic(Surrogate):
    """A constant and three powers of every feature."""

    kind: ClassVar[str] = "test-cubic"

    def __init__(self, names: tuple[str, ...], weights: Tensor) -> None:
        self._names, self.weights = names, weights

    @property
    def names(self) -> tuple[str, ...]:
        return self._names

    @classmethod
    def fit(cls, samples: Samples) -> Cubic:
        """Least squares on values."""
        found = torch.linalg.lstsq(_powers(samples.features), samples.values[:, None], driver="gelsd")
        return cls(samples.names, found.solution[:, 0])

    def parameters(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {"weights": self.weights}, {"names": list(self._names)}

    @classmethod
    def from_parameters(cls, tensors: dict[str, Tensor], meta: dict[str, Any]) -> Cubic:
        return cls(tuple(meta["names"]), tensors["weights"])

    def _value(self, features: Tensor) -> Tensor:
        return _powers(features) @ self.weights

    def _value_and_gradient(self, features: Tensor) -> tuple[Tensor, Tensor]:
        first, second, third = self.weights[1:].reshape(3, -1)
        return self._value(features), first + 2.0 * second * features + 3.0 * third * features**2


def _powers(x: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(x[:, :1]), x, x**2, x**3], dim=1)


def train(trade: AverageForward, paths: int, market: EquityBasket | None = None) -> SurrogatePricer:
    """Surrogates on all dates from ``paths`` labels."""
    problem = LabelProblem(model() if market is None else market, (trade,), CONTEXT, DAYS)
    normals = label_normals(problem.model, problem.times, paths, seed=1)
    samples = Pathwise(differentiate=False).labels(problem, normals, problem.origin(paths))
    domains = tuple(Domain.of(s.names, s.features) for s in samples)
    return SurrogatePricer(samples[0].names, DAYS, tuple(Cubic.fit(s) for s in samples), domains)


def trade(**terms: Any) -> AverageForward:
    return replace(AverageForward("T1", "NS1"), **terms)


def easy_certificate() -> Certificate:
    """One that passes."""
    found = torch.linspace(-2.0, 2.0, 50, dtype=torch.float64)
    seen = [Evidence(str(d), Comparison(found, found, 0.0 * found), 0, 50) for d in DAYS]
    return certify(seen, Tolerance(), currency="EUR")
