"""Profiles of values that are no longer those of the run: right, or refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from xva.errors import DomainError
from xva.profiles import accessor as _accessor  # noqa: F401  registers ``ds.xva``
from xva.profiles.schema import DIMS, OF, WITH_COLLATERAL
from xva.profiles.seal import LAST_BIT, SEAL, is_sealed, sealed

TIMES = np.array([0.25, 0.5, 1.0, 2.0])
PATHS = 300


def trade_values() -> np.ndarray:
    """Of two trades per set, ``(trade, path, time, netting_set)``."""
    return np.random.default_rng(5).normal(0.0, 1e6, (2, PATHS, len(TIMES), 3))


def stored() -> xr.Dataset:
    """A cube as a run stores it: CP_C does not net, its trades' exposures add up."""
    trades = trade_values()
    value, gross = trades.sum(0), np.maximum(trades, 0.0).sum(0)
    exposure = np.where([False, False, True], gross, np.maximum(value, 0.0))
    return xr.Dataset(
        {
            "value": (DIMS, sealed(value.astype(np.float32)).astype(np.float64)),
            "exposure": (DIMS, sealed(exposure.astype(np.float32)).astype(np.float64)),
        },
        {
            "time": np.datetime64("2026-01-15", "s") + np.round(TIMES * 365).astype("timedelta64[D]"),
            "netting_set": ["CP_A", "CP_B", "CP_C"],
            "netted": ("netting_set", [True, True, False]),
            "year_fraction": ("time", TIMES),
            "discount": ("time", np.exp(-0.03 * TIMES)),
        },
        {"units": "EUR", "deflated": True, SEAL: LAST_BIT},
    )


@pytest.fixture
def cube() -> xr.Dataset:
    return stored()


NUMERAIRE = xr.DataArray(
    np.exp(np.random.default_rng(8).normal(0.0, 0.02, (PATHS, len(TIMES)))), dims=DIMS[:2]
)
CHANGES: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "times numeraire": lambda cube: cube * NUMERAIRE,
    "mapped": lambda cube: cube.map(lambda values: values * NUMERAIRE),
    "mapped, labels kept": lambda cube: cube.map(lambda values: values * NUMERAIRE, keep_attrs=True),
    "assigned": lambda cube: cube.assign(value=cube["value"] * NUMERAIRE),
    "assigned without labels": lambda cube: cube.assign(value=cube["value"].drop_attrs() * NUMERAIRE),
    "twice": lambda cube: cube.assign(value=2.0 * cube["value"]),
    "twice all": lambda cube: 2.0 * cube,
    "minus": lambda cube: cube.assign(value=-cube["value"]),
    "as float32": lambda cube: (cube * NUMERAIRE).astype(np.float32),
    "one date only": lambda cube: (cube * NUMERAIRE).isel(time=[1]),
    "exposure only": lambda cube: cube.assign(exposure=cube["exposure"] * NUMERAIRE),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_values_are_refused(cube: xr.Dataset, change: str) -> None:
    changed = CHANGES[change](cube)
    assert changed.attrs["deflated"]  # xarray says so still
    with pytest.raises(DomainError, match="undeflated is not known"):
        changed.xva.epe()
    with pytest.raises(DomainError, match=r"cube.assign_attrs\(seal=''\)"):
        changed.xva.pfe()


SAME: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "one netting set": lambda cube: cube.sel(netting_set="CP_C"),
    "dates": lambda cube: cube.isel(time=slice(1, 3)),
    "paths": lambda cube: cube.isel(path=slice(7, 90)),
    "chunked": lambda cube: cube.chunk({"path": 50, "time": 2}),
    "deep copy": lambda cube: cube.copy(deep=True),
    "as float32": lambda cube: cube.astype(np.float32),
    "concatenated": lambda cube: xr.concat(
        [cube.isel(path=slice(0, 99)), cube.isel(path=slice(99, None))], "path"
    ),
    "shuffled": lambda cube: cube.isel(path=np.random.default_rng(1).permutation(PATHS)),
}


@pytest.mark.parametrize("way", SAME)
def test_what_only_moves_values_keeps_the_profiles(cube: xr.Dataset, way: str) -> None:
    same, held = SAME[way](cube), trade_values()
    picked = xr.DataArray(held, dims=("trade", *DIMS), coords=cube["value"].coords)
    if way in ("one netting set", "dates", "paths"):
        picked = SAME[way](picked.to_dataset(name="value"))["value"]
    gross = np.maximum(picked, 0.0).sum("trade").mean("path")
    net = np.maximum(picked.sum("trade"), 0.0).mean("path")
    expected = net.where(picked["netted"], gross)
    xr.testing.assert_allclose(
        same.xva.epe().reset_coords(drop=True), expected.reset_coords(drop=True), rtol=3e-7
    )


def test_added_collateral_counts_where_all_nets(cube: xr.Dataset) -> None:
    netting = cube.isel(netting_set=[0, 1])
    held = netting.assign(collateral=netting["value"])
    assert (held.xva.epe() == 0.0).all()
    assert (held.xva.ene() == 0.0).all()
    half = netting.assign(collateral=0.5 * netting["value"])
    np.testing.assert_allclose(half.xva.epe(), 0.5 * netting.xva.epe(), rtol=1e-12)


def test_added_collateral_is_refused_where_trades_do_not_net(cube: xr.Dataset) -> None:
    with pytest.raises(DomainError, match="netting sets CP_C: expected an exposure with collateral"):
        _ = cube.assign(collateral=cube["value"]).xva
    unknown = cube.assign(collateral=cube["value"]).drop_vars("netted")
    with pytest.raises(DomainError, match="CP_A, CP_B, CP_C"):
        _ = unknown.xva
    stated = unknown.assign(exposure=(0.0 * unknown["exposure"]).assign_attrs({OF: WITH_COLLATERAL}))
    assert (stated.xva.epe() == 0.0).all()


def test_values_of_ones_own_can_be_declared(cube: xr.Dataset) -> None:
    netting = cube.isel(netting_set=[0, 1])
    twice = netting.assign(value=2.0 * netting["value"]).assign_attrs({SEAL: ""})
    np.testing.assert_allclose(twice.xva.epe(), 2.0 * netting.xva.epe(), rtol=1e-12)
    with pytest.raises(DomainError, match="value was changed and exposure was not"):
        cube.assign(value=2.0 * cube["value"]).assign_attrs({SEAL: ""}).xva.epe()
    with pytest.raises(DomainError, match="CP_C: expected the variable exposure"):
        _ = cube.drop_vars("exposure").xva


def test_the_seal_costs_half_a_bit_and_keeps_order() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(0, 10.0**k, 5000) for k in range(-3, 12, 3)]).astype(np.float32)
    values = np.sort(np.concatenate([values, np.float32([0.0, -0.0, 1e-45, -3e38, 3e38])]))
    done = sealed(values)
    assert is_sealed(done)
    assert is_sealed(done.astype(np.float64))
    assert (np.diff(done) >= 0.0).all()
    np.testing.assert_allclose(done, values, rtol=2.0**-22, atol=2e-45)
    assert (done[values == 0.0] == 0.0).all()
    np.testing.assert_array_equal(sealed(np.maximum(values, 0)), np.maximum(done, 0))
    assert not is_sealed(done.astype(np.float64) * (1.0 + 1e-12))
    some = done[(np.abs(done) < 1e30) & (np.abs(done) > 1e-30)][::7]
    for factor in (2.0, 4.0, 0.5, -1.0, 8.0, 100.0, 1.02):  # powers of two leave the mantissa alone
        assert np.mean([not is_sealed(number) for number in np.float32(factor) * some]) > 0.3
    assert is_sealed(sealed(np.float32([np.nan, 1.0])))
