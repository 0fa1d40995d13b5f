"""What an exposure grid leaves out, measured: the same book on many more dates, with few paths.

The fine grid holds the coarse one's dates, so both are seen on the same paths and the difference of the measures has the
error of a difference. It is all that the dates do: what ends between two dates or after the last, values just before
coupons, and the quadrature of the steps. Where flows have the day before them on the fine grid, profiles are smooth in
between, so there they are taken as linear: an error of second order in the step, where that of ``right`` is of first.

Netting sets with trades that have no closed form are seen by a pilot of their own: more paths, and rough values of these
trades, the same ones on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xva.adjustments.measures import ONE_DAY, measure_weights
from xva.exposure import ExposureEngine, Simulation, World
from xva.exposure.block import ExposureData, ExposurePlan
from xva.exposure.parts.conditional import Residual
from xva.market import QuoteSet
from xva.numerics.types import Floats
from xva.sensitivities import MEASURE_NAMES, scramble_means
from xva.sensitivities.bump import weighted
from xva.sensitivities.by_quote import standard_error, with_totals
from xva.trades.path_trade import living

BLOCK, SCRAMBLES = 64, 4
PILOT_BLOCK, PILOT_STATES = 1024, 1 << 17
"""Paths of a pilot's block, fewer (a power of two, 64 at least) where a block's paths times dates would be more than this."""

Finer = Callable[[Sequence[str]], NDArray[np.datetime64]]
"""``(time,)`` datetime64[D] after ``as_of`` on which netting sets of these names are looked at; the engine's own join them."""
Pilot = Callable[[ExposureEngine, ExposureData], Mapping[int, Residual]]
"""What an engine's plan needs of trades without closed form: rough values, by number of the netting set."""


def left_out(engine: ExposureEngine, finer: Finer, pilot: Pilot) -> xr.Dataset:
    """Measures on the engine's dates and more, less those on the engine's alone.

    Returns
    -------
    Dataset
        ``left_out``, ``left_out_se`` ``(measure, netting_set)`` in reporting currency, positive where the engine's dates miss
        some of the measure; ``left_out_share``, ``left_out_share_se`` ``(netting_set,)`` of CVA, as a share of CVA on the
        finer grid (0 where that is 0).
    """
    names = [n.name for n in engine.book.netting_sets]
    simulated = {t.netting_set for t in living(engine.book.trades, engine.book.context.as_of)}
    shape = (SCRAMBLES, len(MEASURE_NAMES), len(names))
    both = _Both(np.zeros(shape), np.zeros(shape))
    for numbers, rough in (
        ([i for i, n in enumerate(names) if n not in simulated], None),
        ([i for i, n in enumerate(names) if n in simulated], pilot),
    ):
        if numbers:
            found = _of_sets(engine, numbers, finer([names[i] for i in numbers]), rough)
            both.full[:, :, numbers], both.seen[:, :, numbers] = found
    return _labelled(engine, both)


class _Both(NamedTuple):
    """``(scramble, measure, netting_set)`` on the fine grid and on the engine's."""

    full: Floats
    seen: Floats


def _of_sets(
    engine: ExposureEngine, numbers: list[int], dates: NDArray[np.datetime64], pilot: Pilot | None
) -> _Both:
    fine = _finer(engine, numbers, dates, pilot is not None)
    data = fine.data(adjoint=False)
    plan = ExposurePlan(data, pilot(fine, data) if pilot else None)
    means = scramble_means(data, [plan.run(block).sums for block in range(plan.n_blocks)])
    wide = _linear_between(data.weights.numpy(), fine.times)
    credit = [engine.credit[i] for i in numbers]
    narrow = measure_weights(engine.world.market, credit, engine.times, engine.xva).detach().numpy()
    own = np.searchsorted(fine.dates, engine.dates)
    full = np.stack([weighted(wide, (m["epe"], m["ene"])) for m in means])
    seen = np.stack([weighted(narrow, (m["epe"][:, own], m["ene"][:, own])) for m in means])
    return _Both(with_totals(full, axis=1), with_totals(seen, axis=1))


def _finer(
    engine: ExposureEngine, numbers: list[int], dates: NDArray[np.datetime64], simulated: bool
) -> ExposureEngine:
    """The same market and some of the netting sets, few paths on many dates.

    Policies of ``simulated`` trades are of the engine's measure, which is kept for them.
    """
    sets = tuple(engine.book.netting_sets[i] for i in numbers)
    names = {s.name for s in sets}
    trades = tuple(t for t in engine.book.trades if t.netting_set in names)
    book = replace(engine.book, netting_sets=sets, trades=trades)

    def same(quotes: QuoteSet, previous: World | None = None) -> World:
        return engine.world

    every = np.union1d(engine.dates[1:], dates)
    block = _pilot_block(len(every)) if simulated else BLOCK
    simulation = Simulation(SCRAMBLES * block, block, SCRAMBLES, engine.simulation.seed)
    spec = replace(engine.xva, quadrature="right", day_before=False)
    horizon = engine.build.years if simulated else None
    return ExposureEngine(book, engine.quotes, same, every, spec, simulation, horizon=horizon)


def _pilot_block(dates: int) -> int:
    most = PILOT_STATES // dates
    return max(min(PILOT_BLOCK, 1 << (max(most, 1).bit_length() - 1)), BLOCK)


def _linear_between(right: Floats, times: Floats) -> Floats:
    """Weights ``(…, time)`` of ``right`` spread over both ends of each interval; of one day, all on the day before."""
    early = np.where(np.diff(times) < ONE_DAY, 1.0, 0.5) * right[..., 1:]
    found: Floats = np.zeros_like(right)
    found[..., :-1] += early
    found[..., 1:] += right[..., 1:] - early
    return found


def _labelled(engine: ExposureEngine, both: _Both) -> xr.Dataset:
    names = [n.name for n in engine.book.netting_sets]
    missed, row = both.full - both.seen, MEASURE_NAMES.index("CVA")
    amount, error, whole = missed.mean(0), standard_error(missed), both.full.mean(0)[row]
    divisor = np.where(whole == 0.0, 1.0, whole)
    share = amount[row] / divisor
    of_ratio = missed[:, row] - share * both.full[:, row]
    found = {
        "left_out": (("measure", "netting_set"), amount),
        "left_out_se": (("measure", "netting_set"), error),
        "left_out_share": (("netting_set",), share),
        "left_out_share_se": (("netting_set",), standard_error(of_ratio) / np.abs(divisor)),
    }
    return xr.Dataset(
        found,
        {"measure": list(MEASURE_NAMES), "netting_set": names},
        {"one_day_intervals": "day before" if engine.xva.day_before else "as others"},
    )
