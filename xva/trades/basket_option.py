"""Option on a weighted sum of equities or exchange rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from torch import Tensor

from xva.numerics.types import Dates
from xva.trades.context import TradeContext
from xva.trades.multi_asset import MultiAssetTrade
from xva.trades.paths import Flow, Paths
from xva.trades.single_asset import intrinsic, to_come
from xva.trades.terms import Terms


@final
@dataclass(frozen=True, kw_only=True)
class BasketOption(MultiAssetTrade):
    """A European call or put on ``sum of weight * price``.

    Parameters
    ----------
    weights : tuple of float
        Of the underlyings, positive.
    option_type : str
        ``call`` or ``put``.
    quantity, strike : float
        Positive number of baskets; positive price of one.
    expiry_date : datetime64[D]
    pay_date : datetime64[D], optional
        The expiry by default.
    """

    kind: ClassVar[str] = "basket_options"

    weights: tuple[float, ...]
    option_type: str
    quantity: float
    strike: float
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
        prices = self.prices(paths, self.expiry_date)
        basket = prices.new_tensor(self.weights) @ prices
        amount = self.sign * self.quantity * intrinsic(self.option_type, basket, self.strike)
        return (Flow(self.currency, self.expiry_date, self.maturity, amount),)

    def _check(self, terms: Terms) -> None:
        super()._check(terms)
        terms.positives("weights", self._count)
        terms.choice("option_type", "call", "put")
        terms.positive("quantity", "strike")
        terms.date("expiry_date")
        terms.pay_date("pay_date", self.expiry_date)
