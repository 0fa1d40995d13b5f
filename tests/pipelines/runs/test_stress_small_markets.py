"""The shipped scenarios run on every market that a run itself runs on: small ones, each without some family of quotes."""

from __future__ import annotations

from tests.support.places import EXAMPLES

from pathlib import Path

import numpy as np
import pytest

import pipelines
from pipelines.jobs.inputs import load_job
from pipelines.jobs.scenarios import read_scenarios
from pipelines.runs.computation import Exposure
from pipelines.runs.stress import stress
from tests.support.small_market import CDS, EUR, FORWARD, HAZARDS, SWAP, USD, ZEROS, written
from xva.errors import InputErrors
from xva.sensitivities.by_quote import sensitivities

READY = EXAMPLES / "scenarios/ready.toml"
MARKETS = {
    "EUR, no Euribor 3M": (EUR | CDS, "swaps.csv", SWAP.format("EUR-EURIBOR-6M")),
    "overnight swap": (EUR | CDS, "swaps.csv", SWAP.format("EUR-ESTR")),
    "hazard rates": (EUR | HAZARDS, "swaps.csv", SWAP.format("EUR-EURIBOR-6M")),
    "flat zero rates": (ZEROS | HAZARDS, "swaps.csv", SWAP.format("EUR-EURIBOR-6M")),
    "EUR and USD, no Euribor 3M": (EUR | USD | CDS, "fx_forwards.csv", FORWARD),
}


@pytest.mark.parametrize(
    "name", [n if n == "flat zero rates" else pytest.param(n, marks=pytest.mark.slow) for n in MARKETS]
)
def test_the_ready_set_runs_on_every_market_that_a_run_runs_on(name: str, tmp_path: Path) -> None:
    run = pipelines.ExposureJob.from_toml(written(tmp_path, *MARKETS[name])).run("serial")
    found = stress(run, READY).stress
    change = found.results["total_change"]
    assert not found.failed
    assert np.isfinite(change).all()
    quotes = MARKETS[name][0]
    scenarios = {s.name: s.missing(quotes) for s in read_scenarios(READY).scenarios}
    assert found.missing == {n: note for n, note in scenarios.items() if note}
    assert found.missing["equities_down_30"].startswith(
        "no quote that the book needs is shifted: nothing to shift for"
    )
    for scenario in ("rates_up_100", "credit_wider_50", "credit_wider_100bp", "steepener", "replay_2008"):
        assert abs(float(change.sel(scenario=scenario, measure="CVA"))) > 0.0
    untouched = [n for n, note in found.missing.items() if note.startswith("no quote")]
    assert (change.sel(scenario=untouched) == 0.0).all()
    assert "equities_down_30: no quote that the book needs" in found.notes().plain


def test_bumps_need_no_index_that_nobody_quotes(tmp_path: Path) -> None:
    engine = Exposure(load_job(written(tmp_path, *MARKETS["overnight swap"]))).engine
    quote = "IR_SWAP/RATE/EUR/2D/1D/5Y"
    found = [sensitivities(engine, ["CVA"], way, [quote])["sensitivity"].item() for way in ("aad", "bump")]
    assert found[1] == pytest.approx(found[0], rel=1e-6)


def test_a_shift_that_finds_nothing_is_refused_where_the_file_does_not_say_optional(tmp_path: Path) -> None:
    run = pipelines.ExposureJob.from_toml(written(tmp_path, *MARKETS["overnight swap"])).run("serial")
    file = tmp_path / "strict.toml"
    file.write_text('[[scenario]]\nname = "shares"\nshifts = [{ families = "equity", relative = "-30%" }]\n')
    with pytest.raises(InputErrors, match="scenario shares, shift 1: expected quotes of the market"):
        stress(run, file)
    file.write_text("optional = true\n" + file.read_text())
    assert stress(run, file).stress.missing.keys() == {"shares"}
    file.write_text(file.read_text().replace('"-30%" }', '"-30%", optional = false }'))
    with pytest.raises(InputErrors, match="scenario shares, shift 1"):
        stress(run, file)
