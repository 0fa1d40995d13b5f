"""A job that is in order: what comes back, what identifies it, what `xva validate` tells."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import QuantLib as ql

from pipelines.jobs.identity import identity_inputs
from pipelines.jobs.inputs import load_job
from pipelines.jobs.validation import validate_job
from pipelines.runs.computation import Exposure
from pipelines.runs.exposure import ExposureJob
from tests.support.places import EXAMPLES
from xva.trades.claims import CompoundedFlow, IborFlow, ResetPeriod, SwaptionClaim

BANK = EXAMPLES / "bank"


@pytest.fixture(scope="module")
def demo():
    return load_job(BANK / "demo.toml")


@pytest.fixture(scope="module")
def full():
    return load_job(BANK / "full.toml")


def test_demo(demo):
    assert demo.as_of == np.datetime64("2026-01-15")
    assert [s.name for s in demo.netting_sets] == ["CP_A", "CP_C", "CP_F", "CP_H"]
    assert len(demo.idle_netting_sets) == 8
    assert [s.netted for s in demo.netting_sets] == [True, True, False, True]
    assert {c.name: c.credit_curve for c in demo.counterparties}["CPTY_H"] == "PROXY_FUND_BB_US"
    assert len(demo.trades) == len(demo.claims) == 150
    assert demo.dates.shape == (40,)
    assert demo.output == BANK / "runs"
    assert demo.claims[7] == demo.trades[7].claims(demo.context)


def coupon_keys(job):
    """Currencies, kinds and dates of what running coupons of more than a tenth of their trade's life take from the paths."""
    times = (job.dates - job.as_of).astype(int) / 365.0
    found = set()
    for trade, claims in zip(job.trades, job.claims, strict=True):
        stop = np.inf if trade.break_date is None else job.context.time(trade.break_date)
        swaps = [c for c in claims if not isinstance(c, SwaptionClaim)]
        underlyings = [
            (c.expiry, c.flows) for c in claims if isinstance(c, SwaptionClaim) and c.settlement == "physical"
        ]
        for since, flows in [(0.0, swaps), *underlyings]:
            coupons = [c for c in flows if isinstance(c, (IborFlow, CompoundedFlow, ResetPeriod))]
            if not coupons:
                continue
            end = max(c.pay for c in flows if hasattr(c, "pay"))
            life = end - max(0.0, min(min(c.start, c.end) for c in coupons))
            for c in coupons:
                overnight = isinstance(c, CompoundedFlow) or (
                    isinstance(c, ResetPeriod) and c.index and job.context.index(c.index).overnight
                )
                begins = c.start if overnight else c.fixing
                seen = times[(times > begins + 1e-9) & (times < min(c.pay, stop)) & (times >= since - 1e-9)]
                if abs(c.end - c.start) > 0.1 * life and len(seen) and getattr(c, "index", ""):
                    upto = [min(t, c.end) for t in seen.tolist()] if overnight else []
                    found |= {(c.currency, overnight, round(365.0 * t)) for t in (begins, *upto) if t > 1e-9}
    return found


def test_factors_do_not_depend_on_the_order_of_trades(demo, full):
    assert demo.factors == full.factors
    assert demo.factors[:7] == ("IR:EUR", "IR:GBP", "IR:JPY", "IR:USD", "FX:GBP", "FX:JPY", "FX:USD")


def test_validation_counts_what_the_claims_say(demo):
    report = validate_job(demo)
    assert sum(report.trades.values()) == sum(report.netting_sets.values()) == 150
    assert not report.ended
    claims = [c for trade in demo.claims for c in trade]
    resets = {c.start for c in claims if isinstance(c, ResetPeriod)} - {0.0}
    physical = {c.expiry for c in claims if isinstance(c, SwaptionClaim) and c.settlement == "physical"}
    assert (report.resets, report.exercises) == (len(resets), len(physical))
    apart = {round(365.0 * t) for t in resets | physical}
    days = set((report.event_dates - demo.as_of).astype(int).tolist())
    assert apart <= days
    assert (report.fixing, report.fixings) == ("auto", len(coupon_keys(demo)))
    assert 0 < len(days - apart) <= report.fixings
    assert (report.event_dates > demo.as_of).all()
    assert (report.paths, report.blocks, report.scrambles) == (2048, 8, 8)
    assert report.sobol_dimensions == 40 * 17
    assert report.last_payment <= report.last_date
    assert report.bytes_per_block > 256 * 40 * 17 * 8


def test_event_dates_are_business_days(full):
    """Resets and exercise fall on business days of the currencies' centres (QuantLib's calendars)."""
    target = ql.TARGET()
    days = [ql.Date(str(d), "%Y-%m-%d") for d in validate_job(full).event_dates]
    assert sum(target.isBusinessDay(d) for d in days) >= 0.9 * len(days)
    assert all(d.weekday() not in (ql.Saturday, ql.Sunday) for d in days)


# Identity


def test_identity_is_json_without_execution_and_paths(demo):
    identity = identity_inputs(demo)
    assert json.loads(json.dumps(identity)) == identity
    assert set(identity["job"]) == {
        "name", "as_of", "reporting_currency", "simulation", "market", "model", "surrogates", "exposure", "xva",
    }  # fmt: skip
    assert set(identity["inputs"]) == {"quotes", "netting_sets", "counterparties", "fixings", "trades"}


def test_identity_ignores_where_and_how(bank, demo):
    bank.replace("demo.toml", "workers = 2", "workers = 7")
    bank.replace("demo.toml", 'executor = "serial"', 'executor = "local"')
    bank.replace("demo.toml", "market/quotes.csv", "market/q.csv")
    shutil.move(bank.folder / "market/quotes.csv", bank.folder / "market/q.csv")
    assert identity_inputs(bank.load()) == identity_inputs(demo)


def test_identity_ignores_how_files_are_written(bank, demo):
    """Parquet instead of CSV, typed columns, another spelling of numbers, blank lines."""
    for path in sorted((bank.folder / "trades/demo").glob("*.csv")):
        frame = pd.read_csv(path)
        for column in frame.columns:
            if column.endswith("_date"):
                frame[column] = pd.to_datetime(frame[column])
        frame.to_parquet(path.with_suffix(".parquet"))
        path.unlink()
    bank.set("market/quotes.csv", "FX/RATE/EUR/USD", "value", "1163e-3")
    with (bank.folder / "netting_sets.csv").open("a") as file:
        file.write("\n\n")
    assert identity_inputs(bank.load()) == identity_inputs(demo)


@pytest.mark.parametrize(
    ("file", "key", "column", "value", "changed"),
    [
        ("market/quotes.csv", "FX/RATE/EUR/USD", "value", "1.1630000001", "quotes"),
        ("netting_sets.csv", "CP_A", "netted", "false", "netting_sets"),
        ("counterparties.csv", "CPTY_A", "credit_curve", "CPTY_B", "counterparties"),
        ("trades/demo/swaps.csv", "IRS_0001", "notional", "1000000", "trades"),
    ],
)
def test_identity_sees_every_input(bank, demo, file, key, column, value, changed):
    bank.set(file, key, column, value)
    one, two = identity_inputs(bank.load()), identity_inputs(demo)
    assert one["job"] == two["job"]
    assert [k for k in two["inputs"] if one["inputs"][k] != two["inputs"][k]] == [changed]


def test_identity_sees_the_job(bank, demo):
    bank.replace("demo.toml", "seed = 42", "seed = 43")
    one, two = identity_inputs(bank.load()), identity_inputs(demo)
    assert one["inputs"] == two["inputs"]
    assert one["job"]["simulation"] == {**two["job"]["simulation"], "seed": 43}


def test_objects_of_a_notebook_show_themselves_in_a_line(demo):
    """repr(job) had 538,740 characters: every quote, fixing and trade."""
    world_of = Exposure(demo)
    for shown in (ExposureJob(demo), demo, world_of, demo.quotes, demo.context):
        assert len(repr(shown)) < 400
    assert "150 trades in 4 netting sets" in repr(ExposureJob(demo))
