"""Rates with stated parameters: the numbers of a calibrated job come back where its parameters are stated."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pipelines.jobs.inputs import load_job
from pipelines.runs.computation import Exposure
from tests.support.small_job import SWAPS, write_job
from xva.errors import InputErrors
from xva.sensitivities.by_quote import sensitivities

AS_OF = np.datetime64("2026-01-15")


def swap_job(folder: Path) -> Path:
    """One swap, no products of one's own."""
    path = write_job(folder, {}, {"swaps": SWAPS}, sensitivities=True)
    path.write_text(re.sub(r"products = .*\n", "", path.read_text()))
    return path


def stated_job(path: Path, quotes: dict[str, float]) -> Path:
    """The job in ``path`` with these volatilities instead of swaption quotes."""
    path.write_text(path.read_text() + '[model]\ncalibration = "stated"\n')
    table = path.parent / "quotes.csv"
    kept = [line for line in table.read_text().splitlines() if not line.startswith("SWAPTION/")]
    table.write_text("\n".join([*kept, *(f"{name},{value!r}" for name, value in quotes.items())]) + "\n")
    return path


def test_a_calibrated_model_stated_again(tmp_path: Path) -> None:
    calibrated = Exposure(load_job(swap_job(tmp_path / "one")))
    lgm = calibrated.engine.world.model.rates["EUR"]
    days = AS_OF + np.round(365.0 * lgm.times).astype("timedelta64[D]")
    names = [f"HULL_WHITE/VOLATILITY/EUR/{day}" for day in days]
    quotes = dict(zip(names, lgm.sigmas.detach().tolist(), strict=True))
    stated = Exposure(load_job(stated_job(swap_job(tmp_path / "two"), quotes)))

    found = [e.finish([e.plan.run(b).sums for b in range(e.plan.n_blocks)]) for e in (calibrated, stated)]
    np.testing.assert_allclose(found[1]["xva"], found[0]["xva"], rtol=1e-12)

    by_quote = sensitivities(stated.engine, ["CVA"])
    moved = sensitivities(stated.engine, ["CVA"], method="bump", quotes=names[:2])
    for name in names[:2]:
        one = float(by_quote.sel(measure="CVA", quote=name)["total_sensitivity"])
        assert one == pytest.approx(
            float(moved.sel(measure="CVA", quote=name)["total_sensitivity"]), rel=1e-3
        )
        assert one > 0.0


def test_volatilities_that_are_missing_are_named(tmp_path: Path) -> None:
    path = stated_job(swap_job(tmp_path / "job"), {})
    with pytest.raises(InputErrors, match=r"HULL_WHITE/VOLATILITY/EUR/<pillar>.*got none"):
        load_job(path)


def test_a_volatility_in_basis_points_is_refused(tmp_path: Path) -> None:
    path = stated_job(swap_job(tmp_path / "job"), {"HULL_WHITE/VOLATILITY/EUR/10Y": 85.0})
    with pytest.raises(InputErrors, match=r"HULL_WHITE/VOLATILITY/EUR/10Y: expected a normal volatility"):
        load_job(path)
