"""``xva certificate``: what a run's surrogates are certified for, with figures; and what `xva run` says of them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread
from typer.testing import CliRunner, Result

from pipelines.cli import app
from pipelines.reports.certificates import uncovered
from tests.support.small_job import CLIQUET, FORWARD, SWAPS, own_products, write_job


def invoke(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args])


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    """A run of three trades: one for which the tolerance is too much to ask, one with nothing to certify."""
    folder = tmp_path_factory.mktemp("job")
    soon = FORWARD | {"trade_id": "SOON", "maturity_date": "2026-03-16"}
    forgets = CLIQUET | {
        "trade_id": "FORGETS",
        "reset_dates": ["2025-08-29", "2026-04-15", "2026-08-31", "2027-10-29"],
    }
    documents = {
        "path_forwards": [FORWARD, soon],
        "forgetful_cliquets": [forgets | {"floor": -0.1, "cap": 0.1}],
    }
    with own_products(folder / "path"):
        job = write_job(folder / "job", documents, {"swaps": SWAPS}, states=48, tolerance=0.25)
        yield invoke("run", job)


@pytest.fixture(scope="module")
def run(shown: Result) -> Path:
    assert shown.exit_code == 0, shown.output
    found = re.search(r"The run lies in (\S+)", shown.stdout)
    assert found is not None
    return Path(found[1])


def test_run_says_what_prices_each_trade(shown: Result, run: Path) -> None:
    text = " ".join(shown.stdout.split())
    assert "Trades without a closed form" in text
    assert re.search(
        r"FWD \(B\): surrogate, certified at first try, pass; worst: .* error .* tolerance", text
    )
    assert "SOON (B): surrogate, nothing to certify" in text
    assert "FORGETS (B): nested Monte Carlo fallback: value tolerance 25 % missed" in text


def test_all_trades_date_by_date(run: Path) -> None:
    done = invoke("certificate", run)
    assert done.exit_code == 0, done.output  # nested Monte Carlo replaced what failed
    assert "FWD, path_forwards: pass, certified at first try" in done.stdout
    assert "FORGETS, forgetful_cliquets: fail, nested Monte Carlo fallback" in done.stdout
    assert "SOON, path_forwards: reported" in done.stdout
    assert "tolerance: value 25 %" in done.stdout
    dates = re.findall(r"^ (20\d\d-\d\d-\d\d) ", done.stdout, re.MULTILINE)
    assert len(dates) == 4  # two trades on two dates
    assert "mean EPE error" in done.stdout


@pytest.mark.slow
def test_one_trade_and_its_figures(run: Path, tmp_path: Path) -> None:
    done = invoke("certificate", run, "--trade", "FORGETS", "--plot", tmp_path / "f.png")
    assert done.exit_code == 0, done.output
    assert "FWD" not in done.stdout
    picture = imread(tmp_path / "f.png")
    assert picture.shape[0] > 500
    assert picture.shape[1] > 1000
    assert picture[..., :3].std() > 0.05  # something is drawn
    invoke("certificate", run, "--plot", tmp_path / "all.png")
    assert {p.name for p in tmp_path.iterdir()} == {"f.png", "all-FWD.png", "all-FORGETS.png"}


def test_what_cannot_be_shown(run: Path, tmp_path: Path) -> None:
    unknown = invoke("certificate", run, "--trade", "NONE")
    assert unknown.exit_code == 2
    assert "expected one with a surrogate in this run: " in unknown.stderr
    assert invoke("certificate", run, "--plot", tmp_path / "f.pdf").exit_code == 2
    assert invoke("certificate", tmp_path).exit_code == 2
    folder = Path(shutil.copytree(run, tmp_path / run.name))
    for card in (folder / "surrogates").glob("*.json"):
        card.write_text(card.read_text().replace('"verdict": "fail"', '"verdict": "pass"'))
    damaged = invoke("certificate", folder, "--trade", "FORGETS")
    assert damaged.exit_code == 1
    assert "its sha256 is not that of its address" in damaged.stderr
    assert invoke("certificate", folder, "--trade", "FWD").exit_code == 0


@pytest.mark.slow
def test_a_run_without_surrogates(tmp_path: Path) -> None:
    with own_products(tmp_path / "path"):
        job = write_job(tmp_path / "job", {}, {"swaps": SWAPS})
        ran = invoke("run", job)
    assert "without a closed form" not in ran.stdout
    (folder,) = (p for p in (job.parent / "runs").iterdir() if p.name != "surrogates")
    done = invoke("certificate", folder)
    assert done.exit_code == 0
    assert "there are no surrogates" in done.stdout


def test_uncovered_is_what_failed_and_nothing_replaced() -> None:
    pricer = ["surrogate", "surrogate", "nested", "refused"]
    passed = np.array([True, False, False, False])
    data = {"surrogate_pricer": ("surrogate", np.array(pricer)), "surrogate_passed": ("surrogate", passed)}
    assert uncovered(xr.Dataset(data, {"surrogate": ["a", "b", "c", "d"]})) == ("b", "d")
    assert uncovered(xr.Dataset()) == ()
