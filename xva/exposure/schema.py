"""The exposure cube in one table: dims, variables, coordinates and attributes of its Dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import xarray as xr

from xva.errors import DomainError, StoreError

DIMS: Final = ("path", "time", "netting_set")


@dataclass(frozen=True)
class Entry:
    """One row of the schema; ``kinds`` are numpy's letters for its dtype."""

    name: str
    dims: tuple[str, ...]
    kinds: str
    meaning: str
    required: bool = True


CUBE: Final = (
    Entry("value", DIMS, "f", "value to us after the date's cash flows, in `units`, deflated if `deflated`"),
    Entry("collateral", DIMS, "f", "collateral held (+) or posted (-), same unit as value", required=False),
    Entry("exposure", DIMS, "f", "sum of max(value - collateral, 0) over what nets, >= 0", required=False),
    Entry("time", ("time",), "M", "exposure dates"),
    Entry("year_fraction", ("time",), "f", "Actual/365 (Fixed) from the valuation date"),
    Entry("discount", ("time",), "f", "P(0, t), the reporting currency's discount factor", required=False),
    Entry("netting_set", ("netting_set",), "OUT", "names"),
    Entry("counterparty", ("netting_set",), "OUT", "names, one per netting set", required=False),
)
ATTRIBUTES: Final = {
    "units": "ISO code of the currency of the values",
    "deflated": "true: values are divided by the numeraire, so that plain means are discounted expectations",
}


def validate(cube: xr.Dataset) -> xr.Dataset:
    """Return ``cube`` unchanged if it follows the table, less the dims that a selection has dropped.

    Raises
    ------
    StoreError
        Everything missing or of another shape, all at once.
    """
    faults = [fault for entry in CUBE if (fault := _fault(cube, entry))]
    faults += [
        f"attribute {name}: missing ({why})" for name, why in ATTRIBUTES.items() if name not in cube.attrs
    ]
    if faults:
        raise StoreError("this Dataset is not an exposure cube:\n" + "\n".join(f"  {f}" for f in faults))
    return cube


def require_deflated(cube: xr.Dataset) -> None:
    """Refuse values that are not divided by the numeraire.

    Raises
    ------
    DomainError
        The mean of undeflated values under the LGM measure is not an expected exposure.
    """
    if not cube.attrs.get("deflated", False):
        raise DomainError(
            "this cube holds undeflated values (attribute deflated is false): their mean under the LGM "
            "measure is wrong by tens of percent; divide by the numeraire first"
        )


def positive_part(cube: xr.Dataset) -> xr.DataArray:
    """What we would lose at close-out, >= 0: ``exposure`` if stored, else ``max(value - collateral, 0)``.

    The two differ where a netting set does not net: its trades' exposures add up.
    """
    return cube["exposure"] if "exposure" in cube else cast(xr.DataArray, np.maximum(_net(cube), 0.0))


def negative_part(cube: xr.Dataset) -> xr.DataArray:
    """What the counterparty would lose, >= 0: the positive part less the value less collateral."""
    return positive_part(cube) - _net(cube)


def _net(cube: xr.Dataset) -> xr.DataArray:
    return cube["value"] - cube["collateral"] if "collateral" in cube else cube["value"]


def _fault(cube: xr.Dataset, entry: Entry) -> str:
    if entry.name not in cube.variables:
        return f"{entry.name}: missing, {entry.meaning}" if entry.required else ""
    variable = cube.variables[entry.name]
    expected = tuple(dim for dim in entry.dims if dim in cube.dims)
    if variable.dims != expected:
        return f"{entry.name}: expected dims {expected}, got {variable.dims}"
    if np.dtype(variable.dtype).kind not in entry.kinds:
        return f"{entry.name}: expected a dtype of kind {entry.kinds}, got {variable.dtype}"
    return ""
