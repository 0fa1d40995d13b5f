"""Claims: what a trade promises, in times and amounts, without market data or a model.

A trade turns its terms into claims (`claims(context)`); the valuer turns claims into tensors. Times are
Actual/365 (Fixed) year fractions from `as_of`; amounts are signed, positive when we receive. Anything
already fixed is a `FixedFlow`. Claims paid on or before `as_of` are left out by the trade.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class FixedFlow(NamedTuple):
    """Pays ``amount`` of ``currency`` at ``pay``."""

    currency: str
    pay: float
    amount: float


class IborFlow(NamedTuple):
    """Pays ``amount * L`` at ``pay``; ``L = (P(start)/P(end) - 1)/accrual`` on the index's curve at ``fixing``.

    ``amount`` is signed notional times the coupon's own year fraction; a spread is a `FixedFlow` beside it. An amount
    discounted at the index (a FRA's settlement) has ``start`` and ``end`` exchanged.
    """

    currency: str
    index: str  # type: ignore[assignment]
    fixing: float
    start: float
    end: float
    pay: float
    amount: float
    accrual: float


class CompoundedFlow(NamedTuple):
    """Pays ``amount * (accrued * growth - 1)`` at ``pay``, growth of the overnight index over [start, end].

    ``accrued`` >= 0 is the growth already fixed (1 for a period not begun), and ``start`` >= 0 then where the fixings end.
    ``amount`` is the signed notional; a spread is a `FixedFlow` beside it.
    """

    currency: str
    index: str  # type: ignore[assignment]
    start: float
    end: float
    pay: float
    amount: float
    accrued: float


class EquityFlow(NamedTuple):
    """Pays ``quantity`` times the equity's price at ``pay``, in ``currency``."""

    equity: str
    currency: str
    pay: float
    quantity: float


class Asset(NamedTuple):
    """An amount of an asset at a date: a currency (``kind="FX"``) or an equity (``kind="EQ"``)."""

    kind: Literal["FX", "EQ"]
    name: str
    amount: float


class ExchangeOption(NamedTuple):
    """``position * max(receive - deliver, 0)`` at ``expiry`` (European FX and equity options; Margrabe form).

    A call on base notional N at strike K receives N of the base currency and delivers K N of the quote
    currency; a put the other way round. ``position`` is +1 when we hold it, -1 when we wrote it.
    """

    receive: Asset
    deliver: Asset
    expiry: float
    position: int


class Caplet(NamedTuple):
    """``amount * max(sign * (L - strike), 0)`` at ``pay``; ``sign`` +1 caplet, -1 floorlet; L as in `IborFlow`."""

    currency: str
    index: str  # type: ignore[assignment]
    fixing: float
    start: float
    end: float
    pay: float
    amount: float
    accrual: float
    strike: float
    sign: int


class ParYieldAnnuity(NamedTuple):
    """What a par-yield cash settlement pays per unit of ``swap rate - strike``, and the leg that the swap rate is over.

    The annuity at a swap rate S is ``notional * sum_{i=1..periods} (1/m) (1 + S/m)^-i``, m being ``frequency`` a year
    (ISDA 2006 Definitions, section 18.3(e), without day count). ``leg`` is the fixed leg at a rate of one, positive; ``sign``
    +1 for a payer of the fixed rate, -1 for a receiver.
    """

    leg: tuple[FixedFlow, ...]
    sign: int
    strike: float
    notional: float
    frequency: float
    periods: int


class SwaptionClaim(NamedTuple):
    """The right, at ``expiry``, to enter ``flows`` (signed as the holder gets them, all one currency).

    ``position`` +1 when we hold it, -1 when we wrote it. Physical: the flows live on where exercised. Cash: their value
    at expiry is paid, or with ``par_yield`` what that annuity makes of the swap rate.
    """

    currency: str
    expiry: float
    flows: tuple[FixedFlow | IborFlow | CompoundedFlow, ...]
    position: int
    settlement: Literal["cash", "physical"]
    par_yield: ParYieldAnnuity | None = None


class ResetPeriod(NamedTuple):
    """One period of a resetting (mark-to-market) cross-currency leg.

    The notional of the period is ``N = base_amount * X`` in ``currency``, with X the price of one unit of
    ``base_currency`` in ``currency`` at ``start`` (the FX fixing is taken on the period's start date).
    Flows: ``-N`` at ``start`` (only if start > 0), ``N * (1 + rate * accrual + spread * accrual)`` at ``pay``,
    where the rate accrues on ``index`` over [start, end] (compounded if overnight, else simple, fixing at
    ``fixing``). Where the rate is already known, ``index`` is empty and the whole rate stands in ``spread``. Of a
    period that starts on ``as_of`` the first overnight fixing may be known though the notional is not: ``accrued`` is what
    a unit has then grown to at ``known_until``, where the rest begins to accrue. For a period begun before ``as_of`` the
    trade emits fixed claims instead, never a ResetPeriod.
    """

    currency: str
    base_currency: str
    base_amount: float
    index: str  # type: ignore[assignment]
    fixing: float
    start: float
    end: float
    pay: float
    accrual: float
    spread: float
    accrued: float = 1.0
    known_until: float = 0.0

    @property
    def open_from(self) -> float:
        """From when on the index is still open."""
        return max(self.start, self.known_until)


Claim = (
    FixedFlow | IborFlow | CompoundedFlow | EquityFlow | ExchangeOption | Caplet | SwaptionClaim | ResetPeriod
)
