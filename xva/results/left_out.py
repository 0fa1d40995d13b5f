"""What an exposure grid leaves out, measured: the same book on many more dates, with few paths.

The fine grid holds the coarse one's dates, so both are seen on the same paths and the difference of the measures has the
error of a difference. It is all that the dates do: what ends between two dates or after the last, values just before
coupons, and the quadrature of the steps. Where flows have the day before them on the fine grid, profiles are smooth in
between, so there they are taken as linear: an error of second order in the step, where that of ``right`` is of first.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xva.adjustments.measures import ONE_DAY, measure_weights
from xva.exposure import ExposureEngine, Simulation, World
from xva.market import QuoteSet
from xva.numerics.types import Floats
from xva.sensitivities import MEASURE_NAMES, scramble_means
from xva.sensitivities.bump import weighted
from xva.sensitivities.by_quote import standard_error, with_totals
from xva.trades.path_trade import living

PATHS, BLOCK, SCRAMBLES = 256, 64, 4


def left_out(engine: ExposureEngine, dates: NDArray[np.datetime64]) -> xr.Dataset:
    """Measures on the engine's dates and more, less those on the engine's alone.

    Parameters
    ----------
    engine : ExposureEngine
    dates : ndarray
        ``(time,)`` datetime64[D], the finer grid after ``as_of``; the engine's own join it.

    Returns
    -------
    Dataset
        ``left_out``, ``left_out_se`` ``(measure, netting_set)`` in reporting currency, positive where the engine's dates miss
        some of the measure; ``left_out_share``, ``left_out_share_se`` ``(netting_set,)`` of CVA, as a share of CVA on the
        finer grid (0 where that is 0). NaN where a netting set has trades without closed form, which are not measured.
    """
    fine = _finer(engine, dates)
    plan = fine.plan(adjoint=False)
    means = scramble_means(plan.data, [plan.run(block).sums for block in range(plan.n_blocks)])
    wide = _linear_between(plan.data.weights.numpy(), fine.times)
    narrow = measure_weights(engine.world.market, engine.credit, engine.times, engine.xva).detach().numpy()
    own = np.searchsorted(fine.dates, engine.dates)
    full = np.stack([weighted(wide, (m["epe"], m["ene"])) for m in means])
    seen = np.stack([weighted(narrow, (m["epe"][:, own], m["ene"][:, own])) for m in means])
    return _labelled(engine, with_totals(full, axis=1), with_totals(seen, axis=1))


def _finer(engine: ExposureEngine, dates: NDArray[np.datetime64]) -> ExposureEngine:
    """The same market, the book's trades with closed forms, few paths on many dates."""
    as_of = engine.book.context.as_of
    without = {t.trade_id for t in living(engine.book.trades, as_of)}
    book = replace(engine.book, trades=tuple(t for t in engine.book.trades if t.trade_id not in without))

    def same(quotes: QuoteSet, previous: World | None = None) -> World:
        return engine.world

    every = np.union1d(engine.dates[1:], dates)
    simulation = Simulation(PATHS, BLOCK, SCRAMBLES, engine.simulation.seed)
    spec = replace(engine.xva, quadrature="right", day_before=False)
    return ExposureEngine(book, engine.quotes, same, every, spec, simulation)


def _linear_between(right: Floats, times: Floats) -> Floats:
    """Weights ``(…, time)`` of ``right`` spread over both ends of each interval; of one day, all on the day before."""
    early = np.where(np.diff(times) < ONE_DAY, 1.0, 0.5) * right[..., 1:]
    found: Floats = np.zeros_like(right)
    found[..., :-1] += early
    found[..., 1:] += right[..., 1:] - early
    return found


def _labelled(engine: ExposureEngine, full: Floats, seen: Floats) -> xr.Dataset:
    names = [n.name for n in engine.book.netting_sets]
    simulated = {t.netting_set for t in living(engine.book.trades, engine.book.context.as_of)}
    unknown = np.array([name in simulated for name in names])
    missed, row = full - seen, MEASURE_NAMES.index("CVA")
    amount, error, whole = missed.mean(0), standard_error(missed), full.mean(0)[row]
    divisor = np.where(whole == 0.0, 1.0, whole)
    share = amount[row] / divisor
    share_error = standard_error(missed[:, row] - share * full[:, row]) / np.abs(
        divisor
    )  # of a ratio of means
    found = {
        "left_out": (("measure", "netting_set"), amount),
        "left_out_se": (("measure", "netting_set"), error),
        "left_out_share": (("netting_set",), share),
        "left_out_share_se": (("netting_set",), share_error),
    }
    return xr.Dataset(
        {name: (dims, np.where(unknown, np.nan, values)) for name, (dims, values) in found.items()},
        {"measure": list(MEASURE_NAMES), "netting_set": names},
        {"one_day_intervals": "day before" if engine.xva.day_before else "as others"},
    )
