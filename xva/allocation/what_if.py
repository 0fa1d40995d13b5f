"""New and removed trades: what they change in the netting sets that they belong to, which alone are valued again.

Before and after see the same paths. These are made on the dates, factors and event dates (FX resets, exercises) of the
book *with* the new trades and *with* those removed: an event added inside an interval of the grid changes the bridges of
the later ones there, and a new currency the whole point set. Where the new trades bring neither, the value before is the
run's own; where they do, it differs from it by Monte Carlo noise and, on more dates, by a finer grid. Either way
``after - before`` is the difference of two full runs on these dates, factors and event dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xva.allocation.allocation import (
    Means,
    Portfolio,
    Portfolios,
    described,
    time_labels,
    trade_labels,
    trade_variables,
    with_error,
)
from xva.allocation.allocation_plan import AllocationData
from xva.errors import TradeError
from xva.exposure import ExposureEngine
from xva.exposure.parts.conditional import ResidualTrade
from xva.sensitivities import MEASURE_NAMES
from xva.sensitivities.by_quote import standard_error
from xva.trades import Trade

BEFORE, AFTER = 0, 1


def changed(
    engine: ExposureEngine,
    added: Sequence[str],
    removed: Sequence[str],
    paths: Mapping[str, ResidualTrade] | None = None,
) -> Portfolios:
    """Every netting set that trades are added to or removed from, before and after.

    Parameters
    ----------
    engine : ExposureEngine
        Of the book with the added *and* the removed trades.
    added, removed : sequence of str
        Trade ids.
    paths : mapping, optional
        What was learned of trades without closed form (`Portfolios`).

    Raises
    ------
    TradeError
        Nothing changes, an id is not in the book, or a trade is both added and removed.
    """
    trades = {t.trade_id: t for t in engine.book.trades}
    wrong = [i for i in (*added, *removed) if i not in trades] or sorted(set(added) & set(removed))
    if wrong or not (added or removed):
        raise TradeError(
            f"what-if: expected trades of the book, each added or removed, got {', '.join(wrong) or 'none'}",
            wrong,
        )
    touched = {trades[i].netting_set for i in (*added, *removed)}
    items: list[Portfolio] = []
    for home in engine.book.netting_sets:
        if home.name in touched:
            mine = [t for t in engine.book.trades if t.netting_set == home.name]
            for out, single in ((added, removed), (removed, added)):
                kept = tuple(t for t in mine if t.trade_id not in out)
                items.append(Portfolio(home, kept, tuple(t for t in mine if t.trade_id in single)))
    return Portfolios(engine, tuple(items), paths or {})


def increments(found: Portfolios, data: AllocationData, blocks: Means) -> xr.Dataset:
    """What changes, from every block's sums of the plan of `changed`.

    Returns
    -------
    Dataset
        ``before``, ``after``, ``increment`` ``(measure, netting_set)``, ``total_increment (measure,)``; per changed trade
        ``(measure, trade)`` its ``contribution`` (marginal, to the netting set that has it: after for new trades, before for
        removed ones) and ``standalone``, the measure of the trade alone. Each with ``_se`` over the scrambles; that of an
        increment is of the difference, path by path. ``value_*`` ``(netting_set,)``, ``epe_*`` and ``ene_*``
        ``(netting_set, time)`` before and after, ``value_increment``; ``*_untruncated`` is what measures were before they
        were truncated at 0.
    """
    means = found.means(data, blocks)
    measures = found.measures(data, means)
    before, after = measures[..., BEFORE::2], measures[..., AFTER::2]
    dims = ("measure", "netting_set")
    variables: dict[str, Any] = with_error("before", dims, before) | with_error("after", dims, after)
    untruncated = found.measures(data, means, truncate=False).mean(0)
    for name, pick in (("before", slice(BEFORE, None, 2)), ("after", slice(AFTER, None, 2))):
        variables[f"{name}_untruncated"] = (dims, untruncated[:, pick])
    variables |= with_error("increment", dims, after - before)
    variables |= with_error("total_increment", ("measure",), (after - before).sum(-1))
    variables |= trade_variables(found, data, means)
    variables |= _profiles(means)
    singles: list[Trade] = [t for p in found.tables for t in found.items[p].singles]
    actions = ["add" if p % 2 == AFTER else "remove" for p in found.tables for _ in found.items[p].singles]
    coordinates = {
        "measure": list(MEASURE_NAMES),
        "netting_set": [item.netting_set.name for item in found.items[BEFORE::2]],
        **trade_labels(singles),
        "action": ("trade", actions),
        **time_labels(data.exposure),
    }
    return xr.Dataset(variables, coordinates, described(found, data.exposure))


def _profiles(means: Means) -> dict[str, Any]:
    epe, ene = (np.mean([mean[side] for mean in means], axis=0) for side in ("epe", "ene"))
    value = np.stack([(mean["epe"] - mean["ene"])[:, 0] for mean in means])
    found = with_error("value_increment", ("netting_set",), value[:, AFTER::2] - value[:, BEFORE::2])
    for when, pick in (("before", slice(BEFORE, None, 2)), ("after", slice(AFTER, None, 2))):
        found[f"value_{when}"] = (("netting_set",), (epe - ene)[pick, 0])
        found[f"value_{when}_se"] = (("netting_set",), standard_error(value[:, pick]))
        found[f"epe_{when}"] = (("netting_set", "time"), np.maximum(epe[pick], 0.0))
        found[f"ene_{when}"] = (("netting_set", "time"), np.maximum(ene[pick], 0.0))
    return found
