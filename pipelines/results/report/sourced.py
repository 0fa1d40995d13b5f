"""Numbers that know where they stand: a reader finds them in the run's arrays, and so does a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import xarray as xr
from markupsafe import Markup

from pipelines.results.tables import number


@final
@dataclass(frozen=True)
class Source:
    """One run's arrays.

    Parameters
    ----------
    store : str
        Path of the Zarr store, relative to the report's run: ``xva.zarr``.
    results : Dataset
    """

    store: str
    results: xr.Dataset

    def __call__(self, variable: str, **where: str) -> Markup:
        """The number at labels, as HTML that says where it is from: ``data-of="xva.zarr/xva" data-at="measure=CVA"``."""
        value = float(self.results[variable].sel(where).item())
        at = ";".join(f"{dim}={label}" for dim, label in where.items())
        return _cell(f"{self.store}/{variable}", at, number(value))

    def attribute(self, name: str) -> Markup:
        """A number among the attributes."""
        return _cell(f"{self.store}@{name}", "", _plain(self.results.attrs[name]))

    def size(self, dim: str) -> Markup:
        """The length of a dimension."""
        return _cell(f"{self.store}#{dim}", "", f"{self.results.sizes[dim]:,d}")


def _cell(of: str, at: str, text: str) -> Markup:
    return Markup('<span class="n" data-of="{}" data-at="{}">{}</span>').format(of, at, text)


def _plain(value: object) -> str:
    return f"{value:,d}" if isinstance(value, int) else str(value)


def readable(source: Source, variable: str, shift: str, where: Mapping[str, str]) -> Markup:
    """A sensitivity per readable shift of its quote: the product of two stored numbers, both named."""
    per_unit = float(source.results[variable].sel(where).item())
    size = float(source.results[shift].sel(quote=where["quote"]).item())
    at = ";".join(f"{dim}={label}" for dim, label in where.items())
    return _cell(f"{source.store}/{variable}*{shift}", at, number(per_unit * size))
