"""What must hold for any book, through the engine: martingales, breaks, netting, symmetry between the parties."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from tests.trades.strategies import mirror
from tests.valuation.flat_world import (
    BANK,
    COUNTERPARTY,
    FlatWorld,
    assert_within,
    cube,
    make_engine,
    run,
    two_currencies,
)
from xva.trades import (
    BasisSwap,
    CapFloor,
    CrossCurrencySwap,
    EquityForward,
    EquityOption,
    FxForward,
    FxOption,
    InterestRateSwap,
    Swaption,
    Trade,
)
from xva.trades.claims import CompoundedFlow, EquityFlow, FixedFlow, IborFlow, ResetPeriod

FX_FIXING = {("FX/USD/EUR", "2025-01-15"): 1.0 / 1.10}
RATES = {"EUR": 0.03, "USD": 0.04}
DATES = ["2025-03-03", "2025-07-15", "2026-02-20", "2027-01-15", "2027-10-01", "2029-06-30"]


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


def world(**changes: Any) -> FlatWorld:
    terms: dict[str, Any] = {
        "equities": {"EQ1": (100.0, 0.25, 0.02)},
        "correlations": {
            ("IR:EUR", "IR:USD"): 0.3,
            ("IR:EUR", "FX:USD"): -0.25,
            ("IR:USD", "FX:USD"): 0.2,
            ("FX:USD", "EQ:EQ1"): 0.3,
        },
    }
    return two_currencies(**(terms | changes))


def swap(name: str, side: str, rate: float, notional: float = 1e6, **terms: Any) -> InterestRateSwap:
    fixed: dict[str, Any] = {
        "currency": "EUR",
        "index": "EUR-FLAT-6M",
        "start_date": day("2025-01-15"),
        "maturity_date": day("2031-01-15"),
        "fixed_day_count": "A365",
        "netting_set": "N",
    }
    return InterestRateSwap(trade_id=name, side=side, fixed_rate=rate, notional=notional, **(fixed | terms))


def cross_currency(name: str, resetting: str, frequency: str = "3M") -> CrossCurrencySwap:
    return CrossCurrencySwap(
        trade_id=name,
        netting_set="N",
        receive_currency="EUR",
        receive_notional=1e6,
        receive_index="EUR-FLAT-ON",
        pay_currency="USD",
        pay_notional=1.1e6,
        pay_index="USD-FLAT-ON",
        start_date=day("2025-01-15"),
        maturity_date=day("2029-01-15"),
        frequency=frequency,
        resetting=resetting,
    )


def linear_trades() -> list[Trade]:
    """Every linear product, ibor and overnight, with dates inside accrual periods."""
    return [
        swap("PAYER", "payer", 0.032),
        swap("USD_OIS", "receiver", 0.039, currency="USD", index="USD-FLAT-ON", amortisation="linear"),
        BasisSwap(
            trade_id="BASIS",
            netting_set="N",
            currency="EUR",
            notional=1e6,
            pay_index="EUR-FLAT-3M",
            pay_spread=0.001,
            receive_index="EUR-FLAT-ON",
            receive_spread=0.0,
            start_date=day("2025-01-15"),
            maturity_date=day("2029-01-15"),
        ),
        cross_currency("CCS", "none"),
        cross_currency("RESETTING", "pay", "6M"),
        cross_currency("RESETTING_EUR", "receive"),
        FxForward(
            trade_id="FORWARD",
            netting_set="N",
            buy_currency="USD",
            buy_amount=5e5,
            sell_currency="EUR",
            sell_amount=4.4e5,
            settlement_date=day("2028-05-05"),
        ),
        EquityForward(
            trade_id="SHARES",
            netting_set="N",
            equity="EQ1",
            currency="EUR",
            side="short",
            quantity=2e3,
            strike=104.0,
            maturity_date=day("2027-03-31"),
        ),
    ]


def present_value(trade: Trade, w: FlatWorld, after: float) -> float:
    """Today's value in EUR of the flows paid after a time, from the claims on flat curves."""
    spot = {"EUR": 1.0, "USD": 1.0 / 1.10}

    def discount(currency: str, t: float) -> float:
        return math.exp(-RATES[currency] * t)

    total = 0.0
    for claim in trade.claims(w.context(FX_FIXING)):
        if claim.pay <= after + 1e-9:  # type: ignore[union-attr]
            continue
        match claim:
            case FixedFlow():
                value = claim.amount * discount(claim.currency, claim.pay) * spot[claim.currency]
            case IborFlow():
                growth = math.exp(RATES[claim.currency] * (claim.end - claim.start))
                value = claim.amount * (growth - 1.0) / claim.accrual
                value *= discount(claim.currency, claim.pay) * spot[claim.currency]
            case CompoundedFlow():
                growth = claim.accrued * math.exp(RATES[claim.currency] * (claim.end - claim.start))
                value = claim.amount * (growth - 1.0) * discount(claim.currency, claim.pay) * spot[claim.currency]
            case EquityFlow():
                value = claim.quantity * 100.0 * math.exp(-0.02 * claim.pay)
            case ResetPeriod():  # lent at the index: worth its notional at the start, which is exchanged there
                assert claim.spread == 0.0
                running = claim.start <= after + 1e-9
                notional = claim.base_amount * discount(claim.base_currency, claim.start)
                value = notional * spot[claim.base_currency] if running else 0.0
            case _:
                raise AssertionError(claim)
        total += value
    return total


def test_mean_deflated_value_and_past_flows_are_constant() -> None:
    """E[V(t)/N(t)] is today's value of what is still to be paid: past flows make up the rest."""
    w, trades = world(), linear_trades()
    apart = [replace(t, netting_set=t.trade_id) for t in trades]
    found = run(make_engine(w, apart, DATES, 512, fixings=FX_FIXING))
    times = found.year_fraction.values
    exact = np.array([[present_value(t, w, after) for after in times] for t in apart])
    np.testing.assert_allclose(found.value.values[:, 0], exact[:, 0], atol=1e-6 * 1e6 * 1e-3)
    for k, name in enumerate(found.netting_set.values):
        at = found.sel(netting_set=name)
        assert_within(at.value, at.value_se, exact[k], more=0.01)  # of a million


def physical(side: str = "long", **terms: Any) -> Swaption:
    return Swaption(
        trade_id="SWAPTION",
        netting_set="N",
        currency="EUR",
        side=side,
        swap_side="payer",
        notional=1e6,
        strike=0.032,
        index="EUR-FLAT-6M",
        expiry_date=day("2027-01-15"),
        maturity_date=day("2032-01-15"),
        settlement="physical",
        fixed_day_count="A365",
        **terms,
    )


def test_mean_of_a_physically_settled_swaption_after_expiry() -> None:
    """``sum a_i P(0,T_i) Phi((-root - H_i zeta)/sqrt(zeta))`` over the flows still to come where it was exercised."""
    dates = ["2026-01-15", "2027-01-15", "2027-07-15", "2028-01-15", "2030-07-15", "2031-07-15"]
    found = run(make_engine(FlatWorld(), [physical()], dates, 1024))
    pays = [day("2027-01-15"), *(day(f"{2027 + k}-01-15") for k in range(1, 6))]
    t = [(d - day("2025-01-15")).astype(int) / 365.0 for d in pays]
    fixed = [(b, -1e6 * 0.032 * (b - a)) for a, b in zip(t[:-1], t[1:])]
    zeta = 1e-4 * math.expm1(0.06 * t[0]) / 0.06

    def h(time: float) -> float:
        return -math.expm1(-0.03 * time) / 0.03

    def bond(time: float, x: float) -> float:
        return math.exp(-0.03 * time - h(time) * x - 0.5 * h(time) ** 2 * zeta)

    flows = [(t[0], 1e6), *fixed, (t[-1], -1e6)]
    root = brentq(lambda x: sum(a * bond(time, x) for time, a in flows), -0.3, 0.3, xtol=1e-15)

    def exercised(time: float) -> float:
        return math.exp(-0.03 * time) * float(norm.cdf((-root - h(time) * zeta) / math.sqrt(zeta)))

    for k, date in enumerate(dates, start=1):
        now = max(found.year_fraction[k].item(), t[0])  # on a roll the floating leg is one unit against one at the end
        left = [(time, a) for time, a in fixed if time > now + 1e-9]
        exact = 1e6 * exercised(now) - 1e6 * exercised(t[-1]) + sum(a * exercised(time) for time, a in left)
        at = found.sel(time=date, netting_set="N")
        assert_within(at.value, at.value_se, exact, more=0.01)


# mandatory breaks


def break_cases() -> list[tuple[Trade, str]]:
    option = {"expiry_date": day("2028-01-15"), "side": "long", "option_type": "call"}
    fx = FxOption(
        trade_id="FX",
        netting_set="N",
        base_currency="USD",
        quote_currency="EUR",
        notional=1e5,
        strike=0.9,
        **option,  # type: ignore[arg-type]
    )
    equity = EquityOption(
        trade_id="EQ",
        netting_set="N",
        equity="EQ1",
        currency="EUR",
        quantity=1e3,
        strike=100.0,
        **option,  # type: ignore[arg-type]
    )
    cap = CapFloor(
        trade_id="CAP",
        netting_set="N",
        currency="EUR",
        side="long",
        cap_floor="cap",
        notional=1e6,
        strike=0.03,
        index="EUR-FLAT-3M",
        start_date=day("2025-04-15"),
        maturity_date=day("2029-04-15"),
    )
    return [
        (swap("SWAP", "payer", 0.031), "2027-01-15"),
        (cross_currency("RESETTING", "pay", "6M"), "2026-10-01"),
        (fx, "2027-01-15"),
        (equity, "2026-12-31"),
        (cap, "2027-01-15"),
        (physical(), "2026-06-30"),
        (physical(), "2028-06-30"),
    ]


@pytest.mark.parametrize(("trade", "stop"), break_cases(), ids=lambda c: getattr(c, "trade_id", c))
def test_a_mandatory_break_truncates_the_exposure(trade: Trade, stop: str) -> None:
    dates = ["2025-08-01", "2026-06-29", "2026-09-15", "2027-01-14", "2027-01-15", "2028-06-29", "2028-07-15"]
    broken = replace(trade, break_date=day(stop))

    def values(*args: Any, **options: Any) -> np.ndarray:
        return cube(make_engine(*args, dates, 16, scrambles=2, fixings=FX_FIXING, **options).plan(False))[:, :, 0]

    whole = values(world(), [trade])
    cut = values(world(), [broken])
    before = np.concatenate([["2025-01-15"], dates]).astype("datetime64[D]") < day(stop)
    np.testing.assert_allclose(cut[:, before], whole[:, before], rtol=1e-9, atol=1e-4)
    assert (cut[:, ~before] == 0.0).all()
    assert np.abs(whole[:, ~before]).max() > 0.0
    np.testing.assert_array_equal(values(world(), [broken], breaks="ignore"), whole)


# netting


def offsetting() -> list[Trade]:
    return [
        swap("A", "payer", 0.031),
        swap("B", "receiver", 0.029, 8e5, currency="USD", index="USD-FLAT-3M"),
        linear_trades()[6],
        break_cases()[2][0],
        physical("short"),
        cross_currency("RESETTING", "pay", "6M"),
    ]


def measures(trades: list[Trade], w: FlatWorld | None = None, **options: Any) -> xr.Dataset:
    engine = make_engine(w or world(), trades, DATES, 32, scrambles=2, fixings=FX_FIXING, **options)
    return run(engine)


def test_without_a_netting_agreement_exposures_add_up() -> None:
    """One set without an agreement against one set per trade, in runs with the same events."""
    whole = measures(offsetting(), netted=False)
    alone = measures([replace(t, netting_set=t.trade_id) for t in offsetting()])
    for name in ("epe", "ene", "value"):
        np.testing.assert_allclose(whole[name][0], alone[name].sum("netting_set"), rtol=1e-9, atol=1e-4)
    np.testing.assert_allclose(whole.xva[:, 0], alone.xva.sum("netting_set"), rtol=1e-9, atol=1e-6)


def test_netting_never_raises_an_exposure() -> None:
    netted = make_engine(world(), offsetting(), DATES, 64, scrambles=2, fixings=FX_FIXING).plan(False)
    apart = make_engine(world(), offsetting(), DATES, 64, scrambles=2, netted=False, fixings=FX_FIXING).plan(False)
    np.testing.assert_allclose(cube(netted), cube(apart), rtol=1e-9, atol=1e-4)
    one, sum_of_parts = cube(netted, "exposure"), cube(apart, "exposure")
    assert (one <= sum_of_parts + 1e-4).all()
    assert one.mean() < 0.8 * sum_of_parts.mean()


# symmetry and scale

_sides = st.sampled_from(["payer", "receiver"])
_holders = st.sampled_from(["long", "short"])


@st.composite
def trades(draw: Any) -> Trade:
    kind = draw(st.sampled_from(["swap", "usd", "ccs", "forward", "fx", "equity", "swaption", "cap"]))
    side, holder = draw(_sides), draw(_holders)
    rate = draw(st.floats(0.02, 0.05))
    match kind:
        case "swap":
            return swap("T", side, rate)
        case "usd":
            return swap("T", side, rate, 7e5, currency="USD", index="USD-FLAT-ON")
        case "ccs":
            return cross_currency("T", draw(st.sampled_from(["none", "pay", "receive"])))
        case "forward":
            made: Trade = linear_trades()[6]
        case "fx":
            made = replace(break_cases()[2][0], side=holder, strike=draw(st.floats(0.7, 1.1)))  # type: ignore[call-arg]
        case "equity":
            made = replace(break_cases()[3][0], side=holder)  # type: ignore[call-arg]
        case "cap":
            made = replace(break_cases()[4][0], side=holder, strike=rate)  # type: ignore[call-arg]
        case _:
            made = replace(physical(holder), swap_side=side, strike=rate)
    return made


portfolios = st.lists(trades(), min_size=1, max_size=4).map(
    lambda found: [replace(t, trade_id=f"T{k}", netting_set="N") for k, t in enumerate(found)]
)


def seen_by_them() -> FlatWorld:
    """The same market with the credit names and the funding sides exchanged."""
    us = world()
    swapped = {BANK: COUNTERPARTY, COUNTERPARTY: BANK}
    return replace(
        us,
        hazards={name: us.hazards[other] for name, other in swapped.items()},
        recoveries={name: us.recoveries[other] for name, other in swapped.items()},
        borrow=us.lend,
        lend=us.borrow,
    )


@settings(max_examples=10, deadline=None, derandomize=True)
@given(portfolios)
def test_our_cva_is_their_dva(book: list[Trade]) -> None:
    us = measures(book).isel(netting_set=0)
    them = measures([mirror(t) for t in book], seen_by_them()).isel(netting_set=0)
    np.testing.assert_allclose(us.value, -them.value, rtol=1e-9, atol=1e-4)
    for one, other in (("CVA", "DVA"), ("DVA", "CVA"), ("FCA", "FBA"), ("FBA", "FCA")):
        expected = them.xva.sel(measure=other).item()
        assert us.xva.sel(measure=one).item() == pytest.approx(expected, rel=1e-8, abs=1e-6)
    for variant in ("unilateral", "first_to_default"):
        expected = them.xva_variant.sel(variant=f"DVA {variant}").item()
        assert us.xva_variant.sel(variant=f"CVA {variant}").item() == pytest.approx(expected, rel=1e-8, abs=1e-6)


_AMOUNTS = ("notional", "quantity", "pay_notional", "receive_notional", "buy_amount", "sell_amount")


def scaled(trade: Trade, factor: float) -> Trade:
    return replace(trade, **{n: factor * getattr(trade, n) for n in _AMOUNTS if hasattr(trade, n)})


@settings(max_examples=8, deadline=None, derandomize=True)
@given(portfolios, st.floats(0.1, 20.0))
def test_adjustments_are_linear_in_the_notional(book: list[Trade], factor: float) -> None:
    one, many = measures(book), measures([scaled(t, factor) for t in book])
    np.testing.assert_allclose(many.xva, factor * one.xva, rtol=1e-8, atol=1e-6 * factor)
    np.testing.assert_allclose(many.epe, factor * one.epe, rtol=1e-8, atol=1e-4 * factor)


@settings(max_examples=5, deadline=None, derandomize=True)
@given(portfolios)
def test_profiles_are_positive_and_their_difference_is_the_mean(book: list[Trade]) -> None:
    found = measures(book)
    assert (found.epe.values >= 0.0).all()
    assert (found.ene.values >= 0.0).all()
    np.testing.assert_allclose(found.epe - found.ene, found.value, rtol=1e-9, atol=1e-6)
    assert (found.xva.sel(measure=["CVA", "DVA", "FCA", "FBA"]).values >= 0.0).all()
