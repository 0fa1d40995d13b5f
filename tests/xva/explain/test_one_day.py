"""A night: a book of one bought option, whose CVA has a closed form; fixings; what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import QuantLib as ql
import torch
import xarray as xr

from pipelines.jobs.inputs import load_job
from pipelines.runs.computation import Exposure
from tests.support.demo_bank import demo_engine
from tests.support.flat_job import write_flat_job
from tests.support.flat_world import two_currencies
from xva import dates
from xva.errors import DomainError
from xva.explain.one_day import implied_fixings, roll, rolled
from xva.exposure.engine import Book, ExposureEngine, Simulation
from xva.exposure.reconciliation.reconciliation import trade_values
from xva.trades import FxOption
from xva.trades.claims import FixedFlow, IborFlow


def one_option() -> ExposureEngine:
    whole = demo_engine(paths=8, block_size=8, scrambles=1)
    book, home = whole.book, whole.book.netting_sets[0]
    option = FxOption(
        "LONG",
        home.name,
        side="long",
        option_type="call",
        base_currency="EUR",
        quote_currency="USD",
        notional=1e7,
        strike=1.15,
        expiry_date=np.datetime64("2031-01-15"),
    )
    alone = Book((home,), book.counterparties, (option,), book.context)
    days = whole.dates[(whole.dates > book.context.as_of) & (whole.dates <= option.expiry_date)][::4]
    days = np.union1d(days, [option.expiry_date])
    return ExposureEngine(alone, whole.quotes, whole.build, days, whole.xva, Simulation(4096, 512, 8))


@pytest.fixture(scope="module")
def option() -> ExposureEngine:
    return one_option()


@pytest.fixture(scope="module")
def night(option: ExposureEngine) -> xr.Dataset:
    return roll(option, 5)


def closed_cva(engine: ExposureEngine) -> float:
    """A bought option is never worth less than nothing: EPE is its value until the date before it expires."""
    market, (name,) = engine.world.market, engine.credit
    value = float(trade_values(engine.book, engine.world)[0])
    survival = market.survival_curve(name).survival(engine.times).detach().numpy()
    defaults = survival[:-1] - survival[1:]
    return float((1.0 - market.recovery(name)) * value * defaults[:-1].sum())


def test_cva_before_and_after_is_the_closed_form(option: ExposureEngine, night: xr.Dataset) -> None:
    """The grid's last date is the expiry, on which nothing is left."""
    later = rolled(option, 5)
    for engine, name in ((option, "before"), (later, "after")):
        found, error = (float(night[n].sel(measure="CVA")[0]) for n in (name, f"{name}_se"))
        assert abs(found - closed_cva(engine)) < 4.0 * error + 1e-3 * found
    expected = closed_cva(later) - closed_cva(option)
    change, error = (float(night[n].sel(measure="CVA")[0]) for n in ("change", "change_se"))
    assert abs(change - expected) < 4.0 * error
    assert error < 0.1 * float(night["before_se"].sel(measure="CVA")[0])
    assert abs(change) > 10.0 * error


def test_value_rolls_as_garman_kohlhagen_says(option: ExposureEngine, night: xr.Dataset) -> None:
    """The 5y quote moves along, so a week later an option of seven days less sees a bit of the 2y's volatility."""
    later = rolled(option, 5)
    for engine, name in ((option, "before"), (later, "after")):
        market, (trade,) = engine.world.market, engine.book.trades
        t = engine.book.context.time(trade.maturity)
        spot = 1.0 / float(market.fx_spot("USD"))
        eur, usd = (float(market.discount_curve(c).discount(t)) for c in ("EUR", "USD"))
        vol = float(market.fx_vol("USD").vol(t))
        forward, deviation = spot * eur / usd, vol * np.sqrt(t)
        in_usd = 1e7 * ql.blackFormula(ql.Option.Call, 1.15, forward, deviation, usd)
        assert float(night[f"value_{name}"][0]) == pytest.approx(in_usd / spot, rel=2e-4)


def test_a_night_onto_a_reset_date(tmp_path: Path) -> None:
    """The notional that is reset at the night's end is reset at the forward, and the one reset before has been paid back."""
    fixed = {
        "trade_id": "X", "netting_set": "A", "pay_currency": "EUR", "pay_notional": 5e6, "pay_fixed_rate": 0.03,
        "receive_currency": "USD", "receive_notional": 1.0, "receive_fixed_rate": 0.01, "frequency": "3M",
        "exchange": "both", "resetting": "receive", "start_date": "2025-10-16", "maturity_date": "2027-10-16",
    }  # fmt: skip
    known = {("FX/EUR/USD", "2025-10-16"): 1.15}
    job = write_flat_job(tmp_path / "job", {"cross_currency_swaps": [fixed]}, fixings=known)
    engine = Exposure(load_job(job)).engine
    night = roll(engine)
    later = rolled(engine)
    day = later.book.context.as_of
    assert str(day) == "2026-01-16"
    forward = 1.1 * np.exp((0.01 - 0.03) / 365.0)
    there = replace(
        later.book, context=replace(later.book.context, fixings=known | {("FX/EUR/USD", str(day)): forward})
    )
    value = float(trade_values(there, later.world)[0])
    assert float(night["value_after"][0]) == pytest.approx(value, rel=1e-9)
    # 5m at 1.15 are back at 1.10 and are lent again: what is left is small
    gone = 5e6 * (1.15 / 1.1 - 1.0)
    assert float(night["value_change"][0]) == pytest.approx(-gone + 5e6 * 0.03 / 4 - 5e6 * 0.01 / 4, abs=2e4)


def swap_cva(engine: ExposureEngine) -> float:
    """CVA of a book of one swap that starts after the grid, by quadrature over the LGM state of every date."""
    market, (name,), (trade,) = engine.world.market, engine.credit, engine.book.trades
    lgm, curve = engine.world.model.rates["EUR"], market.discount_curve("EUR")
    bonds: list[tuple[float, float]] = []
    for claim in trade.claims(engine.book.context):
        if isinstance(claim, FixedFlow):
            bonds.append((claim.pay, claim.amount))
        else:  # its curve discounts too: a bond at the start less one at the end
            assert isinstance(claim, IborFlow)
            bonds += [(claim.start, claim.amount / claim.accrual), (claim.end, -claim.amount / claim.accrual)]
    pay, amount = (np.array(column) for column in zip(*bonds))
    weight, h = (f(pay).detach().numpy() for f in (curve.discount, lgm.h))
    z = np.linspace(-9.0, 9.0, 20_001)
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi) * (z[1] - z[0])
    epe = []
    for zeta in lgm.zeta(engine.times[1:]).detach().numpy():
        values = np.exp(-np.outer(z * np.sqrt(zeta), h) - 0.5 * h * h * zeta) @ (weight * amount)
        epe.append(float(np.maximum(values, 0.0) @ density))
    survival = market.survival_curve(name).survival(engine.times).detach().numpy()
    return float((1.0 - market.recovery(name)) * (np.array(epe) @ (survival[:-1] - survival[1:])))


@pytest.mark.parametrize("grid", ["1M..2Y", "1D, 2D, 3D, 4D, 1M..2Y"])
def test_a_night_has_the_error_of_a_difference(grid: str, tmp_path: Path) -> None:
    """Also where the dates that it passes over leave the grid; against a quadrature of both days."""
    terms = {
        "trade_id": "S", "netting_set": "A", "currency": "EUR", "notional": 1e8, "side": "payer", "fixed_rate": 0.031,
        "index": "EUR-EURIBOR-6M", "start_date": "2028-06-19", "maturity_date": "2033-06-19", "fixed_day_count": "30/360",
    }  # fmt: skip
    job = write_flat_job(tmp_path / "job", {"swaps": [terms]}, grid=f'grid = "{grid}"', paths=4096)
    engine = Exposure(load_job(job)).engine
    night = roll(engine, 2).sel(measure="CVA", netting_set="A")
    later = rolled(engine, 2)  # over a weekend
    passed = 4 if grid.startswith("1D") else 0
    assert len(engine.dates) - len(later.dates) == passed
    for found, name in ((engine, "before"), (later, "after")):
        assert abs(float(night[name]) - swap_cva(found)) < 4.53 * float(night[f"{name}_se"])
    exact = (swap_cva(later) - swap_cva(engine)) / 4.0
    theta, error = float(night["theta"]), float(night["theta_se"])
    assert abs(theta - exact) < 4.53 * error
    assert 4.0 * error < 0.1 * float(night["before_se"])
    assert abs(exact) > 10.0 * error


def test_theta_is_per_calendar_day(night: xr.Dataset) -> None:
    assert night.attrs["rolled_to"] == "2026-01-22"
    assert night.attrs["calendar_days"] == 7
    assert night.attrs["dates_passed"] == 0
    np.testing.assert_allclose(night["theta"], night["change"] / 7.0)
    np.testing.assert_allclose(night["total_theta_se"], night["total_change_se"] / 7.0)


@pytest.mark.slow
def test_the_whole_bank_rolls_with_small_errors() -> None:
    """Random numbers are kept: the night's error is a small part of the level's."""
    engine = demo_engine(paths=128, block_size=16, scrambles=8, every=8)
    night = roll(engine)
    assert night.attrs["implied_fixings"] > 0
    cva = night.sel(measure="CVA")
    assert (cva["change_se"] < 0.03 * cva["before_se"]).all()
    assert float(cva["total_change"]) != 0.0


def test_fixings_are_the_forwards_of_their_period() -> None:
    engine = demo_engine(paths=8, block_size=8, scrambles=1, every=20)
    market, context = engine.world.market, replace(engine.book.context, fixings={})
    found = implied_fixings(market, context, np.datetime64("2026-01-20"))
    day = np.datetime64("2026-01-16")
    start = dates.business_days(day, 2, "TARGET")
    calendar = ql.TARGET()
    end = calendar.advance(
        ql.Date(int(str(start)[8:]), int(str(start)[5:7]), int(str(start)[:4])), ql.Period("6M")
    )
    last = np.datetime64(end.ISO())
    curve = market.projection_curve("EUR-EURIBOR-6M")
    growth = curve.discount(context.time(start)) / curve.discount(context.time(last))
    days = int((last - start).astype(int))
    assert found["EUR-EURIBOR-6M", "2026-01-16"] == pytest.approx((float(growth) - 1.0) / (days / 360.0))
    assert ("EUR-ESTR", "2026-01-17") not in found  # a Saturday
    friday = float(
        torch.log(market.curves["EUR-ESTR"].discount(1 / 365) / market.curves["EUR-ESTR"].discount(4 / 365))
    )
    assert np.log1p(found["EUR-ESTR", "2026-01-16"] * 3 / 360) == pytest.approx(friday)
    assert found["FX/EUR/USD", "2026-01-15"] == pytest.approx(float(engine.quotes["FX/RATE/EUR/USD"]))


def test_known_fixings_stay(option: ExposureEngine) -> None:
    context = option.book.context
    known = {("EUR-EURIBOR-6M", "2026-01-15"): 0.123, ("FX/USD/EUR", "2025-07-01"): 0.9}
    found = implied_fixings(option.world.market, replace(context, fixings=known), np.datetime64("2026-01-16"))
    assert ("EUR-EURIBOR-6M", "2026-01-15") not in found
    assert ("FX/USD/EUR", "2026-01-15") in found
    assert ("FX/EUR/USD", "2026-01-15") not in found


def test_what_cannot_roll_is_refused(option: ExposureEngine) -> None:
    with pytest.raises(DomainError, match="one business day or more, got 0"):
        rolled(option, 0)
    with pytest.raises(DomainError, match="expected exposure dates after it, the last is 2031-01-15"):
        rolled(option, 1300)
    world = two_currencies()
    odd = ExposureEngine.__new__(ExposureEngine)
    odd.__dict__.update(option.__dict__ | {"build": lambda quotes, previous=None: world})
    with pytest.raises(DomainError, match="built by WorldBuilder, got function"):
        rolled(odd)
