"""Quotes that nobody needs refuse no job, however odd they are: they are left out and listed. Needed ones tell the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pipelines
from pipelines.commands.validate import report_table
from pipelines.jobs.inputs import LoadedJob, load_job
from pipelines.jobs.validation import unused_quotes, validate_job
from pipelines.runs.computation import Exposure
from pipelines.runs.stress import stress
from tests.support.small_market import CDS, EUR, FORWARD, JOB, SWAP, USD, written
from xva.errors import InputErrors
from xva.market.shocks import Scenario, ScenarioSet, Selector, parallel
from xva.numerics import tree

BOOK = ("swaps.csv", SWAP.format("EUR-EURIBOR-6M"))
ODD: dict[str, dict[str, float | str]] = {
    "a CDS strip with an arbitrage": {
        "CDS/CREDIT_SPREAD/OTHER/SR/EUR/1Y": 0.2,
        "CDS/CREDIT_SPREAD/OTHER/SR/EUR/2Y": 0.05,
        "RECOVERY_RATE/RATE/OTHER/SR/EUR": 0.4,
    },
    "CDS in a currency without curves": {
        "CDS/CREDIT_SPREAD/OTHER/SR/USD/5Y": 0.01,
        "RECOVERY_RATE/RATE/OTHER/SR/USD": 0.4,
    },
    "CDS without recovery": {"CDS/CREDIT_SPREAD/OTHER/SR/EUR/5Y": 0.01},
    "CDS and hazard rates of one name": {
        "CDS/CREDIT_SPREAD/OTHER/SR/EUR/5Y": 0.01,
        "HAZARD_RATE/RATE/OTHER/SR/EUR/5Y": 0.01,
        "RECOVERY_RATE/RATE/OTHER/SR/EUR": 1.4,
    },
    "an index that no curve reprices": {
        "IR_SWAP/RATE/EUR/2D/3M/1Y": 0.02,
        "IR_SWAP/RATE/EUR/2D/3M/2Y": 1.0,
        "IR_SWAP/RATE/EUR/2D/3M/3Y": -0.9,
    },
    "rates in per cent": {"IR_SWAP/RATE/GBP/0D/1D/5Y": 3.6},
    "a volatility without price": {"EQUITY_OPTION/RATE_LNVOL/ACME/EUR/1Y/ATMF": 0.2},
    "a dividend without price": {"EQUITY_DIVIDEND/RATE/ACME/EUR": 0.02},
    "an equity quoted twice": {"EQUITY/PRICE/ACME/EUR": 10.0, "EQUITY/PRICE/ACME/USD": 11.0},
    "an FX rate of 0": {"FX/RATE/EUR/GBP": 0.0},
    "an FX volatility of another currency that falls": {
        "FX_OPTION/RATE_LNVOL/EUR/GBP/1Y/ATM": 0.2,
        "FX_OPTION/RATE_LNVOL/EUR/GBP/2Y/ATM": 0.05,
    },
    "a forward without spot": {"FXFWD/RATE/EUR/GBP/1Y": 15.0, "FXFWD/PRICE/EUR/JPY/1Y": 15.0},
    "points as outrights": {"FX/RATE/EUR/GBP": 0.87, "FXFWD/PRICE/EUR/GBP/1Y": 150.0},
    "outrights as points": {"FX/RATE/EUR/GBP": 0.87, "FXFWD/RATE/EUR/GBP/1Y": 0.88},
    "a hole in another currency's swaptions": {
        "SWAPTION/RATE_NVOL/GBP/1Y/5Y/ATM": 0.008,
        "SWAPTION/RATE_NVOL/GBP/2Y/10Y/ATM": 0.008,
    },
    "a basis swap of no other currency": {"CC_BASIS_SWAP/BASIS_SPREAD/USD/1D/EUR/1D/5Y": -0.001},
    "a cap volatility of 80": {"CAPFLOOR/RATE_NVOL/EUR/2Y/6M/ATM": 80.0},
    "correlations that no law has": {
        "CORRELATION/IR:EUR/EQ:ACME": 0.9,
        "CORRELATION/EQ:ACME/EQ:OTHER": 0.9,
        "CORRELATION/IR:EUR/EQ:OTHER": -0.9,
    },
    "a correlation of 2": {"CORRELATION/IR:USD/FX:USD": 2.0},
    "no number": {"MEAN_REVERSION/RATE/GBP": "n/a", "FX/RATE/EUR/GBP": "#N/A"},
}


def loaded(folder: Path, more: dict[str, float | str]) -> LoadedJob:
    return load_job(written(folder, EUR | CDS | more, *BOOK))


@pytest.mark.parametrize("name", ODD)
def test_odd_quotes_that_nobody_needs_are_left_out_and_listed(name: str, tmp_path: Path) -> None:
    plain, job = loaded(tmp_path / "plain", {}), loaded(tmp_path / "odd", ODD[name])
    assert plain.unused == {}
    assert {i.replace("PRICE", "RATE") if "points as" in name else i for i in ODD[name]} == set(job.unused)
    worlds = [Exposure(j).engine.world for j in (plain, job)]
    assert tree.equal(worlds[0].model, worlds[1].model)
    assert worlds[0].market.curves.keys() == worlds[1].market.curves.keys()
    assert set(worlds[1].market.unused) == {i for i in job.unused if i in job.quotes}


def test_what_is_wrong_with_them_is_said(tmp_path: Path) -> None:
    job = loaded(tmp_path, ODD["no number"] | ODD["a cap volatility of 80"] | ODD["CDS without recovery"])
    assert unused_quotes(job) == (
        "1 mean reversion (GBP)",
        "1 FX (EUR/GBP)",
        "1 cap vol (EUR/6M)",
        "1 CDS (OTHER)",
        "MEAN_REVERSION/RATE/GBP: expected a finite number, got 'n/a'",
        "FX/RATE/EUR/GBP: expected a finite number, got '#N/A'",
        "CAPFLOOR/RATE_NVOL/EUR/2Y/6M/ATM: expected a normal volatility > 0 as a decimal (0.008 is 80 bp), got 80",
    )
    cells = [str(cell) for cell in report_table(validate_job(job)).columns[0]._cells]
    assert "unused" in cells


def test_their_sensitivities_are_0_and_say_so(tmp_path: Path) -> None:
    odd = ODD["a CDS strip with an arbitrage"] | ODD["an FX rate of 0"]
    job = JOB.replace("sensitivities = false", "sensitivities = true")
    run = pipelines.ExposureJob.from_toml(written(tmp_path, EUR | CDS | odd, *BOOK, job)).run("serial")
    found = run.xva
    assert list(found.attrs["unused_quotes"]) == list(odd)
    idle = found["quote_unused"]
    assert set(found["quote"].values[idle.values]) == set(odd)
    assert (found["sensitivity"].where(idle, drop=True) == 0.0).all()
    used = found["total_sensitivity"].where(~idle, drop=True)
    assert (np.abs(used.sel(measure="CVA")) > 0.0).sum() > 10
    frame = run.sensitivities("CVA").to_frame()
    assert set(frame.index[frame["unused"]]) == set(odd)
    shift = parallel(Selector(currencies=("GBP",)), 0.1)
    done = stress(run, ScenarioSet("s", (Scenario("sterling", (shift,)),))).stress
    assert done.missing["sterling"].startswith("no quote that the book needs is shifted")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"CDS/CREDIT_SPREAD/BETA/SR/EUR/5Y": None, "CDS/CREDIT_SPREAD/BETA/SR/USD/5Y": 0.02},
            "survival curve BETA: expected quotes IR_SWAP/RATE/USD/<lag>/1D/<tenor>, which discount its CDS in USD, got "
            "none -> needed by counterparty BETA",
        ),
        (
            {"CDS/CREDIT_SPREAD/BETA/SR/EUR/1Y": 0.9},
            "CDS strip of BETA has an arbitrage at tenor 5Y",
        ),
        (
            {"MEAN_REVERSION/RATE/EUR": "n/a"},
            "quotes.csv, row 10, quote MEAN_REVERSION/RATE/EUR, column value",
        ),
        (
            {"RECOVERY_RATE/RATE/BANK/SR/EUR": 1.2},
            "quote RECOVERY_RATE/RATE/BANK/SR/EUR: expected a recovery rate",
        ),
    ],
)
def test_needed_ones_are_refused_for_the_right_reason(
    change: dict[str, float | str | None], said: str, tmp_path: Path
) -> None:
    values = {**EUR, **CDS, **change}
    if change.get("CDS/CREDIT_SPREAD/BETA/SR/USD/5Y"):
        values["RECOVERY_RATE/RATE/BETA/SR/USD"] = values.pop("RECOVERY_RATE/RATE/BETA/SR/EUR")
    with pytest.raises(InputErrors) as error:
        load_job(written(tmp_path, {i: v for i, v in values.items() if v is not None}, *BOOK))
    assert said in error.value.message
    assert "needed by the reporting currency" not in error.value.message


def test_a_curve_below_a_needed_one_is_needed(tmp_path: Path) -> None:
    """Yen against dollars against euros: a book without dollars still needs their quotes."""
    chain = {
        **USD,
        "IR_SWAP/RATE/JPY/2D/1D/10Y": 0.01,
        "CC_BASIS_SWAP/BASIS_SPREAD/USD/1D/JPY/1D/5Y": -0.002,
        "FX/RATE/USD/JPY": 150.0,
        "FX_OPTION/RATE_LNVOL/EUR/JPY/5Y/ATM": 0.1,
        "SWAPTION/RATE_NVOL/JPY/5Y/10Y/ATM": 0.005,
        "MEAN_REVERSION/RATE/JPY": 0.02,
        "FX_OPTION/RATE_LNVOL/USD/JPY/1Y/ATM": 0.2,
        "FX_OPTION/RATE_LNVOL/USD/JPY/2Y/ATM": 0.01,
    }
    book = ("fx_forwards.csv", FORWARD.replace("USD,9.5e6", "JPY,1.4e9"))
    job = load_job(written(tmp_path, EUR | CDS | chain, *book))
    assert set(job.unused) == {
        "FX_OPTION/RATE_LNVOL/EUR/USD/5Y/ATM",
        "SWAPTION/RATE_NVOL/USD/5Y/10Y/ATM",
        "MEAN_REVERSION/RATE/USD",
        "CORRELATION/IR:EUR/FX:USD",
        "FX_OPTION/RATE_LNVOL/USD/JPY/1Y/ATM",
        "FX_OPTION/RATE_LNVOL/USD/JPY/2Y/ATM",
    }
    for wrong in ({"IR_SWAP/RATE/USD/2D/1D/20Y": 4.0}, {"FX/RATE/EUR/USD": "x"}):
        with pytest.raises(InputErrors, match=next(iter(wrong))):
            load_job(written(tmp_path, EUR | CDS | chain | wrong, *book))
