"""The exposure cube in one table: dims, variables, coordinates and attributes of its Dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import xarray as xr

from xva.errors import DomainError, StoreError
from xva.profiles.seal import LAST_BIT, SEAL, is_sealed

PLUG_IN: Final = "plug_in"
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
    Entry("netted", ("netting_set",), "b", "false: exposures add up instead of values", required=False),
    Entry(
        "plug_in", ("netting_set",), "b", "true: surrogates' values are among those added up", required=False
    ),
    Entry("time", ("time",), "M", "exposure dates"),
    Entry("year_fraction", ("time",), "f", "Actual/365 (Fixed) from the valuation date"),
    Entry("discount", ("time",), "f", "P(0, t), the reporting currency's discount factor", required=False),
    Entry("netting_set", ("netting_set",), "OUT", "names"),
    Entry("counterparty", ("netting_set",), "OUT", "names, one per netting set", required=False),
)
OF: Final = "of"
WITH_COLLATERAL: Final = "value less collateral"
"""``cube["exposure"].attrs[OF]`` where collateral is in the stored exposure; else it is of the value alone."""
_ROUNDING: Final = 1e-6  # of float32
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


def require_exposure(cube: xr.Dataset) -> None:
    """Refuse a cube whose exposure does not follow from what it holds.

    Raises
    ------
    DomainError
        A netting set does not net (or may not), and its exposure is not there, or without the collateral.
    """
    known = "netted" in cube.variables
    sets = cube["netting_set"].values.reshape(-1)
    gross = [str(s) for s, nets in zip(sets, cube["netted"].values.reshape(-1)) if not nets] if known else []
    if gross and "exposure" not in cube:
        raise DomainError(
            f"netting sets {', '.join(gross)}: expected the variable exposure, since their trades do not net, got none: "
            "the positive part of their value is too small",
            gross,
        )
    stored = (gross or not known) and "exposure" in cube and "collateral" in cube
    if stored and cube["exposure"].attrs.get(OF) != WITH_COLLATERAL:
        raise DomainError(
            f"netting sets {', '.join(gross or map(str, sets))}: expected an exposure with collateral, got a stored one "
            "that is not known to have it; where all nets, drop_vars('exposure') and it is taken from "
            f"value - collateral; where it has, say so: cube['exposure'].attrs[{OF!r}] = {WITH_COLLATERAL!r}",
            gross,
        )


def require_unchanged(cube: xr.Dataset) -> None:
    """Refuse values that are not those that were stored; reads the values of ``cube``.

    Raises
    ------
    DomainError
        The cube is sealed (`xva.profiles.seal`) and the values do not have the seal: whether they are still deflated, and
        whether ``exposure`` still belongs to them, nobody knows. Or an exposure below the positive part of the value.
    """
    held = [name for name in ("value", "exposure") if name in cube]
    broken = [n for n in held if cube.attrs.get(SEAL) == LAST_BIT and not is_sealed(cube[n].values)]
    if broken:
        raise DomainError(
            f"{' and '.join(broken)}: expected the numbers that the run stored, got others (xarray keeps the attribute "
            "deflated through arithmetic, so it says nothing here): divided by the numeraire or undeflated is not known, and "
            "means of undeflated values under the LGM measure are wrong by tens of percent; take the cube as stored, or, if "
            f"these are deflated values of your own: cube.assign_attrs({SEAL}='')"
        )
    if "exposure" in cube:
        short = np.asarray(positive_part(cube) < np.maximum(_net(cube), 0.0) * (1.0 - _ROUNDING))
        if short.any():
            raise DomainError(
                f"exposure: expected at least max(value - collateral, 0), got less at {int(short.sum()):,} places: value was "
                "changed and exposure was not; where all nets, drop_vars('exposure')"
            )


def nets_everywhere(cube: xr.Dataset) -> bool:
    """Whether every netting set is known to net, so that exposures are the positive parts of values."""
    return "netted" in cube.variables and bool(cube["netted"].all())


def positive_part(cube: xr.Dataset) -> xr.DataArray:
    """What we would lose at close-out, >= 0: ``max(value - collateral, 0)``.

    Where a netting set does not net (``netted`` is false, or not known) it is the stored ``exposure``: its trades' add up.
    """
    net = cast(xr.DataArray, np.maximum(_net(cube), 0.0))
    if "exposure" not in cube:
        return net
    return net.where(cube["netted"], cube["exposure"]) if "netted" in cube.variables else cube["exposure"]


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
