"""The sample bank is what it says it is, and comes out of its generator."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from pipelines.jobs.inputs import load_job
from pipelines.runs.computation import Exposure
from tests.support.places import EXAMPLES

BANK = EXAMPLES / "bank"


@pytest.fixture(scope="module")
def full():
    return load_job(BANK / "full.toml")


@pytest.fixture(scope="module")
def demo():
    return load_job(BANK / "demo.toml")


def test_the_generator_writes_these_files(tmp_path):
    script = [sys.executable, str(BANK / "generate.py"), "--output", str(tmp_path)]
    subprocess.run(script, check=True, capture_output=True, cwd=BANK.parents[1], env={"PYTHONPATH": "."})
    written = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*.csv"))
    assert len(written) == 24
    for name in written:
        assert (tmp_path / name).read_bytes() == (BANK / name).read_bytes(), name


def test_market(full):
    quotes = full.quotes.ids
    assert len(quotes) >= 200
    assert sum(q.startswith("EQUITY/PRICE/") for q in quotes) == 10
    names = {q.split("/")[2] for q in quotes if q.startswith("CDS/")}
    assert "BANK" in names
    with (BANK / "counterparties.csv").open() as file:
        parties = list(csv.DictReader(file))
    assert len(parties) == 12
    assert sum(not p["credit_curve"] for p in parties) >= 3


def test_composition(full):
    total = len(full.trades)
    kinds = Counter(t.kind for t in full.trades)
    assert total >= 2000
    assert len(full.netting_sets) == 12
    least = {
        "fx_options": 10,
        "equity_options": 5,
        "caps_floors": 5,
        "swaptions": 3,
        "cross_currency_swaps": 5,
    }
    for kind, share in least.items():
        assert kinds[kind] >= share / 100 * total, kind
    swaps = [t for t in full.trades if t.kind == "cross_currency_swaps"]
    assert sum(t.resetting != "none" for t in swaps) >= len(swaps) // 2
    swaptions = [t for t in full.trades if t.kind == "swaptions"]
    assert sum(t.settlement == "physical" for t in swaptions) == len(swaptions) // 2


def test_sets(full):
    owners = Counter(s.counterparty for s in full.netting_sets)
    assert max(owners.values()) == 2
    assert sum(not s.netted for s in full.netting_sets) == 1
    assert min(Counter(t.netting_set for t in full.trades).values()) >= 40
    simulated = {t.netting_set for t in full.trades if getattr(t, "resetting", "none") != "none"}
    simulated |= {t.netting_set for t in full.trades if getattr(t, "settlement", "cash") == "physical"}
    assert len(simulated) == 6


@pytest.mark.parametrize("job", ["demo", "full"])
def test_features(job, request):
    """Every type, both ways, seasoned, forward starting, amortising, with breaks, matured in time."""
    trades = request.getfixturevalue(job).trades
    as_of = np.datetime64("2026-01-15")
    assert len({t.kind for t in trades}) == 10
    swaps = [t for t in trades if t.kind == "swaps"]
    assert {t.side for t in swaps} == {"payer", "receiver"}
    assert {t.amortisation for t in swaps} == {"none", "linear"}
    assert {t.index for t in swaps} == {
        "EUR-ESTR", "EUR-EURIBOR-3M", "EUR-EURIBOR-6M", "USD-SOFR", "GBP-SONIA", "JPY-TONA",
    }  # fmt: skip
    for kind in ("swaps", "basis_swaps", "caps_floors", "cross_currency_swaps"):
        assert any(t.start_date < as_of for t in trades if t.kind == kind), kind
    assert any(t.start_date > as_of + 30 for t in swaps)
    for field in ("side", "option_type", "cap_floor", "swap_side", "settlement"):
        values = {getattr(t, field) for t in trades if hasattr(t, field)}
        assert len(values) >= 2, field
    assert {t.resetting for t in trades if t.kind == "cross_currency_swaps"} == {"none", "pay", "receive"}
    assert any(t.break_date for t in trades)
    assert len({t.equity for t in trades if hasattr(t, "equity")}) == 10
    last = max(t.maturity for t in trades)
    assert as_of + 365 * (19 if job == "demo" else 29) < last


def test_demo_size(demo):
    assert len(demo.trades) == 150
    assert len(demo.netting_sets) == 4
    assert (demo.spec.simulation.paths, demo.dates.size) == (2048, 40)
    assert demo.spec.simulation.paths // demo.spec.simulation.block_size == demo.spec.simulation.scrambles


def test_full_size(full):
    assert (full.spec.simulation.paths, full.dates.size, full.spec.simulation.block_size) == (8192, 120, 1024)


@pytest.mark.parametrize(
    ("job", "wrong"), [("demo", {"IRS_0031", "FXF_0007"}), ("full", {"IRS_0438", "FXF_0003"})]
)
def test_linear_trades_reconcile_but_the_two_that_are_booked_wrong(job, wrong, request):
    """A sign and a fee, of trades without volatility; fixed legs of cross-currency swaps count what their books counted."""
    table = Exposure(request.getfixturevalue(job)).reconciliation()
    linear = table[table["quoted_vol_value"].isna() & table["booked_value"].notna() & (table["note"] == "")]
    assert len(linear) >= (25 if job == "demo" else 400)
    right = linear.drop(index=list(wrong))["difference"].abs()
    assert right.max() < 200.0, right.idxmax()
    assert (linear.loc[list(wrong), "difference"].abs() > 20_000.0).all()
