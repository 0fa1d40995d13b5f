"""What a run of a job would be: counts, factors, dates, memory. Nothing is simulated."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.jobs.grid import grid_dates, most_dates
from pipelines.jobs.inputs import LoadedJob
from xva.exposure.event_keys import EventKey
from xva.exposure.parts.compile import compile_sets
from xva.exposure.state.coupon_events import coupon_events
from xva.market import quote_info
from xva.trades.claims import ResetPeriod, SwaptionClaim

_BYTES = {"float64": 8, "float32": 4}
_COPIES = 4
"""Normals, increments, states and one temporary are alive together."""


@dataclass(frozen=True)
class ValidationReport:
    """A job in numbers.

    Parameters
    ----------
    trades : dict
        Number of trades by type.
    ended : dict
        Why trades that nothing is left of count as 0, by id.
    netting_sets : dict
        Number of trades by netting set.
    idle_netting_sets : tuple of str
        Netting sets of the table without trades, left out.
    unused : tuple of str
        Quotes that nothing of this book is built from, in words: how many of each family and name, and by id those whose
        values could not be used.
    outrights : int
        FX forwards quoted as outrights, which are read as points.
    notes : tuple of str
        What is in order, and may yet surprise.
    filled : dict
        Terms that trades left to the market's standard for their index and currency: number of trades by trade type, column
        and value.
    proxies : dict
        Counterparties without CDS of their own, and the proxy curve of each.
    factors : tuple of str
    first_date, last_date : datetime64[D]
        Of the grid of ``dates`` dates.
    own_dates, most_dates : int
        How many of them the book brought (``+ cashflows`` and observations), and up to how many it may.
    last_payment : datetime64[D]
        Of the book; exposure after ``last_date`` is left out.
    resets, exercises : int
        Different dates of notional resets and of physical exercise, simulated beside the grid.
    fixings : int
        Different fixings of running coupons, and what has accrued between them on the grid's dates, that are the path's own
        under the job's ``fixing``.
    event_dates : ndarray
        ``(event,)`` datetime64[D], all together; of fixings those that are not on the grid.
    sobol_dimensions : int
        Grid dates times factors.
    bytes_per_block : int
        Estimate of the memory a block of paths needs.
    """

    name: str
    quotes: int
    unused: tuple[str, ...]
    outrights: int
    trades: dict[str, int]
    ended: dict[str, str]
    booked: int
    netting_sets: dict[str, int]
    idle_netting_sets: tuple[str, ...]
    counterparties: int
    notes: tuple[str, ...]
    filled: dict[tuple[str, str, str], int]
    proxies: dict[str, str]
    factors: tuple[str, ...]
    dates: int
    first_date: np.datetime64
    last_date: np.datetime64
    own_dates: int
    most_dates: int
    last_payment: np.datetime64
    resets: int
    exercises: int
    fixing: str
    fixings: int
    event_dates: NDArray[np.datetime64]
    sobol_dimensions: int
    paths: int
    blocks: int
    scrambles: int
    bytes_per_block: int


def unused_quotes(job: LoadedJob) -> tuple[str, ...]:
    """Unused quotes by family, ``2 CDS (OTHER)``, then the faulty ones with what is wrong."""
    infos = [quote_info(i) for i in job.unused]
    names = {family: [i.curve for i in infos if i.family == family] for family in (i.family for i in infos)}
    groups = [f"{len(of)} {family} ({', '.join(dict.fromkeys(of))})" for family, of in names.items()]
    return (*groups, *(f"{i}: {fault}" for i, fault in job.unused.items() if fault))


def validate_job(job: LoadedJob) -> ValidationReport:
    """The report on a loaded (so valid) job."""
    claims = [claim for each in job.claims.others.values() for claim in each]
    resets = {c.start for c in claims if isinstance(c, ResetPeriod) and c.start > 0}
    exercises = {c.expiry for c in claims if isinstance(c, SwaptionClaim) and c.settlement == "physical"}
    simulation, dates, last = job.spec.simulation, len(job.dates), max(t.maturity for t in job.trades)
    fixings = _fixings(job)
    sizes = Counter(t.netting_set for t in job.trades)
    grid = set((job.dates - job.as_of).astype(np.int64).tolist())
    beside = {round(365.0 * t) for t in fixings.values()} - grid
    days = np.array(sorted({round(365.0 * t) for t in resets | exercises} | beside), dtype="timedelta64[D]")
    cells = dates * (_COPIES * len(job.factors) + 3 * len(job.netting_sets)) + days.size * len(job.factors)
    cells += _COPIES * len(fixings)
    return ValidationReport(
        name=job.spec.name,
        quotes=len(job.quotes.ids),
        unused=unused_quotes(job),
        outrights=len(job.outrights),
        trades=dict(Counter(t.kind for t in job.trades)),
        ended=_ended(job),
        booked=sum(t.booked_value is not None for t in job.trades),
        netting_sets={s.name: sizes[s.name] for s in job.netting_sets},
        idle_netting_sets=job.idle_netting_sets,
        counterparties=len(job.counterparties),
        notes=job.notes,
        filled=dict(Counter((t.kind, f, str(getattr(t, f))) for t in job.trades for f in t.filled)),
        proxies={c.name: c.credit_curve for c in job.counterparties if c.credit_curve.startswith("PROXY_")},
        factors=job.factors,
        dates=dates,
        first_date=job.dates[0],
        last_date=job.dates[-1],
        own_dates=int((~np.isin(job.dates, grid_dates(job.spec.simulation.grid, job.as_of, last))).sum()),
        most_dates=most_dates(len(job.factors)),
        last_payment=last,
        resets=len(resets),
        exercises=len(exercises),
        fixing=str(job.spec.fixing),
        fixings=len(fixings),
        event_dates=job.as_of + days,
        sobol_dimensions=dates * len(job.factors),
        paths=simulation.paths,
        blocks=simulation.paths // simulation.block_size,
        scrambles=simulation.scrambles,
        bytes_per_block=simulation.block_size * cells * _BYTES[simulation.dtype],
    )


def _fixings(job: LoadedJob) -> dict[EventKey, float]:
    spec = job.spec
    breaks, made = spec.exposure.breaks, job.claims
    sets = compile_sets(job.netting_sets, job.trades, job.context, breaks, spec.fixing, made)
    times = np.asarray((job.dates - job.as_of).astype(np.int64) / 365.0)
    found: dict[EventKey, float] = {}
    for compiled in sets:
        found.update(coupon_events(compiled, times, int(job.as_of.astype("datetime64[D]").astype(np.int64))))
    return {key: t for key, t in found.items() if t <= times[-1] + 1e-9}


def _ended(job: LoadedJob) -> dict[str, str]:
    found = (
        (trade.trade_id, trade.ended(count > 0, job.as_of, job.spec.exposure.breaks))
        for trade, count in zip(job.trades, job.claims.counts.tolist(), strict=True)
    )
    return {trade_id: why for trade_id, why in found if why}
