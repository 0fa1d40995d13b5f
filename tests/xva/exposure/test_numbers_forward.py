"""A forward at zero rates and its FVA, in closed form, through the engine on an equity forward.

The rows marked *continuous* are for one year with at least 1,000 dates, and dates here are days. Only ``lambda T`` and
``sigma sqrt(T)`` matter, so the same numbers are those of four years (1,460 days) with a quarter of the hazards and rates
and half the volatility; a derivative to that volatility is twice the printed one. The product pays a day after the last
date, so that the last bucket counts.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tests.support.flat_world import (
    BANK,
    COUNTERPARTY,
    FlatWorld,
    days_between,
    equity_vol_id,
    make_engine,
    run,
)
from tests.support.places import ORACLES
from tests.support.statistics import assert_within, three_sigma
from xva.adjustments.measures import XvaSpec
from xva.exposure.engine import ExposureEngine
from xva.sensitivities.bump import Revaluer
from xva.trades import EquityForward

NUMBERS = json.loads((ORACLES / "closed_forms.json").read_text())
ROW, FUNDED = NUMBERS["forward"], NUMBERS["forward_fva"]
AS_OF = "2025-01-01"
LAST = "2028-12-31"  # 1,460 days
PAYS = np.datetime64("2029-01-01", "D")
YEARS = 4.0
QUIET = 1e-7  # interest rate volatility: a model needs some


def forward(strike: float) -> EquityForward:
    return EquityForward(
        trade_id="FORWARD",
        netting_set="N",
        equity="EQ1",
        currency="EUR",
        side="long",
        quantity=1.0,
        strike=strike,
        maturity_date=PAYS,
    )


def no_rates(dates: np.ndarray, paths: int, scrambles: int = 32) -> ExposureEngine:
    world = FlatWorld(
        AS_OF,
        rates={"EUR": 0.0},
        sigmas={"EUR": QUIET},
        equities={"EQ1": (ROW["spot"], ROW["vol"] / math.sqrt(YEARS), 0.0)},
        hazards={COUNTERPARTY: ROW["hazard_c"] / YEARS, BANK: ROW["hazard_b"] / YEARS},
        recoveries={COUNTERPARTY: ROW["recovery_c"], BANK: ROW["recovery_b"]},
    )
    spec = XvaSpec(BANK, quadrature="trapezoid")
    return make_engine(
        world, [forward(ROW["strike"])], dates, paths, scrambles=scrambles, xva=spec, block_size=4096
    )


def test_expected_exposure() -> None:
    found = run(no_rates(days_between(AS_OF, LAST, 4), 65_536))
    assert found.year_fraction.values.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    exact = [ROW["ee_quarter"], ROW["ee_year"]]
    assert_within(found.ee[0, [1, 4]], found.epe_se[0, [1, 4]], exact)
    assert (three_sigma() * found.epe_se[0, [1, 4]] < 2e-4 * np.array(exact)).all(), "no power"
    np.testing.assert_allclose(found.ee[0, [1, 4]], exact, rtol=2e-4)
    assert_within(found.value[0], found.value_se[0], np.zeros(5), floor=0.0, more=1e-9)


@pytest.mark.slow
def test_continuous_rows() -> None:
    """Unilateral CVA, its derivative to volatility by AD, first-to-default CVA: 1,000 dates, 8,192 paths, one run."""
    engine = no_rates(days_between(AS_OF, LAST, 1000), 1024, scrambles=8)
    found = run(engine, adjoint=True).sel(netting_set="N")
    assert found.sizes["time"] == 1001
    cva = found.sel(measure="CVA")
    assert cva["xva"].item() == pytest.approx(ROW["cva_unilateral"], rel=1e-3)
    assert_within(cva["xva"], cva.xva_se, ROW["cva_unilateral"], scrambles=8, more=1e-5)
    vega = cva.sel(quote=equity_vol_id("EQ1"))
    got, se = vega.sensitivity.item() / math.sqrt(YEARS), vega.sensitivity_se.item() / math.sqrt(YEARS)
    assert got == pytest.approx(ROW["dcva_dvol"], rel=1e-3)
    assert_within(got, se, ROW["dcva_dvol"], scrambles=8, more=1e-4)
    both = found.sel(variant="CVA first_to_default")
    assert both.xva_variant.item() == pytest.approx(ROW["cva_first_to_default"], rel=1e-3)


def test_derivative_to_volatility_is_a_large_bump_on_the_same_paths() -> None:
    engine = no_rates(days_between(AS_OF, LAST, 16), 256)
    ad = run(engine, adjoint=True).sensitivity.sel(measure="CVA", netting_set="N", quote=equity_vol_id("EQ1"))
    bumped = Revaluer(engine).derivative(equity_vol_id("EQ1"), 1e-3)[0, 0]
    assert ad.item() == pytest.approx(bumped, rel=2e-3)


def test_fva_with_symmetric_funding() -> None:
    """``V0 (1 - exp(-sT))``: FCA - FBA weighs EPE - ENE, the constant mean value."""
    rate, funding = FUNDED["rate"] / YEARS, FUNDED["funding"] / YEARS
    strike = FUNDED["strike"] * math.exp(rate / 365.0)  # paid a day later
    world = FlatWorld(
        AS_OF,
        rates={"EUR": rate},
        sigmas={"EUR": QUIET},
        equities={"EQ1": (FUNDED["spot"], ROW["vol"] / math.sqrt(YEARS), 0.0)},
        borrow=funding,
        lend=funding,
    )
    spec = XvaSpec(BANK, funding="discounted_spread", quadrature="trapezoid")
    engine = make_engine(world, [forward(strike)], days_between(AS_OF, LAST, 20), 2048, xva=spec)
    found = run(engine)
    assert found.value0.item() == pytest.approx(FUNDED["value0"], rel=1e-11)
    fva = found.sel(measure="FVA", netting_set="N")
    assert_within(fva["xva"], fva.xva_se, FUNDED["fva"])
    assert fva["xva"].item() == pytest.approx(FUNDED["fva"], rel=1e-3)
