"""A product of one's own: a cliquet. The four methods below are all that simulation, surrogates and exposure ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.trades import Flow, Paths, PathTrade, Terms, TradeContext


@dataclass(frozen=True, kw_only=True)
class Cliquet(PathTrade):
    """Pays the sum of a share's returns between reset dates, each within [floor, cap], and 0 at least.

    The first reset date fixes the first price; it may lie in the past (then ``EQ/<equity>`` has to be among the fixings).
    """

    kind: ClassVar[str] = "cliquets"  # trades/cliquets.json

    equity: str
    currency: str
    side: str
    notional: float
    floor: float
    cap: float
    reset_dates: tuple[np.datetime64, ...]

    def _check(self, terms: Terms) -> None:
        terms.text("equity")
        terms.currency("currency")
        terms.choice("side", "long", "short")
        terms.positive("notional")
        terms.rate("floor", "cap")
        terms.days("reset_dates")

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self.currency,)

    @property
    def equities(self) -> tuple[tuple[str, str], ...]:
        return ((self.equity, self.currency),)

    @property
    def maturity(self) -> np.datetime64:
        return self.reset_dates[-1]

    def observation_dates(self, context: TradeContext) -> NDArray[np.datetime64]:
        """When it looks at the market."""
        days = np.array(self.reset_dates)
        return days[days > context.as_of]

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        """What it pays, from our side; ``exercised`` is for products in which somebody decides."""
        if self.maturity <= paths.context.as_of:
            return ()
        size = self.notional if self.side == "long" else -self.notional
        amount = size * self._sums(paths, self.maturity)[-1].clamp(min=0.0)
        return [Flow(self.currency, self.maturity, self.maturity, amount)]

    def state(self, paths: Paths) -> dict[str, Tensor]:
        """What it remembers on every exposure date: the returns so far, and the price that the running one is from.

        In logs, as the model has its own: the running return is then a difference of two features.
        """
        last = max([*paths.report, paths.context.as_of])
        days = [day for day in self.reset_dates if day <= last]
        fixed = [torch.log(paths.equity(self.equity, day)) for day in days]
        return {"returns": paths.hold(days, self._sums(paths, last)), "reset": paths.hold(days, fixed)}

    def _sums(self, paths: Paths, last: np.datetime64) -> list[Tensor]:
        """Sum of the returns up to each reset date until ``last``."""
        fixed = [paths.equity(self.equity, day) for day in self.reset_dates if day <= last]
        sums = [torch.zeros(paths.n_paths, dtype=torch.float64)]
        for before, after in zip(fixed, fixed[1:]):
            sums.append(sums[-1] + (after / before - 1.0).clamp(self.floor, self.cap))
        return sums
