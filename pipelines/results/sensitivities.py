"""Sensitivities of one measure with their labels: a table for people, an xarray object for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from xva.errors import DomainError

TOTAL: Final = "TOTAL"
_LABELS: Final = {
    "quote_family": "family",
    "quote_curve": "curve",
    "quote_currency": "currency",
    "quote_tenor": "tenor",
}


@dataclass(frozen=True)
class Sensitivities:
    """Derivatives of a measure to every quote, of one netting set or in total.

    Parameters
    ----------
    measure, netting_set : str
        ``netting_set`` is ``TOTAL`` for the whole book.
    units : str
        Currency of the measure.
    data : xarray.Dataset
        Dim ``quote``: ``sensitivity`` per unit of the quote, ``standard_error`` of it, and coordinates
        ``shift`` (what makes it readable), ``shift_name``, ``quote_family``, ``quote_tenor`` …
    """

    measure: str
    netting_set: str
    units: str
    data: xr.Dataset

    @classmethod
    def select(cls, results: xr.Dataset, measure: str, netting_set: str | None = None) -> Sensitivities:
        """Take one measure's sensitivities out of a run's results.

        Raises
        ------
        DomainError
            The run has none, or an unknown measure or netting set; the message lists the known ones.
        """
        prefix = "total_" if netting_set is None else ""
        if f"{prefix}sensitivity" not in results:
            raise DomainError(
                "this run has no sensitivities: set sensitivities = true under [xva] in its job"
            )
        _known(results, "measure", measure)
        labels = {"measure": measure}
        if netting_set is not None:
            _known(results, "netting_set", netting_set)
            labels["netting_set"] = netting_set
        names = {f"{prefix}sensitivity": "sensitivity", f"{prefix}sensitivity_se": "standard_error"}
        data = results[list(names)].sel(labels, drop=True).rename(names)
        data = data.drop_vars([n for n, c in data.coords.items() if c.dims != ("quote",)])
        return cls(measure, netting_set or TOTAL, str(results.attrs.get("units", "")), data)

    def to_xarray(self) -> xr.Dataset:
        """The labelled arrays ``(quote,)``."""
        return self.data

    def to_frame(self) -> pd.DataFrame:
        """One row per quote id: labels, value per ``shift`` with its standard error, derivative."""
        quotes, shift = self.data, self.data["shift"].values
        labels = {title: quotes[name].values for name, title in _LABELS.items() if name in quotes.coords}
        columns = {
            **labels,
            "netting_set": self.netting_set,
            "value": quotes["sensitivity"].values * shift,
            "standard_error": quotes["standard_error"].values * np.abs(shift),
            "shift": shift,
            "shift_name": quotes["shift_name"].values,
            "derivative": quotes["sensitivity"].values,
        }
        return pd.DataFrame(columns, index=pd.Index(quotes["quote"].values, name="quote"))

    def top(self, n: int = 10) -> pd.DataFrame:
        """The ``n`` rows of `to_frame` that are largest in size, largest first; zeros are left out."""
        frame = self.to_frame()
        frame = frame[frame["value"] != 0.0]
        return frame.loc[frame["value"].abs().sort_values(ascending=False, kind="stable").index[:n]]

    def _repr_html_(self) -> str:
        title = f"<b>{self.measure}</b> of {self.netting_set}, {self.units} per shift; the 20 largest of "
        return (
            f"{title}{self.data.sizes['quote']} quotes{self.top(20).to_html(float_format='{:,.2f}'.format)}"
        )


def _known(results: xr.Dataset, dim: str, name: str) -> None:
    known = [str(label) for label in results[dim].values]
    if name not in known:
        raise DomainError(
            f"{dim.replace('_', ' ')}: expected one of {', '.join(known)}, got {name!r}", [name]
        )
