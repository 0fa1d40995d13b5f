"""What a grid leaves out of netting sets with trades that have no closed form: against closed forms and finer runs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from pipelines.jobs.grid import fine_dates
from pipelines.jobs.inputs import load_job
from pipelines.runs.computation import Exposure
from tests.support.flat_job import LGD, american, default, option, swap, write_flat_job

GRID = 'grid = "3M..1Y"'
CALL = {
    "underlying": "EQ/AA", "currency": "EUR", "side": "long", "option_type": "call", "quantity": 1e4, "strike": 100.0,
}  # fmt: skip


def digital(name, expiry, **terms):
    return {**CALL, "trade_id": name, "netting_set": name, "cash": 20.0, "expiry_date": expiry, **terms}


def exposure(folder, documents, tables=None, grid=GRID, **options):
    path = write_flat_job(folder, tables or {}, documents=documents, grid=grid, **options)
    path.write_text(path.read_text().replace("policy_paths = 512", "policy_paths = 16384"))
    return Exposure(load_job(path))


def shares(found):
    return {
        n: float(found["left_out_share"].sel(netting_set=n)) for n in found["netting_set"].values.tolist()
    }


def test_of_one_payment_to_come_the_exposure_is_constant(tmp_path):
    """What is bought and pays once has deflated exposure V0 until then: what is left out is a ratio of default probabilities.

    Between two dates, before the first and paid after the last date of the grid; averages, which remember; what we wrote has
    none.
    """
    asian = {**CALL, "trade_id": "ASIAN", "netting_set": "ASIAN"}
    found = exposure(
        tmp_path / "job",
        {
            "digital_options": [
                digital("EARLY", "2026-03-16"),
                digital("BETWEEN", "2026-09-16"),
                digital("AFTER", "2026-12-01", pay_date="2027-06-01"),
                digital("WRITTEN", "2026-09-16", side="short"),
            ],
            "asian_options": [{**asian, "averaging_dates": ["2026-08-14", "2026-11-16"]}],
            "barrier_options": [
                {
                    **CALL, "trade_id": "OUT", "netting_set": "OUT", "barrier": 130.0, "barrier_type": "up-and-out",
                    "expiry_date": "2026-11-16",
                }
            ],
        },
    ).left_out()  # fmt: skip
    # dates on which a trade looks at the market are on everybody's grid
    seen = {
        "EARLY": None,
        "BETWEEN": "2026-08-14",
        "AFTER": "2027-01-15",
        "ASIAN": "2026-10-15",
        "OUT": "2026-10-15",
    }
    ends = {
        "EARLY": "2026-03-16",
        "BETWEEN": "2026-09-16",
        "AFTER": "2027-06-01",
        "ASIAN": "2026-11-16",
        "OUT": "2026-11-16",
    }
    got = shares(found)
    for name, last in seen.items():
        want = 1.0 - (default(last) if last else 0.0) / default(ends[name])
        assert got[name] == pytest.approx(want, abs=2e-4), name
    assert got["WRITTEN"] == 0.0
    assert (found["left_out_share_se"].values < 1e-4).all()


def _exercised_first(volatility=0.25, rate=0.03, carry=0.01, strike=100.0, first=152 / 365, second=305 / 365):
    """Share of a put's value, exercised on two dates, that is paid on the first of them: lognormal, at a constant rate."""
    tau, deviation = second - first, volatility * np.sqrt(second - first)

    def waiting(price):
        forward = price * np.exp((rate - carry) * tau)
        d = np.log(forward / strike) / deviation + 0.5 * deviation
        return np.exp(-rate * tau) * (strike * norm.cdf(deviation - d) - forward * norm.cdf(-d))

    boundary = brentq(lambda price: strike - price - waiting(price), 20.0, strike)
    z = np.linspace(-8.0, 8.0, 200_001)
    price = 100.0 * np.exp((rate - carry - 0.5 * volatility**2) * first + volatility * np.sqrt(first) * z)
    density = norm.pdf(z) * (z[1] - z[0])
    paid = density @ np.where(price < boundary, strike - price, 0.0)
    kept = density @ np.where(price < boundary, 0.0, waiting(price))
    return paid / (paid + kept)


def test_bermudan_put_between_dates(tmp_path):
    """Exposure is V0 until the first exercise date, then less by what was exercised; both lie between dates of the grid."""
    put = american("PUT", "PUT", "2026-11-16", exercise=["2026-06-16", "2026-11-16"])
    found = exposure(tmp_path / "job", {"american_options": [put]}).left_out()
    rest = 1.0 - _exercised_first()
    assert 0.6 < rest < 0.9
    early, first, last, end = (default(d) for d in ("2026-04-15", "2026-06-16", "2026-10-15", "2026-11-16"))
    full = first + rest * (end - first)
    seen = early + rest * (last - early)
    assert shares(found)["PUT"] == pytest.approx(1.0 - seen / full, abs=3e-3)


def test_units_that_do_not_net_and_breaks(tmp_path):
    """Not netted, what we wrote takes nothing from what we hold; a break ends the exposure of both."""
    pair = [
        digital("HELD", "2026-09-16", netting_set="S"),
        digital("SHORT", "2026-09-16", netting_set="S", side="short"),
    ]
    broken = digital("BROKEN", "2026-11-16", break_date="2026-09-01")
    netted = [{**row, "trade_id": f"N{k}", "netting_set": "N"} for k, row in enumerate(pair)]
    found = exposure(
        tmp_path / "job", {"digital_options": [*pair, *netted, broken]}, sets={"S": False}
    ).left_out()
    got = shares(found)
    assert got["S"] == pytest.approx(1.0 - default("2026-07-15") / default("2026-09-16"), abs=2e-4)
    assert got["N"] == 0.0
    assert float(found["left_out"].sel(netting_set="N", measure="CVA")) == 0.0
    assert got["BROKEN"] == pytest.approx(1.0 - default("2026-07-15") / default("2026-09-01"), abs=2e-3)


def test_the_grid_with_cashflows_leaves_little_and_nothing_moves_the_run(tmp_path):
    trades = {"digital_options": [digital("D", "2026-09-16")]}
    tables = {"fx_options": [option("O", "D", "2026-03-16")]}
    found = exposure(tmp_path / "job", trades, tables, grid="").left_out()
    assert abs(shares(found)["D"]) < 2e-3
    again = exposure(tmp_path / "again", trades, tables, grid="").left_out()
    assert again.identical(found)


BERMUDAN = {
    "trade_id": "B", "netting_set": "A", "currency": "EUR", "side": "long", "swap_side": "payer", "notional": 2e7,
    "strike": 0.032, "index": "EUR-EURIBOR-6M", "start_date": "2026-08-17", "maturity_date": "2030-08-19",
    "first_exercise_date": "2027-08-13", "settlement": "cash",
}  # fmt: skip


@pytest.mark.slow
def test_bermudan_netted_with_a_swap_against_a_finer_run(tmp_path):
    """CVA of a run with certified surrogates on many dates, less what it is with the weights of the grid's own."""
    tables = {"swaps": [swap("S", "A", "2026-01-19", "2029-01-19", side="receiver")]}
    documents = {"bermudan_swaptions": [BERMUDAN]}
    coarse = exposure(tmp_path / "coarse", documents, tables, grid='grid = "2Y..5Y"')
    found = coarse.left_out()
    days = ", ".join(str(day) for day in fine_dates(coarse.job.dates, coarse.job.terms))
    fine = exposure(
        tmp_path / "fine", documents, tables, grid=f"grid = [{days}]", paths=8192, sensitivities=False
    )
    plan = fine.plan
    sums = [plan.run(block).sums["epe"][0] for block in range(plan.n_blocks)]
    epe = np.sum(sums, axis=0) / (plan.n_blocks * plan.block_size)
    probability = np.array([default(str(day)) for day in fine.engine.dates])
    one_day = np.diff(fine.engine.times) < 1.5 / 365.0
    full = np.diff(probability) @ np.where(one_day, epe[:-1], 0.5 * (epe[:-1] + epe[1:]))
    own = np.searchsorted(fine.engine.dates, coarse.engine.dates)
    seen = np.diff(probability[own]) @ epe[own][1:]
    want = 1.0 - seen / full
    error = float(found["left_out_share_se"].item())
    assert want > 0.2
    assert error < 0.003
    assert shares(found)["A"] == pytest.approx(want, abs=3.0 * error + 0.002)
    cva = float(found["left_out"].sel(measure="CVA", netting_set="A")) / shares(found)["A"]
    assert cva == pytest.approx(LGD * full, rel=0.05)
