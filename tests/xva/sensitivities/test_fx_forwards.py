"""A curve from FX forwards when the spot moves: sensitivities by both methods, scenarios, against basis swaps' curve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import pipelines
from pipelines.jobs.inputs import load_job
from pipelines.runs.computation import Exposure
from pipelines.runs.stress import stress
from tests.support.small_market import CDS, EUR, FORWARD, JOB, USD, written
from xva.errors import DomainError, InputErrors
from xva.exposure.engine import ExposureEngine
from xva.market.fx_forwards import as_points
from xva.market.quotes import QuoteSet
from xva.market.shocks import FxForwards, Scenario, ScenarioSet, Selector, parallel
from xva.sensitivities.by_quote import sensitivities
from xva.sensitivities.fx_kept import curve_kept_sensitivities

SPOT = "FX/RATE/EUR/USD"
TENORS = ("1M", "6M", "1Y", "2Y", "3Y")
NO_BASIS = {i: v for i, v in USD.items() if not i.startswith("CC_BASIS")}


def outrights(tmp_path: Path) -> dict[str, float]:
    """Forwards of the market that is quoted by basis swaps, at its curves' own prices."""
    engine = Exposure(
        load_job(written(tmp_path / "basis", EUR | USD | CDS, "fx_forwards.csv", FORWARD))
    ).engine
    market, found = engine.world.market, {}
    ends = (
        "2026-04-06",
        "2026-09-04",
        "2027-03-04",
        "2028-03-06",
        "2029-03-05",
    )  # 2026-03-04 and the tenor, adjusted
    for tenor, end in zip(TENORS, ends):
        t = _years(end)
        forward = market.discount_curve("EUR").discount(t) / market.discount_curve("USD").discount(t)
        found[f"FXFWD/PRICE/EUR/USD/{tenor}"] = USD[SPOT] * float(forward.detach())
    return found


def _years(end: str) -> float:
    return int((np.datetime64(end, "D") - np.datetime64("2026-03-02", "D")).astype(np.int64)) / 365.0


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("fx")
    forwards = outrights(folder)
    job = JOB.replace("sensitivities = false", "sensitivities = true")
    return {
        "basis": written(folder / "basis", EUR | USD | CDS, "fx_forwards.csv", FORWARD, job),
        "outrights": written(
            folder / "out", EUR | NO_BASIS | CDS | forwards, "fx_forwards.csv", FORWARD, job
        ),
        "points": written(
            folder / "pts", as_points(EUR | NO_BASIS | CDS | forwards), "fx_forwards.csv", FORWARD, job
        ),
    }


@pytest.fixture(scope="module")
def engine(files: dict[str, Path]) -> ExposureEngine:
    return Exposure(load_job(files["outrights"])).engine


def cva(found: xr.Dataset, quote: str) -> float:
    return float(found["total_sensitivity"].sel(measure="CVA", quote=quote))


@pytest.mark.parametrize("kept", ["points", "curve"])
def test_both_methods_keep_the_same(engine: ExposureEngine, kept: FxForwards) -> None:
    chosen = [SPOT, "FXFWD/RATE/EUR/USD/2Y"]
    aad, bump = (
        sensitivities(engine, ["CVA"], method, chosen, fx_forwards=kept)  # type: ignore[arg-type]
        for method in ("aad", "bump")
    )
    assert aad.attrs["fx_forwards"] == bump.attrs["fx_forwards"] == f"{kept} kept"
    for quote in chosen:
        assert abs(cva(aad, quote)) > 0.0
        assert cva(bump, quote) == pytest.approx(cva(aad, quote), rel=1e-5)
    np.testing.assert_allclose(bump["sensitivity_se"], aad["sensitivity_se"], rtol=1e-4)


def test_with_the_curve_kept_it_is_the_sensitivity_of_a_market_quoted_by_basis_swaps(
    engine: ExposureEngine, files: dict[str, Path]
) -> None:
    """Curves agree at the forwards' dates; between them they are interpolated on other pillars."""
    basis = Exposure(load_job(files["basis"])).engine
    expected = cva(sensitivities(basis, ["CVA"]), SPOT)
    kept = sensitivities(engine, ["CVA"], fx_forwards="curve")
    assert cva(kept, SPOT) == pytest.approx(expected, rel=2e-3)
    points = sensitivities(engine, ["CVA"])
    assert abs(cva(points, SPOT) / expected - 1.0) > 5e-3
    after = curve_kept_sensitivities(points)
    assert cva(after, SPOT) == pytest.approx(cva(kept, SPOT), rel=1e-12)
    for name in ("sensitivity_se", "total_sensitivity_se"):
        np.testing.assert_allclose(after[name], kept[name], rtol=1e-9, atol=1e-12)
    bound = curve_kept_sensitivities(points.drop_vars("sensitivity_samples"))
    assert cva(bound, SPOT) == pytest.approx(cva(kept, SPOT), rel=1e-12)
    assert (bound["total_sensitivity_se"] >= kept["total_sensitivity_se"] * (1.0 - 1e-9)).all()
    with pytest.raises(DomainError, match="expected FX forwards with points kept, got curve kept"):
        curve_kept_sensitivities(kept)


@pytest.mark.slow
def test_a_run_and_its_stress_say_what_is_kept(files: dict[str, Path], tmp_path: Path) -> None:
    """Outrights did nothing when the spot moved: CVA changed by 0.000, and its FX sensitivity was 0.0."""
    runs = {name: pipelines.ExposureJob.from_toml(file).run("serial") for name, file in files.items()}
    weaker = parallel(Selector(("FX/RATE/EUR/*",)), -0.1, "relative")
    scenarios = ScenarioSet(
        "fx", (Scenario("points", (weaker,)), Scenario("curve", (weaker,), fx_forwards="curve"))
    )
    change = {}
    for name, run in runs.items():
        found = stress(run, scenarios).stress
        change[name] = {
            s: float(found.results["total_change"].sel(scenario=s, measure="CVA"))
            for s in ("points", "curve")
        }
        kept = {} if name == "basis" else {"points": "points", "curve": "curve"}
        assert found.fx_forwards == kept
        assert run.sensitivities("CVA").data.attrs["fx_forwards"] == "points kept"
    told = found.notes().plain
    assert "FX forwards keep their points where the spot moves: points" in told
    assert "FX forwards keep the curve they build where the spot moves: curve" in told
    assert change["outrights"] == pytest.approx(change["points"], rel=1e-8)
    assert change["points"]["curve"] == pytest.approx(change["basis"]["curve"], rel=2e-3)
    assert change["points"]["points"] == pytest.approx(change["basis"]["points"], rel=0.1)
    assert abs(change["points"]["points"] / change["basis"]["points"] - 1.0) > 5e-3
    curve = runs["outrights"].sensitivities("CVA", fx_forwards="curve")
    assert curve.data.attrs["fx_forwards"] == "curve kept"
    expected = float(runs["basis"].sensitivities("CVA").data["sensitivity"].sel(quote=SPOT))
    assert float(curve.data["sensitivity"].sel(quote=SPOT)) == pytest.approx(expected, rel=2e-3)


def test_a_job_states_its_own_factor(tmp_path: Path, files: dict[str, Path]) -> None:
    points = load_job(files["points"]).quotes
    ids = [i for i in points.ids if i.startswith("FXFWD")]
    scaled = dict(zip(points.ids, points.values.tolist())) | {i: float(points[i]) / 100.0 for i in ids}
    job = JOB + '[market]\npoints_factor = { "EUR/USD" = 100 }\n'
    loaded = load_job(written(tmp_path, scaled, "fx_forwards.csv", FORWARD, job))
    found, expected = (Exposure(j).engine.world.market.curves for j in (loaded, load_job(files["points"])))
    np.testing.assert_allclose(
        found["USD-IN-EUR"].log_discounts, expected["USD-IN-EUR"].log_discounts, rtol=1e-9
    )
    assert isinstance(loaded.quotes, QuoteSet)
    bad = JOB + '[market]\npoints_factor = { "EURUSD" = 100, "EUR/JPY" = 0 }\n'
    with pytest.raises(InputErrors, match="a pair of currencies such as EUR/JPY") as error:
        load_job(written(tmp_path, scaled, "fx_forwards.csv", FORWARD, bad))
    assert "greater than 0" in error.value.message


def test_outrights_under_the_key_of_points_are_named_with_their_rows(
    tmp_path: Path, files: dict[str, Path]
) -> None:
    forwards = {i.replace("PRICE", "RATE"): v for i, v in outrights(tmp_path).items()}
    with pytest.raises(InputErrors) as error:
        load_job(written(tmp_path, EUR | NO_BASIS | CDS | forwards, "fx_forwards.csv", FORWARD))
    assert len(error.value.problems) == len(TENORS)
    assert "like an outright on a spot of 1.17" in error.value.message
    wrong = {i: 1e4 * (v - 1.17) for i, v in outrights(tmp_path).items()}
    with pytest.raises(
        InputErrors, match=r"quotes.csv, row \d+, quote FXFWD/PRICE/EUR/USD/1Y: expected an outright"
    ):
        load_job(written(tmp_path, EUR | NO_BASIS | CDS | wrong, "fx_forwards.csv", FORWARD))
