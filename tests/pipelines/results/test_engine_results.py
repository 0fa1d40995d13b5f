"""The results of a small run of the demo bank: identities, standard errors, a bump as second opinion."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from pipelines import open_run
from pipelines.jobs.inputs import load_job
from pipelines.runs.computation import Exposure
from tests.support.bank_run import BLOCK, BankRun
from xva.adjustments import cva_weights
from xva.adjustments.registry import MEASURES
from xva.results.labelled import MEASURE_NAMES
from xva.sensitivities.bump import Revaluer


@pytest.fixture(scope="module")
def exposure(bank_run: BankRun) -> Exposure:
    return Exposure(load_job(bank_run.job))


@pytest.fixture(scope="module")
def results(bank_run: BankRun) -> xr.Dataset:
    return open_run(bank_run.folder).xva


@pytest.mark.parametrize("name", ["xva", "total", "sensitivity", "total_sensitivity"])
def test_fva_is_made_of_fca_and_fba(results: xr.Dataset, name: str) -> None:
    one = {m: results[name].sel(measure=m).values for m in MEASURE_NAMES}
    np.testing.assert_allclose(one["FVA"], one["FCA"] - one["FBA"], rtol=1e-9, atol=1e-6)


def test_totals_are_sums_and_their_errors_are_not(results: xr.Dataset) -> None:
    xr.testing.assert_allclose(results["total"], results["xva"].sum("netting_set"))
    xr.testing.assert_allclose(results["total_sensitivity"], results["sensitivity"].sum("netting_set"))
    assert (results["total_se"] < results["xva_se"].sum("netting_set")).all()


def test_cva_is_the_weights_times_the_reported_epe(exposure: Exposure, results: xr.Dataset) -> None:
    market, times = exposure.engine.world.market, results["year_fraction"].values
    for name, credit in zip(results["netting_set"].values, exposure.engine.credit):
        survival = market.survival_curve(credit).survival(times).detach()
        weights = cva_weights(times, survival, None, 1.0 - market.recovery(credit).detach())
        expected = weights.numpy() @ results["epe"].sel(netting_set=name).values
        assert float(results["xva"].sel(netting_set=name, measure="CVA")) == pytest.approx(
            expected, rel=1e-12
        )


def test_standard_errors_are_the_spread_of_the_scrambles(exposure: Exposure, results: xr.Dataset) -> None:
    """One block per scramble here: the error of EPE is that of eight independent means."""
    plan = exposure.engine.plan(adjoint=False)
    means = np.stack([plan.run(b).sums["epe"] / BLOCK for b in range(plan.n_blocks)])
    np.testing.assert_allclose(results["epe"], means.mean(0), rtol=1e-12)
    np.testing.assert_allclose(results["epe_se"], means.std(0, ddof=1) / np.sqrt(8), rtol=1e-9, atol=1e-9)


def test_without_survivals_funding_costs_more(results: xr.Dataset) -> None:
    fca = [
        results["xva_variant"].sel(variant=f"FCA {name}")
        for name in ("spread", "spread_ex_own", "spread_ex_all")
    ]
    np.testing.assert_allclose(fca[0], results["xva"].sel(measure="FCA"))
    assert (fca[0].values < fca[1].values).all()
    assert (fca[1].values < fca[2].values).all()


@pytest.mark.parametrize(
    ("quote", "amount"),
    [
        ("CDS/CREDIT_SPREAD/CPTY_C/SR/EUR/5Y", 1e-6),
        ("FX/RATE/EUR/USD", 1e-5),
        pytest.param("IR_SWAP/RATE/USD/2D/1D/10Y", 1e-6, marks=pytest.mark.slow),
        pytest.param("SWAPTION/RATE_NVOL/USD/10Y/10Y/ATM", 1e-7, marks=pytest.mark.slow),
        pytest.param("RECOVERY_RATE/RATE/BANK/SR/EUR", 1e-5, marks=pytest.mark.slow),
    ],
)
def test_sensitivities_against_recalibrated_bumps(
    exposure: Exposure, results: xr.Dataset, quote: str, amount: float
) -> None:
    bumped = Revaluer(exposure.engine).derivative(quote, amount)
    got = results["sensitivity"].sel(measure=list(MEASURES), quote=quote).values
    np.testing.assert_allclose(got, bumped, rtol=2e-4, atol=2e-4 * np.abs(bumped).max())


def test_labels(results: xr.Dataset) -> None:
    fx = results.sel(quote="FX/RATE/EUR/USD")
    assert (str(fx["quote_family"].values), str(fx["quote_curve"].values)) == ("FX", "EUR/USD")
    assert float(fx["shift"]) == pytest.approx(0.01 * float(fx["quote_value"]))
    assert results.attrs["variant"] == "unilateral"
    assert list(results["measure"].values) == list(MEASURE_NAMES)
