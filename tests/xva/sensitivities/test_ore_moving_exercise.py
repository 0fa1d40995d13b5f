"""Sensitivities of the physically settled swaption's CVA and DVA with the exercise boundary moving.

AD differentiates a soft exercise of width 0.02 standard deviations. Its error here: three standard errors plus the change
under half that width. The references are a quadrature's, and central differences of this folder's own quadrature.
"""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tests.support.flat_world import make_engine, rate_id, sigma_id
from tests.support.ore_cases import (
    FIXING,
    RATE,
    SIGMA,
    TRADES,
    dates_of,
    exact_measures,
    swaption_profile,
    world,
)
from tests.support.statistics import three_sigma
from xva.exposure.block import closed_form_adjoint as block_adjoint
from xva.exposure.engine import ExposureEngine
from xva.results.labelled import results

NAME = "swaption_euro_phys_5x5"
BP = 1e-4
REFERENCE = {
    ("CVA", rate_id("EUR")): 131.08,
    ("DVA", rate_id("EUR")): 0.724,
    ("CVA", sigma_id("EUR")): 251.82,
    ("DVA", sigma_id("EUR")): 2.459,
}
PRINTED = {131.08: 0.005, 0.724: 0.0005, 251.82: 0.005, 2.459: 0.0005}
NAMES = [f"{measure} to {quote.split('/')[0]}" for measure, quote in REFERENCE]


def engine(width: float, paths_per_scramble: int = 2048) -> ExposureEngine:
    dates = dates_of(NAME)[1:]
    return make_engine(world(), [TRADES[NAME]], dates, paths_per_scramble, width=width, fixings=FIXING)


def differentiated(width: float, paths_per_scramble: int = 2048) -> xr.Dataset:
    e = engine(width, paths_per_scramble)
    plan = e.plan(adjoint=True)
    return results(e, plan.data, [plan.run(b).sums for b in range(plan.n_blocks)])


def per_bp(found: xr.Dataset, measure: str, quote: str) -> tuple[float, float]:
    at = {"measure": measure, "quote": quote}
    return BP * found.sensitivity.sel(at).item(), BP * found.sensitivity_se.sel(at).item()


@pytest.mark.parametrize(("measure", "quote"), REFERENCE, ids=NAMES)
def test_the_quadrature_gives_the_printed_numbers(measure: str, quote: str) -> None:
    def shifted(sign: float) -> float:
        step = sign * 0.1 * BP
        moved = (RATE + step, SIGMA) if quote == rate_id("EUR") else (RATE, SIGMA + step)
        return exact_measures(NAME, *swaption_profile(*moved))[measure]

    printed = REFERENCE[measure, quote]
    assert (shifted(1.0) - shifted(-1.0)) / 0.2 == pytest.approx(printed, abs=2.0 * PRINTED[printed])


def check_values(found: xr.Dataset) -> None:
    """Reported values use the exact exercise; the soft ones stand beside them with the change under half the width."""
    exact = exact_measures(NAME, *swaption_profile())
    for measure in ("CVA", "DVA"):
        at = found.sel(measure=measure)
        change = abs(at.xva_half - at.xva_soft).item()
        assert abs(at["xva"].item() - exact[measure]) <= three_sigma() * at.xva_se.item()
        assert np.isfinite([at.xva_soft.item(), at.xva_half.item()]).all()
        assert abs(at.xva_soft - at["xva"]).item() <= 3.0 * change + three_sigma() * at.xva_se.item()


def test_ad_through_the_soft_exercise() -> None:
    base, half = (differentiated(width).isel(netting_set=0) for width in (0.02, 0.01))
    for (measure, quote), reference in REFERENCE.items():
        got, se = per_bp(base, measure, quote)
        narrow, _ = per_bp(half, measure, quote)
        allowed = three_sigma() * se + abs(narrow - got) + PRINTED[reference]
        assert got == pytest.approx(reference, abs=allowed), (measure, quote)
        if measure == "CVA":
            assert got == pytest.approx(reference, rel=1e-2)
    check_values(base)


@pytest.mark.slow
def test_a_frozen_exercise_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the boundary's part dCVA/drate is 5.2 % too small and dDVA/drate has the wrong sign."""
    with monkeypatch.context() as patch:
        patch.setattr(block_adjoint, "decisions", lambda *_: [])
        frozen = differentiated(0.02, 1024).isel(netting_set=0)
    got, se = per_bp(frozen, "CVA", rate_id("EUR"))
    assert abs(got - 131.08) > 5.0 * three_sigma() * se
    assert got / 131.08 - 1.0 == pytest.approx(-0.052, abs=0.01)
    assert per_bp(frozen, "DVA", rate_id("EUR"))[0] < 0.0 < REFERENCE["DVA", rate_id("EUR")]
