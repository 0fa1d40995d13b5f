"""Hedges in a market of a few quotes whose moves are known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from pipelines.reports.sensitivity_plots import plot_heat_map, plot_hedge, plot_ladder
from pipelines.results.hedge import suggest_hedge
from pipelines.results.sensitivities import Sensitivities
from xva.errors import DomainError
from xva.hedging.market_instruments import Instruments
from xva.hedging.moves import QuoteMoves

IDS = tuple(f"IR_SWAP/RATE/{c}/2D/1D/{t}" for c in ("EUR", "USD") for t in ("1Y", "5Y", "10Y"))
SHIFT = 1e-4


def sensitivities(values: list[float], measure: str = "CVA") -> Sensitivities:
    data = xr.Dataset(
        {"sensitivity": (("quote",), np.array(values)), "standard_error": (("quote",), np.full(6, 1e3))},
        {
            "quote": list(IDS),
            "quote_family": ("quote", ["OIS"] * 6),
            "quote_curve": ("quote", ["EUR-ESTR"] * 3 + ["USD-SOFR"] * 3),
            "quote_currency": ("quote", ["EUR"] * 3 + ["USD"] * 3),
            "quote_tenor": ("quote", ["1Y", "5Y", "10Y"] * 2),
            "shift": ("quote", [SHIFT] * 6),
            "shift_name": ("quote", ["1 bp"] * 6),
        },
    )
    return Sensitivities(measure, "TOTAL", "EUR", data)


@pytest.fixture
def swaps() -> Instruments:
    annuities = np.array([1.0, 4.7, 9.0, 0.9, 4.2, 8.0])
    return Instruments(IDS, IDS, ("par swap",) * 6, ("1 notional, payer",) * 6, np.diag(annuities))


@pytest.fixture
def moves() -> QuoteMoves:
    """One factor for each currency, 50 bp a year, and nothing else."""
    factors = np.random.default_rng(7).standard_normal((4000, 2)) * 5e-3
    factors -= factors.mean(0)
    return QuoteMoves(IDS, np.repeat(factors, 3, axis=1), np.datetime64("2026-04-15"), 0.25)


CVA = [1e6, 2e6, -5e6, 0.0, 3e5, 8e6]


def test_every_rung_is_flattened_by_its_own_swap(swaps: Instruments, moves: QuoteMoves) -> None:
    hedge = suggest_hedge(sensitivities(CVA), swaps, moves, remaining=0.0)
    frame = hedge.to_frame()
    assert len(frame) == 5
    assert frame.index[0] == IDS[5]
    # a cost that rises with the rate is hedged by paying fixed
    assert frame.loc[IDS[5], "amount"] == pytest.approx(8e6 / 8.0)
    assert frame.loc[IDS[2], "amount"] == pytest.approx(-5e6 / 9.0)
    assert hedge.ladder_removed == pytest.approx(1.0)
    assert hedge.variance_removed == pytest.approx(1.0)
    np.testing.assert_allclose(hedge.ladder()["after"], 0.0, atol=1e-6)
    np.testing.assert_allclose(hedge.results()["after"], 0.0, atol=1e-3)


def test_a_benefit_is_hedged_the_other_way_round(swaps: Instruments, moves: QuoteMoves) -> None:
    cost, benefit = (
        suggest_hedge(sensitivities(CVA, m), swaps, moves, remaining=0.0).to_frame() for m in ("CVA", "DVA")
    )
    np.testing.assert_allclose(cost["amount"], -benefit["amount"])


def test_with_correlations_one_swap_stands_for_a_curve(swaps: Instruments, moves: QuoteMoves) -> None:
    hedge = suggest_hedge(sensitivities(CVA), swaps, moves, objective="variance", remaining=0.05, at_most=6)
    assert len(hedge.instruments.own) == 2
    assert {i.split("/")[2] for i in hedge.instruments.own} == {"EUR", "USD"}
    assert hedge.variance_removed > 0.995
    assert hedge.ladder_removed < 0.9


def test_the_variance_removed_is_that_of_the_results(swaps: Instruments, moves: QuoteMoves) -> None:
    hedge = suggest_hedge(sensitivities(CVA), swaps, moves, remaining=0.0, at_most=2)
    found = hedge.results().var()
    assert hedge.variance_removed == pytest.approx(1.0 - found["after"] / found["before"], rel=1e-6)
    before = np.array(CVA) @ np.cov(moves.values.T) @ np.array(CVA)
    assert found["before"] == pytest.approx(before, rel=1e-9)
    frame = hedge.to_frame()
    assert frame["ladder_left"].is_monotonic_decreasing
    assert frame["variance_left"].iloc[-1] == pytest.approx(1.0 - hedge.variance_removed)
    assert "variance removed" in repr(hedge)
    assert "ladder_left" in hedge._repr_html_()


def test_several_measures_or_other_quotes_are_refused(swaps: Instruments, moves: QuoteMoves) -> None:
    one = sensitivities(CVA)
    wide = one.data.expand_dims({"measure": ["CVA"]})
    with pytest.raises(DomainError, match="one measure of one netting set"):
        suggest_hedge(Sensitivities("CVA", "TOTAL", "EUR", wide), swaps, moves)
    part = Sensitivities("CVA", "TOTAL", "EUR", one.data.isel(quote=slice(0, 3)))
    with pytest.raises(DomainError, match="the same quotes"):
        suggest_hedge(part, swaps, moves)
    with pytest.raises(DomainError, match="not flat already"):
        suggest_hedge(sensitivities([0.0] * 6), swaps, moves)
    with pytest.raises(DomainError, match="objective: expected ladder or variance, got 'beauty'"):
        suggest_hedge(one, swaps, moves, objective="beauty")  # type: ignore[arg-type]


def test_pictures_show_every_rung(swaps: Instruments, moves: QuoteMoves) -> None:
    one = sensitivities(CVA)
    ladder = plot_ladder(one)
    panels = [a for a in ladder.axes if a.axison]
    assert [a.get_title(loc="left") for a in panels] == ["EUR-ESTR", "USD-SOFR"]
    heights = [p.get_height() for p in panels[1].patches]
    np.testing.assert_allclose(heights, [SHIFT * v for v in CVA[3:]])
    assert [t.get_text() for t in panels[1].get_xticklabels()] == ["1Y", "5Y", "10Y"]
    cells = {t.get_text() for t in plot_heat_map(one).axes[0].texts}
    assert cells == {"100", "200", "-500", "0", "30", "800"}
    hedge = suggest_hedge(one, swaps, moves, remaining=0.0)
    left, right = plot_hedge(hedge).axes
    assert len(left.lines[0].get_xdata()) == 6
    assert right.get_title(loc="left") == "Variance removed: 100.0%"


def test_a_picture_of_two_kinds_is_refused() -> None:
    one = sensitivities(CVA)
    mixed = one.data.assign_coords(shift_name=("quote", ["1 bp"] * 5 + ["1 %"]))
    with pytest.raises(DomainError, match="one kind of shift, got 1 bp, 1 %"):
        plot_ladder(Sensitivities("CVA", "TOTAL", "EUR", mixed))
