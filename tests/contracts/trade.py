"""What every trade must do; a product's test class names one trade and inherits the rest."""

from __future__ import annotations

import math
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any, get_args

import numpy as np
import pytest

from xva.errors import TradeError
from xva.trades import Trade, TradeContext, registry
from xva.trades.claims import (
    Asset,
    Claim,
    EquityFlow,
    ExchangeOption,
    ParYieldAnnuity,
    ResetPeriod,
    SwaptionClaim,
)

CLAIMS = get_args(Claim)


def scaled(claim: Any, factor: float) -> Any:
    """``factor`` times the claim; -1 is the other side's."""
    match claim:
        case ExchangeOption():
            size = abs(factor)
            receive = claim.receive._replace(amount=size * claim.receive.amount)
            deliver = claim.deliver._replace(amount=size * claim.deliver.amount)
            return claim._replace(receive=receive, deliver=deliver, position=_signed(claim, factor))
        case SwaptionClaim():
            flows = tuple(scaled(flow, abs(factor)) for flow in claim.flows)
            paid = claim.par_yield and scaled(claim.par_yield, abs(factor))
            return claim._replace(flows=flows, position=_signed(claim, factor), par_yield=paid)
        case ParYieldAnnuity():
            leg = tuple(scaled(flow, factor) for flow in claim.leg)
            return claim._replace(leg=leg, notional=factor * claim.notional)
        case ResetPeriod():
            return claim._replace(base_amount=factor * claim.base_amount)
        case EquityFlow():
            return claim._replace(quantity=factor * claim.quantity)
    return claim._replace(amount=factor * claim.amount)


def _signed(claim: ExchangeOption | SwaptionClaim, factor: float) -> int:
    return int(math.copysign(claim.position, claim.position * factor))


def assert_same_claims(first: Iterable[Claim], second: Iterable[Claim], relative: float = 1e-13) -> None:
    """The same claims in any order; numbers agree to ``relative``."""
    one, two = (sorted((flatten(c) for c in claims), key=_rounded) for claims in (first, second))
    assert len(one) == len(two)
    for a, b in zip(one, two):
        assert [v for v in a if isinstance(v, str)] == [v for v in b if isinstance(v, str)]
        numbers = [v for v in a if not isinstance(v, str)]
        assert numbers == pytest.approx([v for v in b if not isinstance(v, str)], rel=relative, abs=1e-9)


def flatten(claim: Any) -> tuple[Any, ...]:
    """Type, texts and numbers of a claim in one tuple."""
    parts: list[Any] = [type(claim).__name__]
    for value in claim:
        parts += flatten(value) if isinstance(value, tuple) else [value] if value is not None else []
    return tuple(parts)


def _rounded(parts: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(v if isinstance(v, str) else f"{v:+.9e}" for v in parts)


class TradeContract(ABC):
    """Subclass, name the trade; `mirror` is the same deal from the other side, `sizes` what scales it."""

    sizes: tuple[str, ...] = ("notional",)

    @abstractmethod
    def trade(self) -> Trade: ...

    @abstractmethod
    def mirror(self, trade: Trade) -> Trade: ...

    @abstractmethod
    def context(self) -> TradeContext: ...

    def test_is_registered_under_its_kind(self) -> None:
        assert registry[type(self.trade()).kind] is type(self.trade())

    def test_first_fields_are_the_ids(self) -> None:
        assert [f.name for f in fields(self.trade()) if not f.kw_only] == ["trade_id", "netting_set"]

    def test_is_a_value(self) -> None:
        trade = self.trade()
        assert trade == replace(trade) == pickle.loads(pickle.dumps(trade))
        assert hash(trade) == hash(replace(trade))
        with pytest.raises(FrozenInstanceError):
            trade.trade_id = "other"  # type: ignore[misc]

    def test_claims_are_claims_to_come(self) -> None:
        claims = self.trade().claims(self.context())
        assert claims
        assert isinstance(claims, tuple)
        for claim in claims:
            assert isinstance(claim, CLAIMS)
            assert all(math.isfinite(v) for v in flatten(claim) if not isinstance(v, str))
            assert _ends(claim) > 0.0
            assert getattr(claim, "fixing", 0.0) >= 0.0
            assert getattr(claim, "start", 0.0) >= 0.0

    def test_claims_are_a_function_of_terms_and_context(self) -> None:
        assert self.trade().claims(self.context()) == self.trade().claims(self.context())

    def test_currencies_are_those_of_the_claims(self) -> None:
        trade = self.trade()
        seen: set[str] = set()
        for claim in trade.claims(self.context()):
            if isinstance(claim, ExchangeOption):
                seen |= {asset.name for asset in (claim.receive, claim.deliver) if asset.kind == "FX"}
            else:
                seen.add(claim.currency)
        assert trade.currencies == tuple(sorted(seen))

    def test_nothing_is_paid_after_maturity(self) -> None:
        trade, context = self.trade(), self.context()
        last = max(_ends(claim) for claim in trade.claims(context))
        limit = context.time(trade.maturity)
        assert last <= limit < last + 10.0 / 365.0
        assert trade.claims(replace(context, as_of=trade.maturity)) == ()

    def test_the_other_side_has_the_opposite_claims(self) -> None:
        trade, context = self.trade(), self.context()
        opposite = [scaled(claim, -1.0) for claim in trade.claims(context)]
        assert_same_claims(self.mirror(trade).claims(context), opposite, 0.0)
        assert self.mirror(self.mirror(trade)) == trade

    def test_claims_are_linear_in_size(self) -> None:
        trade, context = self.trade(), self.context()
        larger = replace(trade, **{name: 8.0 * getattr(trade, name) for name in self.sizes})
        assert_same_claims(larger.claims(context), [scaled(c, 8.0) for c in trade.claims(context)])

    def test_break_and_booked_value_do_not_touch_claims(self) -> None:
        trade = self.trade()
        noted = replace(trade, break_date=np.datetime64("2027-01-15"), booked_value=-12.5)
        assert noted.claims(self.context()) == trade.claims(self.context())

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("trade_id", ""),
            ("netting_set", " "),
            ("break_date", np.datetime64("NaT")),
            ("break_date", "2027-01-15"),
            ("booked_value", math.inf),
        ],
    )
    def test_refuses_bad_common_terms(self, field: str, value: Any) -> None:
        with pytest.raises(TradeError, match=f"field {field}: expected .*, got "):
            replace(self.trade(), **{field: value})

    def test_refuses_sizes_that_are_not_positive_numbers(self) -> None:
        for size in self.sizes:
            for value in (-1.0, 0.0, math.nan, "1e6", None):
                with pytest.raises(TradeError, match=f"field {size}: expected a positive number, got "):
                    replace(self.trade(), **{size: value})

    def test_refuses_dates_that_are_none(self) -> None:
        dates = [f.name for f in fields(self.trade()) if f.name.endswith("_date") and f.name != "break_date"]
        assert dates
        for name in dates:
            for value in (np.datetime64("NaT"), "2030-01-15", None):
                with pytest.raises(TradeError, match=f"field {name}: expected a date"):
                    replace(self.trade(), **{name: value})

    def test_an_error_names_the_trade(self) -> None:
        with pytest.raises(TradeError, match=f"trade {self.trade().trade_id}, field netting_set") as caught:
            replace(self.trade(), netting_set="")
        assert caught.value.ids == (self.trade().trade_id,)


def _ends(claim: Claim) -> float:
    """When the claim is settled; a physical swaption's last flow."""
    if isinstance(claim, SwaptionClaim):
        return claim.expiry if claim.settlement == "cash" else max(flow.pay for flow in claim.flows)
    return claim.expiry if isinstance(claim, ExchangeOption) else claim.pay


def assert_assets(claim: ExchangeOption, receive: Asset, deliver: Asset, position: int) -> None:
    """What an option exchanges."""
    assert (claim.receive, claim.deliver, claim.position) == (receive, deliver, position)
