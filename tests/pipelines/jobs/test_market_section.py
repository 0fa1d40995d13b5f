"""Currencies, indices and curves that a job brings in lines of TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.jobs.inputs import LoadedJob, load_job
from pipelines.results.market_plan import market_plan
from tests.support.four_currencies import QUOTES, TRADES, write_four_currencies
from xva.errors import InputErrors
from xva.market import Market
from xva.market.conventions import BUILT_IN
from xva.trades import InterestRateSwap

OWN = """
[market.currencies.RON]
calendar = "PL"
ibor_swap = { fixed_frequency = "1Y", fixed_day_count = "ACT/ACT" }
[market.indices.RON-OIS]
tenor = "1D"
day_count = "A365"
payment_lag = 2
[market.indices.RON-ROBOR-6M]
tenor = "6M"
day_count = "A365"
fixing_lag = 2
"""


def renamed(value: Any) -> Any:
    """PLN's name in another currency, in quotes and trades."""
    if isinstance(value, dict):
        return {renamed(k): renamed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [renamed(v) for v in value]
    if isinstance(value, str):
        return value.replace("PLN-WIBOR", "RON-ROBOR").replace("PLN", "RON")
    return value


def market_of(job: LoadedJob) -> Market:
    assert job.checked is not None
    return job.checked.world.market


def problems(job: Path) -> list[str]:
    with pytest.raises(InputErrors) as error:
        load_job(job)
    return [str(p) for p in error.value.problems]


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> LoadedJob:
    return load_job(write_four_currencies(tmp_path_factory.mktemp("four") / "job"))


@pytest.mark.parametrize("beside", [False, True], ids=["in the job", "in a file beside it"])
def test_a_currency_of_ones_own_is_as_one_of_the_table(tmp_path: Path, four: LoadedJob, beside: bool) -> None:
    """With PLN's terms under another name every curve has PLN's bits, and trades the terms of their market."""
    quotes = {k: None for k in QUOTES if "PLN" in k} | {
        renamed(k): v for k, v in QUOTES.items() if "PLN" in k
    }
    given = {"market_file": OWN} if beside else {"market": OWN}
    job = load_job(write_four_currencies(tmp_path / "job", quotes=quotes, trades=renamed(TRADES), **given))  # type: ignore[arg-type]
    ours, theirs = market_of(job), market_of(four)
    pairs = {"RON-OIS": "PLN-POLSTR", "RON-ROBOR-6M": "PLN-WIBOR-6M", "RON-IN-CHF": "PLN-IN-CHF"}
    for own, other in pairs.items():
        assert torch.equal(ours.curves[own].log_discounts, theirs.curves[other].log_discounts)
    swap = next(t for t in job.trades if isinstance(t, InterestRateSwap) and t.currency == "RON")
    assert (swap.fixed_day_count, "fixed_day_count" in swap.filled) == ("ACT/ACT", True)
    if beside:
        assert "input:market.toml" in job.files


def test_what_a_job_says_of_a_built_in_index_goes_first(tmp_path: Path, four: LoadedJob) -> None:
    said = """
[market.indices.SEK-STIBOR-3M]
swap = { fixed_day_count = "A360" }
[market.currencies.SEK]
spot_lag = 3
points = 1000
"""
    job = load_job(
        write_four_currencies(
            tmp_path / "job",
            said,
            quotes={f"FXFWD/RATE/CHF/SEK/{t}": 10.0 for t in ("1Y", "2Y", "5Y", "10Y")},
        )
    )
    row, before = job.market_config.conventions.of("SEK"), BUILT_IN.of("SEK")
    assert (row.calendar, row.swaption_index) == (before.calendar, before.swaption_index)
    assert job.market_config.points_factors["CHF/SEK"] == 1000
    swap = next(t for t in job.trades if getattr(t, "index", "") == "SEK-STIBOR-3M")
    assert isinstance(swap, InterestRateSwap)
    assert swap.fixed_day_count == "A360"
    assert market_of(job).curves["SEK-IN-CHF"].times[0] > market_of(four).curves["SEK-IN-CHF"].times[0]


def test_curves_that_a_job_names(tmp_path: Path, four: LoadedJob) -> None:
    said = """
[market.currencies.PLN]
discount = "PLN-POLSTR"
[market.indices.AUD-BBSW-3M]
curve = "AUD-BBSW-6M"
[market.curves.PLN-WIBOR-6M]
quotes = ["IR_SWAP/RATE/PLN/2D/6M/*"]
"""
    job = load_job(write_four_currencies(tmp_path / "job", said))
    market, before = market_of(job), market_of(four)
    assert market.discount_curve("PLN") is market.curves["PLN-POLSTR"]
    assert market.projection_curve("AUD-BBSW-3M") is market.curves["AUD-BBSW-6M"]
    assert len(market.curves["PLN-WIBOR-6M"].times) == len(before.curves["PLN-WIBOR-6M"].times) - 2
    left = market_plan(job).left_out
    assert left["not among the quotes of [market.curves.PLN-WIBOR-6M]"] == (
        "MM/RATE/PLN/2D/6M",
        "FRA/RATE/PLN/3M/6M",
    )


def test_an_overnight_index_of_ones_own_takes_the_built_in_ones_place(
    tmp_path: Path, four: LoadedJob
) -> None:
    said = '[market.indices.PLN-WIRON]\ntenor = "1D"\nday_count = "A365"\npayment_lag = 2\n'
    job = load_job(write_four_currencies(tmp_path / "job", said))
    assert "PLN-POLSTR" not in job.market_config.indices
    own, before = market_of(job).curves["PLN-WIRON"], market_of(four).curves["PLN-POLSTR"]
    assert torch.equal(own.log_discounts, before.log_discounts)


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    said = """
[market.currencies.PLN]
calender = "PL"
[market.currencies.SEK]
calendar = "MARS"
swaption_index = "SEK-STIBOR-9M"
[market.indices.AUD-RBA]
tenor = "1D"
[market.indices.aud]
tenor = "1D"
[market.curves.CHF-SARON]
quote = "x"
"""
    told = "\n".join(problems(write_four_currencies(tmp_path / "job", said)))
    assert "[market.currencies.PLN] calender: expected one of calendar, spot_lag" in told
    assert "did you mean calendar?" in told
    assert (
        "[market.indices] aud: expected an index such as PLN-WIBOR-6M, its currency first, got 'aud'" in told
    )
    assert "[market.curves.CHF-SARON] quote: expected one of quotes" in told


def test_terms_that_are_wrong(tmp_path: Path) -> None:
    said = """
[market.currencies.SEK]
calendar = "MARS"
spot_lag = 99
swaption_index = "SEK-STIBOR-9M"
[market.indices.AUD-RBA]
tenor = "1D"
[market.indices.PLN-WIBOR-6M]
day_count = "A361"
"""
    told = "\n".join(problems(write_four_currencies(tmp_path / "job", market_file=said)))
    assert "market.toml, [market.currencies.SEK] calendar: expected a calendar of TARGET" in told
    assert "market.toml, [market.currencies.SEK] spot_lag: expected business days, 0 to 60, got 99" in told
    assert "market.toml, [market.currencies.SEK] swaption_index: expected one of SEK-SWESTR" in told
    assert "market.toml, [market.indices.AUD-RBA] day_count: expected a value, got nothing" in told
    assert "market.toml, [market.indices.PLN-WIBOR-6M] day_count: expected a day count of A360" in told


def test_a_pattern_without_quotes_and_two_curves_of_one_tenor(tmp_path: Path) -> None:
    said = """
[market.curves.PLN-WIBOR-6M]
quotes = ["MM/RATE/RON/*", "IR_SWAP/RATE/PLN/2D/6M/*"]
[market.indices.SEK-OTHER-3M]
tenor = "3M"
day_count = "A360"
"""
    other = [{**row, "index": "SEK-OTHER-3M"} for row in TRADES["swaps"] if row["index"] == "SEK-STIBOR-3M"]
    trades = {**TRADES, "swaps": [*TRADES["swaps"], *other]}
    told = "\n".join(problems(write_four_currencies(tmp_path / "job", said, trades=trades)))
    assert (
        "[market.curves.PLN-WIBOR-6M] quotes: expected a pattern of quotes in quotes.csv, got 'MM/RATE/RON/*'"
        in told
    )
    assert (
        "expected one curve to take the quotes of a tenor, got SEK-OTHER-3M and SEK-STIBOR-3M, both 3M"
        in told
    )


def test_a_key_in_the_job_and_in_the_file(tmp_path: Path) -> None:
    said = "[market.currencies.SEK]\nspot_lag = 3\n"
    told = problems(write_four_currencies(tmp_path / "job", said, market_file=said))
    assert told == [
        "four.toml, [market] currencies.SEK: expected each key once, got it in market.toml too -> leave one out"
    ]


def test_the_market_is_shown(four: LoadedJob) -> None:
    """What is built from what, in an order in which each curve's needs come before it; every quote is there once."""
    plan = market_plan(four)
    seen: set[str] = set()
    for curve in plan.curves:
        assert set(curve.needs) <= seen, curve
        seen.add(curve.name)
    assert [c.position for c in plan.curves] == list(range(1, len(plan.curves) + 1))
    assert plan.left_out == {"in currencies that the book has not: NOK": ("IR_SWAP/RATE/NOK/2D/6M/5Y",)}
    shown = CliRunner().invoke(app, ["market", str(four.path)], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "PLN-WIBOR-6M: deposit, FRA, IBOR swap, on PLN-POLSTR" in shown.output
    assert "left out, in currencies that the book has not: NOK (1): IR_SWAP/RATE/NOK/2D/6M/5Y" in shown.output
