"""Sensitivities with their labels: a table for people, an xarray object for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Final, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from pipelines.results.sums import sums_by
from pipelines.results.tenors import ordered
from pipelines.storage.results import plottable
from xva.errors import DomainError

TOTAL: Final = "TOTAL"
Part = TypeVar("Part", xr.Dataset, xr.DataArray)
Names = str | Sequence[str]
_LABELS: Final = {
    "quote_family": "family",
    "quote_curve": "curve",
    "quote_currency": "currency",
    "quote_tenor": "tenor",
}
_DIMS: Final = ("measure", "netting_set", "quote")


@dataclass(frozen=True)
class Sensitivities:
    """Derivatives of measures to quotes, of netting sets or in total.

    Parameters
    ----------
    measure, netting_set : str
        ``netting_set`` is ``TOTAL`` for the whole book; several are joined by ``", "``.
    units : str
        Currency of the measures.
    data : xarray.Dataset
        Dim ``quote``, and ``measure`` or ``netting_set`` where several were asked for: ``sensitivity`` per unit of the
        quote, ``standard_error`` of it, ``samples`` ``(scramble, …)`` where the results have them, and coordinates ``shift``
        (what makes it readable), ``shift_name``, ``quote_family``, ``quote_tenor`` … Attribute ``as_of``.
    """

    measure: str
    netting_set: str
    units: str
    data: xr.Dataset

    @classmethod
    def select(
        cls,
        results: xr.Dataset,
        measure: Names | EllipsisType,
        netting_set: Names | EllipsisType | None = None,
        *,
        family: Names | None = None,
        curve: Names | None = None,
        currency: Names | None = None,
        tenor: Names | None = None,
    ) -> Sensitivities:
        """Take sensitivities out of a run's results.

        Parameters
        ----------
        results : Dataset
            Of a run, or of the same form.
        measure : str or sequence of str or ...
            One, several, or (``...``) all.
        netting_set : str or sequence of str or ..., optional
            The total (``TOTAL``) by default; ``...`` is every netting set.
        family, curve, currency, tenor : str or sequence of str, optional
            Of the quotes; all by default.

        Raises
        ------
        DomainError
            The run has none, or an unknown label; the message lists the known ones.
        """
        if "sensitivity" not in results:
            raise DomainError(
                "this run has no sensitivities: set sensitivities = true under [xva] in its job"
            )
        measures = _asked(results, "measure", measure)
        sets = _asked(results, "netting_set", TOTAL if netting_set is None else netting_set, (TOTAL,))
        wanted = {"family": family, "curve": curve, "currency": currency, "tenor": tenor}
        data = _part(results, measures, sets).isel(quote=_chosen(results, wanted))
        for dim, asked in (("measure", measure), ("netting_set", netting_set)):
            if asked is None or isinstance(asked, str):
                data = data.squeeze(dim, drop=True)
        data = data.assign_attrs(
            {k: results.attrs[k] for k in ("as_of", "units", "fx_forwards") if k in results.attrs}
        )
        return cls(", ".join(measures), ", ".join(sets), str(results.attrs.get("units", "")), data)

    @property
    def as_of(self) -> np.datetime64 | None:
        """The valuation date, where the results say it."""
        text = self.data.attrs.get("as_of")
        return None if text is None else np.datetime64(str(text), "D")

    def to_xarray(self) -> xr.Dataset:
        """The labelled arrays ``([measure], [netting_set], quote)``."""
        return self.data

    def to_frame(self) -> pd.DataFrame:
        """One row per measure, netting set and quote id (the index): labels, value per ``shift``, its error, derivative, and
        whether anything is built from the quote (``unused``).

        ``tenor`` is ordered by length, so that ``frame.pivot_table(index="tenor", columns="curve", values="value",
        aggfunc="sum")`` is a ladder.
        """
        full = self._full()
        index = [full[dim].values for dim in _DIMS]
        rows = pd.MultiIndex.from_product(index, names=_DIMS).to_frame(index=False)
        times = len(index[0]) * len(index[1])
        labels = {t: np.tile(full[n].values, times) for n, t in _LABELS.items() if n in full.coords}
        derivative, error = (full[n].values.ravel() for n in ("sensitivity", "standard_error"))
        shift = np.tile(full["shift"].values, times)
        frame = pd.DataFrame(
            {
                "measure": rows["measure"].to_numpy(),
                **labels,
                "netting_set": rows["netting_set"].to_numpy(),
                "value": derivative * shift,
                "standard_error": error * np.abs(shift),
                "shift": shift,
                "shift_name": np.tile(full["shift_name"].values, times),
                "derivative": derivative,
            },
            index=pd.Index(rows["quote"].to_numpy(), name="quote"),
        )
        if "quote_unused" in full.coords:
            frame["unused"] = np.tile(full["quote_unused"].values, times)
        if "tenor" in frame:
            frame["tenor"] = frame["tenor"].astype(ordered(frame["tenor"], self.as_of))
        return frame

    def by(self, *labels: str) -> xr.Dataset:
        """Sums of values per shift over all that is not named, as labelled arrays.

        Parameters
        ----------
        labels : str
            Of ``measure``, ``netting_set``, ``family``, ``curve``, ``currency``, ``tenor``.

        Returns
        -------
        Dataset
            ``value`` and ``standard_error`` with one dim per label; where nothing is quoted they are NaN. The error is that
            of the sum, from the sums of every scramble; of results that do not keep the scrambles' sensitivities it is the
            sum of the errors, an upper bound.

        Raises
        ------
        DomainError
            An unknown label, or quotes of different shifts (1 bp, 1 vol point) would be added up.
        """
        frame = self.to_frame()
        known = [*_LABELS.values(), "measure", "netting_set"]
        unknown = [name for name in labels if name not in known]
        if unknown or not labels:
            raise DomainError(
                f"labels: expected some of {', '.join(known)}, got {', '.join(unknown) or 'none'}", unknown
            )
        self._require_one_shift(frame, labels)
        found = sums_by(frame, labels, self.samples()).to_xarray().assign_attrs(units=self.units)
        return plottable(found)

    def sum(self) -> xr.Dataset:
        """The sum over all quotes chosen, with its standard error: of a curve's quotes, a parallel shift.

        Returns
        -------
        Dataset
            ``value`` and ``standard_error`` by measure and netting set, where several were asked for; errors as in `by`.

        Raises
        ------
        DomainError
            Quotes of different shifts (1 bp, 1 vol point) would be added up.
        """
        found = self.by("measure", "netting_set")
        return found.squeeze([d for d in ("measure", "netting_set") if d not in self.data.dims])

    def samples(self) -> NDArray[np.float64] | None:
        """Values per shift ``(scramble, row of to_frame)``; None where the results do not keep them."""
        if "samples" not in self.data:
            return None
        full = self._expanded(self.data["samples"])
        per_shift = full.transpose("scramble", *_DIMS) * self.data["shift"]
        return np.asarray(per_shift.values).reshape(full.sizes["scramble"], -1)

    def _require_one_shift(self, frame: pd.DataFrame, labels: Sequence[str]) -> None:
        groups = frame.groupby(list(labels), observed=True)
        mixed = groups["shift_name"].nunique()
        if (mixed > 1).any():
            where = mixed.index[int(np.argmax(mixed > 1))]
            names = ", ".join(
                dict.fromkeys(groups.get_group(where if isinstance(where, tuple) else (where,))["shift_name"])
            )
            raise DomainError(
                f"sums at {where}: expected quotes of one kind of shift, got {names}; choose a family, or sum by family too"
            )

    def top(self, n: int = 10) -> pd.DataFrame:
        """The ``n`` rows of `to_frame` that are largest in size, largest first; zeros are left out."""
        frame = self.to_frame()
        frame = frame[frame["value"] != 0.0]
        return frame.iloc[np.argsort(-frame["value"].abs().to_numpy(), kind="stable")[:n]]

    def _full(self) -> xr.Dataset:
        return self._expanded(self.data[["sensitivity", "standard_error"]]).transpose(*_DIMS)

    def _expanded(self, part: Part) -> Part:
        """With dims measure and netting_set, also where there is one of them."""
        for dim, name in (("measure", self.measure), ("netting_set", self.netting_set)):
            if dim not in part.dims:
                part = part.expand_dims({dim: [name]})
        return part

    def _repr_html_(self) -> str:
        title = f"<b>{self.measure}</b> of {self.netting_set}, {self.units} per shift; the 20 largest of "
        table = self.top(20).to_html(float_format="{:,.2f}".format)
        return f"{title}{self.data.sizes['quote']} quotes{table}"


def _asked(
    results: xr.Dataset, dim: str, names: Names | EllipsisType, more: tuple[str, ...] = ()
) -> list[str]:
    """The labels meant, all of them known."""
    known = [str(label) for label in results[dim].values]
    if isinstance(names, EllipsisType):
        return known
    asked = [names] if isinstance(names, str) else list(names)
    for name in asked or ["nothing"]:
        if name not in (*known, *more):
            raise DomainError(
                f"{dim.replace('_', ' ')}: expected one of {', '.join(known)}, got {name!r}", [name]
            )
    return asked


def _part(results: xr.Dataset, measures: Sequence[str], sets: Sequence[str]) -> xr.Dataset:
    """``sensitivity`` and ``standard_error`` ``(measure, netting_set, quote)``, the total among the netting sets."""
    pieces = []
    for name in sets:
        prefix = "total_" if name == TOTAL else ""
        names = {f"{prefix}sensitivity": "sensitivity", f"{prefix}sensitivity_se": "standard_error"}
        part = results[list(names)].rename(names)
        if "sensitivity_samples" in results:
            samples = results["sensitivity_samples"]
            part["samples"] = samples.sum("netting_set") if name == TOTAL else samples
        part = part if name == TOTAL else part.sel(netting_set=name, drop=True)
        part = part.drop_vars([n for n, c in part.coords.items() if c.dims not in (("quote",), ("measure",))])
        pieces.append(part.sel(measure=list(measures)).expand_dims({"netting_set": [name]}))
    found: xr.Dataset = xr.concat(pieces, "netting_set", coords="minimal", compat="override", join="exact")
    return found.transpose(..., *_DIMS)


def _chosen(results: xr.Dataset, wanted: dict[str, Names | None]) -> list[int]:
    """Numbers of the quotes that have all labels asked for."""
    keep = np.ones(results.sizes["quote"], dtype=bool)
    for name, asked in wanted.items():
        if asked is None:
            continue
        labels = [str(label) for label in results[f"quote_{name}"].values]
        names = [asked] if isinstance(asked, str) else list(asked)
        unknown = [n for n in names if n not in labels]
        if unknown or not names:
            known = ", ".join(sorted(set(labels) - {""}))
            raise DomainError(
                f"{name}: expected some of {known}, got {', '.join(unknown) or 'none'}", unknown
            )
        keep &= np.isin(labels, names)
    if not keep.any():
        told = ", ".join(f"{n} {a}" for n, a in wanted.items() if a is not None)
        raise DomainError(f"quotes: expected some with {told}, got none that have all of these")
    return [int(k) for k in np.flatnonzero(keep)]
