"""``ds.xva`` and the cube's schema."""

from __future__ import annotations

import importlib
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from xva.errors import DomainError, StoreError
from xva.profiles import accessor, profiles, schema

TIMES = np.array([0.0, 0.25, 0.5, 1.0, 2.0])


def cube(**attrs: Any) -> xr.Dataset:
    rng = np.random.default_rng(7)
    days = np.datetime64("2026-01-15", "s") + np.round(TIMES * 365).astype("timedelta64[D]")
    return xr.Dataset(
        {"value": (schema.DIMS, rng.normal(size=(40, 5, 2)).astype(np.float32))},
        {
            "time": days,
            "netting_set": ["CP_A", "CP_B"],
            "counterparty": ("netting_set", ["A", "B"]),
            "year_fraction": ("time", TIMES),
            "discount": ("time", np.exp(-0.03 * TIMES)),
        },
        {"units": "EUR", "deflated": True, **attrs},
    )


def test_profiles_carry_labels() -> None:
    ds = cube()
    epe = ds.xva.epe()
    assert epe.dims == ("time", "netting_set")
    assert epe.attrs == {
        "long_name": "expected positive exposure, discounted",
        "units": "EUR",
        "paths": 40,
    }
    np.testing.assert_array_equal(epe.sel(netting_set="CP_B"), profiles.epe(ds["value"].values)[:, 1])
    np.testing.assert_allclose(ds.xva.ee(), epe / ds["discount"])
    np.testing.assert_array_equal(ds.xva.eee(), np.maximum.accumulate(ds.xva.ee().values))
    assert ds.xva.eepe().dims == ("netting_set",)
    assert "measure" in ds.xva.pfe(0.9).attrs["measure"]


def test_a_selected_netting_set_still_has_the_accessor() -> None:
    ds = cube()
    one = ds.sel(netting_set="CP_A").xva
    np.testing.assert_array_equal(one.ene(), ds.xva.ene().sel(netting_set="CP_A"))
    assert one.eepe().ndim == 0
    np.testing.assert_array_equal(ds.isel(time=[1, 2]).xva.pfe(0.5), ds.xva.pfe(0.5)[1:3])


def test_it_plots() -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    (line,) = cube().sel(netting_set="CP_A").xva.epe().plot()
    assert " ".join(line.axes.get_ylabel().split()) == "expected positive exposure, discounted [EUR]"
    plt.close("all")


def test_missing_blocks_are_left_out_and_counted() -> None:
    ds = cube()
    ds["value"][8:24] = np.nan
    rest = ds.isel(path=np.r_[0:8, 24:40])
    xr.testing.assert_equal(ds.xva.epe(), rest.xva.epe())
    assert ds.xva.epe().attrs["paths"] == 24
    ds["value"][:] = np.nan
    with pytest.raises(DomainError, match="no path yet"):
        ds.xva.epe()


def test_collateral_is_taken_off() -> None:
    ds = cube()
    ds["collateral"] = ds["value"] - 1.0
    np.testing.assert_allclose(ds.xva.epe(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(ds.xva.ene(), 0.0)


def test_trades_that_do_not_net_add_up() -> None:
    ds = cube()
    trades = np.stack([ds["value"].values, np.roll(ds["value"].values, 1, axis=0)])
    ds["value"] = (schema.DIMS, trades.sum(0))
    ds["exposure"] = (schema.DIMS, np.maximum(trades, 0).sum(0))
    np.testing.assert_allclose(ds.xva.epe(), sum(profiles.epe(t) for t in trades), rtol=1e-6)
    np.testing.assert_allclose(ds.xva.ene(), sum(profiles.ene(t) for t in trades), rtol=1e-6)
    assert (ds.xva.epe() > ds.drop_vars("exposure").xva.epe()).all()


def test_undeflated_cubes_are_refused() -> None:
    with pytest.raises(DomainError, match="undeflated"):
        _ = cube(deflated=False).xva


def test_what_is_not_a_cube_is_refused_with_all_reasons() -> None:
    ds = cube().rename(netting_set="ns").drop_vars("year_fraction")
    del ds.attrs["units"]
    with pytest.raises(StoreError) as error:
        schema.validate(ds)
    for expected in ("netting_set: missing", "year_fraction: missing", "attribute units: missing"):
        assert expected in str(error.value)
    with pytest.raises(StoreError, match="time: expected a dtype of kind M, got int64"):
        schema.validate(cube().assign_coords(time=np.arange(5)))


def test_ee_without_a_discount_says_what_to_do() -> None:
    ds = cube().drop_vars("discount")
    with pytest.raises(DomainError, match=r"pass ee\(discount="):
        ds.xva.ee()
    np.testing.assert_array_equal(ds.xva.ee(np.exp(-0.03 * TIMES)), cube().xva.ee())


def test_registered_once_without_warnings() -> None:
    importlib.reload(accessor)
    assert isinstance(cube().xva.epe(), xr.DataArray)
