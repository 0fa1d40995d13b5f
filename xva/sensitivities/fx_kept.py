"""Sensitivities to FX rates with what stays of quoted FX forwards: their points, or the curve that they build.

The derivative to a quote with all others held keeps points. With the curve kept, points move in proportion to their spot: the
FX rate's derivative takes in theirs, ``dm/dS + sum (points / S) dm/dpoints``, and all others stay.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from xva.errors import DomainError
from xva.market import quote_info
from xva.market.fx_forwards import CURVE_KEPT, POINTS_KEPT, curve_kept_jacobian
from xva.sensitivities.by_quote import standard_error


def curve_kept_sensitivities(results: xr.Dataset) -> xr.Dataset:
    """Results with the sensitivities to FX rates as they are when curves built from FX forwards stay.

    Parameters
    ----------
    results : Dataset
        Of a run or of `sensitivities`, with points kept: ``sensitivity``, ``total_sensitivity``, their ``_se``, by ``quote``.

    Returns
    -------
    Dataset
        The same with ``fx_forwards = "curve kept"``; errors from the scrambles' own derivatives (``sensitivity_samples``,
        converted too). Of results without these, an FX rate's error is the sum of those of what it is made of, an upper bound.

    Raises
    ------
    DomainError
        Results that keep something else already, or of some of the quotes.
    """
    kept = results.attrs.get("fx_forwards", POINTS_KEPT)
    if kept != POINTS_KEPT:
        raise DomainError(f"sensitivities: expected FX forwards with points kept, got {kept}")
    infos = [quote_info(str(i)) for i in results["quote"].values]
    try:
        jacobian = curve_kept_jacobian(infos, results["quote_value"].values)
    except KeyError as error:
        raise DomainError(f"sensitivities: expected those to all FX quotes, {error} is missing") from None
    found = results.copy()
    for name in ("sensitivity", "total_sensitivity", "sensitivity_samples"):
        for part, matrix in ((name, jacobian), (f"{name}_se", np.abs(jacobian))):
            if part in results:
                order = results[part].transpose(..., "quote")
                found[part] = order.copy(data=order.values @ matrix).transpose(*results[part].dims)
    if "sensitivity_samples" in found:
        samples = found["sensitivity_samples"].transpose("scramble", ...)
        for name, own in (("sensitivity", samples), ("total_sensitivity", samples.sum("netting_set"))):
            spread = own.isel(scramble=0, drop=True).copy(data=standard_error(own.values))
            found[f"{name}_se"] = spread.transpose(*results[f"{name}_se"].dims)
    return found.assign_attrs(fx_forwards=CURVE_KEPT)
