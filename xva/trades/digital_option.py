"""Cash-or-nothing option on an equity or an exchange rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from xva.numerics.types import Dates
from xva.trades.context import TradeContext
from xva.trades.paths import Flow, Paths
from xva.trades.single_asset import SingleAssetTrade, price, reached, to_come
from xva.trades.terms import Terms


@final
@dataclass(frozen=True, kw_only=True)
class DigitalOption(SingleAssetTrade):
    """A European option that pays a fixed amount: a call at the strike or above it, a put below it.

    A call and a put of the same terms pay ``quantity * cash`` together.

    Parameters
    ----------
    cash : float
        Paid per unit, positive.
    expiry_date : datetime64[D]
    pay_date : datetime64[D], optional
        The expiry by default.
    """

    kind: ClassVar[str] = "digital_options"
    jumps: ClassVar[bool] = True

    cash: float
    expiry_date: np.datetime64
    pay_date: np.datetime64 | None = None

    @property
    def maturity(self) -> np.datetime64:
        return self.expiry_date if self.pay_date is None else self.pay_date

    def observation_dates(self, context: TradeContext) -> Dates:
        return to_come(context, [self.expiry_date])

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        if self.maturity <= paths.context.as_of:
            return ()
        level = price(paths, self.underlying, self.expiry_date)
        return (Flow(self.currency, self.expiry_date, self.maturity, self._amount(paths, level)),)

    def _amount(self, paths: Paths, level: Tensor) -> Tensor:
        above = reached(paths, torch.log(level / self.strike), self.expiry_date)
        paid: Tensor = self.size * self.cash * (above if self.option_type == "call" else 1.0 - above)
        return paid

    def _check(self, terms: Terms) -> None:
        super()._check(terms)
        terms.positive("cash")
        terms.date("expiry_date")
        terms.pay_date("pay_date", self.expiry_date)
