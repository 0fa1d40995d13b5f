"""Grids that take in the book's own dates: what ends between two dates has its exposure up to its last day.

A bought option without flows before its expiry has ``CVA = LGD V0 (1 - S(T))`` in any model; so has, to the chance that its
value changes sign, a forward far in the money.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import pipelines
from pipelines.jobs.grid import MOST_DATES
from pipelines.jobs.inputs import load_job
from pipelines.runs.computation import Exposure
from tests.support.flat_job import AS_OF, HAZARD, LGD, default, option, swap, write_flat_job, years
from xva.adjustments.measures import measure_weights
from xva.exposure.flow_dates import flow_dates
from xva.exposure.reconciliation.reconciliation import trade_values

COARSE = 'grid = "1Y..10Y + cashflows"'
EXPIRIES = {"A": "2026-01-16", "B": "2026-01-21", "C": "2026-03-16", "D": "2026-07-14", "E": "2027-01-15"}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    trades = [option(f"O_{name}", name, day) for name, day in EXPIRIES.items()]
    forward = {
        "trade_id": "F", "netting_set": "F", "buy_currency": "USD", "buy_amount": 1.3e6, "sell_currency": "EUR",
        "sell_amount": 1e6, "settlement_date": "2026-01-21",
    }  # fmt: skip
    tables = {"fx_options": trades, "fx_forwards": [forward]}
    folder = tmp_path_factory.mktemp("options") / "job"
    return load_job(write_flat_job(folder, tables, grid=COARSE, paths=4096))


@pytest.fixture(scope="module")
def options(job):
    return pipelines.ExposureJob(job).run().xva


@pytest.mark.parametrize("name", EXPIRIES)
def test_an_option_loses_nothing(options, name):
    one = options.sel(netting_set=name)
    want = LGD * float(one["value0"]) * default(EXPIRIES[name])
    got, error = (float(one[v].sel(measure="CVA")) for v in ("xva", "xva_se"))
    # Sobol points: the error of the mean is far below a paid premium's thousandth
    assert got == pytest.approx(want, abs=4.0 * error + 2e-4 * want)


def test_a_trapezoid_loses_nothing_either(job):
    """Values at both ends of an interval, and the day before for the last day: EPE is flat, so the sum is the same."""
    engine = Exposure(job).engine
    spec = replace(engine.xva, quadrature="trapezoid")
    weights = measure_weights(engine.world.market, engine.credit, engine.times, spec)[0]
    for number, day in enumerate(EXPIRIES.values()):
        alive = torch.from_numpy((engine.dates < np.datetime64(day)).astype(float))
        assert float(weights[number] @ alive) == pytest.approx(LGD * default(day), rel=1e-6)


def test_a_forward_before_the_first_date(options):
    one = options.sel(netting_set="F")
    want = LGD * float(one["value0"]) * default("2026-01-21")
    assert float(one["xva"].sel(measure="CVA")) == pytest.approx(want, rel=1e-3)


@pytest.mark.parametrize("name", EXPIRIES)
def test_the_derivative_to_the_hazard(options, name):
    """``d CVA / d h = LGD V0 T exp(-h T)``: the weight of the last day is differentiated with the others."""
    one = options.sel(netting_set=name, measure="CVA")
    time = years(EXPIRIES[name])
    want = LGD * float(one["value0"]) * time * np.exp(-HAZARD * time)
    got = one.sel(quote="HAZARD_RATE/RATE/CP/SR/EUR/10Y")
    error = float(got["sensitivity_se"])
    assert float(got["sensitivity"]) == pytest.approx(want, abs=4.0 * error + 2e-4 * want)


@pytest.mark.parametrize("quote", ["FX/RATE/EUR/USD", "FX_OPTION/RATE_LNVOL/EUR/USD/5Y/ATM"])
def test_the_derivative_to_what_moves_the_value(options, job, quote):
    """``d CVA / dq = LGD (1 - S(T)) dV0/dq``, with dV0/dq off the option's closed form."""
    engine = Exposure(job).engine
    leaf = engine.quotes.as_leaf()
    values = trade_values(engine.book, engine.build(leaf))
    for number, (name, day) in enumerate(EXPIRIES.items()):
        (slope,) = torch.autograd.grad(values[number + 1], leaf.values, retain_graph=True)
        want = LGD * default(day) * float(slope[leaf.ids.index(quote)])
        one = options.sel(netting_set=name, measure="CVA", quote=quote)
        error = float(one["sensitivity_se"])
        assert error < 0.02 * abs(want)
        assert float(one["sensitivity"]) == pytest.approx(want, abs=4.0 * error + 2e-4 * abs(want))


def test_explicit_grids_mean_what_they_say(tmp_path):
    tables = {"swaps": [swap("S", "A", "2026-01-19", "2036-01-21")]}
    listed = load_job(write_flat_job(tmp_path / "a", tables, grid="grid = [2026-06-15, 2027-06-15]"))
    assert [str(d) for d in listed.dates] == ["2026-06-15", "2027-06-15"]
    steps = load_job(write_flat_job(tmp_path / "b", tables, grid='grid = "3M..1Y"'))
    assert len(steps.dates) == 4


@pytest.mark.parametrize("life", [1, 10, 50, 60])
def test_the_default_sees_a_swap(life, tmp_path):
    end = np.datetime64(f"{2026 + life}-01-19")
    tables = {"swaps": [swap("S", "A", "2026-01-19", str(end))]}
    job = load_job(write_flat_job(tmp_path / "job", tables, grid=""))
    assert len(job.dates) <= MOST_DATES
    assert job.dates[-1] == job.trades[0].maturity
    steps = np.diff(np.concatenate([[AS_OF], job.dates])).astype(int)
    assert steps.max() <= 366
    flows = flow_dates(job.trades, job.claims, job.context, {})
    monthly = [k * 30 for k in range(12 * life + 2)]
    assert (
        flows.unseen(np.append(0, (job.dates - AS_OF).astype(int))) <= 1e-3 < flows.unseen(np.array(monthly))
    )


def test_a_book_of_many_dates_stays_below_the_bound(tmp_path):
    rng = np.random.default_rng(1)
    starts = AS_OF + rng.integers(1, 400, 60)
    rows = [swap(f"S{k}", "A", str(d), str(d + 365 * (1 + k % 12))) for k, d in enumerate(starts)]
    job = load_job(write_flat_job(tmp_path / "job", {"swaps": rows}, grid=""))
    assert 150 < len(job.dates) <= MOST_DATES
