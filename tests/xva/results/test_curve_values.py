"""Today's value of later flows: against trade by trade, and what the table says of paths that miss it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.results.tables import sampling_lines
from tests.support.flat_book import FX_FIXING, cross_currency, day, present_value, swap, world
from tests.support.flat_world import FlatWorld, make_engine, run
from xva.results.curve_values import curve_values
from xva.trades import EquityOption

DATES = ["2026-01-15", "2029-07-20", "2034-01-15", "2036-02-03", "2044-06-01", "2045-02-01"]


def test_it_is_the_sum_of_what_each_trade_has_left() -> None:
    last, w = day("2045-01-15"), world()
    trades = [
        swap("A", "payer", 0.032, netting_set="N", maturity_date=last),
        swap(
            "B",
            "receiver",
            0.04,
            netting_set="N",
            currency="USD",
            index="USD-FLAT-ON",
            maturity_date=day("2036-02-03"),
        ),
        replace(cross_currency("C", "none"), netting_set="M", maturity_date=last),
    ]
    engine = make_engine(w, trades, DATES, 1, scrambles=2, fixings=FX_FIXING)
    found = curve_values(engine)
    for k, after in enumerate(engine.times):
        own = [float(present_value(t, w, after)) for t in trades]
        np.testing.assert_allclose(found[:, k], [own[0] + own[1], own[2]], rtol=1e-10, atol=1e-6)


@pytest.mark.parametrize("breaks", ["truncate", "ignore"])
def test_nothing_is_left_after_a_break_that_cuts(breaks: str) -> None:
    plain = swap("A", "payer", 0.032, maturity_date=day("2045-01-15"))
    trade = replace(plain, break_date=day("2034-01-15"))
    found, whole = (
        curve_values(make_engine(world(), [t], DATES, 1, scrambles=2, breaks=breaks))[0]  # type: ignore[arg-type]
        for t in (trade, plain)
    )
    cut = 3 if breaks == "truncate" else len(whole)  # today and two dates
    np.testing.assert_allclose(found[:cut], whole[:cut], rtol=1e-13)
    assert not found[cut:].any()


def test_options_are_not_on_the_curve() -> None:
    option = EquityOption(
        trade_id="O", netting_set="N", equity="EQ1", currency="EUR", side="long", option_type="call", quantity=1.0,
        strike=100.0, expiry_date=day("2028-01-15"),
    )  # fmt: skip
    trades = [swap("A", "payer", 0.032, netting_set="N"), option, swap("B", "payer", 0.03, netting_set="M")]
    found = curve_values(make_engine(world(), trades, DATES, 1, scrambles=2))
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def told(kappa: float, sigma: float) -> list[str]:
    w = FlatWorld(rates={"EUR": 0.03}, kappas={"EUR": kappa}, sigmas={"EUR": sigma})
    trade = swap("A", "payer", 0.032, maturity_date=day("2085-01-15"), fixed_frequency="1Y")
    dates = np.array([f"{2025 + k}-01-15" for k in range(5, 60, 5)], dtype="datetime64[D]")
    return [line.plain for line in sampling_lines(run(make_engine(w, [trade], dates, 256, scrambles=8)))]


def test_paths_that_miss_what_a_swap_is_worth_are_told() -> None:
    (line,) = told(-0.03, 0.02)
    assert line.startswith("Do not trust the ± of N: the paths' mean value on 20")


def test_nothing_is_told_of_an_ordinary_market() -> None:
    assert not told(0.02, 0.008)
