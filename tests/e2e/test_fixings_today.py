"""Books that fix something on the valuation date: without the day's fixings they take the market's own, and derive it."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

import pipelines
from pipelines.commands.run import show
from pipelines.jobs.inputs import load_job
from tests.support.flat_job import HAZARD, LGD, write_flat_job
from xva import dates
from xva.errors import InputErrors

AS_OF, LATER = "2026-01-15", "2026-07-15"
RESET = {
    "trade_id": "RESET", "netting_set": "FX", "pay_currency": "EUR", "pay_notional": 5e6, "pay_index": "EUR-ESTR",
    "receive_currency": "USD", "receive_notional": 1.0, "receive_index": "USD-SOFR", "receive_spread": 0.001,
    "frequency": "3M", "exchange": "both", "resetting": "receive", "start_date": AS_OF, "maturity_date": "2028-01-15",
}  # fmt: skip
SWAP = {
    "trade_id": "SWAP", "netting_set": "RATES", "currency": "EUR", "notional": 1e7, "side": "payer", "fixed_rate": 0.03,
    "index": "EUR-EURIBOR-6M", "start_date": "2026-01-19", "maturity_date": "2028-01-19", "fixed_day_count": "30/360",
}  # fmt: skip
CAP = {
    "trade_id": "CAP", "netting_set": "RATES", "currency": "EUR", "side": "long", "cap_floor": "cap", "notional": 1e7,
    "strike": 0.02, "index": "EUR-EURIBOR-6M", "start_date": "2026-01-19", "maturity_date": "2027-01-19",
}  # fmt: skip
ASIAN = {
    "trade_id": "ASIAN", "netting_set": "SHARE", "underlying": "EQ/AA", "currency": "EUR", "side": "long",
    "option_type": "call", "quantity": 1e4, "strike": 30.0, "averaging_dates": [AS_OF, LATER],
}  # fmt: skip
TABLES = {"cross_currency_swaps": [RESET], "swaps": [SWAP], "caps_floors": [CAP]}
DOCUMENTS = {"asian_options": [ASIAN]}
SPOT_RATE = "FX/RATE/EUR/USD"


def euribor() -> float:
    """Today's, off the flat curve of 3 %, by hand."""
    start = np.datetime64("2026-01-19")
    days = int((dates.advance(start, "6M", "TARGET") - start).astype(int))
    return float(np.expm1(0.03 * days / 365.0) / (days / 360.0))


def delivered(folder, fixings=None, spot=None, sensitivities=False, documents=None):
    job = write_flat_job(
        folder, TABLES, documents=documents, grid='grid = "1M..6M, 1Y..2Y"', paths=1024,
        sensitivities=sensitivities, fixings=fixings,
    )  # fmt: skip
    if spot is not None:
        text = (folder / "quotes.csv").read_text()
        (folder / "quotes.csv").write_text(text.replace(f"{SPOT_RATE},1.1", f"{SPOT_RATE},{spot!r}"))
    return pipelines.ExposureJob.from_toml(job).run()


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    folder = tmp_path_factory.mktemp("without") / "job"
    return delivered(folder, sensitivities=True, documents=DOCUMENTS)


def test_the_markets_own_fixings_give_the_same_numbers(without, tmp_path):
    given = {
        ("FX/EUR/USD", AS_OF): 1.1,
        ("EUR-EURIBOR-6M", AS_OF): euribor(),
        ("EQ/AA", AS_OF): 100.0,
    }
    known = delivered(tmp_path / "job", given, documents=DOCUMENTS)
    for name in ("value0", "epe", "ene", "xva"):
        np.testing.assert_allclose(known.xva[name], without.xva[name], rtol=1e-9, atol=1e-6)
    assert (without.xva["xva"].sel(measure="CVA") > 0.0).all()
    assert set(known.xva["open_fixing"].values) == {"EUR-ESTR", "USD-SOFR"}


def test_what_was_filled_in_is_told(without):
    values = without.xva["open_fixing_value"].to_series()
    assert set(values.index) == {"EQ/AA", "EUR-ESTR", "EUR-EURIBOR-6M", "FX/EUR/USD", "USD-SOFR"}
    assert values["EQ/AA"] == pytest.approx(100.0)
    assert values["FX/EUR/USD"] == pytest.approx(1.1)
    assert values["EUR-EURIBOR-6M"] == pytest.approx(euribor())
    trades = without.xva["open_fixing_trades"].to_series()
    assert trades["EUR-EURIBOR-6M"].split() == ["CAP", "SWAP"]
    out = Console(record=True, width=200)
    show(without, out)
    assert "FX/EUR/USD 1.1 (RESET)" in out.export_text()


@pytest.mark.slow
def test_a_fixing_given_for_the_day_is_used(without, tmp_path):
    """The overnight rates too: a night at 20 % more of 5m."""
    known = delivered(tmp_path / "fx", {("FX/EUR/USD", AS_OF): 1.2})
    gone = known.xva["value0"].sel(netting_set="FX") - without.xva["value0"].sel(netting_set="FX")
    assert float(gone) == pytest.approx(5e6 * (1.2 / 1.1 - 1.0), rel=2e-3)  # 500,000 USD more to come
    night = delivered(tmp_path / "night", {("FX/EUR/USD", AS_OF): 1.1, ("EUR-ESTR", AS_OF): 0.23})
    change = night.xva["value0"].sel(netting_set="FX") - without.xva["value0"].sel(netting_set="FX")
    assert float(change) == pytest.approx(-5e6 * 0.2 / 360.0, rel=0.02)


@pytest.mark.parametrize("fixing", [pytest.param("path", marks=pytest.mark.slow), "projected"])
def test_a_night_given_for_a_notional_that_is_not_fixed(fixing, tmp_path):
    """The coupon's night is known, its notional is the spot; seen today, and while the night is not over."""
    day, nights = "2026-01-16", 4  # a Friday, and a holiday on the Monday

    def at(name, fixings):
        trade = {**RESET, "start_date": day, "maturity_date": "2028-01-18"}
        job = write_flat_job(
            tmp_path / name, {"cross_currency_swaps": [trade]}, grid='grid = "1D, 1M..6M, 1Y..2Y"', fixings=fixings,
            sensitivities=False,
        )  # fmt: skip
        text = job.read_text().replace(AS_OF, day)
        job.write_text(text.replace("scrambles = 8\n", f'scrambles = 8\nfixing = "{fixing}"\n'))
        return pipelines.ExposureJob.from_toml(job).run().xva

    night, spot = ("USD-SOFR", day), ("FX/EUR/USD", day)
    without, given = at("without", {}), at("given", {night: 0.21})
    known = at("known", {night: 0.21, spot: 1.1})
    for name in ("value0", "epe", "ene", "xva"):
        np.testing.assert_allclose(given[name], known[name], rtol=1e-9, atol=1e-6)
    grown = (1.0 + 0.21 * nights / 360.0) * np.exp(
        -0.01 * nights / 365.0
    ) - 1.0  # at 21 % and no longer at 1 %
    assert float((given["value0"] - without["value0"]).squeeze()) == pytest.approx(5e6 * grown, rel=1e-9)
    assert float((given["epe"] - without["epe"]).isel(time=1).squeeze()) > 0.5 * 5e6 * grown
    assert set(given["open_fixing"].values) == {"EUR-ESTR", "FX/EUR/USD"}


def test_a_period_of_one_night(tmp_path):
    """Nothing of it is left open but the notional."""
    trade = {**RESET, "maturity_date": "2026-01-16", "frequency": "1M"}
    value = {}
    for rate in (0.0, 0.36):
        job = write_flat_job(
            tmp_path / str(rate), {"cross_currency_swaps": [trade]}, grid='grid = "1D"', sensitivities=False,
            fixings={("USD-SOFR", AS_OF): rate},
        )  # fmt: skip
        value[rate] = float(pipelines.ExposureJob.from_toml(job).run().xva["value0"].squeeze())
    assert value[0.36] - value[0.0] == pytest.approx(5e6 * 0.001 * np.exp(-0.01 / 365.0), rel=1e-9)


@pytest.mark.slow
def test_derivatives_see_the_spot_that_was_filled_in(without, tmp_path):
    """A notional reset at today's spot is worth its euros whatever the spot is; at a fixing it is not."""
    spot = {"measure": "CVA", "netting_set": "FX", "quote": SPOT_RATE}
    assert abs(float(without.xva["sensitivity"].sel(spot))) < 1e-6
    fixing = {("FX/EUR/USD", AS_OF): 1.1}
    fixed = delivered(tmp_path / "fixed", fixing, sensitivities=True).xva
    home = {"measure": "CVA", "netting_set": "FX"}
    cva = float(fixed["xva"].sel(home))
    moved = delivered(tmp_path / "moved", spot=1.1 * 1.02).xva
    assert float(moved["xva"].sel(home)) == pytest.approx(cva, rel=1e-9)
    assert abs(float(fixed["sensitivity"].sel(spot))) * 0.022 > 0.05 * cva


def test_derivatives_see_the_price_that_was_filled_in(without):
    """A closed form: deep in the money, EPE is the value."""
    t = 181 / 365.0
    delta = 1e4 * (0.5 * np.exp(-0.03 * t) + 0.5 * np.exp(-0.01 * t))  # of the average, paid on the last date
    dates_before = without.xva["year_fraction"].values
    last = dates_before[dates_before < t - 1e-9].max()
    expected = LGD * (1.0 - np.exp(-HAZARD * last)) * delta
    price = {"measure": "CVA", "netting_set": "SHARE", "quote": "EQUITY/PRICE/AA/EUR"}
    got, error = (float(without.xva[n].sel(price)) for n in ("sensitivity", "sensitivity_se"))
    assert abs(got - expected) < 5.4 * error + 1e-3 * expected
    assert error < 0.03 * expected


def test_a_fixing_of_a_day_gone_by_is_an_error(tmp_path):
    late = {**RESET, "start_date": "2026-01-14"}
    job = write_flat_job(tmp_path / "job", {"cross_currency_swaps": [late]})
    (tmp_path / "job" / "fixings.csv").write_text("name,date,value\nFX/EUR/USD,2026-01-13,1.1\n")
    with pytest.raises(InputErrors) as caught:
        load_job(job)
    text = str(caught.value)
    assert "RESET" in text or "row" in text
    assert "FX/EUR/USD" in text or "EUR-ESTR" in text
    assert "2026-01-14" in text
