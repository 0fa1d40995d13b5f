"""Cross-currency swap: floating or fixed legs in two currencies, with or without notional reset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from xva import dates
from xva.market.conventions import BUILT_IN, Conventions, convention_of
from xva.market.indices import RateIndex
from xva.trades.claims import Claim, FixedFlow, ResetPeriod
from xva.trades.context import TradeContext
from xva.trades.legs import (
    Periods,
    fixed_leg,
    floating_leg,
    growth,
    ibor_periods,
    index_periods,
    last_payment,
    periods,
    year_fractions,
)
from xva.trades.terms import Terms
from xva.trades.trade import Trade


@final
@dataclass(frozen=True)
class _Leg:
    """One leg; ``notional`` is positive if we receive it, ``rate`` the fixed rate or the spread."""

    currency: str
    notional: float
    index: RateIndex | None
    rate: float
    day_count: str


@final
@dataclass(frozen=True, kw_only=True)
class CrossCurrencySwap(Trade):
    """Two legs in two currencies.

    A leg has an index (and spread) or a fixed rate. Both legs roll in the joint calendar of their indices (a
    fixed leg adds its currency's, unless an index has no holidays). Notionals are exchanged on the swap's
    own first and last day, coupons of overnight legs with their index's payment lag.

    A resetting leg's notional is the other leg's notional times the FX fixing on each period's first day
    (its own notional column is then not used); it exchanges notionals every period and pays coupon and
    notional together at the period's end, without lag.

    Parameters
    ----------
    pay_currency, receive_currency : str
    pay_notional, receive_notional : float
        Positive.
    pay_index, receive_index : str
        Empty for a fixed leg.
    pay_spread, receive_spread : float
        As fractions, added to the index.
    pay_fixed_rate, receive_fixed_rate : float, optional
        As fractions, for a leg without index.
    start_date, maturity_date : datetime64[D]
        Unadjusted; rolled modified following.
    frequency : str
        Of overnight and fixed legs; the tenor of the ibor leg, if left empty, or 3M where there is none.
    exchange : str
        ``none``, ``both`` or ``final`` exchange of notionals; ``both`` if a leg resets.
    resetting : str
        ``none``, ``pay`` or ``receive``: the leg that resets.
    fixed_day_count : str
        Of fixed legs; if left empty, that of the currency's own quoted swap: of its overnight index where the other leg is
        overnight, else of its ibor. Two fixed legs of different standards have to say it.
    """

    kind: ClassVar[str] = "cross_currency_swaps"

    pay_currency: str
    pay_notional: float
    pay_index: str = ""
    pay_spread: float = 0.0
    pay_fixed_rate: float | None = None
    receive_currency: str
    receive_notional: float
    receive_index: str = ""
    receive_spread: float = 0.0
    receive_fixed_rate: float | None = None
    start_date: np.datetime64
    maturity_date: np.datetime64
    frequency: str = ""
    exchange: str = "both"
    resetting: str = "none"
    fixed_day_count: str = ""

    @property
    def currencies(self) -> tuple[str, ...]:
        return tuple(sorted((self.pay_currency, self.receive_currency)))

    @property
    def maturity(self) -> np.datetime64:
        fixed = [ccy for ccy, index in self._sides() if not index]
        calendar = dates.joint_calendar(*(convention_of(ccy).calendar for ccy in fixed))
        return last_payment(self.maturity_date, self.pay_index, self.receive_index, calendar=calendar)

    def _sides(self) -> tuple[tuple[str, str], tuple[str, str]]:
        return (self.pay_currency, self.pay_index), (self.receive_currency, self.receive_index)

    def _check(self, terms: Terms) -> None:
        terms.currency("pay_currency", "receive_currency")
        terms.different("pay_currency", "receive_currency")
        terms.positive("pay_notional", "receive_notional")
        terms.rate("pay_spread", "receive_spread")
        for index, rate in (("pay_index", "pay_fixed_rate"), ("receive_index", "receive_fixed_rate")):
            self._check_rate(terms, index, rate)
        terms.increasing("start_date", "maturity_date")
        terms.tenor("frequency")
        terms.choice("exchange", "none", "both", "final")
        terms.choice("resetting", "none", "pay", "receive")
        if self.resetting in ("pay", "receive") and self.exchange != "both":
            terms.reject("exchange", "both, because a leg resets")
        if self.fixed_day_count == "" and len(self._fixed_standards()) > 1:
            terms.reject(
                "fixed_day_count",
                f"one of {', '.join(sorted(self._fixed_standards()))}: the two legs' standards",
            )
        else:
            terms.day_count("fixed_day_count")

    def _standard_terms(self, conventions: Conventions = BUILT_IN) -> Mapping[str, str]:
        standards = self._fixed_standards(conventions)
        filled = {"frequency": conventions.standard_basis_frequency(self.pay_index, self.receive_index)}
        return filled | ({"fixed_day_count": standards.pop()} if len(standards) == 1 else {})

    def _fixed_standards(self, conventions: Conventions = BUILT_IN) -> set[str]:
        """The standard day counts of the fixed legs; 30/360, of no leg, where both float."""
        found = set()
        for (currency, index), (_, other) in zip(self._sides(), reversed(self._sides())):
            if not index:
                indices = conventions.indices
                overnight = other in indices and indices[other].overnight
                own = [i for i in indices.values() if i.currency == currency and i.overnight == overnight]
                found.add(conventions.standard_swap(own[0].name if own else "", currency).fixed_day_count)
        return found or {"30/360"}

    def _check_rate(self, terms: Terms, index: str, rate: str) -> None:
        if not isinstance(getattr(self, index), str):
            terms.reject(index, "the name of an index, or empty")
        elif getattr(self, rate) is None:
            if not getattr(self, index):
                terms.reject(index, f"an index, or a {rate} instead")
        else:
            terms.rate(rate)
            if getattr(self, index):
                terms.reject(rate, f"none, because the leg has the {index} {getattr(self, index)}")

    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        pay = self._leg(context, "pay", -self.pay_notional)
        receive = self._leg(context, "receive", self.receive_notional)
        calendar = _calendar(context.conventions, pay, receive)
        claims: list[Claim] = []
        for name, leg, other in (("pay", pay, receive), ("receive", receive, pay)):
            if name == self.resetting:
                claims += self._resetting_leg(context, leg, other, calendar)
            else:
                claims += self._constant_leg(context, leg, calendar)
        return claims

    def _leg(self, context: TradeContext, side: str, notional: float) -> _Leg:
        currency, name = getattr(self, f"{side}_currency"), getattr(self, f"{side}_index")
        if not name:
            return _Leg(currency, notional, None, getattr(self, f"{side}_fixed_rate"), self.fixed_day_count)
        index = context.index(name, currency)
        return _Leg(currency, notional, index, getattr(self, f"{side}_spread"), index.day_count)

    def _periods(self, leg: _Leg, calendar: str) -> Periods:
        if leg.index is None:
            return periods(self.start_date, self.maturity_date, self.frequency, calendar)
        return index_periods(leg.index, self.start_date, self.maturity_date, self.frequency, calendar)

    def _constant_leg(self, context: TradeContext, leg: _Leg, calendar: str) -> list[Claim]:
        accrual = self._periods(leg, calendar)
        claims: list[Claim] = [*_coupons(context, leg, accrual, leg.notional)]
        if self.exchange == "both" and accrual.start[0] > context.as_of:
            claims.append(FixedFlow(leg.currency, context.time(accrual.start[0]), -leg.notional))
        if self.exchange != "none" and accrual.end[-1] > context.as_of:
            claims.append(FixedFlow(leg.currency, context.time(accrual.end[-1]), leg.notional))
        return claims

    def _resetting_leg(self, context: TradeContext, leg: _Leg, other: _Leg, calendar: str) -> Iterator[Claim]:
        """Notionals are minus the other leg's, at the FX fixing of each period's first day."""
        accrual = self._periods(leg, calendar)
        accrual = Periods(accrual.start, accrual.end, accrual.end)
        accrual = accrual.since(accrual.paid(context.as_of))
        fx = context.fx_fixed(other.currency, leg.currency, accrual.start)
        begun = int(np.count_nonzero(~np.isnan(fx)))
        for k in range(begun):
            period = Periods(*(days[k : k + 1] for days in (accrual.start, accrual.end, accrual.pay)))
            notional = -other.notional * float(fx[k])
            yield from _coupons(context, leg, period, notional)
            yield FixedFlow(leg.currency, context.time(period.pay[0]), notional)
        yield from _resets(context, leg, other, accrual.since(begun))


def _calendar(conventions: Conventions, *legs: _Leg) -> str:
    names = [leg.index.calendar for leg in legs if leg.index is not None]
    if "NULL" not in names:
        names += [conventions.of(leg.currency).calendar for leg in legs if leg.index is None]
    return dates.joint_calendar(*names)


def _coupons(context: TradeContext, leg: _Leg, accrual: Periods, notional: float) -> Sequence[Claim]:
    if leg.index is None:
        return fixed_leg(context, leg.currency, accrual, leg.day_count, leg.rate, notional)
    return floating_leg(context, leg.index, accrual, leg.rate, notional)


def _resets(context: TradeContext, leg: _Leg, other: _Leg, accrual: Periods) -> Iterator[ResetPeriod]:
    """Periods whose notional is open; a rate that is known is all spread, on no index (``""``)."""
    if leg.index is not None and not leg.index.overnight:
        for p in ibor_periods(context, leg.index, accrual):
            name, fixing, rate = (leg.index.name, p.fixing, 0.0) if p.open else ("", p.start, p.known)
            yield _reset(leg, other, name, fixing, p.start, p.end, p.accrual, leg.rate + rate)
        return
    name = leg.index.name if leg.index is not None else ""
    starts, ends = context.times(accrual.start).tolist(), context.times(accrual.end).tolist()
    for k, (start, end, tau) in enumerate(zip(starts, ends, year_fractions(leg.day_count, accrual).tolist())):
        period = _reset(leg, other, name, start, start, end, tau, leg.rate)
        yield _tonight(context, leg.index, accrual, k, period) if leg.index and start <= 0.0 else period


def _tonight(
    context: TradeContext, index: RateIndex, accrual: Periods, number: int, period: ResetPeriod
) -> ResetPeriod:
    """A period that starts on ``as_of`` with what the fixing of that night, if it is there, makes of a unit."""
    grown, day = growth(context, index, accrual.start[number], accrual.end[number])
    if day >= accrual.end[number]:
        return period._replace(index="", spread=period.spread + (grown - 1.0) / period.accrual)
    return period._replace(accrued=grown, known_until=context.time(day))


def _reset(
    leg: _Leg, other: _Leg, index: str, fixing: float, start: float, end: float, accrual: float, spread: float
) -> ResetPeriod:
    return ResetPeriod(
        leg.currency, other.currency, -other.notional, index, fixing, start, end, end, accrual, spread
    )
