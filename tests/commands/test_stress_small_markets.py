"""The shipped scenarios run on every market that a run itself runs on: small ones, each without some family of quotes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import pipelines
from pipelines.engine import Exposure
from pipelines.jobs.inputs import load_job
from pipelines.jobs.scenarios import read_scenarios
from pipelines.stress_job import stress
from xva.errors import InputErrors
from xva.valuation.sensitivities import sensitivities

READY = Path(__file__).parents[2] / "examples/scenarios/ready.toml"
JOB = """
name = "small"
as_of = 2026-03-02
[inputs]
quotes = "quotes.csv"
netting_sets = "netting_sets.csv"
counterparties = "counterparties.csv"
trades = "trades"
[simulation]
paths = 32
block_size = 4
grid = "6M..2Y"
[xva]
sensitivities = false
"""
SWAP = (
    "trade_id,netting_set,currency,notional,side,fixed_rate,index,start_date,maturity_date\n"
    "S,A,EUR,1e7,payer,0.02,{},2026-03-04,2028-03-06\n"
)
FORWARD = (
    "trade_id,netting_set,buy_currency,buy_amount,sell_currency,sell_amount,settlement_date\n"
    "F,A,EUR,8e6,USD,9.5e6,2028-03-02\n"
)
EUR = {
    **{f"IR_SWAP/RATE/EUR/2D/1D/{t}": r for t, r in (("1Y", 0.0192), ("5Y", 0.0229), ("20Y", 0.0285))},
    **{f"IR_SWAP/RATE/EUR/2D/6M/{t}": r for t, r in (("2Y", 0.0218), ("5Y", 0.0245), ("20Y", 0.0297))},
    "MM/RATE/EUR/2D/6M": 0.0212,
    "SWAPTION/RATE_NVOL/EUR/5Y/10Y/ATM": 0.0071,
    "MEAN_REVERSION/RATE/EUR": 0.02,
    "ZERO/YIELD_SPREAD/EUR/BORROW/A365/5Y": 0.006,
    "ZERO/YIELD_SPREAD/EUR/LEND/A365/5Y": 0.002,
}
CDS = {f"CDS/CREDIT_SPREAD/{n}/SR/EUR/5Y": 0.02 for n in ("BETA", "BANK")} | {
    f"RECOVERY_RATE/RATE/{n}/SR/EUR": 0.4 for n in ("BETA", "BANK")
}
HAZARDS = {f"HAZARD_RATE/RATE/{n}/SR/EUR/5Y": 0.03 for n in ("BETA", "BANK")} | {
    f"RECOVERY_RATE/RATE/{n}/SR/EUR": 0.4 for n in ("BETA", "BANK")
}
ZEROS = {
    **{f"ZERO/RATE/EUR/{c}/A365/1Y": 0.02 for c in ("EUR-ESTR", "EUR-EURIBOR-6M")},
    **{i: v for i, v in EUR.items() if not i.startswith(("IR_SWAP", "MM"))},
}
USD = {
    **{f"IR_SWAP/RATE/USD/2D/1D/{t}": r for t, r in (("1Y", 0.0352), ("20Y", 0.0402))},
    "CC_BASIS_SWAP/BASIS_SPREAD/USD/1D/EUR/1D/5Y": -0.0013,
    "FX/RATE/EUR/USD": 1.17,
    "FX_OPTION/RATE_LNVOL/EUR/USD/5Y/ATM": 0.083,
    "SWAPTION/RATE_NVOL/USD/5Y/10Y/ATM": 0.0082,
    "MEAN_REVERSION/RATE/USD": 0.025,
    "CORRELATION/IR:EUR/FX:USD": -0.15,
}
MARKETS = {
    "EUR, no Euribor 3M": (EUR | CDS, "swaps.csv", SWAP.format("EUR-EURIBOR-6M")),
    "overnight swap": (EUR | CDS, "swaps.csv", SWAP.format("EUR-ESTR")),
    "hazard rates": (EUR | HAZARDS, "swaps.csv", SWAP.format("EUR-EURIBOR-6M")),
    "flat zero rates": (ZEROS | HAZARDS, "swaps.csv", SWAP.format("EUR-EURIBOR-6M")),
    "EUR and USD, no Euribor 3M": (EUR | USD | CDS, "fx_forwards.csv", FORWARD),
}

Write = Callable[[dict[str, float], str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(quotes: dict[str, float], table: str, rows: str) -> Path:
        (tmp_path / "trades").mkdir()
        (tmp_path / "trades" / table).write_text(rows)
        (tmp_path / "quotes.csv").write_text(
            "quote_id,value\n" + "".join(f"{i},{v}\n" for i, v in quotes.items())
        )
        (tmp_path / "netting_sets.csv").write_text(
            "netting_set,counterparty,currency,netted\nA,BETA,EUR,true\n"
        )
        (tmp_path / "counterparties.csv").write_text(
            "counterparty,credit_curve,sector,rating,region\nBETA,BETA,BANK,A,EU\n"
        )
        (tmp_path / "job.toml").write_text(JOB)
        return tmp_path / "job.toml"

    return written


@pytest.mark.parametrize("name", MARKETS)
def test_the_ready_set_runs_on_every_market_that_a_run_runs_on(name: str, write: Write) -> None:
    run = pipelines.ExposureJob.from_toml(write(*MARKETS[name])).run("serial")
    found = stress(run, READY).stress
    change = found.results["total_change"]
    assert not found.failed
    assert np.isfinite(change).all()
    quotes = MARKETS[name][0]
    scenarios = {s.name: s.missing(quotes) for s in read_scenarios(READY).scenarios}
    assert found.missing == {n: note for n, note in scenarios.items() if note}
    assert found.missing["equities_down_30"].startswith(
        "no quote of this market is shifted: nothing to shift for"
    )
    for scenario in ("rates_up_100", "credit_wider_50", "credit_wider_100bp", "steepener", "replay_2008"):
        assert abs(float(change.sel(scenario=scenario, measure="CVA"))) > 0.0
    untouched = [n for n, note in found.missing.items() if note.startswith("no quote")]
    assert (change.sel(scenario=untouched) == 0.0).all()
    assert "equities_down_30: no quote of this market" in found.notes().plain


def test_bumps_need_no_index_that_nobody_quotes(write: Write) -> None:
    engine = Exposure(load_job(write(*MARKETS["overnight swap"]))).engine
    quote = "IR_SWAP/RATE/EUR/2D/1D/5Y"
    found = [sensitivities(engine, ["CVA"], way, [quote])["sensitivity"].item() for way in ("aad", "bump")]
    assert found[1] == pytest.approx(found[0], rel=1e-6)


def test_a_shift_that_finds_nothing_is_refused_where_the_file_does_not_say_optional(
    write: Write, tmp_path: Path
) -> None:
    run = pipelines.ExposureJob.from_toml(write(*MARKETS["overnight swap"])).run("serial")
    file = tmp_path / "strict.toml"
    file.write_text('[[scenario]]\nname = "shares"\nshifts = [{ families = "equity", relative = "-30%" }]\n')
    with pytest.raises(InputErrors, match="scenario shares, shift 1: expected quotes of the market"):
        stress(run, file)
    file.write_text("optional = true\n" + file.read_text())
    assert stress(run, file).stress.missing.keys() == {"shares"}
    file.write_text(file.read_text().replace('"-30%" }', '"-30%", optional = false }'))
    with pytest.raises(InputErrors, match="scenario shares, shift 1"):
        stress(run, file)
