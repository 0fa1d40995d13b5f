"""Terms that a trade leaves to the market's standard, against QuantLib's makers of swaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import QuantLib as ql

from xva import dates
from xva.market.build import build_market
from xva.market.config import MarketConfig
from xva.market.conventions import STANDARD_INDICES
from xva.market.quotes import QuoteSet
from xva.pricing.deterministic import linear_value
from xva.trades import (
    BasisSwap,
    BermudanSwaption,
    CallableSwap,
    CrossCurrencySwap,
    InterestRateSwap,
    Swaption,
    TermsError,
    TradeContext,
)
from xva.trades.claims import FixedFlow

DAY = np.datetime64
AS_OF = DAY("2026-01-15")
BASE: dict[str, Any] = {"trade_id": "T", "netting_set": "N"}
TERM: dict[str, Any] = {"start_date": DAY("2026-01-19"), "maturity_date": DAY("2031-01-20")}


def swap(index: str, **terms: Any) -> InterestRateSwap:
    base = (
        BASE
        | TERM
        | {"currency": index[:3], "notional": 1e6, "side": "payer", "fixed_rate": 0.02, "index": index}
    )
    return InterestRateSwap(**(base | terms))


CURVE = ql.YieldTermStructureHandle(ql.FlatForward(ql.Date(15, 1, 2026), 0.02, ql.Actual365Fixed()))
OVERNIGHT = {
    "EUR-ESTR": (ql.Estr(CURVE), 1),
    "USD-SOFR": (ql.Sofr(CURVE), 2),
    "GBP-SONIA": (ql.Sonia(CURVE), 0),
    "JPY-TONA": (ql.Tonar(CURVE), 2),
}


@pytest.mark.parametrize("name", OVERNIGHT)
def test_overnight_swaps_have_quantlibs_fixed_leg(name: str) -> None:
    index, lag = OVERNIGHT[name]
    ql.Settings.instance().evaluationDate = ql.Date(15, 1, 2026)
    start, end = (ql.Date(str(d), "%Y-%m-%d") for d in TERM.values())
    made = ql.MakeOIS(
        ql.Period(5, ql.Years), index, 0.02, ql.Period(0, ql.Days), nominal=1e6, effectiveDate=start,
        terminationDate=end, paymentLag=lag, paymentAdjustmentConvention=ql.ModifiedFollowing,
    )  # fmt: skip
    expected = [(c.date().ISO(), c.amount()) for c in made.fixedLeg()]
    flows = [f for f in swap(name).claims(TradeContext(AS_OF)) if isinstance(f, FixedFlow)]
    assert [str(AS_OF + np.timedelta64(round(365 * f.pay), "D")) for f in flows] == [d for d, _ in expected]
    np.testing.assert_allclose([-f.amount for f in flows], [a for _, a in expected], rtol=1e-10)


IBORS = {
    "EUR-EURIBOR-3M": ql.EuriborSwapIsdaFixA(ql.Period(5, ql.Years)),
    "EUR-EURIBOR-6M": ql.EuriborSwapIsdaFixA(ql.Period(5, ql.Years)),
}
DAY_COUNTS = {"Thirty360": "30/360", "30/360 (Bond Basis)": "30/360", "Actual/360": "A360"}


@pytest.mark.parametrize("name", IBORS)
def test_ibor_swaps_have_quantlibs_fixed_leg(name: str) -> None:
    made = swap(name)
    assert DAY_COUNTS[IBORS[name].dayCounter().name()] == made.fixed_day_count
    assert IBORS[name].fixedLegTenor() == ql.Period(made.fixed_frequency)
    assert made.filled == ("fixed_frequency", "fixed_day_count")


def test_a_par_overnight_swap_that_says_nothing_of_its_fixed_leg_is_worth_nothing() -> None:
    """30E/360, the default of every swap until now, made it worth 15 basis points of the notional."""
    rates = {"1Y": 0.019, "2Y": 0.020, "5Y": 0.023, "10Y": 0.026}
    quotes = {f"IR_SWAP/RATE/EUR/2D/{i}/{t}": r for i in ("1D", "3M", "6M") for t, r in rates.items()}
    market = build_market(QuoteSet.from_mapping(quotes), MarketConfig.standard(AS_OF, currencies=["EUR"]))
    spot = dates.business_days(AS_OF, 2, "TARGET")
    terms = {"start_date": spot, "maturity_date": dates.add_tenor(spot, "5Y"), "notional": 40e6}
    par = swap("EUR-ESTR", fixed_rate=0.023, **terms)
    assert float(linear_value(par.claims(TradeContext(AS_OF)), market)) == pytest.approx(0.0, abs=0.4)
    wrong = swap("EUR-ESTR", fixed_rate=0.023, fixed_day_count="30E/360", **terms)
    assert float(linear_value(wrong.claims(TradeContext(AS_OF)), market)) > 50_000.0


OPTION = {"currency": "EUR", "side": "long", "swap_side": "payer", "notional": 1e6, "strike": 0.02}
ESTR = {"currency": "EUR", "index": "EUR-ESTR"}
EURIBOR = {"currency": "EUR", "index": "EUR-EURIBOR-6M"}
LEGS = {"pay_currency": "EUR", "pay_notional": 1e6, "receive_currency": "USD", "receive_notional": 1.1e6}


def test_every_swap_inside_a_trade_follows_its_index() -> None:
    expiry = {
        "expiry_date": TERM["start_date"],
        "maturity_date": TERM["maturity_date"],
        "settlement": "physical",
    }
    first = {"first_exercise_date": DAY("2027-01-01"), "settlement": "physical"}
    call = {"notional": 1e6, "side": "payer", "fixed_rate": 0.02, "called_by": "us"}
    for index, day_count in ((ESTR, "A360"), (EURIBOR, "30/360")):
        trades = (
            Swaption(**BASE, **(OPTION | index), **expiry),
            BermudanSwaption(**BASE, **TERM, **(OPTION | index), **first),
            CallableSwap(**BASE, **TERM, **index, **call, first_call_date=DAY("2027-01-01")),
        )
        for trade in trades:
            assert (trade.fixed_frequency, trade.fixed_day_count) == ("1Y", day_count)
            assert trade.filled == ("fixed_frequency", "fixed_day_count")
    sonia = {"currency": "GBP", "index": "GBP-SONIA"}
    assert Swaption(**BASE, **(OPTION | sonia), **expiry).fixed_day_count == "A365"


def test_overnight_legs_pay_with_the_ibor_leg_beside_them() -> None:
    pay = {"currency": "EUR", "notional": 1e6, "pay_index": "EUR-ESTR"}
    for tenor in ("3M", "6M"):
        made = BasisSwap(**BASE, **TERM, **pay, receive_index=f"EUR-EURIBOR-{tenor}")
        assert (made.frequency, made.filled) == (tenor, ("frequency",))
    both = CrossCurrencySwap(**BASE, **TERM, **LEGS, pay_index="EUR-ESTR", receive_index="USD-SOFR")
    assert both.frequency == "3M"


@pytest.mark.parametrize(
    ("terms", "day_count"),
    [
        ({"pay_fixed_rate": 0.02, "receive_index": "USD-SOFR"}, "A360"),
        ({"pay_index": "EUR-ESTR", "receive_fixed_rate": 0.03}, "A360"),
        ({"pay_index": "EUR-EURIBOR-6M", "receive_fixed_rate": 0.03}, "30/360"),
        ({"pay_fixed_rate": 0.02, "receive_index": "GBP-SONIA", "receive_currency": "GBP"}, "A360"),
        ({"pay_index": "EUR-ESTR", "receive_fixed_rate": 0.03, "receive_currency": "GBP"}, "A365"),
    ],
)
def test_a_fixed_leg_against_another_currency_is_that_of_its_own(
    terms: dict[str, Any], day_count: str
) -> None:
    assert CrossCurrencySwap(**BASE, **TERM, **(LEGS | terms)).fixed_day_count == day_count


def test_two_fixed_legs_of_different_standards_have_to_say_it() -> None:
    legs = LEGS | {"receive_currency": "GBP", "pay_fixed_rate": 0.02, "receive_fixed_rate": 0.03}
    with pytest.raises(TermsError, match="expected one of 30/360, A365: the two legs' standards, got ''"):
        CrossCurrencySwap(**BASE, **TERM, **legs)
    assert CrossCurrencySwap(**BASE, **TERM, **legs, fixed_day_count="A365").filled == ("frequency",)


def test_what_a_trade_says_stays() -> None:
    made = swap("EUR-ESTR", fixed_day_count="30E/360", fixed_frequency="6M")
    assert (made.fixed_day_count, made.fixed_frequency, made.filled) == ("30E/360", "6M", ())
    assert swap("EUR-ESTR") == swap("EUR-ESTR", fixed_day_count="A360", fixed_frequency="1Y")


@pytest.mark.parametrize("name", STANDARD_INDICES)
def test_every_standard_index_has_a_standard_of_its_own(name: str) -> None:
    """What the data says of its swap is what a trade without these terms has."""
    stated, made = STANDARD_INDICES[name].swap, swap(name)
    assert stated is not None
    assert (made.fixed_frequency, made.fixed_day_count) == (stated.fixed_frequency, stated.fixed_day_count)
    assert {*OVERNIGHT, *IBORS} <= set(STANDARD_INDICES)
