"""``pipelines.explain``: every step against runs of jobs written by hand, the market's against the runs' own difference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import pipelines
from pipelines.jobs.scenarios import read_scenarios
from pipelines.results.explain import Explanation
from pipelines.results.run import Run
from pipelines.runs.stress import StressJob
from tests.support import market_days as days
from tests.support.small_job import FORWARD, own_products, write_job
from xva.errors import DomainError

PARTS = ("first", "second_own", "second_cross")
SCENARIOS = """
name = "two"
[[scenario]]
name = "up"
shifts = [{ families = ["OIS", "IBOR swap"], currencies = "EUR", absolute = "25bp" }]
[[scenario]]
name = "up_wider"
shifts = [
  { families = ["OIS", "IBOR swap"], currencies = "EUR", absolute = "1bp" },
  { families = "CDS", relative = "5%" },
]
"""


def run(job: Path) -> Run:
    return pipelines.ExposureJob.from_toml(job).run("serial")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("days")


@pytest.fixture(scope="module")
def runs(folder: Path) -> tuple[Run, Run]:
    first = days.market_day(folder / "a", days.FIRST, days.FIRST_BOOK, days.first_quotes())
    second = days.market_day(
        folder / "b", days.SECOND, days.SECOND_BOOK, days.second_quotes(), sensitivities=True
    )
    return run(first), run(second)


@pytest.fixture(scope="module")
def explained(runs: tuple[Run, Run]) -> Explanation:
    return pipelines.explain(*runs)


def level(explained: Explanation, step: str) -> xr.DataArray:
    """Measures after a step."""
    steps = explained.data["step"].values.tolist()
    done = explained.data["step_change"].isel(step=slice(0, steps.index(step) + 1)).sum("step")
    return explained.data["value_a"] + done


def assert_level(explained: Explanation, step: str, direct: Run) -> None:
    expected = direct.xva["xva"].reindex(netting_set=explained.data["netting_set"], fill_value=0.0)
    got = level(explained, step)
    np.testing.assert_allclose(got, expected.transpose(*got.dims), rtol=1e-9, atol=1e-6)


def test_the_steps_are_those_that_have_something_to_do(explained: Explanation) -> None:
    assert explained.data["step"].values.tolist() == [
        "time",
        "fixings",
        "dead trades",
        "quotes",
        "new trades",
        "market",
    ]
    told = explained.data.attrs
    assert told["matured"] == ["ENDED"]
    assert told["dead"] == ["AMENDED", "GONE"]
    assert told["new"] == ["AMENDED", "NEW"]
    assert told["amended"] == ["AMENDED"]
    assert told["gained_quotes"] == [days.LACKING]
    assert told["lost_quotes"] == []
    assert (told["as_of_a"], told["as_of_b"]) == (days.FIRST, days.SECOND)


def test_everything_adds_up_to_what_the_runs_say(explained: Explanation, runs: tuple[Run, Run]) -> None:
    data = explained.data
    for name, one in zip(("value_a", "value_b"), runs):
        np.testing.assert_allclose(data[name], one.xva["xva"], rtol=1e-12)
        np.testing.assert_allclose(data[f"{name}_se"], one.xva["xva_se"], rtol=1e-6)
    np.testing.assert_allclose(data["step_change"].sum("step"), data["change"], rtol=1e-9, atol=1e-9)
    market = sum(data[part] for part in PARTS).sum("group") + data["exercise"] + data["unexplained"]
    np.testing.assert_allclose(market, data["step_change"].sel(step="market"), rtol=1e-7, atol=1e-7)
    frame = explained.to_frame()
    np.testing.assert_allclose(frame.iloc[:-1].sum(), frame.loc["change", ""], rtol=1e-9, atol=1e-7)


def test_time_and_fixings_are_a_run_of_the_old_book_on_the_new_date(
    explained: Explanation, folder: Path
) -> None:
    book = days.FIRST_BOOK.replace(days.ENDS, "")
    direct = run(days.market_day(folder / "rolled", days.SECOND, book, days.first_quotes()))
    assert_level(explained, "fixings", direct)
    step = explained.data["step_change"].sel(netting_set="B")
    dearer = step.sel(step="fixings", measure=["CVA", "FCA"])
    assert bool((dearer < 0.0).all()), (
        "B receives a fixed rate: higher fixings than expected make it worth less"
    )
    assert bool((np.abs(step.sel(step="time")) > 0.0).all())


@pytest.mark.slow
def test_trades_and_quotes_are_runs_of_their_own(explained: Explanation, folder: Path) -> None:
    lean = run(days.market_day(folder / "lean", days.SECOND, days.HEAD + days.SAME, days.first_quotes()))
    assert_level(explained, "dead trades", lean)
    quotes = days.first_quotes() | {days.LACKING: days.second_quotes()[days.LACKING]}
    ordered = {i: quotes[i] for i in days.second_quotes()}
    more = run(days.market_day(folder / "more", days.SECOND, days.HEAD + days.SAME, ordered))
    assert_level(explained, "quotes", more)
    whole = run(days.market_day(folder / "whole", days.SECOND, days.SECOND_BOOK, ordered))
    assert_level(explained, "new trades", whole)


def test_the_market_is_explained_by_the_groups_that_move(explained: Explanation) -> None:
    data = explained.data
    assert set(data["group"].values) == {"IR EUR", "credit", "own credit"}
    assert float(data["total_share"].max()) < 0.05
    assert not data["exercise"].any()
    assert float(np.abs(data["total_first"].sel(measure="CVA", group="credit"))) > 0.0
    assert not data["first"].sel(measure="CVA", group="own credit").any(), "unilateral CVA"


@pytest.mark.slow
def test_on_one_day_only_the_market_and_the_stored_sensitivities_are_at_work(
    runs: tuple[Run, Run], folder: Path
) -> None:
    quotes = days.second_quotes() | {"RECOVERY_RATE/RATE/CPTY_A/SR/EUR": 0.42}
    other = run(days.market_day(folder / "other", days.SECOND, days.SECOND_BOOK, quotes, sensitivities=True))
    found = pipelines.explain(runs[1], other).data
    assert found["step"].values.tolist() == ["market"]
    assert found["group"].values.tolist() == ["credit"]
    recovery = "RECOVERY_RATE/RATE/CPTY_A/SR/EUR"
    stored = runs[1].xva["sensitivity"].sel(quote=recovery)
    step = quotes[recovery] - days.second_quotes()[recovery]
    np.testing.assert_allclose(found["first"].sel(group="credit"), stored * step, rtol=1e-9, atol=1e-9)
    assert found.attrs["new"] == []


@pytest.mark.slow
def test_trades_without_closed_form_are_learned_on_every_market(tmp_path: Path) -> None:
    with own_products(tmp_path / "modules"):
        jobs = [write_job(tmp_path / name, {"path_forwards": [FORWARD]}, sensitivities=True) for name in "ab"]
        file = tmp_path / "b" / "quotes.csv"
        name, price = "EQUITY/PRICE/NORDWIND/EUR", 0.0
        lines = file.read_text().splitlines()
        for k, line in enumerate(lines):
            if line.startswith(name + ","):
                price = float(line.split(",")[1])
                lines[k] = f"{name},{price * 1.01!r}"
        file.write_text("\n".join(lines) + "\n")
        found = pipelines.explain(*(run(job) for job in jobs)).data
    assert price > 0.0
    assert found["step"].values.tolist() == ["market"]
    assert found["group"].values.tolist() == ["EQ"]
    terms = sum(found[part] for part in PARTS).sum("group") + found["exercise"] + found["unexplained"]
    np.testing.assert_allclose(terms, found["change"], rtol=1e-9, atol=1e-9)
    # the sign by plug-in value, the amount by a path's own cash flows: 128 paths make noise, and it is told as noise
    assert bool((np.abs(found["total_unexplained"]) <= found["total_bound"]).all())
    assert float(found["total_first"].sel(measure="CVA").squeeze()) > 0.0


@pytest.mark.slow
def test_scenarios_of_a_stress_run_are_explained(runs: tuple[Run, Run], tmp_path: Path) -> None:
    from pipelines.runs.explain import attribute_stress

    file = tmp_path / "two.toml"
    file.write_text(SCENARIOS)
    scenarios = read_scenarios(file)
    stressed = pipelines.stress(runs[1], scenarios, output=tmp_path / "runs").xva
    found = attribute_stress(StressJob(runs[1], scenarios))
    np.testing.assert_array_equal(found["change"], stressed["change"])
    assert float(found["total_share"].sel(scenario="up").max()) < 0.05
    assert float(found["total_share"].sel(scenario="up_wider").max()) < 0.01
    cross = found["total_second_cross"].sel(scenario="up_wider", measure="CVA", group="credit")
    assert abs(float(cross)) > 0.0


def test_runs_the_wrong_way_round_are_refused(runs: tuple[Run, Run]) -> None:
    with pytest.raises(DomainError, match="the earlier run first"):
        pipelines.explain(runs[1], runs[0])


@pytest.mark.slow
def test_runs_of_other_settings_are_refused(runs: tuple[Run, Run], folder: Path) -> None:
    dollar = days.market_day(
        folder / "dollar", days.SECOND, days.HEAD + days.SAME, days.second_quotes(),
        change=lambda text: text.replace('"EUR"', '"USD"', 1),
    )  # fmt: skip
    with pytest.raises(DomainError, match="one reporting currency, got EUR and USD"):
        pipelines.explain(runs[0], run(with_dollars(dollar)))
    seeded = days.market_day(
        folder / "seeded", days.SECOND, days.HEAD + days.SAME, days.second_quotes(),
        change=lambda text: text.replace("[simulation]", "[simulation]\nseed = 7"),
    )  # fmt: skip
    with pytest.raises(DomainError, match=r"\[simulation\] seed: 42 and 7"):
        pipelines.explain(runs[0], run(seeded))


def with_dollars(job: Path) -> Path:
    """Funding curves of a bank that reports in dollars."""
    file = job.parent / "quotes.csv"
    text = file.read_text()
    more = [
        line.replace("YIELD_SPREAD/EUR/", "YIELD_SPREAD/USD/")
        for line in text.splitlines()
        if "ZERO/YIELD_SPREAD/EUR/" in line
    ]
    file.write_text(text + "\n".join(more) + "\n")
    return job
