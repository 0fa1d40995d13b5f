"""A FRA's exposure: an option on its settlement until the day it settles, nothing from that day on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from tests.support.flat_world import COUNTERPARTY, FlatWorld, days_between, make_engine, run
from tests.support.statistics import assert_within
from xva.trades import Fra

START, END = np.datetime64("2025-10-15"), np.datetime64("2026-04-15")
NOTIONAL, AGREED = 1e8, 0.0305
RATE, KAPPA, SIGMA, HAZARD, LGD = 0.03, 0.03, 0.01, 0.02, 0.6


def fra(side: str) -> Fra:
    return Fra(
        trade_id="FRA",
        netting_set="N",
        currency="EUR",
        notional=NOTIONAL,
        side=side,
        rate=AGREED,
        index="EUR-FLAT-6M",
        start_date=START,
        maturity_date=END,
    )


def exposures(times: np.ndarray, start: float, end: float, side: str) -> tuple[np.ndarray, np.ndarray]:
    """EPE and ENE at ``times`` > 0 before ``start``: options to exchange two bonds, the second one agreed-rate-fold.

    Settled is ``notional (1 - (1 + K tau) P(start, end))``, so that the value is a bond to the start less ``1 + K tau``
    bonds to the end; under the model the log ratio of two bonds has the variance ``(H_end - H_start)^2 zeta(t)``.
    """
    zeta = SIGMA**2 * np.expm1(2.0 * KAPPA * times) / (2.0 * KAPPA)
    gap = (np.exp(-KAPPA * start) - np.exp(-KAPPA * end)) / KAPPA
    tau = end - start  # the index counts days over 365
    first, last = NOTIONAL * np.exp(-RATE * start), NOTIONAL * (1.0 + AGREED * tau) * np.exp(-RATE * end)
    sd = gap * np.sqrt(zeta)
    d = np.log(first / last) / sd + 0.5 * sd
    buyer = first * norm.cdf(d) - last * norm.cdf(d - sd)
    seller = buyer - (first - last)
    return (buyer, seller) if side == "buyer" else (seller, buyer)


@pytest.mark.parametrize("side", ["buyer", "seller"])
def test_exposure_ends_at_settlement(side: str) -> None:
    world = FlatWorld(
        rates={"EUR": RATE},
        kappas={"EUR": KAPPA},
        sigmas={"EUR": SIGMA},
        hazards={COUNTERPARTY: HAZARD, "BANK": 0.01},
    )
    before = days_between("2025-01-15", "2025-10-14", 8)
    dates = np.concatenate([before, [START, START + 1], days_between("2025-10-17", "2026-04-15", 4)])
    found = run(make_engine(world, [fra(side)], dates))
    context = world.context()
    times = context.times(before)
    want = exposures(times, context.time(START), context.time(END), side)
    alive = 1 + len(before)
    for name, exact in zip(("epe", "ene"), want):
        got, error = (found[n].values[0] for n in (name, f"{name}_se"))
        assert_within(got[1:alive], error[1:alive], exact)
        assert (error[1:alive] < 0.01 * exact).all()
        np.testing.assert_array_equal(got[alive:], 0.0)
    survival = np.exp(-HAZARD * np.concatenate([[0.0], times]))
    cva = LGD * (want[0] * -np.diff(survival)).sum()
    got, error = (float(found[n].sel(measure="CVA").values[0]) for n in ("xva", "xva_se"))
    assert_within(got, error, cva)
