"""Which trades make a move's unexplained rest: the third difference of their contributions along the move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
import xarray as xr

from xva.allocation import Portfolio, Portfolios
from xva.allocation.allocation import trade_labels, with_error
from xva.allocation.allocation_plan import AllocationPlan
from xva.explain.points import RunPlan, serial_blocks
from xva.exposure import ExposureEngine
from xva.market import QuoteSet
from xva.sensitivities import MEASURE_NAMES

_DIFFERENCE: Final = (-1.0, 3.0, -3.0, 1.0)  # third derivative / 27, at thirds of the way
_OF_REST: Final = -27.0 / 12.0  # the trapezoid rule's rest is -1/12 of the third derivative


def kink_trades(
    engine: ExposureEngine,
    quotes: QuoteSet,
    netting_sets: Sequence[str],
    run_plan: RunPlan = serial_blocks,
) -> xr.Dataset:
    """What each trade adds to the rest that first and second order leave of a move from the engine's quotes.

    A measure is the sum of its trades' marginal contributions on every market (`allocation_plan`), so that their third
    differences add up to the measure's own. Values only, at both ends and both thirds of the way: an opinion that does not
    depend on gradients.

    Returns
    -------
    Dataset
        ``rest (measure, trade)`` with ``rest_se``, trades of ``netting_sets``; to third order their sum over a netting set is
        its unexplained rest after differences of gradients.

    Raises
    ------
    DomainError
        A netting set has trades without closed form; no market lies on the way.
    """
    before, after = engine.quotes.values.detach(), quotes.values.detach()
    book = engine.book
    homes = [n for n in book.netting_sets if n.name in netting_sets]
    members = [tuple(t for t in book.trades if t.netting_set == n.name) for n in homes]
    items = tuple(Portfolio(n, trades, trades) for n, trades in zip(homes, members))
    total = None
    for k, factor in enumerate(_DIFFERENCE):
        here = engine.on_quotes(QuoteSet(quotes.ids, before + (after - before) * (k / 3.0)))
        found = Portfolios(here, items, {})
        with torch.no_grad():
            data = found.data()
        means = found.means(data, run_plan(AllocationPlan(data)))
        parts = [found.trade_measures(data, means, j, alone=False) for j in range(len(items))]
        samples = factor * _OF_REST * np.concatenate(parts, axis=-1)
        total = samples if total is None else total + samples
    assert total is not None
    variables = with_error("rest", ("measure", "trade"), total)
    labels = trade_labels([t for trades in members for t in trades])
    return xr.Dataset(variables, {"measure": list(MEASURE_NAMES), **labels})
