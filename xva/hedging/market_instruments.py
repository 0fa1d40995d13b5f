"""What a desk hedges with: the instruments that the market quotes, and what each moves with.

One instrument per quote that has one: swaps at par, basis swaps, FX forwards, FX and shares at spot, CDS at par, and
at-the-money-forward straddles (rates, FX, equities) at their own quoted volatilities. Each is booked as a trade and
differentiated to all quotes through the bootstrap; a CDS, which is no trade of ours, moves with its own spread alone as long
as it is at par. Deposits, recoveries, dividends, funding spreads, caps, mean reversions and correlations are not traded here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from xva import dates
from xva.errors import DomainError
from xva.exposure.reconciliation.quoted import exchange_at_quote, swaptions_at_quotes
from xva.market import Market, MarketConfig, QuoteInfo, QuoteSet, build_market, quote_info
from xva.market.cds import contract_dates
from xva.market.conventions import BASIS_FREQUENCY, Conventions, swap_convention
from xva.market.fx_forwards import points_factor
from xva.market.indices import RateIndex
from xva.numerics import tree
from xva.numerics.types import Floats
from xva.pricing.deterministic import linear_value
from xva.trades import CrossCurrencySwap, FxForward, InterestRateSwap, Swaption, Trade, TradeContext
from xva.trades.claims import Asset, ExchangeOption, SwaptionClaim


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


class _Offer(NamedTuple):
    """One instrument; ``value`` is that of one unit, connected to the quotes, terms being constants."""

    kind: str
    unit: str
    value: Tensor


def instruments(quotes: QuoteSet, config: MarketConfig, context: TradeContext) -> Instruments:
    """Every instrument that the market quotes, with its ladder.

    Raises
    ------
    DomainError
        The market quotes none.
    """
    leaf = quotes.as_leaf()
    (market, cut_quotes), cut, sources = tree.cut((build_market(leaf, config), leaf))
    desk = _Desk(market, replace(context, fixings={}), cut_quotes)  # what is traded now has no past
    offers = {i: offer for i in quotes.ids if i not in market.unused and (offer := desk.offer(i)) is not None}
    if not offers:
        raise DomainError(
            "hedge instruments: expected quotes of swaps, CDS, FX, equities or options, got none"
        )
    gradient = _jacobian([offer.value for offer in offers.values()], cut, sources, leaf.values)
    return Instruments(
        quotes.ids,
        tuple(offers),
        tuple(o.kind for o in offers.values()),
        tuple(o.unit for o in offers.values()),
        np.ascontiguousarray(gradient.numpy().T),
    )


def _jacobian(
    values: Sequence[Tensor], cut: Sequence[Tensor], sources: Sequence[Tensor], leaf: Tensor
) -> Tensor:
    """``(instrument, quote)``: each instrument to the market's tensors, then all of them through the bootstrap at once."""
    rows = [torch.autograd.grad(v, cut, materialize_grads=True, allow_unused=True) for v in values]
    columns = [torch.stack(column) for column in zip(*rows)]
    used = [(s, c) for s, c in zip(sources, columns) if s.requires_grad]
    return torch.autograd.grad([s for s, _ in used], [leaf], [c for _, c in used], is_grads_batched=True)[0]


class _Desk:
    """Makes instruments at today's levels."""

    def __init__(self, market: Market, context: TradeContext, leaf: QuoteSet) -> None:
        self.market, self.context, self.leaf = market, context, leaf
        self.as_of = context.as_of
        self.makers: dict[str, Callable[[QuoteInfo], _Offer | None]] = {
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

    def offer(self, quote_id: str) -> _Offer | None:
        """The instrument of a quote; None where it has none."""
        info = quote_info(quote_id)
        maker = self.makers.get(info.family)
        return None if maker is None else maker(info)

    def _level(self, info: QuoteInfo) -> float:
        return float(self.leaf[info.quote_id].detach())

    def _index(self, currency: str, tenor: str) -> RateIndex | None:
        found = [i for i in self.context.indices.values() if (i.currency, i.tenor) == (currency, tenor)]
        return next((i for i in found if i.name in self.market.config.projection), None)

    def _booked(self, kind: str, unit: str, trade: Trade) -> _Offer:
        return _Offer(kind, unit, linear_value(trade.claims(self.context), self.market))

    def _swap(self, info: QuoteInfo) -> _Offer | None:
        index = self._index(info.currency, info.terms.get("index_tenor", "1D"))
        if index is None or info.currency not in self.market.config.discount:
            return None
        start = dates.business_days(self.as_of, int(info.terms["lag"][:-1]), index.calendar)
        convention = swap_convention(index)
        trade = InterestRateSwap(
            "hedge",
            "hedges",
            currency=info.currency,
            notional=1.0,
            side="payer",
            fixed_rate=self._level(info),
            index=index.name,
            start_date=start,
            maturity_date=dates.add_tenor(start, info.tenor),
            fixed_frequency=convention.fixed_frequency,
            fixed_day_count=convention.fixed_day_count,
        )
        return self._booked("par swap", f"1 {info.currency} notional, payer", trade)

    def _basis(self, info: QuoteInfo) -> _Offer | None:
        flat, other = info.terms["flat_currency"], info.currency
        flat_index, index = self._index(flat, "1D"), self._index(other, "1D")
        if flat_index is None or index is None:
            return None
        start = self.conventions.fx_spot_date(self.as_of, flat, other)
        trade = CrossCurrencySwap(
            "hedge",
            "hedges",
            receive_currency=flat,
            receive_notional=float(self._fx_rate(other, flat).detach()),
            receive_index=flat_index.name,
            pay_currency=other,
            pay_notional=1.0,
            pay_index=index.name,
            pay_spread=self._level(info),
            start_date=start,
            maturity_date=dates.add_tenor(start, info.tenor),
            frequency=BASIS_FREQUENCY,
        )
        return self._booked("basis swap", f"1 {other} notional, pays the spread", trade)

    @property
    def conventions(self) -> Conventions:
        return self.market.config.conventions

    def _fx_rate(self, base: str, quote: str) -> Tensor:
        return self.market.fx_spot(base) / self.market.fx_spot(quote)

    def _forward(self, info: QuoteInfo) -> _Offer | None:
        base, quote = info.terms["base"], info.currency
        if not {base, quote} <= set(self.market.config.discount):
            return None
        spot, calendar = (
            self.conventions.fx_spot_date(self.as_of, base, quote),
            self.conventions.fx_calendar(base, quote),
        )
        settle = dates.advance(spot, info.tenor, calendar)
        factor = points_factor(base, quote, self.market.config.points_factors)
        forward = FxForward(
            "hedge",
            "hedges",
            buy_currency=base,
            buy_amount=1.0,
            sell_currency=quote,
            sell_amount=float(self._fx_rate(base, quote).detach()) + self._level(info) / factor,
            settlement_date=settle,
        )
        return self._booked("FX forward", f"buys 1 {base}", forward)

    def _fx(self, info: QuoteInfo) -> _Offer | None:
        base, quote = info.terms["base"], info.currency
        if not {base, quote} <= set(self.market.fx_spots):
            return None
        value = self.market.fx_spot(base) - self._level(info) * self.market.fx_spot(quote)
        return _Offer("FX spot", f"buys 1 {base}", value)

    def _shares(self, info: QuoteInfo) -> _Offer | None:
        if info.currency not in self.market.fx_spots:
            return None
        price = self.market.equity_spot(info.terms["name"]) * self.market.fx_spot(info.currency)
        return _Offer("shares", "buys 1 share", self._financed(price, info.currency))

    def _financed(self, price: Tensor, currency: str) -> Tensor:
        """What is bought for money borrowed in its own currency: worth nothing today, and no FX position."""
        spot = self.market.fx_spot(currency)
        return price - (price / spot).detach() * spot

    def _cds(self, info: QuoteInfo) -> _Offer | None:
        """At par its value is zero whatever else moves: it has the derivative to its own spread alone."""
        name = info.terms["name"]
        if name not in self.market.survivals or info.currency not in self.market.fx_spots:
            return None
        curve = self.market.survival_curve(name)
        discount = self.market.curves[self.market.sources[f"CREDIT-{name}"].needs[0]]
        c = contract_dates(self.as_of, info.tenor)
        with torch.no_grad():
            paid = curve.survival(c.pay) * discount.discount(c.pay)
            defaults = (curve.survival(c.start) - curve.survival(c.end)) * discount.discount(c.default)
            annuity = (
                paid * torch.from_numpy(c.accrual) + defaults * torch.from_numpy(c.accrued)
            ).sum() - c.rebate
            annuity = annuity * self.market.fx_spot(info.currency)
        value = (self.leaf[info.quote_id] - self._level(info)) * annuity
        return _Offer("CDS", f"1 {info.currency} notional, buys protection", value)

    def _swaption(self, info: QuoteInfo) -> _Offer | None:
        index = self.context.indices.get(self.conventions.of(info.currency).swaption_index)
        if index is None or index.name not in self.market.config.projection:
            return None
        convention = swap_convention(index)
        expiry = dates.add_tenor(self.as_of, info.terms["expiry"])
        payer = Swaption(
            "hedge",
            "hedges",
            currency=info.currency,
            side="long",
            swap_side="payer",
            notional=1.0,
            strike=0.0,
            index=index.name,
            expiry_date=expiry,
            maturity_date=dates.add_tenor(expiry, info.terms["tenor"]),
            settlement="cash",
            fixed_frequency=convention.fixed_frequency,
            fixed_day_count=convention.fixed_day_count,
        )
        payer = replace(payer, strike=self._swap_rate(payer))
        pair = [payer, replace(payer, swap_side="receiver")]
        found = [v.value for v in swaptions_at_quotes(pair, self.context, self.market) if v.value is not None]
        value = self._financed(torch.stack(found).sum(), info.currency)
        return _Offer("swaption straddle", f"1 {info.currency} notional, long", value)

    def _swap_rate(self, payer: Swaption) -> float:
        """The underlying's par rate: its value is linear in the strike."""
        with torch.no_grad():
            ends = [self._underlying(replace(payer, strike=k)) for k in (0.0, 1.0)]
        return ends[0] / (ends[0] - ends[1])

    def _underlying(self, swaption: Swaption) -> float:
        flows = [f for c in swaption.claims(self.context) if isinstance(c, SwaptionClaim) for f in c.flows]
        return float(linear_value(flows, self.market))

    def _fx_straddle(self, info: QuoteInfo) -> _Offer | None:
        base, quote = info.terms["base"], info.currency
        if not {base, quote} <= set(self.market.config.discount):
            return None
        t = self.context.time(dates.add_tenor(self.as_of, info.tenor))
        discounts = [self.market.discount_curve(c).discount(t) for c in (base, quote)]
        strike = float((self._fx_rate(base, quote) * discounts[0] / discounts[1]).detach())
        value = self._straddle(Asset("FX", base, 1.0), Asset("FX", quote, strike), t)
        return _Offer("FX straddle", f"1 {base} notional, long", value)

    def _equity_straddle(self, info: QuoteInfo) -> _Offer | None:
        name, currency = info.terms["name"], info.currency
        if currency not in self.market.config.discount:
            return None
        t = self.context.time(dates.add_tenor(self.as_of, info.tenor))
        carry = torch.exp(-self.market.dividend_yield(name) * t)
        forward = self.market.equity_spot(name) * carry / self.market.discount_curve(currency).discount(t)
        strike = Asset("FX", currency, float(forward.detach()))
        value = self._financed(self._straddle(Asset("EQ", name, 1.0), strike, t), currency)
        return _Offer("equity straddle", "1 share, long", value)

    def _straddle(self, asset: Asset, strike: Asset, expiry: float) -> Tensor:
        """Call and put at the quoted volatility."""
        sides = [ExchangeOption(asset, strike, expiry, 1), ExchangeOption(strike, asset, expiry, 1)]
        values = [exchange_at_quote(side, self.market).value for side in sides]
        return torch.stack([v for v in values if v is not None]).sum()
