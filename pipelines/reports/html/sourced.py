"""Numbers that know where they stand: a reader finds them in the run's arrays, and so does a test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import xarray as xr
from markupsafe import Markup

from pipelines.reports.surrogate_tables import percent
from pipelines.results.tables import number


@final
@dataclass(frozen=True)
class Source:
    """One run's arrays; every method gives HTML that says where its text is from.

    ``<span class="n" data-of="xva.zarr/xva" data-at="measure=CVA;netting_set=CP_A">`` is a number formatted by
    `pipelines.results.tables.number`; ``xva.zarr@paths`` is an attribute, ``xva.zarr#quote`` the length of a dimension,
    ``a*b`` a product of two variables. Class ``s`` is a share in per cent, class ``t`` a stored text.

    Parameters
    ----------
    store : str
        Path of the Zarr store, relative to the report's run: ``xva.zarr``.
    results : Dataset
    """

    store: str
    results: xr.Dataset

    def __call__(self, variable: str, **where: str) -> Markup:
        """The number at labels."""
        return self._cell("n", f"/{variable}", number(float(self._at(variable, where))), where)

    def share(self, variable: str, **where: str) -> Markup:
        """The same in per cent."""
        return self._cell("s", f"/{variable}", percent(float(self._at(variable, where))), where)

    def text(self, variable: str, **where: str) -> Markup:
        """The text at labels."""
        return self._cell("t", f"/{variable}", str(self._at(variable, where)), where)

    def shifted(self, variable: str, **where: str) -> Markup:
        """A sensitivity per readable shift of its quote: the product of two stored numbers, both named."""
        size = float(self._at("shift", {"quote": where["quote"]}))
        return self._cell("n", f"/{variable}*shift", number(float(self._at(variable, where)) * size), where)

    def attribute(self, name: str) -> Markup:
        """A number among the attributes."""
        return self._cell("n", f"@{name}", f"{self.results.attrs[name]:,d}", {})

    def size(self, dim: str) -> Markup:
        """The length of a dimension."""
        return self._cell("n", f"#{dim}", f"{self.results.sizes[dim]:,d}", {})

    def _at(self, variable: str, where: dict[str, str]) -> Any:
        return self._read[variable].sel(where).item()

    @cached_property
    def _read(self) -> xr.Dataset:
        """In memory: a page looks up a few thousand single numbers, and each would read its file again."""
        return self.results.load()

    def _cell(self, kind: str, of: str, text: str, where: dict[str, str]) -> Markup:
        at = ";".join(f"{dim}={label}" for dim, label in where.items())
        cell = Markup('<span class="{}" data-of="{}" data-at="{}">{}</span>')
        return cell.format(kind, f"{self.store}{of}", at, text)
