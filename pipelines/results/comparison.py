"""Two runs laid side by side: today's numbers, yesterday's, and what changed, quotes included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from pipelines.results.sensitivities import TOTAL, Sensitivities
from pipelines.results.tables import value_errors
from xva.errors import DomainError

VALUE: Final = "value"
_LABELS: Final = ("family", "curve", "currency", "tenor", "shift_name")


@dataclass(frozen=True, repr=False)
class Comparison:
    """What changed from one run to another.

    Parameters
    ----------
    today, before : Dataset
        Results of the two runs.

    Raises
    ------
    DomainError
        Their numbers are in different currencies.
    """

    today: xr.Dataset
    before: xr.Dataset

    def __post_init__(self) -> None:
        units = [str(r.attrs.get("units", "")) for r in (self.today, self.before)]
        if units[0] != units[1]:
            raise DomainError(
                f"runs to compare: expected one reporting currency, got {units[0]} and {units[1]}"
            )

    def to_frame(self) -> pd.DataFrame:
        """Values and measures by netting set and in total.

        Returns
        -------
        DataFrame
            Index ``netting_set, measure`` (``value`` is the value at t = 0, with an error where it is simulated);
            columns ``today, before, change, change_se``. NaN where a run does not have the netting set. ``change_se``
            takes the runs as independent; runs with the same seed see nearly the same paths, and the true error is then
            smaller.
        """
        sides = [_measures(r) for r in (self.today, self.before)]
        order = list(dict.fromkeys([*sides[0].index, *sides[1].index]))
        index = pd.MultiIndex.from_tuples(order, names=["netting_set", "measure"])
        now, then = (side.reindex(index) for side in sides)
        found = pd.DataFrame({"today": now["amount"], "before": then["amount"]})
        found["change"] = found["today"] - found["before"]
        found["change_se"] = np.hypot(now["error"], then["error"])
        return found

    def sensitivities(self, measure: str, netting_set: str | None = None) -> pd.DataFrame:
        """Sensitivities and quotes of both runs, the largest explained move first.

        Returns
        -------
        DataFrame
            Index ``quote``, every quote that either run has; labels, ``shift_name``; ``today`` and ``before`` (per shift of
            the quote), ``change``; ``quote_today, quote_before, move``; ``explained`` is the earlier derivative times the
            quote's move, the first order of what it did to the measure. NaN where a run does not have the quote, which
            ``only_in`` says: ``today``, ``before`` or empty.
        """
        sides = [Sensitivities.select(r, measure, netting_set) for r in (self.today, self.before)]
        frames = [s.to_frame().assign(quoted=_quoted(s)) for s in sides]
        now, then = frames
        ids = pd.Index(list(dict.fromkeys([*now.index, *then.index])), name="quote")
        labels = pd.concat([f[list(_LABELS)].astype(object) for f in (now, then)])
        found = labels[~labels.index.duplicated()].reindex(ids)
        columns = {"today": now["value"], "before": then["value"]}
        columns |= {"quote_today": now["quoted"], "quote_before": then["quoted"]}
        found = found.assign(**{name: column.reindex(ids) for name, column in columns.items()})
        found.insert(found.columns.get_loc("quote_today"), "change", found["today"] - found["before"])  # type: ignore[arg-type]
        found["move"] = found["quote_today"] - found["quote_before"]
        found["explained"] = then["derivative"].reindex(ids) * found["move"]
        missing = np.where(ids.isin(now.index), "", "before")
        found["only_in"] = np.where(ids.isin(then.index), missing, "today")
        largest = found["explained"].abs().sort_values(ascending=False, kind="stable", na_position="last")
        return found.loc[largest.index]

    def __repr__(self) -> str:
        return repr(self.to_frame())

    def _repr_html_(self) -> str:
        return self.to_frame().to_html(float_format="{:,.2f}".format)


def _measures(results: xr.Dataset) -> pd.DataFrame:
    """``amount`` and ``error`` by (netting set, measure), the total last."""
    rows = {}
    errors, whole = value_errors(results)
    for name, error in zip(results["netting_set"].values, errors.tolist()):
        one = results[["xva", "xva_se"]].sel(netting_set=name)
        rows[str(name), VALUE] = (float(results["value0"].sel(netting_set=name)), error)
        for m in results["measure"].values:
            rows[str(name), str(m)] = (float(one["xva"].sel(measure=m)), float(one["xva_se"].sel(measure=m)))
    rows[TOTAL, VALUE] = (float(results["value0"].sum()), whole)
    for m in results["measure"].values:
        at = results[["total", "total_se"]].sel(measure=m)
        rows[TOTAL, str(m)] = (float(at["total"]), float(at["total_se"]))
    index = pd.MultiIndex.from_tuples(list(rows), names=["netting_set", "measure"])
    return pd.DataFrame(list(rows.values()), index, columns=["amount", "error"])


def _quoted(side: Sensitivities) -> np.ndarray:
    """Values of the quotes, NaN where the run did not keep them."""
    data = side.data
    if "quote_value" not in data.coords:
        return np.full(data.sizes["quote"], np.nan)
    return np.asarray(data["quote_value"].values, dtype=np.float64)
