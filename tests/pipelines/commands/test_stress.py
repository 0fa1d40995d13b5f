"""``xva stress`` on the demo bank with few paths: what it prints, what it refuses, its exit codes."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import pipelines
from pipelines.cli import app
from pipelines.jobs.scenarios import read_scenarios
from tests.support.bank_run import BankRun
from tests.support.places import EXAMPLES
from xva.errors import InputErrors
from xva.market.shocks import Selector, parallel, twist

READY = EXAMPLES / "scenarios/ready.toml"
TWO = """
name = "two"
[[scenario]]
name = "up"
shifts = [{ families = ["OIS", "IBOR swap"], absolute = "10bp" }]
[[scenario]]
name = "wider"
description = "credit"
shifts = [{ families = "CDS", relative = "50%" }]
"""
BROKEN = """
[[scenario]]
name = "no vols"
shifts = [{ families = "swaption vol", absolute = "1 bp up" , tenor = "5Y" }]
[[scenario]]
name = "both"
shifts = [{ quotes = "FX/*", absolute = 0.1, relative = 0.1 }, { quotes = "FX/*" }]
[[scenario]]
name = "twisted"
shifts = [{ quotes = "CDS/*", twist = { short = 0, long = "1bp", from = "10Y" } }]
[[scenario]]
shift = []
"""


def invoke(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args])


@pytest.fixture(scope="module")
def base(bank_run: BankRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bank_run.copy(tmp_path_factory.mktemp("stress")).path


def written(folder: Path, text: str) -> Path:
    file = folder / "scenarios.toml"
    file.write_text(text)
    return file


def test_it_shows_base_stressed_change_and_where_the_run_lies(base: Path, tmp_path: Path) -> None:
    file = written(tmp_path, TWO)
    done = invoke("stress", base, file)
    assert done.exit_code == 0, done.output
    assert re.search(
        r"^ ?up +Value .*\n +CVA +[\d,]+ +[\d,]+ +-?[\d,.]+ +[\d,.]+ +[+-]\d", done.stdout, re.MULTILINE
    )
    assert len(re.findall(r"\b(?:CVA|DVA|FCA|FBA|FVA)\b", done.stdout)) == 10
    (path,) = re.findall(r"The run lies in (.+)", done.stdout)
    run = pipelines.open_run(path)
    assert run.stress.results.sizes["scenario"] == 2
    assert invoke("stress", base, file).stdout == done.stdout
    assert invoke("verify", path).exit_code == 0
    assert invoke("resume", path).stdout == done.stdout
    assert "2 scenarios" in repr(run)
    assert invoke("export", path, "--folder", tmp_path / "csv").exit_code == 0
    report = pd.read_csv(tmp_path / "csv/stress.csv")
    rows = report[(report["#Scenario"] == "up") & (report["Measure"] == "CVA")].set_index("NettingSetId")[
        "Change"
    ]
    sets = list(run.xva["netting_set"].values)
    assert rows[sets].sum() == pytest.approx(rows[rows.index.isna()].item(), abs=0.05)


def test_one_measure_of_one_netting_set(base: Path, tmp_path: Path) -> None:
    file = written(tmp_path, TWO)
    done = invoke("stress", base, file, "--measure", "FCA", "--netting-set", "CP_A")
    assert done.exit_code == 0, done.output
    assert "CP_A" in done.stdout
    assert "CVA" not in done.stdout
    wrong = invoke("stress", base, file, "--netting-set", "CP_Z")
    assert wrong.exit_code == 2
    assert "expected one of CP_A" in wrong.stderr


@pytest.mark.slow
def test_a_scenario_without_market_is_refused_or_flagged(base: Path, tmp_path: Path) -> None:
    bad = '[[scenario]]\nname = "negative_vol"\nshifts = [{ families = "swaption vol", absolute = -1 }]\n'
    file = written(tmp_path, TWO + bad)
    refused = invoke("stress", base, file)
    assert refused.exit_code == 2
    assert "scenario negative_vol, quote SWAPTION/RATE_NVOL/" in refused.stderr
    flagged = invoke("stress", base, file, "--skip-failing")
    assert flagged.exit_code == 0, flagged.output
    assert re.search(r"negative_vol +not computed", flagged.stdout)
    assert "negative_vol: not computed: quote SWAPTION/RATE_NVOL/" in flagged.stdout
    assert re.search(r"^ ?wider +Value .*\n +CVA", flagged.stdout, re.MULTILINE)


def test_everything_wrong_with_a_file_comes_at_once(base: Path, tmp_path: Path) -> None:
    done = invoke("stress", base, written(tmp_path, BROKEN))
    assert done.exit_code == 2
    for said in (
        "scenario no vols, name: expected a name of at most 64",
        "scenario no vols, shift 1, absolute: expected a number, or text such as '25bp' or '-30%', got '1 bp up'",
        "scenario no vols, shift 1, tenor: expected one of quotes, families",
        "scenario twisted, shift 1, twist, to: expected a value, got nothing",
        "scenario 4, name: expected a value",
        "scenario 4, shift: expected one of name, description, fx_forwards, shifts, got shift -> did you mean shifts?",
    ):
        assert said in done.stderr
    fixed = BROKEN.replace("no vols", "vols").replace('"1 bp up" , tenor = "5Y"', "0.1").split("[[scenario]]")
    done = invoke("stress", base, written(tmp_path, "[[scenario]]".join(fixed[:3])))
    assert (
        "scenario both, shift 1: expected one of absolute, relative, twist, got absolute and relative"
        in done.stderr
    )
    assert (
        "scenario both, shift 2: expected one of absolute, relative, twist, got none of them" in done.stderr
    )


def test_what_does_not_fit_the_market_is_bad_input(base: Path, tmp_path: Path) -> None:
    done = invoke(
        "stress", base, written(tmp_path, TWO.replace("IBOR swap", "IBOR swaps").replace('"OIS", ', ""))
    )
    assert done.exit_code == 2
    assert "scenario up, shift 1: expected quotes of the market" in done.stderr
    assert "did you mean IBOR swap?" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "expected TOML"),
        ('name = "x"', "scenario: expected a value, got nothing"),
        (TWO.replace('"wider"', '"up"'), "scenario up: expected each name once"),
        (
            TWO.replace('"10bp"', '{ 5Y = "1bp", 2Y = "2bp" }'),
            "scenario up, shift 1, tenors: expected increasing",
        ),
        (TWO.replace('"10bp"', "{}"), "expected at least one tenor"),
    ],
)
def test_faults_of_a_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputErrors) as told:
        read_scenarios(written(tmp_path, text))
    assert said in told.value.message


def test_a_file_that_is_not_there(base: Path, tmp_path: Path) -> None:
    done = invoke("stress", base, tmp_path / "none.toml")
    assert done.exit_code == 2
    assert "expected a readable scenario file" in done.stderr


def test_amounts_and_shapes_as_written(tmp_path: Path) -> None:
    text = """
    [[scenario]]
    name = "all"
    shifts = [
      { families = "OIS", absolute = 0.0025 },
      { families = "OIS", absolute = "25bp" },
      { families = "FX", relative = "-12.5%" },
      { families = "CDS", twist = { short = "-1bp", long = "2 bp", from = "1Y", to = "10Y", relative = false } },
    ]
    """
    (scenario,) = read_scenarios(written(tmp_path, text)).scenarios
    ois, fx, cds = (Selector(families=(f,)) for f in ("OIS", "FX", "CDS"))
    assert scenario.shifts == (
        parallel(ois, 0.0025),
        parallel(ois, 0.0025),
        parallel(fx, -0.125, "relative"),
        twist(cds, -0.0001, 0.0002, "1Y", "10Y"),
    )


def test_the_ready_set_has_what_it_should() -> None:
    names = {s.name for s in read_scenarios(READY).scenarios}
    assert len(names) >= 20
    assert {
        "rates_up_100",
        "steepener",
        "eur_weaker_10",
        "fx_vol_up",
        "funding_freeze",
        "credit_wider_50",
    } <= names
    assert {"replay_2008", "replay_2020", "replay_2022"} <= names
    assert all(s.description for s in read_scenarios(READY).scenarios)
