"""``xva explain``: what it prints and writes, what it refuses, its exit codes."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import pipelines
from pipelines.cli import app
from pipelines.results.explain import Explanation
from tests.support import market_days as days
from xva.errors import DomainError


def invoke(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explain")


@pytest.fixture(scope="module")
def runs(folder: Path) -> tuple[Path, Path]:
    jobs = [
        days.market_day(folder / "a", days.FIRST, days.FIRST_BOOK, days.first_quotes(), paths=256),
        days.market_day(folder / "b", days.SECOND, days.SECOND_BOOK, days.second_quotes(), paths=256),
    ]
    first, second = (pipelines.ExposureJob.from_toml(job).run("serial").path for job in jobs)
    return first, second


@pytest.fixture(scope="module")
def explained(runs: tuple[Path, Path]) -> Explanation:
    return pipelines.explain(*runs, split=False)


def shown(found: object) -> str:
    out = Console(width=120, record=True, file=io.StringIO())
    out.print(found)
    return out.export_text()


def test_it_prints_steps_groups_and_lists_and_writes_all_terms(
    runs: tuple[Path, Path], explained: Explanation, folder: Path
) -> None:
    csv = folder / "terms.csv"
    done = invoke("explain", *runs, "--no-split", "--measure", "DVA", "--csv", csv)
    assert done.exit_code == 0, done.output
    for line in ("time", "fixings", "dead trades", "new trades", "IR EUR", "credit", "unexplained"):
        assert re.search(rf"^ {line} .*\d", done.stdout, re.MULTILINE), line
    assert "DVA by risk factor group" in done.stdout
    assert "2 × dead trade: AMENDED, GONE" in done.stdout
    assert f"quote of the second run only: {days.LACKING}" in done.stdout
    frame = pd.read_csv(csv, index_col=[0, 1], keep_default_na=False).astype(float)
    expected = explained.to_frame()
    pd.testing.assert_frame_equal(frame.reset_index(drop=True), expected.reset_index(drop=True), rtol=1e-9)


def test_tables_of_one_netting_set(explained: Explanation) -> None:
    one = explained.to_frame("A")
    pd.testing.assert_frame_equal(one + explained.to_frame("B"), explained.to_frame(), atol=1e-6)
    text = shown(explained.table("A"))
    assert text.startswith("What changed of A, EUR")
    assert "What changed of the book" in shown(explained.table())
    assert "CVA by risk factor group" in shown(explained.market_table("CVA", "A"))
    with pytest.raises(DomainError, match="netting set: expected one of A, B, got 'Z'"):
        explained.table("Z")
    with pytest.raises(DomainError, match="measure: expected one of CVA"):
        explained.market_table("KVA")


def test_a_large_rest_is_told_with_its_trade(explained: Explanation) -> None:
    data = explained.data.copy(deep=True)
    assert not any("unexplained" in line for line in explained.notes().splitlines())
    where = {"measure": "CVA", "netting_set": "A"}
    data["share"].loc[where] = 0.071
    data["kink"] = data["kink"].astype(object)
    data["kink"].loc[where] = "IRS"
    data["kink_share"].loc[where] = 0.62
    assert "A, CVA: 7.1 % unexplained, 62 % of it trade IRS" in Explanation(data).notes()


def test_refusals_have_a_message_and_a_code(runs: tuple[Path, Path], folder: Path) -> None:
    backwards = invoke("explain", runs[1], runs[0])
    assert backwards.exit_code == 2
    assert "the earlier run first" in backwards.stderr
    nothing = invoke("explain", runs[0], folder)
    assert nothing.exit_code == 2
    assert "not a run directory" in nothing.stderr
    (runs[0] / "COMPLETE.json").rename(folder / "aside.json")
    try:
        unfinished = invoke("explain", *runs)
    finally:
        (folder / "aside.json").rename(runs[0] / "COMPLETE.json")
    assert unfinished.exit_code == 1
    assert "expected a finished run" in unfinished.stderr
