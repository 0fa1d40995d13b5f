"""Attribution: terms that add up, second order against differences of gradients and closed forms, whose kink a rest is."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import xarray as xr

from tests.support import flat_book
from tests.support.demo_bank import demo_engine
from tests.support.flat_world import BANK, COUNTERPARTY, FlatWorld, days_between, make_engine, rate_id, run
from tests.support.path_products import path_forward
from tests.support.statistics import three_sigma
from xva.errors import DomainError, MarketDataError
from xva.explain.attribution import Attribution, attribute
from xva.explain.fixings import expected_fixings
from xva.explain.groups import engine_groups, risk_group
from xva.explain.kinks import kink_trades
from xva.exposure.engine import ExposureEngine
from xva.market.labels import quote_info
from xva.market.quotes import QuoteSet
from xva.sensitivities.by_quote import MEASURE_NAMES, sensitivities
from xva.trades import EquityOption, Trade

SCRAMBLES = 8
FX, HAZARD = "FX/RATE/EUR/USD", f"HAZARD_RATE/RATE/{COUNTERPARTY}/SR/EUR/1Y"
PARTS = ("first", "second_own", "second_cross")


def book() -> list[Trade]:
    return [
        *(t for t in flat_book.linear_trades() if t.trade_id in ("PAYER", "USD_OIS", "FORWARD")),
        flat_book.physical(),
    ]


@cache
def engine() -> ExposureEngine:
    days = days_between("2025-01-15", "2031-01-15", 5)
    return make_engine(flat_book.world(), book(), days, 512, scrambles=SCRAMBLES)


def moved(base: ExposureEngine, **moves: float) -> QuoteSet:
    values = base.quotes.values.clone()
    for quote, amount in moves.items():
        values[base.quotes.index[quote]] += amount
    return QuoteSet(base.quotes.ids, values)


def several(basis_points: float) -> dict[str, float]:
    one = basis_points * 1e-4
    return {rate_id("EUR"): one, rate_id("USD"): one, FX: 4.0 * one, HAZARD: one}


SCENARIOS = {
    "EUR +1": {rate_id("EUR"): 1e-4},
    "EUR +25": {rate_id("EUR"): 25e-4},
    "all +25": several(25.0),
    "all -25": several(-25.0),
}


@cache
def found() -> xr.Dataset:
    return attribute(engine(), {name: moved(engine(), **moves) for name, moves in SCENARIOS.items()})


def test_terms_add_up_to_the_change_of_two_runs() -> None:
    data = found()
    terms = sum(data[part] for part in PARTS).sum("group") + data["exercise"] + data["unexplained"]
    np.testing.assert_allclose(terms, data["change"], rtol=0, atol=1e-9 * float(np.abs(data["change"]).max()))
    base = run(engine())
    for name, moves in SCENARIOS.items():
        fresh = run(engine().on_quotes(moved(engine(), **moves)))
        expected = (fresh["xva"] - base["xva"]).sel(measure=list(MEASURE_NAMES)).values
        np.testing.assert_allclose(data["change"].sel(scenario=name), expected, rtol=1e-9, atol=1e-9)


def test_first_order_is_the_sensitivities_times_the_move() -> None:
    data, exact = found(), sensitivities(engine())
    for group, quote in (("IR USD", rate_id("USD")), ("FX", FX), ("credit", HAZARD)):
        expected = exact["sensitivity"].sel(quote=quote) * several(25.0)[quote]
        np.testing.assert_allclose(data["first"].sel(scenario="all +25", group=group), expected, rtol=1e-9)


@pytest.mark.parametrize(("scenario", "limit"), [("EUR +1", 0.01), ("EUR +25", 0.05), ("all +25", 0.05)])
def test_little_is_left_and_no_more_than_the_bound(scenario: str, limit: float) -> None:
    data = found().sel(scenario=scenario)
    assert float(data["share"].max()) < limit
    assert not bool((data["kink"] != "").any()), "a trade is named for a rest that is small"
    assert float(data["total_share"].sel(measure=["CVA", "DVA", "FBA", "FVA"]).max()) < limit
    assert bool((np.abs(data["unexplained"]) <= data["bound"] + 1e-12).all())
    second = np.abs(data["second_own"] + data["second_cross"]).sum("group")
    assert float((second > np.abs(data["unexplained"])).mean()) > 0.8, "second order explains nothing"


@pytest.mark.slow
def test_second_order_against_central_differences_of_the_gradient() -> None:
    """An opinion from both sides of the base market, ten basis points wide: what a Hessian is there."""
    days, share = days_between("2025-01-15", "2031-01-15", 6), 0.4
    base = make_engine(flat_book.world(), book()[:3], days, 512, scrambles=SCRAMBLES)
    scenarios = {sign: moved(base, **several(25.0 * sign)) for sign in (1, -1)}
    data = attribute(base, {str(sign): quotes for sign, quotes in scenarios.items()})
    both = (data["total_second_own"] + data["total_second_cross"]).mean(
        "scenario"
    )  # the odd third order is gone
    start = base.quotes.values
    sides = [
        sensitivities(base.on_quotes(QuoteSet(q.ids, start + share * (q.values - start))))
        for q in scenarios.values()
    ]
    step = (sides[0] - sides[1])["total_sensitivity"] / (2.0 * share)
    move = xr.DataArray((scenarios[1].values - start).numpy(), {"quote": list(base.quotes.ids)}, ("quote",))
    of = engine_groups(base)
    expected = (
        0.5
        * (step * move)
        .groupby(xr.DataArray([of(i) for i in move["quote"].values], dims="quote").rename("group"))
        .sum()
    )
    noise = np.hypot(data["total_second_own_se"], data["total_second_cross_se"]).max("scenario")
    apart = np.abs(both - expected.sel(group=both["group"]))
    assert bool((apart <= three_sigma(SCRAMBLES) * np.sqrt(2.0) * noise + 0.01 * np.abs(expected)).all())
    strong = np.abs(expected).sel(measure="CVA") > 6.0 * noise.sel(measure="CVA")
    assert bool(strong.all()), "the comparison has no power"


def test_cross_gammas_are_pairs_and_those_of_credit_are_exposures() -> None:
    """CVA is linear in a group's weight: its cross-gamma with credit is the change of its delta when credit moves."""
    data, base = found().sel(scenario="all +25"), engine()
    pair = data["total_pair"].sel(measure="CVA")
    np.testing.assert_allclose(pair, pair.transpose("other", "group"), atol=1e-9)
    credit = sensitivities(base.on_quotes(moved(base, **{HAZARD: 25e-4})), ["CVA"], quotes=[FX])
    before = sensitivities(base, ["CVA"], quotes=[FX])
    expected = float((credit - before)["total_sensitivity"].squeeze()) * several(25.0)[FX]
    assert float(pair.sel(group="FX", other="credit")) == pytest.approx(expected, rel=0.03)
    halves = 0.5 * pair.sum("other") - data["total_second_cross"].sel(measure="CVA")
    assert float(np.abs(halves).max()) < 0.3 * float(np.abs(pair).max())


def test_a_hazard_rate_in_closed_form() -> None:
    """CVA is Σ EPE LGD (exp(-h t') - exp(-h t)): every term by hand from the run's profile."""
    base, size = engine(), 0.02
    data = attribute(base, {"wider": moved(base, **{HAZARD: size})}).squeeze("scenario")
    epe, t = run(base)["epe"].values[0], base.times

    def weights(h: float, order: int) -> np.ndarray:
        survival = (-t) ** order * np.exp(-h * t)
        return 0.6 * np.concatenate([[0.0], survival[:-1] - survival[1:]])

    h = float(base.quotes[HAZARD])
    got = data.sel(measure="CVA", netting_set="N", group="credit")
    slope = [epe @ weights(x, 1) for x in (h, h + 0.5 * size, h + size)]
    soft = 0.02  # of the exercise: the gradient's own profile is the soft one
    assert float(got["first"]) == pytest.approx(slope[0] * size, rel=soft)
    assert float(got["second_own"]) == pytest.approx(0.5 * (slope[2] - slope[0]) * size, rel=soft)
    third = (2 * slope[1] - slope[0] - slope[2]) * size / 3
    assert float(got["third_order"]) == pytest.approx(third, rel=2 * soft)
    assert float(got["unexplained"]) == pytest.approx(float(got["third_order"]), rel=0.01)
    assert float(got["second_cross"]) == 0.0


def test_hessian_products_agree_with_differences_of_gradients() -> None:
    """Without exercise, where both are quiet."""
    trades = [t for t in flat_book.linear_trades() if t.trade_id in ("PAYER", "FORWARD")]
    base = make_engine(
        flat_book.world(), trades, days_between("2025-01-15", "2031-01-15", 4), 64, scrambles=4
    )
    scenario = {"both": moved(base, **{FX: 0.01, HAZARD: 25e-4})}
    quick, slow = (
        attribute(base, scenario, Attribution(method=m)).squeeze("scenario") for m in ("gradient", "hessian")
    )
    np.testing.assert_allclose(quick["first"], slow["first"], rtol=1e-9)
    for part in ("total_second_own", "total_second_cross"):
        noise = np.hypot(quick[f"{part}_se"], slow[f"{part}_se"])
        size = np.abs(slow["total_pair"].sum("other")) + np.abs(slow["total_second_own"])
        assert bool((np.abs(quick[part] - slow[part]) <= 5.84 * noise + 0.05 * size).all()), part
    total = sum(slow[part] for part in PARTS).sum("group") + slow["exercise"] + slow["unexplained"]
    np.testing.assert_allclose(total, slow["change"], rtol=0, atol=1e-8)


@pytest.mark.slow
def test_without_split_only_the_gammas_are_put_together() -> None:
    whole = attribute(engine(), {"all +25": moved(engine(), **several(25.0))}, Attribution(split=False))
    apart = found().sel(scenario=["all +25"])
    assert not whole["second_cross"].any()
    np.testing.assert_allclose(whole["second_own"], apart["second_own"] + apart["second_cross"], atol=1e-9)
    np.testing.assert_allclose(whole["unexplained"], apart["unexplained"], atol=1e-9)


def test_the_trade_with_the_kink_is_named() -> None:
    """A large option a week from its expiry when the first date looks at it: its delta goes from 0 to 1 within the move."""
    option = EquityOption(
        trade_id="SHARP",
        netting_set="N",
        equity="EQ1",
        currency="EUR",
        side="short",
        option_type="call",
        quantity=3e4,
        strike=104.0,
        expiry_date=np.datetime64("2025-01-25"),
    )
    trades = [*book()[:2], option]
    days = np.array(["2025-01-18", "2026-01-15", "2028-01-15"], dtype="datetime64[D]")
    base = make_engine(flat_book.world(), trades, days, 128, scrambles=SCRAMBLES)
    quotes = moved(base, **{"EQUITY/PRICE/EQ1/EUR": 10.0})
    data = attribute(base, {"up": quotes}, Attribution(limit=0.01)).squeeze("scenario")
    one = data.sel(measure="DVA", netting_set="N")
    assert float(one["share"]) > 0.01
    assert str(one["kink"].values) == "SHARP"
    assert float(one["kink_share"]) > 0.5
    named = dict(zip(data["measure"].values.tolist(), data["kink"].sel(netting_set="N").values.tolist()))
    assert named == {
        "CVA": "",
        "FCA": "",
        **dict.fromkeys(("DVA", "FBA", "FVA", "XVA"), "SHARP"),
    }  # it is short


@pytest.mark.slow
def test_trades_rests_add_up_to_the_third_difference_of_the_measure() -> None:
    base, quotes = engine(), moved(engine(), **{rate_id("EUR"): 50e-4})
    rests = kink_trades(base, quotes, ["N"])
    start, move = base.quotes.values, quotes.values - base.quotes.values
    levels = [
        run(base.on_quotes(QuoteSet(quotes.ids, start + k / 3.0 * move)))["xva"].values[:, 0]
        for k in range(4)
    ]
    expected = -2.25 * (levels[3] - 3 * levels[2] + 3 * levels[1] - levels[0])
    np.testing.assert_allclose(rests["rest"].sum("trade"), expected, rtol=1e-6, atol=1e-8)
    assert list(rests["trade"].values) == [t.trade_id for t in book()]


def test_exercise_is_told_apart_with_its_trades() -> None:
    assert str(found()["exercise_trades"].values[0]) == "SWAPTION"
    quiet = make_engine(
        flat_book.world(), book()[:2], days_between("2025-01-15", "2031-01-15", 3), 16, scrambles=2
    )
    data = attribute(quiet, {"up": moved(quiet, **{rate_id("EUR"): 1e-3})})
    assert not data["exercise"].any()
    assert str(data["exercise_trades"].values[0]) == ""


def test_every_quote_of_the_bank_has_a_group() -> None:
    whole = demo_engine(128, 16, 8, every=8)
    of = engine_groups(whole)
    assert {of(i) for i in whole.quotes.ids} == {
        *(f"IR {c}" for c in ("EUR", "USD", "GBP", "JPY")),
        *("FX", "FX basis", "EQ", "IR vol", "FX vol", "EQ vol", "credit", "own credit", "funding"),
        *("mean reversion", "correlation"),
    }
    assert all(of(i) == "own credit" for i in whole.quotes.ids if quote_info(i).terms.get("name") == "BANK")
    assert risk_group("ZERO/RATE/EUR/LEND/A365/1Y", BANK, ("BORROW", "LEND")) == "funding"
    with pytest.raises(MarketDataError, match="no known form"):
        risk_group("WEATHER/OSLO")


@pytest.mark.slow
def test_the_demo_bank_is_explained() -> None:
    """±1 bp: under 1 %; ±25 bp: under 5 % of the sum of absolute contributions, in total and by netting set."""
    base = demo_engine(1024, 128, 2, every=4)
    families = ("OIS", "IBOR swap", "deposit")
    chosen = [i for i in base.quotes.ids if quote_info(i).family in families and "/EUR/" in i]
    limits = {1: 0.01, 25: 0.05, -25: 0.05}
    scenarios = {f"{bp:+d}": moved(base, **dict.fromkeys(chosen, bp * 1e-4)) for bp in limits}
    data = attribute(base, scenarios)
    for name, limit in zip(scenarios, limits.values()):
        one = data.sel(scenario=name)
        assert float(one["total_share"].max()) < limit, one["total_share"].values
        assert float(one["share"].max()) < limit, one["share"].values
        assert not bool((one["kink"] != "").any()), "a trade is named for a rest that is small"


def test_what_cannot_be_explained_is_refused() -> None:
    base = engine()
    with pytest.raises(DomainError, match="at least one scenario"):
        attribute(base, {})
    other = QuoteSet((*base.quotes.ids[1:], base.quotes.ids[0]), base.quotes.values)
    with pytest.raises(DomainError, match="scenario mixed: expected the base market's quote ids"):
        attribute(base, {"mixed": other})
    with pytest.raises(DomainError, match="gradient or hessian"):
        Attribution(method="guess")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match="after the whole move"):
        attribute(base, {"no market": moved(base, **{"CORRELATION/IR:EUR/IR:USD": 5.0})})


def test_expected_fixings_are_forwards() -> None:
    world = FlatWorld(
        rates={"EUR": 0.03, "USD": 0.04}, fx={"USD": 1.1}, fx_vols={"USD": 0.1}, equities={"EQ1": (100.0, 0.2, 0.02)}
    )  # fmt: skip
    market, until = world(world.quotes()).market, np.datetime64("2025-02-14")
    names = ("EUR-FLAT-6M", "FX/EUR/USD", "EQ/EQ1", "UNKNOWN")
    after = {(name, "2025-02-14"): 7.0 for name in names} | {("EUR-FLAT-6M", "2025-01-10"): 0.01}
    before = {("EUR-FLAT-6M", "2025-01-10"): 0.02}
    got = expected_fixings(market, world.indices, before, after, until)
    t, days = 30 / 365, (np.datetime64("2025-08-14") - until).astype(int)
    assert got["EUR-FLAT-6M", "2025-02-14"] == pytest.approx((np.exp(0.03 * days / 365) - 1) * 365 / days)
    assert got["FX/EUR/USD", "2025-02-14"] == pytest.approx(1.1 * np.exp(0.01 * t))
    assert got["EQ/EQ1", "2025-02-14"] == pytest.approx(100 * np.exp(0.01 * t))
    assert got["UNKNOWN", "2025-02-14"] == 7.0
    assert got["EUR-FLAT-6M", "2025-01-10"] == 0.02


def test_trades_without_closed_form_are_named() -> None:
    days = days_between("2025-01-15", "2028-01-15", 2)
    mixed = make_engine(flat_book.world(), [*book()[:1], path_forward("ASIAN")], days, 16, scrambles=2)
    for method in ("gradient", "hessian"):
        with pytest.raises(DomainError, match="ASIAN"):
            attribute(mixed, {"up": moved(mixed, **{FX: 0.01})}, Attribution(method=method))
