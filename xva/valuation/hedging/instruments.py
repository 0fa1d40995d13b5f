"""What a desk hedges with: the instruments that the market quotes, and what each moves with.

One instrument per quote that has one: swaps at par, basis swaps, FX forwards, FX and shares at spot, CDS at par, and
at-the-money-forward straddles (rates, FX, equities) at their own quoted volatilities. Each is booked as a trade and
differentiated to all quotes through the bootstrap; a CDS, which is no trade of ours, moves with its own spread alone as long
as it is at par. Deposits, recoveries, dividends, funding spreads, caps, mean reversions and correlations are not traded here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva import dates
from xva.errors import DomainError
from xva.market.build import build_market
from xva.market.cds import contract_dates
from xva.market.config import MarketConfig
from xva.market.indices import RateIndex, swap_convention
from xva.market.labels import QuoteInfo, quote_info
from xva.market.market import Market
from xva.market.quotes import QuoteSet
from xva.pricing.deterministic import linear_value
from xva.trades.claims import Asset, ExchangeOption
from xva.trades.context import TradeContext
from xva.trades.cross_currency_swap import CrossCurrencySwap
from xva.trades.fx_forward import FxForward
from xva.trades.interest_rate_swap import InterestRateSwap
from xva.trades.swaption import Swaption
from xva.trades.trade import Trade
from xva.valuation.quoted import exchange_at_quote, swaptions_at_quotes
from xva.valuation.world import SWAPTION_INDEX

Floats = NDArray[np.float64]
Value = Callable[[Market], Tensor]

_HOME = {"trade_id": "hedge", "netting_set": "hedges"}


@dataclass(frozen=True)
class Instruments:
    """Hedge instruments of a market.

    Parameters
    ----------
    quotes : tuple of str
        ``(quote,)`` all ids of the market.
    own : tuple of str
        ``(instrument,)`` id of the quote that each is named after.
    kinds, units : tuple of str
        What it is, and what one of it is (``1 EUR notional, payer``).
    ladder : ndarray
        ``(quote, instrument)`` derivatives of one unit's value, in reporting currency.
    """

    quotes: tuple[str, ...]
    own: tuple[str, ...]
    kinds: tuple[str, ...]
    units: tuple[str, ...]
    ladder: Floats

    def only(self, own: Callable[[str], bool]) -> Instruments:
        """Those whose quote fits."""
        kept = [k for k, quote_id in enumerate(self.own) if own(quote_id)]
        names, kinds, units = (tuple(n[k] for k in kept) for n in (self.own, self.kinds, self.units))
        return replace(self, own=names, kinds=kinds, units=units, ladder=self.ladder[:, kept])


@dataclass(frozen=True)
class _Offer:
    kind: str
    unit: str
    value: Value


def instruments(quotes: QuoteSet, config: MarketConfig, context: TradeContext) -> Instruments:
    """Every instrument that the market quotes, with its ladder.

    Raises
    ------
    DomainError
        The market quotes none.
    """
    leaf = quotes.as_leaf()
    market = build_market(leaf, config)
    desk = _Desk(market, context, quotes)
    offers = {i: offer for i in quotes.ids if i not in market.unused and (offer := desk.offer(i)) is not None}
    if not offers:
        raise DomainError("hedge instruments: expected quotes of swaps, CDS, FX, equities or options, got none")
    values = torch.stack([offer.value(market) for offer in offers.values()])
    unit = torch.eye(len(offers), dtype=torch.float64)
    (gradient,) = torch.autograd.grad(values, [leaf.values], unit, is_grads_batched=True)
    return Instruments(
        quotes.ids,
        tuple(offers),
        tuple(o.kind for o in offers.values()),
        tuple(o.unit for o in offers.values()),
        np.ascontiguousarray(gradient.numpy().T),
    )


class _Desk:
    """Terms at today's levels, which are constants, for values that depend on the market."""

    def __init__(self, market: Market, context: TradeContext, quotes: QuoteSet) -> None:
        self.market, self.context = market, context
        self.levels: Mapping[str, float] = dict(zip(quotes.ids, quotes.values.detach().tolist()))
        self.as_of = context.as_of

    def offer(self, quote_id: str) -> _Offer | None:
        """The instrument of a quote; None where it has none."""
        info = quote_info(quote_id)
        makers: dict[str, Callable[[QuoteInfo], _Offer | None]] = {
            "OIS": self._swap,
            "IBOR swap": self._swap,
            "XCCY basis": self._basis,
            "FX forward": self._forward,
            "FX": self._fx,
            "CDS": self._cds,
            "equity": self._shares,
            "swaption vol": self._swaption,
            "FX vol": self._fx_straddle,
            "equity vol": self._equity_straddle,
        }
        return makers[info.family](info) if info.family in makers else None

    def _index(self, currency: str, tenor: str) -> RateIndex | None:
        found = [i for i in self.context.indices.values() if (i.currency, i.tenor) == (currency, tenor)]
        return next((i for i in found if i.name in self.market.config.projection), None)

    def _swap(self, info: QuoteInfo) -> _Offer | None:
        index = self._index(info.currency, info.terms.get("index_tenor", "1D"))
        if index is None or info.currency not in self.market.config.discount:
            return None
        start = dates.business_days(self.as_of, int(info.terms["lag"][:-1]), index.calendar)
        convention = swap_convention(index)
        trade = InterestRateSwap(
            **_HOME,
            currency=info.currency,
            notional=1.0,
            side="payer",
            fixed_rate=self.levels[info.quote_id],
            index=index.name,
            start_date=start,
            maturity_date=dates.add_tenor(start, info.tenor),
            fixed_frequency=convention.fixed_frequency,
            fixed_day_count=convention.fixed_day_count,
        )
        return self._booked("par swap", f"1 {info.currency} notional, payer", trade)

    def _basis(self, info: QuoteInfo) -> _Offer | None:
        flat, other = info.terms["flat_currency"], info.currency
        indices = [self._index(c, "1D") for c in (flat, other)]
        if indices[0] is None or indices[1] is None:
            return None
        start = dates.business_days(self.as_of, 2, "+".join(sorted(i.calendar for i in indices if i)))
        spot = float(self.market.fx_spot(other).detach() / self.market.fx_spot(flat).detach())
        trade = CrossCurrencySwap(
            **_HOME,
            receive_currency=flat,
            receive_notional=spot,
            receive_index=indices[0].name,
            pay_currency=other,
            pay_notional=1.0,
            pay_index=indices[1].name,
            pay_spread=self.levels[info.quote_id],
            start_date=start,
            maturity_date=dates.add_tenor(start, info.tenor),
            frequency="3M",
        )
        return self._booked("basis swap", f"1 {other} notional, pays the spread", trade)

    def _forward(self, info: QuoteInfo) -> _Offer | None:
        start = dates.business_days(self.as_of, 2, "WEEKENDS")
        trade = FxForward(
            **_HOME,
            buy_currency=info.terms["base"],
            buy_amount=1.0,
            sell_currency=info.currency,
            sell_amount=self.levels[info.quote_id],
            settlement_date=dates.add_tenor(start, info.tenor),
        )
        return self._booked("FX forward", f"buys 1 {info.terms['base']}", trade)

    def _booked(self, kind: str, unit: str, trade: Trade) -> _Offer:
        claims = trade.claims(self.context)
        return _Offer(kind, unit, lambda market: linear_value(claims, market))

    def _fx(self, info: QuoteInfo) -> _Offer | None:
        base, quote, level = info.terms["base"], info.currency, self.levels[info.quote_id]
        if not {base, quote} <= set(self.market.fx_spots):
            return None
        return _Offer("FX spot", f"buys 1 {base}", lambda m: m.fx_spot(base) - level * m.fx_spot(quote))

    def _shares(self, info: QuoteInfo) -> _Offer | None:
        name = info.terms["name"]
        if info.currency not in self.market.fx_spots:
            return None
        level = self.levels[info.quote_id]  # bought for money that stays in the share's currency
        return _Offer(
            "shares", "buys 1 share", lambda m: (m.equity_spot(name) - level) * m.fx_spot(info.currency)
        )

    def _cds(self, info: QuoteInfo) -> _Offer | None:
        name, level = info.terms["name"], self.levels[info.quote_id]
        annuity = self._risky_annuity(name, info)
        if annuity is None:
            return None
        row = self._row(info.quote_id)
        return _Offer("CDS", f"1 {info.currency} notional, buys protection", lambda m: (row - level) * annuity)

    def _row(self, quote_id: str) -> Tensor:
        raise NotImplementedError
