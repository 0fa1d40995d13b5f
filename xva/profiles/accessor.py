"""``ds.xva``: profiles of an exposure cube with their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xva.errors import DomainError
from xva.profiles import profiles
from xva.profiles.schema import (
    PLUG_IN,
    negative_part,
    nets_everywhere,
    positive_part,
    require_deflated,
    require_exposure,
    require_unchanged,
    validate,
)

Side = Callable[[xr.Dataset], xr.DataArray]

_DATES_AT_ONCE: Final = 10
_MEASURE = "quantile of deflated values under the {} (it depends on the measure)"


class XvaAccessor:
    """Profiles of a deflated cube ``(path, time, netting_set)``, or of a selection from one.

    Paths of blocks that are not computed yet (NaN) are left out; attribute ``paths`` of a result says
    how many it stands on. Values are read some dates at a time.

    Raises
    ------
    StoreError
        The Dataset is not an exposure cube.
    DomainError
        Its values are not deflated, or were changed since they were stored, so that nobody knows; the exposure of a set
        that does not net is missing or without the collateral; or no path is there yet.
    """

    def __init__(self, cube: xr.Dataset) -> None:
        self._cube = validate(cube)
        require_deflated(cube)
        require_exposure(cube)

    def epe(self) -> xr.DataArray:
        """Discounted expected positive exposure ``(time, netting_set)``, >= 0.

        Named ``epe_plugin`` where any of the netting sets has surrogates' values on its paths (coordinate ``plug_in``), the
        other profiles alike: what a run reports as ``epe`` averages the paths' cash flows instead.
        """
        return self._profile(positive_part, profiles.epe, "epe", "expected positive exposure, discounted")

    def ene(self) -> xr.DataArray:
        """Discounted expected negative exposure ``(time, netting_set)``, >= 0."""
        return self._profile(negative_part, profiles.epe, "ene", "expected negative exposure, discounted")

    def pfe(self, quantile: float = 0.95) -> xr.DataArray:
        """Potential future exposure: the exact quantile, floored at 0, ``(time, netting_set)``."""
        name = f"potential future exposure at {quantile:.4g}"
        result = self._profile(positive_part, lambda values: profiles.pfe(values, quantile), "pfe", name)
        return result.assign_attrs(
            quantile=quantile, measure=_MEASURE.format(self._cube.attrs.get("measure", "numeraire's measure"))
        )

    def ee(self, discount: NDArray[np.float64] | xr.DataArray | None = None) -> xr.DataArray:
        """Expected exposure in money of the date, ``EPE / P(0, t)``.

        Parameters
        ----------
        discount : array, optional
            ``(time,)`` P(0, t); by default the cube's coordinate ``discount``.
        """
        result = self.epe() / self._discount(discount)
        return result.rename(self._name("ee")).assign_attrs(
            self._attrs("expected exposure, money of the date")
        )

    def eee(self, discount: NDArray[np.float64] | xr.DataArray | None = None) -> xr.DataArray:
        """Effective expected exposure: the running maximum of EE."""
        ee = self.ee(discount)
        result = ee.copy(data=profiles.eee(ee.values))
        return result.rename(self._name("eee")).assign_attrs(
            long_name=f"effective expected exposure{self._of}"
        )

    def eepe(
        self, maturity: float | None = None, discount: NDArray[np.float64] | xr.DataArray | None = None
    ) -> xr.DataArray:
        """Effective EPE over ``min(1 year, maturity)``, by netting set (maturity: the last date)."""
        ee = self.ee(discount)
        times = self._cube["year_fraction"].values
        average = profiles.eepe(ee.values, times, float(times[-1]) if maturity is None else maturity)
        labels = {name: coord for name, coord in ee.coords.items() if "time" not in coord.dims}
        attrs = ee.attrs | {"long_name": f"effective expected positive exposure{self._of}"}
        return xr.DataArray(average, labels, ee.dims[1:], self._name("eepe"), attrs)

    @property
    def _of(self) -> str:
        plug_in = PLUG_IN in self._cube.coords and bool(self._cube[PLUG_IN].any())
        return ", plug-in of surrogates' values" if plug_in else ""

    def _name(self, name: str) -> str:
        return f"{name}_plugin" if self._of else name

    def _profile(
        self, side: Side, over_paths: Callable[[NDArray[Any]], Any], name: str, long_name: str
    ) -> xr.DataArray:
        present = self._present()
        parts = []
        for dates in _by_dates(self._cube):
            require_unchanged(dates)
            parts.append(over_paths(_values(side(dates))[present]))
        like = _ordered(self._cube["value"]).isel(path=0, drop=True)
        attrs = self._attrs(long_name) | {"paths": int(present.sum())}
        return xr.DataArray(np.concatenate(parts), like.coords, like.dims, self._name(name), attrs)

    def _present(self) -> NDArray[np.bool_]:
        first = _values(self._cube["value"].isel(time=slice(0, 1)))
        present = ~np.isnan(first.reshape(len(first), -1)[:, 0])
        if not present.any():
            raise DomainError("this cube has no path yet: every block is still to be computed")
        return np.asarray(present)

    def _discount(self, discount: NDArray[np.float64] | xr.DataArray | None) -> xr.DataArray:
        if discount is not None:
            return xr.DataArray(discount, {"time": self._cube["time"]}, ("time",))
        if "discount" not in self._cube.variables:
            raise DomainError(
                "EE needs P(0, t): this cube has no coordinate discount; pass ee(discount=...), (time,)"
            )
        return self._cube["discount"].reset_coords(drop=True)

    def _attrs(self, long_name: str) -> dict[str, Any]:
        return {"long_name": f"{long_name}{self._of}", "units": self._cube.attrs["units"]}


def _by_dates(cube: xr.Dataset) -> Iterator[xr.Dataset]:
    step = cube["value"].encoding.get("preferred_chunks", {}).get("time", _DATES_AT_ONCE)
    asked = ("value", "collateral") if nets_everywhere(cube) else ("value", "collateral", "exposure")
    held = [name for name in asked if name in cube]
    for start in range(0, cube.sizes["time"], step):
        yield cube[held].isel(time=slice(start, start + step)).load()


def _ordered(array: xr.DataArray) -> xr.DataArray:
    return array.transpose("path", "time", ...)


def _values(array: xr.DataArray) -> NDArray[Any]:
    return np.asarray(_ordered(array).values)


if not hasattr(xr.Dataset, "xva"):  # a second registration (a reloaded module) would warn
    xr.register_dataset_accessor("xva")(XvaAccessor)  # type: ignore[no-untyped-call]
