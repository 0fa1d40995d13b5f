"""Choosing sensitivities, the tidy frame, sums by label."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pipelines.results.run import Run, open_run
from pipelines.results.sensitivities import TOTAL, Sensitivities
from pipelines.results.tenors import ordered, years
from xva.errors import DomainError

CURVES = ["EUR-ESTR", "USD-SOFR"]
TENORS = ["10Y", "3M", "2Y"]


@pytest.fixture
def ladder() -> xr.Dataset:
    """Two curves with three tenors each, not in order, and one volatility."""
    ids = [f"IR_SWAP/RATE/{c[:3]}/2D/1D/{t}" for c in CURVES for t in TENORS]
    ids.append("SWAPTION/RATE_NVOL/EUR/5Y/10Y/ATM")
    values = np.arange(2 * 2 * 7, dtype=np.float64).reshape(2, 2, 7) + 1.0
    quote = {
        "quote": ids,
        "quote_family": ("quote", ["OIS"] * 6 + ["swaption vol"]),
        "quote_curve": ("quote", [c for c in CURVES for _ in TENORS] + ["EUR"]),
        "quote_currency": ("quote", ["EUR"] * 3 + ["USD"] * 3 + ["EUR"]),
        "quote_tenor": ("quote", TENORS * 2 + ["5Y/10Y"]),
        "shift": ("quote", [1e-4] * 7),
        "shift_name": ("quote", ["1 bp"] * 6 + ["1 bp of normal vol"]),
    }
    dims = ("measure", "netting_set", "quote")
    return xr.Dataset(
        {
            "sensitivity": (dims, values),
            "sensitivity_se": (dims, 0.1 * values),
            "total_sensitivity": (("measure", "quote"), values.sum(1)),
            "total_sensitivity_se": (("measure", "quote"), 0.1 * values.sum(1)),
        },
        {"measure": ["CVA", "DVA"], "netting_set": ["A", "B"], **quote},
        {"units": "EUR", "as_of": "2026-01-15"},
    )


@pytest.fixture
def run(finished: Path) -> Run:
    return open_run(finished)


def test_a_ladder_is_one_line_of_pandas_in_the_order_of_tenors(ladder: xr.Dataset) -> None:
    frame = Sensitivities.select(ladder, "DVA", "B", family="OIS").to_frame()
    table = frame.pivot_table(index="tenor", columns="curve", values="value", aggfunc="sum")
    assert list(table.index) == ["3M", "2Y", "10Y"]
    assert list(table.columns) == CURVES
    at = ladder["sensitivity"].sel(measure="DVA", netting_set="B", quote="IR_SWAP/RATE/USD/2D/1D/3M")
    assert table.loc["3M", "USD-SOFR"] == pytest.approx(1e-4 * float(at))


def test_several_at_once_are_rows_of_one_frame(ladder: xr.Dataset) -> None:
    found = Sensitivities.select(ladder, ["DVA", "CVA"], ...)
    assert found.to_xarray()["sensitivity"].dims == ("measure", "netting_set", "quote")
    frame = found.to_frame()
    assert len(frame) == 2 * 2 * 7
    for (measure, name), rows in frame.groupby(["measure", "netting_set"]):
        expected = ladder["sensitivity"].sel(measure=measure, netting_set=name)
        np.testing.assert_array_equal(rows["derivative"], expected)
        np.testing.assert_array_equal(rows.index, expected["quote"])
        np.testing.assert_allclose(rows["standard_error"], 1e-5 * expected)


def test_the_total_stands_beside_netting_sets(ladder: xr.Dataset) -> None:
    frame = Sensitivities.select(ladder, "CVA", ["A", TOTAL, "B"]).to_frame()
    wide = frame.pivot_table(index="quote", columns="netting_set", values="value")
    np.testing.assert_allclose(wide["A"] + wide["B"], wide[TOTAL])


def test_one_of_a_run_has_the_dims_that_were_asked_for(run: Run) -> None:
    assert run.sensitivities("CVA").data["sensitivity"].dims == ("quote",)
    assert run.sensitivities(["CVA"]).data["sensitivity"].dims == ("measure", "quote")
    assert run.sensitivities("CVA", ["CP_A", "CP_B"]).data["sensitivity"].dims == ("netting_set", "quote")


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"currency": "USD"}, 3),
        ({"family": "OIS", "tenor": ["3M", "2Y"]}, 4),
        ({"curve": CURVES, "tenor": "10Y"}, 2),
        ({"family": "swaption vol"}, 1),
    ],
)
def test_quotes_are_chosen_by_their_labels(ladder: xr.Dataset, wanted: dict[str, str], count: int) -> None:
    frame = Sensitivities.select(ladder, "CVA", **wanted).to_frame()  # type: ignore[arg-type]
    assert len(frame) == count
    for label, names in wanted.items():
        assert frame[label].isin([names] if isinstance(names, str) else names).all()


def test_unknown_labels_are_named(ladder: xr.Dataset) -> None:
    with pytest.raises(DomainError, match="currency: expected some of EUR, USD, got GBP"):
        Sensitivities.select(ladder, "CVA", currency=["EUR", "GBP"])
    with pytest.raises(DomainError, match="none that have all of these"):
        Sensitivities.select(ladder, "CVA", currency="USD", family="swaption vol")
    with pytest.raises(DomainError, match="no sensitivities: set sensitivities = true"):
        Sensitivities.select(ladder.drop_vars("sensitivity"), "CVA")


def test_without_scrambles_sums_by_label_bound_their_error(ladder: xr.Dataset) -> None:
    found = Sensitivities.select(ladder, "CVA", ..., family="OIS").by("netting_set", "currency")
    rows = ladder["sensitivity"].sel(measure="CVA", netting_set="B").values
    assert float(found["value"].sel(netting_set="B", currency="USD")) == pytest.approx(1e-4 * rows[3:6].sum())
    error = found["standard_error"].sel(netting_set="B", currency="USD")
    assert float(error) == pytest.approx(1e-5 * rows[3:6].sum())


@pytest.fixture
def sampled(ladder: xr.Dataset) -> xr.Dataset:
    """The ladder with eight scrambles, whose errors at neighbouring tenors nearly cancel."""
    noise = np.random.default_rng(4).standard_normal((8, 2, 2, 7))
    noise[..., 1] = -0.9 * noise[..., 0]
    samples = ladder["sensitivity"].values + 0.3 * noise
    mean, total = samples.mean(0), samples.sum(2)
    dims = ("measure", "netting_set", "quote")
    return ladder.assign(
        sensitivity=(dims, mean),
        sensitivity_se=(dims, samples.std(0, ddof=1) / np.sqrt(8)),
        total_sensitivity=(("measure", "quote"), total.mean(0)),
        total_sensitivity_se=(("measure", "quote"), total.std(0, ddof=1) / np.sqrt(8)),
        sensitivity_samples=(("scramble", *dims), samples),
    )


def test_the_error_of_a_sum_is_that_of_the_scrambles_sums(sampled: xr.Dataset) -> None:
    """Recomputed from the samples; the sum of the errors is far from it where errors cancel."""
    found = Sensitivities.select(sampled, "CVA", ..., family="OIS").by("netting_set", "currency")
    samples = 1e-4 * sampled["sensitivity_samples"].sel(measure="CVA")
    for name in ("A", "B"):
        for currency, part in (("EUR", slice(0, 3)), ("USD", slice(3, 6))):
            sums = samples.sel(netting_set=name).values[:, part].sum(1)
            at = found.sel(netting_set=name, currency=currency)
            assert float(at["value"]) == pytest.approx(sums.mean(), rel=1e-12)
            assert float(at["standard_error"]) == pytest.approx(sums.std(ddof=1) / np.sqrt(8), rel=1e-12)
    two = Sensitivities.select(sampled, "CVA", "A", curve="EUR-ESTR", tenor=["10Y", "3M"])
    assert float(two.sum()["standard_error"]) < 0.2 * two.to_frame()["standard_error"].sum()


def test_a_sum_has_the_dims_that_were_asked_for(sampled: xr.Dataset) -> None:
    total = Sensitivities.select(sampled, "CVA", family="OIS").sum()
    sums = 1e-4 * sampled["sensitivity_samples"].sel(measure="CVA").values[..., :6].sum((1, 2))
    assert total["value"].dims == ()
    assert float(total["value"]) == pytest.approx(sums.mean())
    assert float(total["standard_error"]) == pytest.approx(sums.std(ddof=1) / np.sqrt(8))
    both = Sensitivities.select(sampled, ["CVA", "DVA"], ["B", TOTAL], family="OIS").sum()
    assert both["value"].dims == ("measure", "netting_set")
    xr.testing.assert_allclose(
        both.sel(measure="CVA", netting_set=TOTAL), total.assign_coords(measure="CVA", netting_set=TOTAL)
    )
    with pytest.raises(DomainError, match="got 1 bp, 1 bp of normal vol"):
        Sensitivities.select(sampled, "CVA").sum()


def test_results_with_text_labels_can_be_plotted(sampled: xr.Dataset, run: Run) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    sums = Sensitivities.select(sampled, "CVA", ..., family="OIS")
    ladder = sums.by("tenor", "curve")["value"]
    assert ladder["tenor"].values.tolist() == ["3M", "2Y", "10Y"]
    shown = [
        sums.by("netting_set", "currency")["value"],
        sums.by("tenor")["value"],
        ladder,
        run.cube.xva.epe(),
    ]
    shown += [run.xva[name] for name in ("epe", "xva", "total")] + [run.xva["sensitivity_se"].isel(measure=0)]
    for part in shown:
        part.plot()
        plt.close("all")
    ladder.plot.line(x="tenor")
    plt.close("all")
    run.profiles["ene"].plot.line(x="time")
    plt.close("all")


def test_what_can_be_plotted_can_still_be_saved(run: Run, tmp_path: Path) -> None:
    """Text of fixed length has no Zarr specification; a copy has labels of variable length, as the run has."""
    run.xva.to_zarr(tmp_path / "copy.zarr", consolidated=False)
    again = xr.open_zarr(tmp_path / "copy.zarr", consolidated=False)
    xr.testing.assert_equal(again, run.xva)
    assert again["netting_set"].dtype.kind in "OT"
    run.cube.sel(netting_set="CP_A").to_zarr(tmp_path / "cube.zarr", consolidated=False)
    copy = xr.open_zarr(tmp_path / "cube.zarr", consolidated=False)
    xr.testing.assert_equal(copy.xva.epe(), run.cube.xva.epe().sel(netting_set="CP_A"))


def test_apples_are_not_added_to_oranges(ladder: xr.Dataset) -> None:
    everything = Sensitivities.select(ladder, "CVA")
    with pytest.raises(DomainError, match=r"sums at EUR.*got 1 bp, 1 bp of normal vol"):
        everything.by("currency")
    assert everything.by("currency", "family")["value"].dims == ("currency", "family")
    with pytest.raises(DomainError, match=r"labels: expected some of .* got maturity"):
        everything.by("maturity")


def test_tenors_are_ordered_by_their_length() -> None:
    tenors = ["10Y", "", "18M", "5Y/10Y", "2W", "5Y/2Y", "1Y", "2027-03-01", "5Y"]
    as_of = np.datetime64("2026-01-15")
    expected = ["", "2W", "1Y", "2027-03-01", "18M", "5Y", "5Y/2Y", "5Y/10Y", "10Y"]
    assert list(ordered(tenors, as_of).categories) == expected
    assert years("2027-01-15", as_of) == (1.0,)
    assert years("5Y/10Y") == (5.0, 10.0)
    column = pd.Series(tenors).astype(ordered(tenors, as_of))
    assert column.max() == "10Y"
