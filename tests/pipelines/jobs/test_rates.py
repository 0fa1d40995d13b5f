"""Two-factor rates as a job option: a run end to end, and what is told where the table or the book cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pipelines.jobs.inputs import load_job
from pipelines.jobs.validation import validate_job
from pipelines.results.calibration import calibration_lines
from pipelines.runs.computation import Exposure
from tests.support.small_job import SWAPS, write_job
from xva.errors import InputErrors
from xva.sensitivities.by_quote import sensitivities

TABLE = '[model.EUR]\nkind = "g2++"\na = 0.5\nb = 0.05\nsigma = 0.007\neta = 0.006\nrho = -0.7\n'


def quoted_job(folder: Path, table: str, **trades: str) -> Path:
    """A swap, a market of EUR with its swaptions, and a table of the model."""
    path = write_job(folder, {}, {"swaps": SWAPS} | trades, sensitivities=True)
    path.write_text(re.sub(r"products = .*\n", "", path.read_text()) + table)
    return path


def job(folder: Path, table: str = TABLE, **trades: str) -> Path:
    """Without any swaption quote of EUR."""
    path = quoted_job(folder, table, **trades)
    quotes = path.parent / "quotes.csv"
    kept = [
        line for line in quotes.read_text().splitlines()
        if not line.startswith(("SWAPTION/RATE_NVOL/EUR", "MEAN_REVERSION/RATE/EUR"))
    ]  # fmt: skip
    quotes.write_text("\n".join(kept) + "\n")
    return path


def test_a_run_needs_no_swaption_quotes(tmp_path: Path) -> None:
    loaded = load_job(job(tmp_path))
    report = validate_job(loaded)
    assert report.factors[:2] == ("IR:EUR", "IR:EUR:1")
    assert "projected in EUR" in report.fixing
    found = Exposure(loaded)
    assert found.engine.world.model.rates["EUR"].n_factors == 2
    results = found.finish([found.plan.run(b).sums for b in range(found.plan.n_blocks)])
    assert float(results["xva"].sel(measure="CVA").sum()) > 0.0
    assert "projected in EUR" in results.attrs["fixing"]


@pytest.mark.parametrize("fit", ["scale", pytest.param("volatilities", marks=pytest.mark.slow)])
def test_a_calibrated_run_and_its_sensitivities_to_parameters_and_swaptions(tmp_path: Path, fit: str) -> None:
    """Against the whole run on moved quotes, calibration included."""
    loaded = load_job(quoted_job(tmp_path, f'{TABLE}fit = "{fit}"\n'))
    found = Exposure(loaded)
    rates, told = found.engine.world.model.rates["EUR"], found.repriced()["EUR"]
    errors = np.abs(told.model - told.quoted)
    (line,) = calibration_lines({"EUR": told})
    if fit == "scale":
        assert len(rates.breaks) == len(told.names) - 1 > 2
        assert errors.max() < 1e-12
        assert f"{len(told.names)} swaptions repriced" in line
    else:
        assert len(rates.breaks) == 0
        assert 1e-6 < errors.max() < 1e-3
        assert line.count("SWAPTION/RATE_NVOL/EUR") == len(told.names)
    parameters = [f"RATES_MODEL/G2PP/EUR/{name}" for name in ("A", "SIGMA", "RHO")]
    swaptions = [i for i in loaded.quotes.ids if i.startswith("SWAPTION/RATE_NVOL/EUR")]
    by_quote = sensitivities(found.engine, ["CVA"]).sel(measure="CVA")["total_sensitivity"]
    used = sorted(swaptions, key=lambda i: -abs(float(by_quote.sel(quote=i))))[:2]
    quotes = [*parameters, *used]
    moved = sensitivities(found.engine, ["CVA"], method="bump", quotes=quotes).sel(measure="CVA")
    for quote in quotes:
        one, other = float(by_quote.sel(quote=quote)), float(moved["total_sensitivity"].sel(quote=quote))
        assert one == pytest.approx(other, rel=2e-3, abs=1e-6 * abs(float(by_quote.sel(quote=used[0])))), (
            quote
        )
    assert all(float(by_quote.sel(quote=quote)) != 0.0 for quote in used)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rho = -0.7", "rho = -1.0", r"\[model.EUR\] rho: expected a correlation between -1 and 1, .* got -1"),
        ("eta = 0.006\n", "", r"\[model.EUR\] eta: expected a value, got nothing"),
        ("sigma = 0.007", "sigma = 0.7", r"\[model.EUR\] sigma: expected an absolute .* got 0.7.*as 0.01"),
        ("a = 0.5", "a = 50", r"\[model.EUR\] a: expected a mean reversion per year, 1e-06 to 5, got 50"),
        ("kind", 'fixed = 1\nkind', r"\[model.EUR\] fixed"),
        ('"g2++"', '"g2"', r"\[model.EUR\] kind: expected 'lgm' or 'g2\+\+', got 'g2'"),
        ("rho = -0.7", 'rho = "x"', r"\[model.EUR\] rho: expected a number, got 'x'"),
        ("rho = -0.7", 'rho = -0.7\nfit = "all"', r"\[model.EUR\] fit: expected 'none' or 'scale' or 'volatilities'"),
        ("model.EUR", "model.CHF", r"\[model.CHF\]: expected a currency of the book \(EUR"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_is_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = job(tmp_path, TABLE.replace(old, new))
    with pytest.raises(InputErrors, match=message):
        load_job(path)


def test_trades_that_need_one_factor_are_told_by_name(tmp_path: Path) -> None:
    swaption = (
        "trade_id,netting_set,currency,side,swap_side,notional,strike,index,expiry_date,maturity_date,settlement,"
        "fixed_frequency,fixed_day_count\nSWO,A,EUR,long,payer,1000000.0,0.03,EUR-ESTR,2029-05-18,2034-05-20,physical,1Y,"
        "A360\n"
    )
    cap = (
        "trade_id,netting_set,currency,side,cap_floor,notional,strike,index,start_date,maturity_date\n"
        "CAP,A,EUR,short,cap,1000000.0,0.027,EUR-EURIBOR-6M,2026-02-19,2029-02-19\n"
    )
    with pytest.raises(InputErrors) as caught:
        load_job(job(tmp_path, swaptions=swaption, caps_floors=cap))
    told = [p for p in caught.value.problems if "G2++ rates" in p.expected]
    assert sorted(p.got for p in told) == [
        "a cap or floor in EUR (trade CAP)", "a swaption in EUR (trade SWO)"
    ]  # fmt: skip
    assert all("row 2" in p.where for p in told)


def test_simulated_fixings_are_refused(tmp_path: Path) -> None:
    path = job(tmp_path)
    path.write_text(path.read_text().replace("[simulation]\n", '[simulation]\nfixing = "path"\n'))
    with pytest.raises(
        InputErrors, match=r'fixing: expected "auto" or "projected" with G2\+\+ rates \(EUR\)'
    ):
        load_job(path)
