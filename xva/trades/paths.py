"""What a path-dependent trade asks of the market: prices, rates and bonds on dates, past or simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import TradeError
from xva.models.path_model import Observer, Option
from xva.numerics.types import Dates
from xva.trades.context import TradeContext

Day = np.datetime64


@dataclass(frozen=True)
class Flow:
    """``amount`` ``(path,)`` of ``currency`` paid on ``pay``, known from ``observed`` on (its last observation date)."""

    currency: str
    observed: Day
    pay: Day
    amount: Tensor

    def __post_init__(self) -> None:
        if not self.observed <= self.pay:
            raise TradeError(f"a flow is paid on {self.pay}, before it is known on {self.observed}")


@final
@dataclass(frozen=True)
class Paths:
    """One set of paths as a trade sees it; results are ``(path,)``.

    Parameters
    ----------
    context : TradeContext
        Dates on or before its ``as_of`` are answered from its fixings (``EQ/<name>``, ``FX/<base>/<quote>``).
    observer : Observer
        The simulated part.
    report : ndarray
        ``(time,)`` datetime64[D] on which `PathTrade.state` is asked for.
    n_paths : int
    width : float
        Softness of `step` in units of its argument; 0 decides sharply.
    bridges : callable, optional
        What a bridge from a date is read from (`crossed`), where that is not the observer: label makers tell what goes on
        from a date apart from what is known on it.
    """

    context: TradeContext
    observer: Observer
    report: Dates
    n_paths: int
    width: float = 0.0
    bridges: Callable[[Day], Observer] | None = None

    def equity(self, name: str, day: Day) -> Tensor:
        """Price of an equity in its own currency."""
        if day > self.context.as_of:
            return self.observer.equity(name, self.context.time(day))
        fixed = self._fixing(f"EQ/{name}", day)
        return self.observer.equity(name, 0.0) if fixed is None else fixed

    def fx(self, base: str, quote: str, day: Day) -> Tensor:
        """Units of ``quote`` per one ``base``."""
        if day > self.context.as_of:
            return self.observer.fx(base, quote, self.context.time(day))
        found = self.context.fx_fixed(base, quote, np.array([day]))[0]
        if np.isnan(found):
            return self.observer.fx(base, quote, 0.0)
        return self._constant(float(found))

    def bond(self, currency: str, day: Day, maturity: Day) -> Tensor:
        """Zero bond to ``maturity`` on ``day``, which is ``as_of`` or later."""
        return self.observer.bond(currency, self.context.time(day), self.context.time(maturity))

    def bonds(self, currency: str, day: Day, maturities: Dates) -> Tensor:
        """``(maturity, path)`` zero bonds, as `bond`."""
        return self.observer.bonds(currency, self.context.time(day), self.context.times(maturities))

    def forwards(
        self, index: str, day: Day, starts: Dates, ends: Dates, accruals: NDArray[np.float64]
    ) -> Tensor:
        """``(period, path)`` forward rates, as `forward`."""
        times = self.context.times
        growth = self.observer.growths(index, self.context.time(day), times(starts), times(ends))
        return (growth - 1.0) / torch.from_numpy(accruals)[:, None]

    def forward(self, index: str, day: Day, start: Day, end: Day, accrual: float) -> Tensor:
        """Forward rate of an index over [start, end] seen on ``day``, which is ``as_of`` or later."""
        time = self.context.time
        return (self.observer.growth(index, time(day), time(start), time(end)) - 1.0) / accrual

    def deflated(self, flow: Flow) -> Tensor:
        """Value of a flow when it becomes known, in units of the numeraire (that of ``as_of`` if it is known by then)."""
        return self.value(flow, max(flow.observed, self.context.as_of))

    def value(self, flow: Flow, day: Day) -> Tensor:
        """Value on ``day`` of a flow known by then and still to be paid, in units of the numeraire."""
        time = self.context.time(day)
        money = self.observer.deflator(flow.currency, time)
        return flow.amount * money * self.observer.bond(flow.currency, time, self.context.time(flow.pay))

    def crossed(self, name: str, level: float, early: Day, late: Day, up: bool) -> Tensor:
        """Probability that an equity (or, ``FX/BASE/QUOTE``, a rate) was beyond ``level`` between two dates.

        Given its values on them: a Brownian bridge of the log price, 1 where an end is beyond. Andersen &
        Brotherton-Ratcliffe (1996); Broadie, Glasserman & Kou (1997).
        """
        start, end = max(early, self.context.as_of), late
        seen = self if self.bridges is None else replace(self, observer=self.bridges(start), bridges=None)
        sign = 1.0 if up else -1.0
        first, last = (
            torch.relu(sign * (np.log(level) - torch.log(seen._asset(name, day)))) for day in (start, end)
        )
        time = self.context.time
        return torch.exp(-2.0 * first * last / seen.observer.log_variance(name, time(start), time(end)))

    def european(self, asset: Option, days: Dates, expiry: Day, pay: Day) -> Tensor | None:
        """``(day, path)`` deflated values, on ``days`` before ``expiry``, of an option (its asset ``EQ/<name>`` or
        ``FX/BASE/QUOTE``) paid on ``pay``; None where the model has no closed form."""
        time = self.context.time
        named = replace(asset, name=asset.name.removeprefix("EQ/"))
        return self.observer.european(named, self.context.times(days), time(expiry), time(pay))

    def step(self, gap: Tensor, day: Day | None = None) -> Tensor:
        """1 where ``gap`` > 0, else 0; a sigmoid of ``gap / width`` where decisions are smoothed.

        Give gaps in relative units: ``log(price / barrier)``. What was decided on a ``day`` up to ``as_of`` is known, and
        never smoothed: a barrier touched by 0.1 % is not half alive.
        """
        if self.width > 0.0 and (day is None or day > self.context.as_of):
            return torch.sigmoid(gap / self.width)
        return (gap > 0).to(gap)

    def hold(self, days: Sequence[Day], values: Sequence[Tensor], before: float = 0.0) -> Tensor:
        """``(time, path)`` on the report dates: the last of ``values`` whose day has come, ``before`` the first."""
        start = self._constant(before)
        order = np.searchsorted(np.array(days, dtype="datetime64[D]"), self.report, side="right")
        rows = [start if k == 0 else values[k - 1] for k in order.tolist()]
        return torch.stack(rows) if rows else start.new_zeros(0, self.n_paths)

    def _asset(self, name: str, day: Day) -> Tensor:
        if name.startswith("FX/"):
            _, base, quote = name.split("/")
            return self.fx(base, quote, day)
        return self.equity(name, day)

    def _fixing(self, name: str, day: Day) -> Tensor | None:
        found = float(self.context.fixed(name, np.array([day]))[0])
        return None if np.isnan(found) else self._constant(found)

    def _constant(self, value: float) -> Tensor:
        return torch.full((self.n_paths,), value, dtype=torch.float64)
