"""Mixed netting sets and resetting legs against a plain numpy simulation in the risk-neutral measure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from tests.oracles.plain_simulation import Floats, State, TwoCurrencies, exposure
from tests.support.flat_world import FlatWorld, make_engine, run, two_currencies
from tests.support.statistics import assert_within
from xva.trades import CrossCurrencySwap, FxForward, FxOption, InterestRateSwap, Trade

PLAIN = TwoCurrencies(rho_dx=-0.25, rho_fx=0.2)
PATHS = 200_000
AS_OF = np.datetime64("2025-01-15", "D")


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


def years(text: str) -> float:
    return float((day(text) - AS_OF).astype(int) / 365.0)


def world() -> FlatWorld:
    return two_currencies(
        correlations={("IR:EUR", "IR:USD"): 0.3, ("IR:EUR", "FX:USD"): -0.25, ("IR:USD", "FX:USD"): 0.2}
    )


def compare(found: xr.Dataset, dates: list[str], values: list[Floats]) -> None:
    """Our EPE, ENE and mean on the last dates against deflated brute-force values, errors of both added in squares."""
    for date, deflated in zip(dates, values):
        epe, ene, epe_se, ene_se = exposure(deflated)
        at = found.sel(time=date, netting_set="N")
        assert_within(at.epe, math.hypot(at.epe_se.item(), epe_se), epe, more=1e-6)
        assert_within(at.ene, math.hypot(at.ene_se.item(), ene_se), ene, more=1e-6)
        assert at.epe.item() == pytest.approx(epe, rel=0.02, abs=1e-6)
        assert at.ene.item() == pytest.approx(ene, rel=0.02, abs=1e-6)


# a mixed set: USD payer swap, EUR/USD forward, USD call


SWAP_DATES = ["2025-01-15", "2026-01-15", "2027-01-15", "2028-01-15", "2029-01-15", "2030-01-15"]
SWAP_RATE, FORWARD_USD, FORWARD_EUR, OPTION_USD, STRIKE = 0.041, 1.0e6, 0.93e6, 0.8e6, 0.92
FORWARD_DATE, EXPIRY = "2028-06-15", "2027-09-15"


def mixed() -> list[Trade]:
    return [
        InterestRateSwap(
            trade_id="SWAP",
            netting_set="N",
            currency="USD",
            notional=5e6,
            side="payer",
            fixed_rate=SWAP_RATE,
            index="USD-FLAT-6M",
            start_date=day(SWAP_DATES[0]),
            maturity_date=day(SWAP_DATES[-1]),
            fixed_frequency="1Y",
            fixed_day_count="A365",
        ),
        FxForward(
            trade_id="FORWARD",
            netting_set="N",
            buy_currency="EUR",
            buy_amount=FORWARD_EUR,
            sell_currency="USD",
            sell_amount=FORWARD_USD,
            settlement_date=day(FORWARD_DATE),
        ),
        FxOption(
            trade_id="OPTION",
            netting_set="N",
            side="long",
            option_type="call",
            base_currency="USD",
            quote_currency="EUR",
            notional=OPTION_USD,
            strike=STRIKE,
            expiry_date=day(EXPIRY),
        ),
    ]


def usd_swap(s: State) -> Floats:
    """In USD, on a reset date of the floating leg: 1 - P(T_n) less the fixed coupons to come."""
    ends = [years(d) for d in SWAP_DATES]
    value = 1.0 - s.usd(ends[-1])
    for a, b in zip(ends[:-1], ends[1:]):
        if b > s.t + 1e-9:
            value = value - SWAP_RATE * (b - a) * s.usd(b)
    return np.asarray(5e6 * value)


def fx_call(s: State) -> Floats:
    expiry = years(EXPIRY)
    if s.t >= expiry:
        return np.zeros_like(s.fx)
    m, tau = s.model, np.linspace(0.0, expiry - s.t, 4001)
    b_d, b_f = m.sigma_d * m.b(tau), m.sigma_f * m.b(tau)
    density = m.sigma_x**2 + b_d**2 + b_f**2 - 2.0 * m.rho_df * b_d * b_f
    density = density + 2.0 * m.sigma_x * (m.rho_dx * b_d - m.rho_fx * b_f)
    stdev = math.sqrt(float(np.trapezoid(density, tau)))
    forward = s.fx * s.usd(expiry) / s.eur(expiry)
    d1 = np.log(forward / STRIKE) / stdev + 0.5 * stdev
    return np.asarray(OPTION_USD * s.eur(expiry) * (forward * norm.cdf(d1) - STRIKE * norm.cdf(d1 - stdev)))


def fx_forward(s: State) -> Floats:
    pay = years(FORWARD_DATE)
    return np.asarray(FORWARD_EUR * s.eur(pay) - FORWARD_USD * s.fx * s.usd(pay))


def test_mixed_netting_set() -> None:
    dates = ["2026-07-15", "2027-07-15", "2028-01-15"]
    states = PLAIN.simulate([years(d) for d in dates], PATHS, seed=1)
    values = [s.discount * (usd_swap(s) * s.fx + fx_forward(s) + fx_call(s)) for s in states]
    compare(run(make_engine(world(), mixed(), dates, 1024)), dates, values)


def test_the_parts_of_the_mixed_set() -> None:
    """One by one, so that errors cannot hide behind each other."""
    dates = ["2026-07-15", "2027-07-15"]
    states = PLAIN.simulate([years(d) for d in dates], PATHS, seed=2)
    parts = (lambda s: usd_swap(s) * s.fx, fx_forward, fx_call)
    for trade, value in zip(mixed(), parts):
        compare(
            run(make_engine(world(), [trade], dates, 512)), dates, [s.discount * value(s) for s in states]
        )


# resetting cross-currency swaps: we receive EUR at a constant notional, pay USD at a notional reset to EUR 1m


ROLLS = ["2025-01-15", "2025-07-15", "2026-01-15", "2026-07-15", "2027-01-15"]
NOTIONAL, SPREAD = 1.0e6, 0.004
FIXED_EUR, FIXED_USD = 0.031, 0.042
FX_FIXING = {("FX/USD/EUR", "2025-01-15"): 1.0 / 1.10}


def resetting(fixed: bool) -> CrossCurrencySwap:
    legs: dict[str, Any] = (
        {"receive_fixed_rate": FIXED_EUR, "pay_fixed_rate": FIXED_USD}
        if fixed
        else {"receive_index": "EUR-FLAT-6M", "pay_index": "USD-FLAT-6M", "pay_spread": SPREAD}
    )
    return CrossCurrencySwap(
        trade_id="CCS",
        netting_set="N",
        receive_currency="EUR",
        receive_notional=NOTIONAL,
        pay_currency="USD",
        pay_notional=1.1e6,
        start_date=day(ROLLS[0]),
        maturity_date=day(ROLLS[-1]),
        frequency="6M",
        resetting="pay",
        fixed_day_count="A365",
        **legs,
    )


def simulate_swap(extra: list[str], seed: int) -> tuple[dict[str, State], Floats]:
    """States on rolls and extra dates, and the USD notional (paths) of each of the four periods."""
    dates = sorted({*ROLLS[1:-1], *extra})
    states = dict(zip(dates, PLAIN.simulate([years(d) for d in dates], PATHS, seed)))
    today = np.full(PATHS, NOTIONAL / PLAIN.fx)
    notionals = np.array([today, *(NOTIONAL / states[d].fx for d in ROLLS[1:-1])])
    return states, notionals


def resets_to_come(s: State, k: int, rate: float) -> Floats:
    """EUR value per EUR of notional of period k of the USD leg: -1 at its start, 1 + rate tau at its end.

    Exchanged: N = 1/X(start) dollars. Start: worth one EUR at the start. End: E[P_usd(start, end) (1 + rate tau) in EUR].
    X(start) cancels: D(start) X(start) N P_usd = D(start) P_usd(start, end), a quanto bond: lognormal, closed form.
    """
    a, b = years(ROLLS[k]), years(ROLLS[k + 1])
    m = s.model
    return (1.0 + rate * (b - a)) * quanto_bond(s, m, a, b) - s.eur(a)


def quanto_bond(s: State, m: TwoCurrencies, a: float, b: float) -> Floats:
    """``E[D(a)/D(t) P_usd(a, b)]`` in EUR: the USD forward bond ``P(t,b)/P(t,a)`` drifts under the EUR a-forward measure.

    d ln(P_f(b)/P_f(a)) loads -sigma_f (B(b-u) - B(a-u)) on W_f; the change from the USD a-forward to the EUR a-forward
    measure is minus the covariance with ln of the forward FX rate to a.
    """
    u = s.t + 0.5 * (a - s.t) * (np.polynomial.legendre.leggauss(20)[0] + 1.0)
    weight = 0.5 * (a - s.t) * np.polynomial.legendre.leggauss(20)[1]
    load = -m.sigma_f * (m.b(b - u) - m.b(a - u))
    with_fx = load * (m.sigma_x * m.rho_fx + m.sigma_d * m.b(a - u) * m.rho_df - m.sigma_f * m.b(a - u))
    return np.asarray(s.eur(a) * s.usd(b) / s.usd(a) * math.exp(-float(weight @ with_fx)))


def usd_leg(s: State, roll: State | None, notionals: Floats, fixed: bool) -> Floats:
    """What we pay, in EUR, flows on the date excluded; ``roll`` is the last fixing date."""
    total = np.zeros_like(s.fx)
    for k in range(4):
        a, b = years(ROLLS[k]), years(ROLLS[k + 1])
        if b <= s.t + 1e-9:
            continue
        if a > s.t + 1e-9:
            if fixed:
                total = total + NOTIONAL * resets_to_come(s, k, FIXED_USD)
            else:  # one unit lent at the index is worth one unit; the spread is a quanto bond
                total = total + NOTIONAL * SPREAD * (b - a) * quanto_bond(s, s.model, a, b)
            continue
        growth = 1.0 + FIXED_USD * (b - a) if fixed else lent(roll, False, b) + SPREAD * (b - a)
        total = total + notionals[k] * s.fx * s.usd(b) * growth
    return total


def lent(roll: State | None, domestic: bool, end: float) -> Floats:
    """What one unit grows to from a roll to ``end`` at the rate fixed on the roll (today's, if None)."""
    if roll is None:
        return np.full(PATHS, math.exp((PLAIN.r_d if domestic else PLAIN.r_f) * end))
    return 1.0 / (roll.eur(end) if domestic else roll.usd(end))


def eur_leg(s: State, roll: State | None, fixed: bool) -> Floats:
    """What we receive; ``roll`` is the last fixing date."""
    if not fixed:
        end = next(years(d) for d in ROLLS if years(d) > s.t + 1e-9)
        return NOTIONAL * s.eur(end) * lent(roll, True, end)
    ends = [years(d) for d in ROLLS]
    value = NOTIONAL * s.eur(ends[-1])
    for a, b in zip(ends[:-1], ends[1:]):
        if b > s.t + 1e-9:
            value = value + NOTIONAL * FIXED_EUR * (b - a) * s.eur(b)
    return value


def deflated_values(dates: list[str], fixed: bool, seed: int) -> list[Floats]:
    states, notionals = simulate_swap(dates, seed)
    found = []
    for date in dates:
        roll = states.get(max(d for d in ROLLS if d <= date))
        s = states[date]
        found.append(s.discount * (eur_leg(s, roll, fixed) - usd_leg(s, roll, notionals, fixed)))
    return found


def mean_and_error(value: Floats) -> tuple[float, float]:
    half = PATHS // 2
    pairs = 0.5 * (value[:half] + value[half:])
    return float(pairs.mean()), float(pairs.std(ddof=1) / math.sqrt(half))


def test_resetting_swap_with_fixed_legs() -> None:
    """On a roll and inside periods: the running notional is the path's own (projecting it loses most of the EPE)."""
    dates = ["2025-09-30", "2026-01-15", "2026-04-10", "2026-10-20"]
    values = deflated_values(dates, fixed=True, seed=3)
    found = run(make_engine(world(), [resetting(fixed=True)], dates, 1024, fixings=FX_FIXING))
    compare(found, dates, values)
    for date, value in zip(dates, values):
        mean, error = mean_and_error(value)
        at = found.sel(time=date, netting_set="N")
        assert_within(at.value, math.hypot(at.value_se.item(), error), mean)


def test_resetting_swap_with_floating_legs() -> None:
    """The engine projects a coupon that is fixed and unpaid on the state: same mean, EPE within a percent inside a period."""
    dates = ["2025-09-30", "2026-01-15", "2026-04-10", "2026-10-20"]
    values = deflated_values(dates, fixed=False, seed=4)
    found = run(make_engine(world(), [resetting(fixed=False)], dates, 1024, fixings=FX_FIXING))
    for date, value in zip(dates, values):
        epe, ene, epe_se, ene_se = exposure(value)
        mean, error = mean_and_error(value)
        at = found.sel(time=date, netting_set="N")
        assert_within(at.value, math.hypot(at.value_se.item(), error), mean, more=1e-6)
        projection = 0.01 * (epe + ene) if date not in ROLLS else 1e-6
        assert_within(at.epe, math.hypot(at.epe_se.item(), epe_se), epe, more=projection)
        assert_within(at.ene, math.hypot(at.ene_se.item(), ene_se), ene, more=projection)
