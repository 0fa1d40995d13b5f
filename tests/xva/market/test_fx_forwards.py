"""FX forwards: points per pair against QuantLib, outrights as points, what is no points, what stays when the spot moves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import QuantLib as ql
import torch

from xva.errors import InputErrors
from xva.market.build import build_market
from xva.market.config import MarketConfig
from xva.market.fx_forwards import as_points, curve_kept_jacobian, points_factor
from xva.market.labels import quote_info
from xva.market.quotes import QuoteSet, unit_shift
from xva.market.shocks import Scenario, Selector, parallel, shifted
from xva.sensitivities.bump import shift_size

AS_OF = np.datetime64("2026-01-15")
POINTS = {"3M": 46.7, "1Y": 186.0, "2Y": 316.0, "5Y": 720.0}
YEN = {"3M": -98.0, "1Y": -215.0, "2Y": -390.0, "5Y": -990.0}
BASE = {"ZERO/RATE/EUR/EUR-ESTR/A365/1Y": 0.02, "FX/RATE/EUR/USD": 1.163, "FX/RATE/EUR/JPY": 184.2}


def config(**stated: float) -> MarketConfig:
    curves = {"EUR": "EUR-ESTR", "USD": "USD-IN-EUR", "JPY": "JPY-IN-EUR"}
    factors = {pair.replace("_", "/"): factor for pair, factor in stated.items()}
    return MarketConfig(AS_OF, "EUR", curves, {}, points_factors=factors)


def quotes(
    usd: Mapping[str, float] = POINTS, jpy: Mapping[str, float] = YEN, kind: str = "RATE"
) -> dict[str, float]:
    pairs = {"EUR/USD": usd, "EUR/JPY": jpy}
    return BASE | {f"FXFWD/{kind}/{p}/{t}": v for p, strip in pairs.items() for t, v in strip.items()}


def test_points_are_quantlibs_fx_swaps(today: ql.Date) -> None:
    """Scaled by 10,000, of yen by 100. QuantLib's spot lag is 0 here: an FX rate is the price for delivery today."""
    market = build_market(QuoteSet.from_mapping(quotes()), config())
    eur = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.02, ql.Actual365Fixed()))
    for currency, strip, factor in (("USD", POINTS, 1e4), ("JPY", YEN, 1e2)):
        curve = market.discount_curve(currency)
        spot = ql.QuoteHandle(ql.SimpleQuote(BASE[f"FX/RATE/EUR/{currency}"]))
        days = [round(365 * t) for t in curve.times]
        helpers = [
            ql.FxSwapRateHelper(
                ql.QuoteHandle(ql.SimpleQuote(points / factor)),
                spot,
                ql.Period(day, ql.Days),
                0,
                ql.NullCalendar(),
                ql.Unadjusted,
                False,
                True,
                eur,
            )
            for points, day in zip(strip.values(), days, strict=True)
        ]
        theirs = ql.PiecewiseLogLinearDiscount(
            today, helpers, ql.Actual365Fixed(), ql.IterativeBootstrap(1e-14)
        )
        expected = [theirs.discount(today + day) for day in (*days, 200, 500, 1000)]
        found = curve.discount(np.array([*days, 200, 500, 1000]) / 365.0)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_outrights_are_points_on_their_spot() -> None:
    outright = quotes(
        {t: 1.163 + p / 1e4 for t, p in POINTS.items()}, {t: 184.2 + p / 1e2 for t, p in YEN.items()}, "PRICE"
    )
    found = as_points(outright)
    assert list(found) == list(quotes())
    assert found == pytest.approx(quotes(), rel=1e-10)
    assert as_points(found) == found
    stated = as_points(outright, {"EUR/JPY": 1e4})
    assert stated["FXFWD/RATE/EUR/JPY/1Y"] == pytest.approx(-21500.0)
    curve = build_market(QuoteSet.from_mapping(stated), config(EUR_JPY=1e4)).discount_curve("JPY")
    same = build_market(QuoteSet.from_mapping(quotes()), config()).discount_curve("JPY")
    np.testing.assert_allclose(curve.log_discounts, same.log_discounts, rtol=1e-10)


def test_outrights_of_a_pair_without_rate_stay_what_they_are_until_somebody_needs_them() -> None:
    lonely = BASE | {"FXFWD/PRICE/USD/CHF/1Y": 0.79}
    assert as_points(lonely) == lonely
    assert points_factor("USD", "CHF", {}) == 1e4


def refused(values: Mapping[str, float], **stated: float) -> dict[str, str]:
    with pytest.raises(InputErrors) as error:
        build_market(QuoteSet.from_mapping(as_points(values)), config(**stated))
    return {p.where: str(p) for p in error.value.problems}


def test_outrights_under_the_key_of_points_are_refused() -> None:
    """They gave P_USD = P_EUR, and points under the key of outrights P_USD(2y) = 0.003, without a word."""
    wrong = quotes(usd={t: 1.163 + p / 1e4 for t, p in POINTS.items()})
    found = refused(wrong)
    assert found.keys() == {f"quote FXFWD/RATE/EUR/USD/{t}" for t in POINTS}
    told = found["quote FXFWD/RATE/EUR/USD/1Y"]
    assert (
        "expected points, (forward - spot) x 10000, got 1.1816, like an outright on a spot of 1.163" in told
    )
    assert "FXFWD/PRICE/EUR/USD" in told
    build_market(QuoteSet.from_mapping(wrong), config(EUR_USD=1e4))  # who states the factor means points
    found = refused(BASE | {f"FXFWD/PRICE/EUR/USD/{t}": p for t, p in POINTS.items()})
    assert found.keys() == {f"quote FXFWD/PRICE/EUR/USD/{t}" for t in POINTS}
    assert "got 316 on a spot of 1.163" in found["quote FXFWD/PRICE/EUR/USD/2Y"]
    assert "FXFWD/RATE" in found["quote FXFWD/PRICE/EUR/USD/2Y"]


@pytest.mark.parametrize("jpy", [{"1Y": -21500.0}, {"2Y": -184.0 * 100}, {"1Y": 3e4}])
def test_points_of_another_scale_are_refused(jpy: Mapping[str, float]) -> None:
    (told,) = refused(quotes(jpy=jpy)).values()
    assert "points of a forward within 50% a year of the spot" in told
    assert "a forward of" in told


def test_a_tenor_quoted_both_ways_is_refused() -> None:
    with pytest.raises(
        InputErrors, match=r"FXFWD/PRICE/EUR/USD/1Y: expected points or an outright, got also FXFWD/RATE"
    ):
        as_points(quotes() | {"FXFWD/PRICE/EUR/USD/1Y": 1.18})


def test_outrights_that_nobody_has_converted_are_refused() -> None:
    values = quotes({t: 1.163 + p / 1e4 for t, p in POINTS.items()}, {}, "PRICE")
    with pytest.raises(InputErrors, match="as_points"):
        build_market(QuoteSet.from_mapping(values), config())


SPOT = parallel(Selector(("FX/RATE/EUR/USD",)), -0.1, "relative")


@pytest.mark.parametrize("kept", ["points", "curve"])
def test_what_stays_when_the_spot_moves(kept: str) -> None:
    """Forwards move by what the spot moves by, or the discount curve keeps every digit."""
    base = QuoteSet.from_mapping(quotes())
    scenario = Scenario("weaker", (SPOT,), fx_forwards=kept)  # type: ignore[arg-type]
    moved = shifted(base, scenario, AS_OF)
    assert scenario.kept(base.ids) == kept
    before, after = (build_market(q, config()).discount_curve("USD") for q in (base, moved))
    eur, t = build_market(base, config()).discount_curve("EUR"), before.times
    if kept == "curve":
        np.testing.assert_allclose(after.log_discounts, before.log_discounts, rtol=0, atol=1e-15)
    forwards = 0.9 * 1.163 * eur.discount(t) / after.discount(t)
    was = 1.163 * eur.discount(t) / before.discount(t)
    expected = was - 0.1163 if kept == "points" else 0.9 * was
    np.testing.assert_allclose(forwards, expected, rtol=1e-13)
    untouched = [i for i in base.ids if "USD" not in i or (kept == "points" and "FXFWD" in i)]
    assert torch.equal(moved.select(untouched), base.select(untouched))


def test_a_scenario_that_moves_no_spot_of_forwards_says_nothing() -> None:
    assert Scenario("rates", (parallel(Selector(families=("zero rate",)), 1e-4),)).kept(quotes()) == ""
    assert Scenario("no forwards", (SPOT,)).kept(BASE) == ""
    with pytest.raises(InputErrors, match="fx_forwards: expected points or curve, got 'spot'"):
        Scenario("x", (SPOT,), fx_forwards="spot")  # type: ignore[arg-type]


def test_points_of_a_cross_follow_the_chain_of_its_spot() -> None:
    """USD/JPY forwards on EUR/USD and EUR/JPY rates: with the curve kept, both rates move the points."""
    values = BASE | {"FXFWD/RATE/USD/JPY/1Y": -400.0}
    base = QuoteSet.from_mapping(values)
    infos = [quote_info(i) for i in base.ids]
    jacobian = curve_kept_jacobian(infos, base.values.numpy())
    row, size = base.index["FXFWD/RATE/USD/JPY/1Y"], 1e-6
    for name in ("USD", "JPY"):
        column = base.index[f"FX/RATE/EUR/{name}"]
        moves = []
        for way in (size, -size):
            up = Scenario("up", (parallel(Selector((f"FX/RATE/EUR/{name}",)), way),), fx_forwards="curve")
            moves.append(float(shifted(base, up, AS_OF).values[row]))
        assert jacobian[row, column] == pytest.approx((moves[0] - moves[1]) / (2 * size), rel=1e-7)


def test_a_sensitivity_is_per_point_and_bumped_by_pips() -> None:
    assert unit_shift("FXFWD/RATE/EUR/USD/1Y", 186.0) == (1.0, "1 point")
    assert shift_size("FXFWD/RATE/EUR/USD/1Y", 186.0, 1e-6) == pytest.approx(1e-2)
