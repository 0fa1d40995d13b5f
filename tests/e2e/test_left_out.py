"""What a grid leaves out is measured: against closed forms, and against runs on a fine grid with many paths."""

from __future__ import annotations

import re

import numpy as np
import pytest
from rich.console import Console

import pipelines
from pipelines.jobs.inputs import load_job
from pipelines.reports.html.build import build_report
from pipelines.results.left_out import left_out_lines
from pipelines.runs.computation import Exposure
from tests.support.flat_job import american, default, option, swap, write_flat_job

QUARTERS = 'grid = "3M..1Y"'


def measured(folder, tables, grid=QUARTERS, documents=None):
    return Exposure(load_job(write_flat_job(folder, tables, documents=documents, grid=grid))).left_out()


def test_options_between_two_dates(tmp_path):
    """Of an option seen up to t of its T: ``1 - (1 - S(t)) / (1 - S(T))``; EPE of each date cancels but for noise."""
    expiries = {
        "A": ("2026-03-16", None),
        "B": ("2026-07-14", "2026-04-15"),
        "C": ("2027-01-14", "2026-10-15"),
    }
    tables = {"fx_options": [option(name, name, end) for name, (end, _) in expiries.items()]}
    found = measured(tmp_path / "job", tables)
    for name, (end, seen) in expiries.items():
        want = 1.0 - (default(seen) if seen else 0.0) / default(end)
        one = found.sel(netting_set=name)
        error = float(one["left_out_share_se"])
        assert error < 0.02
        assert float(one["left_out_share"]) == pytest.approx(want, abs=4.0 * error + 1e-3)


SWAPS = {"swaps": [swap("S", "A", "2026-01-19", "2028-01-19")]}


@pytest.fixture(scope="module")
def daily(tmp_path_factory):
    """EPE of a swap on every day, after that day's flows."""
    folder = tmp_path_factory.mktemp("daily") / "job"
    job = write_flat_job(folder, SWAPS, grid='grid = "1D..25M"', paths=2048, sensitivities=False)
    return pipelines.ExposureJob.from_toml(job).run().xva["epe"].sel(netting_set="A").to_series()


@pytest.mark.slow
@pytest.mark.parametrize(
    "grid", [QUARTERS, 'grid = "3M..2Y"', 'grid = "1Y..2Y"', 'grid = "1M..2Y + cashflows"']
)
def test_a_swap_against_every_day(grid, daily, tmp_path):
    """CVA with every day's exposure up to the next, less that of the grid's dates, both on the same many paths."""
    job = load_job(write_flat_job(tmp_path / "job", SWAPS, grid=grid))
    survival = 1.0 - np.array([default(str(day.date())) for day in daily.index])
    truth = float(daily.to_numpy()[:-1] @ -np.diff(survival))
    own = np.searchsorted(daily.index.to_numpy(), np.concatenate([[job.as_of], job.dates]))
    steps, epe = np.diff(own), daily.to_numpy()[own]
    eve = (steps == 1) & ("cashflows" in grid)
    seen = float(np.where(eve, epe[:-1], epe[1:]) @ -np.diff(survival[own]))
    want = 1.0 - seen / truth
    found = Exposure(job).left_out()
    got, error = (float(found[v].item()) for v in ("left_out_share", "left_out_share_se"))
    assert error < 0.02
    assert got == pytest.approx(want, abs=3.0 * error + 0.003)


def test_it_is_said_where_people_look(tmp_path):
    tables = {
        "swaps": [swap("S", "A", "2026-01-19", "2030-01-21")],
        "fx_options": [option("O", "B", "2026-03-16")],
    }
    run = pipelines.ExposureJob.from_toml(write_flat_job(tmp_path / "job", tables, grid=QUARTERS)).run()
    console = Console(record=True, width=300)
    console.print(run)
    told = console.export_text()
    assert re.search(r"Left out by the grid's dates, of CVA: B 100.0 % ± 0.0 %, A [1-9]", told)
    assert "O (ends 2026-03-16, not after the first date 2026-04-15)" in told
    assert "S (ends 2030-01-21, after the last date 2027-01-15)" in told
    assert '"+ cashflows" behind the grid' in told
    assert run.summary().loc["B", "left out of CVA, %"] == pytest.approx(100.0)
    assert "Left out of CVA" in build_report(run)
    assert float(run.xva["left_out"].sel(measure="CVA", netting_set="B")) > 0.0


def test_little_is_left_out_of_the_default_grid(tmp_path):
    """Of the swap -2.98 %, day by day with 2,048 paths: the dates of a quarter stand for the months before them."""
    tables = {
        "swaps": [swap("S", "A", "2026-01-19", "2030-01-21")],
        "fx_options": [option("O", "B", "2026-03-16")],
    }
    found = measured(tmp_path / "job", tables, grid="")
    share, error = (found[name].sel(netting_set="A") for name in ("left_out_share", "left_out_share_se"))
    assert float(error) < 0.003
    assert float(share) == pytest.approx(-0.0298, abs=3.0 * float(error))
    assert abs(float(found["left_out_share"].sel(netting_set="B"))) < 0.01
    (line,) = left_out_lines(found)
    assert "A -" in line.plain
    assert "B" not in line.plain


def test_sets_with_and_without_closed_forms_are_measured_side_by_side(tmp_path):
    tables = {"swaps": [swap("S", "A", "2026-01-19", "2030-01-21")]}
    documents = {"american_options": [american("P", "B", "2027-01-12")]}
    found = measured(tmp_path / "job", tables, documents=documents)
    want = 1.0 - default("2026-10-15") / default("2027-01-12")
    assert float(found["left_out_share"].sel(netting_set="B")) == pytest.approx(want, abs=2e-4)
    assert float(found["left_out_share"].sel(netting_set="A")) > 0.5
    told = next(left_out_lines(found)).plain
    assert re.search(r"A \d\d\.\d %.*, B \d\d\.\d %", told)
