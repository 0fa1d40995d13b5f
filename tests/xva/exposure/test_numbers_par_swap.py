"""CVA of a par swap through the engine: its EPE are European swaptions (Sorensen & Bollier 1994)."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.support.flat_world import BANK, COUNTERPARTY, FlatWorld, make_engine, run
from tests.support.places import ORACLES
from tests.support.statistics import assert_within
from xva.adjustments.measures import XvaSpec
from xva.exposure.engine import ExposureEngine
from xva.trades import InterestRateSwap

SWAP = json.loads((ORACLES / "closed_forms.json").read_text())["par_swap_cva"]
PAR = 0.030454789387
ANNIVERSARIES = [f"{2026 + k}-01-02" for k in range(1, 11)]


def engine(paths_per_scramble: int, quadrature: str = "right") -> ExposureEngine:
    world = FlatWorld(
        SWAP["as_of"],
        hazards={COUNTERPARTY: SWAP["hazard"], BANK: 0.01},
        recoveries={COUNTERPARTY: 1.0 - SWAP["lgd"], BANK: 0.4},
    )
    swap = InterestRateSwap(
        trade_id="SWAP",
        netting_set="N",
        currency="EUR",
        notional=1e4,
        side="payer",
        fixed_rate=PAR,
        index="EUR-FLAT-6M",
        start_date=world.day,
        maturity_date=np.datetime64("2036-01-02"),
        fixed_day_count="A365",
    )
    spec = XvaSpec(BANK, quadrature=quadrature)  # type: ignore[arg-type]
    return make_engine(world, [swap], ANNIVERSARIES, paths_per_scramble, xva=spec)


def test_epe_profile_on_8192_paths() -> None:
    found = run(engine(256))
    assert found.attrs["paths"] == 8192
    assert found.value0.item() == pytest.approx(0.0, abs=1e-6)  # par to the digits printed, in bp
    assert_within(found.epe[0, 1:10], found.epe_se[0, 1:10], SWAP["epe"], more=1e-4)
    assert found.epe[0, 10].item() == 0.0  # flows on the last date are excluded


def test_epe_profile_to_five_hundredths_of_a_percent() -> None:
    found = run(engine(8192))
    np.testing.assert_allclose(found.epe[0, 1:10], SWAP["epe"], rtol=5e-4)
    assert_within(found.epe[0, 1:10], found.epe_se[0, 1:10], SWAP["epe"], more=1e-4)


@pytest.mark.parametrize(("quadrature", "row"), [("right", "cva_right"), ("trapezoid", "cva_trapezoid")])
def test_cva(quadrature: str, row: str) -> None:
    found = run(engine(2048, quadrature)).sel(measure="CVA", netting_set="N")
    assert_within(found["xva"], found.xva_se, SWAP[row], more=1e-5)
    assert found["xva"].item() == pytest.approx(SWAP[row], rel=5e-4)
