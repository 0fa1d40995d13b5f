"""What-if and allocation of a run with surrogates, and on Dask workers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import pipelines
from pipelines.results.run import Run
from tests.support.places import EXAMPLES

SIZES = (
    ("paths = 8192\nblock", "paths = 256\nblock"),
    ("block_size = 1024", "block_size = 32"),
    ("training_paths = 8192", "training_paths = 1024"),
    ('grid = "6M..5Y, 1Y..10Y"', 'grid = "1Y..4Y"'),
    ("tolerance = 0.1", "tolerance = 10.0"),
)
# its coupons are less than a tenth of its life, so it brings no fixings to simulate: the run's own paths stay
NEW = """\
trade_id,netting_set,currency,notional,side,fixed_rate,index,start_date,maturity_date
NEW,CP_X,EUR,3000000,payer,0.028,EUR-EURIBOR-6M,2026-01-20,2033-01-20
"""


def exotics(folder: Path) -> Path:
    """The example with few paths and without its Bermudans; returns the job file."""
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("runs", "*.py", "generator", "full"))
    (folder / "exotics/trades/bermudan_swaptions.json").unlink()
    file = folder / "exotics/exotics.toml"
    text = file.read_text()
    for old, new in SIZES:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text.replace("[execution]", "[xva]\nsensitivities = false\n\n[execution]"))
    return file


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pipelines.ExposureJob.from_toml(exotics(tmp_path_factory.mktemp("exotics") / "examples")).run()


@pytest.mark.slow
def test_contributions_of_learned_trades_add_up(run: Run) -> None:
    found = pipelines.allocation(run, "CP_X").data
    assert "AUTO_1" in found["trade"].values
    own = run.xva["xva"].sel(netting_set="CP_X", measure=found["measure"])
    np.testing.assert_allclose(found["contribution"].sum("trade"), own, rtol=1e-10)
    mine = found.sel(trade="AUTO_1", measure="DVA")  # we owe the holder of the note
    assert float(mine["contribution"]) > 10.0 * float(mine["contribution_se"]) > 0.0


@pytest.mark.slow
def test_a_what_if_takes_the_surrogates_of_its_run_and_any_workers(run: Run, tmp_path: Path) -> None:
    """The same bits on two workers; the change is the difference of two runs with the same surrogates."""
    file = tmp_path / "swaps.csv"
    file.write_text(NEW)
    kept = sorted((run.path.parent / "surrogates").rglob("*"))
    serial = pipelines.what_if(run, file, ["AUTO_1"])
    assert sorted((run.path.parent / "surrogates").rglob("*")) == kept
    xr.testing.assert_identical(serial.data, pipelines.what_if(run, file, ["AUTO_1"], workers=2).data)
    one = pipelines.what_if(run, file).data
    job = exotics(tmp_path / "examples")
    table = job.parent / "trades/swaps.csv"
    table.write_text(table.read_text().rstrip("\n") + "\n")
    other = file.read_text().splitlines()
    header, given = (
        table.read_text().splitlines()[0].split(","),
        dict(zip(other[0].split(","), other[1].split(","))),
    )
    table.write_text(table.read_text() + ",".join(given.get(column, "") for column in header) + "\n")
    shutil.copytree(run.path.parent / "surrogates", job.parent / "runs/surrogates")
    after = (
        pipelines.ExposureJob.from_toml(job).run().xva["xva"].sel(netting_set="CP_X", measure=one["measure"])
    )
    before = run.xva["xva"].sel(netting_set="CP_X", measure=one["measure"])
    change = (after - before).reset_coords(drop=True)
    size = np.maximum(abs(before), abs(after)).values
    assert np.all(abs(one["increment"].values[:, 0] - change.values) < 1e-10 * size)
