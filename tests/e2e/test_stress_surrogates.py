"""Scenarios on a book with surrogates: learned anew they are a fresh run's, reused they are near it and say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipelines
from pipelines import ExposureJob
from pipelines.jobs.inputs import load_job
from pipelines.reports.html.build import build_report
from pipelines.results.run import Run
from pipelines.runs.computation import Exposure
from surrogates.book.book import LearnedBook
from surrogates.book.stress import certified
from tests.support.small_job import BERMUDAN, SWAPS, own_products, write_job
from xva.exposure.engine import ExposureEngine
from xva.market.quotes import QuoteSet
from xva.market.shocks import Scenario, ScenarioSet, Selector, parallel, shifted
from xva.scenarios.prepare import StressOptions


@pytest.fixture(scope="module", autouse=True)
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with own_products(tmp_path_factory.mktemp("python") / "path") as file:
        yield file


def write(folder: Path, sensitivities: bool) -> Path:
    return write_job(
        folder, {"bermudan_swaptions": [BERMUDAN]}, {"swaps": SWAPS}, sensitivities=sensitivities
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return ExposureJob.from_toml(write(tmp_path_factory.mktemp("base") / "job", False)).run("serial")


@pytest.fixture(scope="module")
def rates_up() -> ScenarioSet:
    up = parallel(Selector(families=("OIS", "IBOR swap")), 0.0025)
    return ScenarioSet("rates", (Scenario("up", (up,)),))


@pytest.mark.slow
def test_learned_anew_a_scenario_is_a_fresh_run_to_the_last_bit(
    base: Run, rates_up: ScenarioSet, tmp_path: Path
) -> None:
    stressed = pipelines.stress(base, rates_up, "serial", output=tmp_path)
    file = write(tmp_path / "job", False)
    first = ExposureJob.from_toml(file).loaded
    quotes = shifted(first.quotes, rates_up.scenarios[0], first.as_of)
    rows = (f"{i},{v!r}" for i, v in zip(quotes.ids, quotes.values.tolist()))
    (file.parent / "quotes.csv").write_text("\n".join(["quote_id,value", *rows, ""]))
    fresh = ExposureJob.from_toml(file).run("serial")
    mine = stressed.xva.sel(scenario="up")
    for here, there in (("stressed", "xva"), ("stressed_se", "xva_se"), ("epe", "epe")):
        np.testing.assert_array_equal(mine[here], fresh.xva[there])
    assert stressed.xva.attrs["surrogates"] == "learned anew"


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("reused", "reused, not certified"),
        pytest.param(
            "certified",
            "reused where certified on the scenario's market, else learned anew",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_reused_surrogates_are_near_and_flagged(
    base: Run, rates_up: ScenarioSet, tmp_path: Path, how: Any, told: str
) -> None:
    anew = pipelines.stress(base, rates_up, "serial", output=tmp_path).xva
    child = pipelines.stress(base, rates_up, "serial", output=tmp_path, options=StressOptions(surrogates=how))
    kept, rough = child.xva, how == "reused"
    assert ("APPROXIMATION" in str(child.stress.table().title)) == rough
    assert ("% of it (A in up)" in str(child.stress.table().caption)) == rough
    assert ("Error of CVA by reused surrogates" in build_report(base, [child])) == rough
    assert child.stress.report()["Approximation"].str.startswith("approximation").all() == rough
    assert ("approximation: surrogates" in build_report(base, [child])) == rough
    assert kept.attrs["surrogates"] == told
    tolerance = base.manifest.identity.job["job"]["surrogates"]["tolerance"]
    gap = np.abs((kept["total_stressed"] - anew["total_stressed"]).values)
    assert (gap <= tolerance * np.abs(anew["total_stressed"].values)).all()


@pytest.mark.slow
def test_the_error_of_reused_surrogates_is_measured(base: Run, tmp_path: Path) -> None:
    """On so small a run it is measured on all its paths, and training is the run's own: reused less anew, to rounding."""
    vols = Scenario("vols", (parallel(Selector(families=("swaption vol",)), -0.002),))
    credit = Scenario("credit", (parallel(Selector(families=("CDS",)), 0.001),))
    scenarios = ScenarioSet("measured", (vols, credit))
    options = StressOptions(surrogates="reused")
    anew = pipelines.stress(base, scenarios, "serial", output=tmp_path).xva
    child = pipelines.stress(base, scenarios, "serial", output=tmp_path, options=options)
    kept = child.xva
    off = (kept["stressed"] - anew["stressed"]).sel(netting_set="A", scenario="vols")
    size = anew["stressed"].sel(netting_set="A", scenario="vols", measure="CVA")
    assert float(abs(off.sel(measure="CVA"))) > 0.005 * float(size)  # of a tolerance of 1e-9
    found = kept["reused_error"].sel(netting_set="A", scenario="vols")
    np.testing.assert_allclose(found, off, rtol=1e-9, atol=1e-6)
    total = kept["total_reused_error"].sel(scenario="vols")
    np.testing.assert_allclose(total, off, rtol=1e-9, atol=1e-6)  # the other sets have nothing to reuse
    error = kept["reused_error_se"].sel(netting_set="A", scenario="vols", measure="CVA")
    assert (
        0.0 < float(error) < float(kept["stressed_se"].sel(netting_set="A", scenario="vols", measure="CVA"))
    )
    assert float(abs(kept["reused_error"].sel(scenario="credit")).max()) == 0.0  # it moves no path
    row = child.stress.to_frame("CVA", "A").loc[("vols", "CVA")]
    assert row["reused_error_percent"] == pytest.approx(100.0 * row["reused_error"] / row["stressed"])
    report = child.stress.report().set_index(["Scenario", "NettingSetId", "Measure"])
    assert report.loc[("vols", "A", "CVA"), "ReusedError"] == row["reused_error"]


def test_a_surrogate_is_reused_where_it_earns_a_certificate_and_only_there(tmp_path: Path) -> None:
    exposure = Exposure(load_job(write(tmp_path / "job", False)))
    book, asked = exposure.learned, []

    def anew(engine: ExposureEngine) -> LearnedBook:
        asked.append(engine)
        return book

    learn = certified(book, anew)
    here = learn(exposure.engine)
    assert not asked
    assert [t.pricer for t in here.trained.values()] == [t.pricer for t in book.trained.values()]
    rates = [i for i in exposure.engine.quotes.ids if i.startswith("IR_SWAP/RATE/EUR")]
    values = exposure.engine.quotes.values.clone()
    values[[exposure.engine.quotes.index[i] for i in rates]] += 0.02
    learn(exposure.engine.on_quotes(QuoteSet(exposure.engine.quotes.ids, values)))
    assert len(asked) == 1
