"""Lognormal equities made of named numbers, the passing of time among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from xva.dates import SAME_TIME
from xva.errors import DomainError
from xva.models import EquityBasket, PathModel
from xva.models.deterministic_rates import RateCurve
from xva.models.path_model import Observer, Transition
from xva.numerics.types import Floats
from xva.trades import PathTrade, TradeContext

_KNOWN = ("spot", "vol", "rate", "dividend", "correlation", "time")


@final
@dataclass(frozen=True)
class FlatBasket:
    """Makes the model that `simulate_greeks` differentiates: `EquityBasket` with flat parameters.

    Parameters understood, each a vector per name or one number for all:

    - ``spot``, ``vol``, ``rate`` (one number): needed;
    - ``dividend``: 0 by default;
    - ``correlation``: of the pairs (0, 1), (0, 2), …, (1, 2), … row by row, or one for all pairs; 0 by default;
    - ``time``: years that pass before the paths start, prices being what they are today; 0, and its derivative is theta.
      All dates come nearer by it: the first step's variance and carry shrink, and all discounting does.

    Parameters
    ----------
    currency : str
    names : tuple of str
    first, last : float
        Years to the trade's first observation and to its last payment.
    """

    currency: str
    names: tuple[str, ...]
    first: float
    last: float

    @classmethod
    def of(cls, trade: PathTrade, context: TradeContext, names: Sequence[str] = ()) -> FlatBasket:
        """For a trade on equities of one currency; ``names`` orders them, as the trade has them by default."""
        equities, days = dict(trade.equities), trade.observation_dates(context)
        chosen = tuple(names) or tuple(equities)
        if set(equities) - set(chosen) or set(trade.currencies) != set(equities.values()):
            raise DomainError(
                f"trade {trade.trade_id}: expected equities out of {chosen}, all of one currency, got "
                f"{dict(trade.equities)} and {trade.currencies}",
                [trade.trade_id],
            )
        first = context.time(days[0]) if len(days) else 0.0
        return cls(next(iter(equities.values())), chosen, first, max(context.time(trade.maturity), first))

    def __call__(self, parameters: Mapping[str, Tensor]) -> PathModel:
        """The model.

        Raises
        ------
        DomainError
            An unknown parameter, a missing one, or a shape that does not fit.
        """
        unknown = [name for name in parameters if name not in _KNOWN]
        missing = [name for name in _KNOWN[:3] if name not in parameters]
        if unknown or missing:
            raise DomainError(
                f"parameters: expected spot, vol, rate and any of dividend, correlation, time, got {list(parameters)}",
                [*unknown, *missing],
            )
        given = {name: self._entries(name, value) for name, value in parameters.items()}
        zeros = torch.zeros(len(self.names), dtype=torch.float64)
        dividend, correlation = given.get("dividend", zeros), self._matrix(given.get("correlation"))
        spot, vol, rate = given["spot"], given["vol"], given["rate"]
        if "time" not in given:
            return EquityBasket.flat(self.currency, self.names, spot, vol, rate, dividend, correlation)
        return self._aged(spot, vol, rate, dividend, correlation, given["time"])

    def _aged(
        self, spot: Tensor, vol: Tensor, rate: Tensor, dividend: Tensor, correlation: Tensor, time: Tensor
    ) -> PathModel:
        if not float(time.detach()) < self.first:
            raise DomainError(
                f"time: expected less than {self.first:.4f} years, the first observation", ["time"]
            )
        pillars = np.unique([self.first, self.last])
        curve = RateCurve(pillars, -rate * (torch.from_numpy(pillars) - time))
        early = vol * torch.sqrt(1.0 - time / self.first)
        basket = EquityBasket(
            self.currency,
            self.names,
            spot,
            torch.stack([early, vol]),
            dividend,
            curve,
            correlation,
            np.array([self.first, 2.0 * self.first]),
        )
        return _Aged(basket, dividend * time)

    def _entries(self, name: str, value: Tensor) -> Tensor:
        count = {"rate": 0, "time": 0, "correlation": len(self.names) * (len(self.names) - 1) // 2}
        entries = count.get(name, len(self.names))
        if value.ndim == 0:
            return value.expand(entries) if entries else value
        if value.shape != (entries,) or not entries:
            wanted = f"() or ({entries},)" if entries else "()"
            raise DomainError(f"parameter {name}: expected shape {wanted}, got {tuple(value.shape)}", [name])
        return value

    def _matrix(self, pairs: Tensor | None) -> Tensor:
        count = len(self.names)
        matrix = torch.eye(count, dtype=torch.float64)
        if pairs is None or not pairs.ndim:
            return matrix
        i, j = torch.triu_indices(count, count, 1)
        upper = torch.zeros_like(matrix).index_put((i, j), pairs)
        return matrix + upper + upper.T


@final
@dataclass(frozen=True)
class _Aged(PathModel):
    """A basket whose first step pays less dividends: ``saved`` ``(name,)`` in the log price."""

    basket: EquityBasket
    saved: Tensor

    @property
    def domestic(self) -> str:
        return self.basket.domestic

    @property
    def states(self) -> tuple[str, ...]:
        return self.basket.states

    @property
    def n_normals(self) -> int:
        return self.basket.n_normals

    def initial(self) -> Tensor:
        return self.basket.initial()

    def transition(self, knots: Floats) -> Transition:
        return _AgedSteps(
            self.basket.transition(knots), self.saved[:, None], abs(float(knots[0])) < SAME_TIME
        )

    def observe(self, times: Floats, states: Sequence[Tensor]) -> Observer:
        return self.basket.observe(times, states)


@final
@dataclass(frozen=True)
class _AgedSteps(Transition):
    inner: Transition
    saved: Tensor
    from_today: bool

    def step(self, number: int, state: Tensor, normals: Tensor) -> Tensor:
        moved = self.inner.step(number, state, normals)
        return moved + self.saved if number == 0 and self.from_today else moved
