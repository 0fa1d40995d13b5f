"""Target redemption forward on an exchange rate: a strip of forwards that ends once it has earned its target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from xva.numerics.types import Dates
from xva.trades.context import TradeContext
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths
from xva.trades.single_asset import last_report, reached, to_come
from xva.trades.terms import Terms

Day = np.datetime64


@final
@dataclass(frozen=True, kw_only=True)
class TargetRedemptionForward(PathTrade):
    """On each fixing the difference to the strike is settled, losses with leverage, until profits reach the target.

    Parameters
    ----------
    side : str
        ``long``: profits up to the target are ours; ``short``: the counterparty's.
    direction : str
        ``buy`` or ``sell``: what the one who is long does with the base currency at the strike.
    base_currency, quote_currency : str
        Settled in cash in quote currency.
    notional : float
        Base currency per fixing, positive.
    strike : float
        Units of quote currency per one of base.
    target : float
        Sum of profits per unit of base, in quote currency, at which the strip ends.
    leverage : float
        Positive; losses are on ``leverage * notional``.
    last_payment : str
        For the fixing that reaches the target: ``full`` profit, ``exact`` (what was missing), or ``none``.
    fixing_dates : tuple of datetime64[D]
    pay_dates : tuple of datetime64[D], optional
        The fixing dates by default.
    """

    kind: ClassVar[str] = "target_redemption_forwards"
    jumps: ClassVar[bool] = True

    side: str
    direction: str
    base_currency: str
    quote_currency: str
    notional: float
    strike: float
    target: float
    last_payment: str
    fixing_dates: tuple[np.datetime64, ...]
    leverage: float = 1.0
    pay_dates: tuple[np.datetime64, ...] = ()

    @property
    def currencies(self) -> tuple[str, ...]:
        return tuple(sorted((self.base_currency, self.quote_currency)))

    @property
    def maturity(self) -> np.datetime64:
        return (self.pay_dates or self.fixing_dates)[-1]

    def observation_dates(self, context: TradeContext) -> Dates:
        return to_come(context, self.fixing_dates)

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        as_of = paths.context.as_of
        if self.maturity <= as_of:
            return ()
        size = self.notional if self.side == "long" else -self.notional
        life = self._life(paths, self.fixing_dates[-1])
        return [
            Flow(self.quote_currency, day, pay, size * amount)
            for (day, amount, _, _), pay in zip(life, self.pay_dates or self.fixing_dates)
            if pay > as_of
        ]

    def state(self, paths: Paths) -> dict[str, Tensor]:
        """``profit`` accumulated per unit of base, until the strip ended; ``alive``: 1 until then."""
        life = list(self._life(paths, last_report(paths)))
        days = [day for day, _, _, _ in life]
        return {
            "profit": paths.hold(days, [profit for _, _, profit, _ in life]),
            "alive": paths.hold(days, [alive for _, _, _, alive in life], before=1.0),
        }

    def _life(self, paths: Paths, last: Day) -> Iterator[tuple[Day, Tensor, Tensor, Tensor]]:
        """Up to ``last``: day, amount per unit of base, profit so far, what is left of the strip."""
        sign = 1.0 if self.direction == "buy" else -1.0
        profit = torch.zeros(paths.n_paths, dtype=torch.float64)
        alive = profit + 1.0
        for day in (day for day in self.fixing_dates if day <= last):
            gain = sign * (paths.fx(self.base_currency, self.quote_currency, day) - self.strike)
            win, loss = torch.relu(gain), torch.relu(-gain)
            ended = reached(paths, (profit + win - self.target) / self.strike, day)
            paid = {
                "full": win,
                "exact": torch.minimum(win, torch.relu(self.target - profit)),
                "none": win * (1.0 - ended),
            }[self.last_payment]
            amount = alive * (paid - self.leverage * loss)
            profit = profit + alive * win
            alive = alive * (1.0 - ended)
            yield day, amount, profit, alive

    def _check(self, terms: Terms) -> None:
        terms.choice("side", "long", "short")
        terms.choice("direction", "buy", "sell")
        terms.currency("base_currency", "quote_currency")
        terms.different("base_currency", "quote_currency")
        terms.positive("notional", "strike", "target", "leverage")
        terms.choice("last_payment", "full", "exact", "none")
        terms.days("fixing_dates")
        terms.pay_dates("pay_dates", "fixing_dates")
