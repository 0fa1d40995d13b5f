"""From a job file to everything a run needs, or all that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines.jobs.books import read_trades
from pipelines.jobs.calendar_notes import calendar_notes
from pipelines.jobs.coverage import Needs, check_coverage, collect_needs, market_config, resolve_credit
from pipelines.jobs.grid import (
    SOBOL_LIMIT,
    BookTerms,
    grid_dates,
    sees_cashflows,
    spot_prices,
    with_cashflows,
)
from pipelines.jobs.parties import Party, closest, read_fixings, read_netting_sets, read_parties
from pipelines.jobs.problems import Problems
from pipelines.jobs.products import trade_types
from pipelines.jobs.quotes import QuoteTable, read_quotes, with_stated
from pipelines.jobs.rates import check_rates
from pipelines.jobs.snapshot import taken
from pipelines.jobs.spec import JobSpec, Model, read_spec
from pipelines.library_state import own_library_state
from xva.errors import InputErrors, Problem, TradeError, XvaError
from xva.exposure import World, WorldBuilder
from xva.market import MarketConfig, QuoteSet, build_market
from xva.models.state_layout import StateLayout
from xva.numerics.types import Dates
from xva.trades import PathTrade, Trade, TradeContext
from xva.trades.book_claims import BookClaims, book_claims
from xva.trades.claims import Claim
from xva.trades.netting import Counterparty, NettingSet
from xva.trades.path_trade import living

Fixings = Mapping[tuple[str, str], float]


@final
@dataclass(frozen=True, eq=False)
class CheckedWorld:
    """What a builder makes of quotes, made once: to see whether it can be, and by the run itself."""

    quotes: QuoteSet
    builder: WorldBuilder

    @cached_property
    def world(self) -> World:
        with own_library_state():  # the run's own numbers, to the last bit
            return self.builder(self.quotes)

    def serves(self, quotes: QuoteSet, builder: WorldBuilder) -> bool:
        """Whether this is what ``builder`` would make of these quotes."""
        return quotes is self.quotes and builder == self.builder


@dataclass(frozen=True)
class LoadedJob:
    """A job whose inputs have been read and checked.

    Parameters
    ----------
    path : Path
        The job file.
    spec : JobSpec
    quotes : QuoteSet
        In the order of the file.
    market_config : MarketConfig
        The curves that the book needs.
    netting_sets : tuple of NettingSet
        Those with trades, by name.
    counterparties : tuple of Counterparty
        Those of the netting sets, with their credit curves resolved (own, else proxy).
    trades : tuple of Trade
        By kind and id.
    claims : BookClaims
        What each trade still promises, in the order of ``trades``.
    fixings : mapping of (name, ISO date) to float
    dates : ndarray
        ``(time,)`` datetime64[D], the exposure grid, after ``as_of``.
    factors : tuple of str
        Brownian motions of the model: ``IR:…``, ``FX:…``, ``EQ:…``.
    idle_netting_sets : tuple of str
        Netting sets of the file without trades, left out.
    unused : mapping of str to str
        Quotes of the file that nothing of this book is built from, in its order, and what is wrong with their values: empty
        where nothing is, or where they were not looked at.
    outrights : tuple of str
        FX forwards of the quotes file that are outrights; ``quotes`` has them as points.
    notes : tuple of str
        What is in order, and may yet surprise.
    files : mapping of str to bytes
        The job file and its inputs as they were read, for `pipelines.jobs.snapshot.restore`.
    checked : CheckedWorld, optional
        The market and the model that the quotes were found to make, so that a run need not make them again.
    """

    path: Path
    spec: JobSpec
    quotes: QuoteSet
    market_config: MarketConfig
    netting_sets: tuple[NettingSet, ...]
    counterparties: tuple[Counterparty, ...]
    trades: tuple[Trade, ...]
    claims: BookClaims
    fixings: Fixings
    dates: NDArray[np.datetime64]
    factors: tuple[str, ...]
    idle_netting_sets: tuple[str, ...] = ()
    unused: Mapping[str, str] = field(default_factory=dict)
    outrights: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    checked: CheckedWorld | None = field(default=None, repr=False, compare=False)

    def told(self) -> str:
        """The job in a line."""
        return (
            f"{self.spec.name}: {len(self.trades):,} trades in {len(self.netting_sets):,} netting sets, "
            f"{len(self.quotes.ids):,} quotes, {self.dates.size} dates to {self.dates[-1]}, "
            f"{self.spec.simulation.paths:,} paths, {self.path}"
        )

    def __repr__(self) -> str:
        return f"LoadedJob({self.told()})"

    @property
    def base(self) -> Path:
        """The folder that the job's paths are relative to."""
        return self.path.parent

    @property
    def as_of(self) -> np.datetime64:
        return np.datetime64(self.spec.as_of, "D")

    @property
    def output(self) -> Path:
        """The folder that holds the runs."""
        return self.base / self.spec.execution.output

    @property
    def terms(self) -> BookTerms:
        """What of the book decides on its dates."""
        values = dict(zip(self.quotes.ids, self.quotes.values.tolist()))
        prices = spot_prices(values, self.spec.reporting_currency)
        breaks = self.spec.exposure.breaks
        return BookTerms(self.trades, self.claims, self.context, prices, len(self.factors), breaks)

    @cached_property
    def context(self) -> TradeContext:
        """What trades need to turn into claims."""
        return trade_context(self.spec, self.fixings)


@dataclass(frozen=True)
class _Tables:
    """The inputs as read; None where a file could not be used."""

    quotes: QuoteTable | None
    netting_sets: dict[str, NettingSet] | None
    parties: dict[str, Party] | None
    fixings: Fixings
    trades: tuple[Trade, ...]
    places: dict[str, str]


def load_job(path: Path | str, *, stored: bool = False) -> LoadedJob:
    """Read a job and all its inputs; a ``stored`` one, out of a run's folder, cannot make modules of products be imported.

    Raises
    ------
    InputErrors
        Everything that is wrong, each problem with file, row, column or id, what was expected, what is there.
    """
    path = Path(path).absolute()
    with taken(path) as copy:
        try:
            return replace(_loaded(copy.job, path.parent, stored), path=path, files=copy.files)
        except InputErrors as error:
            raise InputErrors([copy.original(p) for p in error.problems]) from None


def _loaded(path: Path, base: Path, stored: bool) -> LoadedJob:
    """The job at ``path``; its output is relative to ``base``."""
    problems = Problems()
    spec = read_spec(path, problems)
    if spec is None:
        problems.done()
        raise InputErrors([])  # unreachable: a missing spec has a problem
    _check_machine(path.name, spec, base, problems)
    tables = _read(path, spec, problems, stored)
    used = {t.netting_set for t in tables.trades}
    sets = [s for s in (tables.netting_sets or {}).values() if s.name in used]
    needs = collect_needs(spec.reporting_currency, tables.trades, sets, spec.model.terms_of)
    parties = _parties(tables, sets, spec, needs, problems)
    config, checked = _market(tables, needs, spec, problems)
    claims, watched = _claims(tables, spec, problems)
    sound = claims.trades
    booked = zip(sound, claims)
    own, fixing, currencies = spec.model.by_currency, spec.simulation.fixing, needs.ordered_currencies
    check_rates(path.name, own, fixing, currencies, booked, tables.places, problems)
    days = _grid(path.name, spec, tables, sound, claims, watched, needs, problems)
    problems.done()
    assert config is not None
    assert tables.quotes is not None
    return LoadedJob(
        path=path,
        spec=spec,
        quotes=checked.quotes if checked else QuoteSet.from_mapping(tables.quotes.values),
        market_config=config,
        netting_sets=tuple(sets),
        counterparties=parties,
        trades=tables.trades,
        claims=claims,
        fixings=tables.fixings,
        dates=days,
        factors=needs.factors,
        idle_netting_sets=tuple(s for s in tables.netting_sets or () if s not in used),
        unused=_unused(tables.quotes, config),
        outrights=tables.quotes.outrights,
        notes=(*problems.notes, *calendar_notes(sound, spec.market.conventions)),
        checked=checked,
    )


def _check_machine(file: str, spec: JobSpec, base: Path, problems: Problems) -> None:
    """What the job asks of this machine: a device that torch has, a folder for the runs."""
    device, output = torch.device(spec.simulation.device), base / spec.execution.output
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        got = f"{torch.cuda.device_count()} of them" if torch.version.cuda else "a torch without CUDA"
        problems.add(f"{file}, [simulation] device", f"a GPU that torch sees, for {device}", got, 'use "cpu"')
    there = next(folder for folder in (output, *output.parents) if folder.exists())
    if not there.is_dir():
        problems.add(f"{file}, [execution] output", "a folder, there or to be made", f"{there}, a file")


def _unused(quotes: QuoteTable, config: MarketConfig) -> dict[str, str]:
    needed, faults = quotes.needed(config), dict(quotes.faults)
    left = (info.quote_id for info in quotes.infos if info.quote_id not in needed)
    return {i: f"expected {faults[i].expected}, got {faults[i].got}" if i in faults else "" for i in left}


def _read(path: Path, spec: JobSpec, problems: Problems, stored: bool) -> _Tables:
    inputs, market = spec.inputs, spec.market
    base, where = path.parent, f"{path.name}, [inputs] products"
    types = trade_types(inputs.products, where, problems, stored)
    sets = read_netting_sets(base / inputs.netting_sets, inputs.netting_sets, problems)
    trades, places = read_trades(base / inputs.trades, inputs.trades, sets, problems, types)
    trades = tuple(trade.following(market.conventions) for trade in trades)
    fixings: Fixings = {}
    if inputs.fixings is not None:
        fixings = read_fixings(base / inputs.fixings, inputs.fixings, market.conventions.indices, problems)
    return _Tables(
        quotes=with_stated(
            read_quotes(base / inputs.quotes, inputs.quotes, problems, market.points_factors),
            spec.model.quotes,
            problems,
        ),
        netting_sets=sets,
        parties=read_parties(base / inputs.counterparties, inputs.counterparties, problems),
        fixings=fixings,
        trades=trades,
        places=places,
    )


def _parties(
    tables: _Tables, sets: list[NettingSet], spec: JobSpec, needs: Needs, problems: Problems
) -> tuple[Counterparty, ...]:
    """Counterparties of the sets in use; ``needs`` gets their credit curves."""
    parties = tables.parties
    names = list(dict.fromkeys(s.counterparty for s in sets))
    if parties is None:
        return ()
    for home in (tables.netting_sets or {}).values():
        if home.counterparty not in parties:
            problems.add(
                f"{spec.inputs.netting_sets}, netting set {home.name}, column counterparty",
                f"a counterparty of {spec.inputs.counterparties}",
                repr(home.counterparty),
                closest(home.counterparty, parties),
            )
    known = [name for name in names if name in parties]
    resolve_credit(parties, known, spec.xva.own_name, needs, spec.inputs.counterparties, problems)
    return tuple(Counterparty(name, parties[name].curve) for name in known)


def _market(
    tables: _Tables, needs: Needs, spec: JobSpec, problems: Problems
) -> tuple[MarketConfig | None, CheckedWorld | None]:
    """The configuration, after the quotes have been found complete, free of arbitrage and calibrated; and what they made."""
    if tables.quotes is None:
        return None, None
    before, where = len(problems), spec.inputs.quotes
    config = market_config(np.datetime64(spec.as_of, "D"), needs, where, problems, spec.market)
    if config is None:
        problems.extend(fault for _, fault in tables.quotes.faults)
        return None, None
    needed = tables.quotes.needed(config)
    wrong = [fault for quote_id, fault in tables.quotes.faults if quote_id in needed]
    problems.extend(wrong)
    sound = tables.quotes.sound and not wrong
    planned = check_coverage(needs, config, tables.quotes.infos, where, problems)
    if sound and planned:
        quotes = QuoteSet.from_mapping(tables.quotes.values)
        if len(problems) == before:
            checked = CheckedWorld(quotes, world_builder(config, needs.factors, spec.model))
            problems.extend(_faults(lambda: checked.world, where))
            return config, checked
        problems.extend(_faults(lambda: build_market(quotes, config), where))
    else:
        problems.extend(tables.quotes.correlation_problems(config, where))
    return config, None


def trade_context(spec: JobSpec, fixings: Fixings) -> TradeContext:
    """What the job's trades need to turn into claims."""
    conventions = spec.market.conventions
    return TradeContext(np.datetime64(spec.as_of, "D"), conventions.indices, fixings, conventions=conventions)


def world_builder(config: MarketConfig, factors: Sequence[str], model: Model) -> WorldBuilder:
    """What makes a job's market and its model, with the ``factors`` that its book needs, from quotes."""
    layout = StateLayout.of(factors)
    return WorldBuilder(config, layout.currencies, layout.equities, model.terms, model.by_currency)


def _faults(build: Callable[[], object], where: str) -> list[Problem]:
    """Why quotes make no market (arbitrage, no solution) or no model."""
    try:
        build()
    except InputErrors as error:
        return [Problem(f"{where}, {p.where}", p.expected, p.got, p.fix) for p in error.problems]
    except XvaError as error:
        lines = error.message.splitlines()
        told = [line.strip() for line in (lines[1:] or lines)]
        return [Problem(where, "quotes that a market and its model can be built from", t) for t in told]
    return []


def _claims(tables: _Tables, spec: JobSpec, problems: Problems) -> tuple[BookClaims, list[Dates]]:
    """The claims of the trades whose terms give schedules and claims, and on which dates those without closed form look."""
    as_of = np.datetime64(spec.as_of, "D")
    context = trade_context(spec, tables.fixings)
    wrong: dict[int, TradeError] = {}
    claims = book_claims(tables.trades, context, wrong.setdefault)
    watched: list[Dates] = []
    for k, trade in enumerate(tables.trades):
        if k in wrong or not isinstance(trade, PathTrade):
            continue
        try:
            watched += [one.observation_dates(context) for one in living([trade], as_of)]
        except TradeError as error:
            wrong[k] = error
    for k in sorted(wrong):
        problems.add(tables.places[tables.trades[k].trade_id], *_told(wrong[k]))
    sound = claims.of([k for k in range(len(tables.trades)) if k not in wrong]) if wrong else claims
    return sound, watched


def _told(error: TradeError) -> tuple[str, str, str]:
    """What was expected, what is there and what to do, for the row that the trade is in."""
    if error.problem is None:
        return "terms that fit together", error.message, ""
    p = error.problem
    return f"for {p.where} {p.expected}", p.got, p.fix


def _grid(
    file: str,
    spec: JobSpec,
    tables: _Tables,
    trades: Sequence[Trade],
    claims: Sequence[Sequence[Claim]],
    watched: Sequence[Dates],
    needs: Needs,
    problems: Problems,
) -> NDArray[np.datetime64]:
    """The grid with the dates ``watched``, short enough for Sobol points and beginning after ``as_of``."""
    where, grid = f"{file}, [simulation] grid", spec.simulation.grid
    as_of, factors = np.datetime64(spec.as_of, "D"), len(needs.factors)
    context = trade_context(spec, tables.fixings)
    last = max((t.maturity for t in trades), default=as_of)
    if trades and last <= as_of:
        problems.add(spec.inputs.trades, f"a trade that ends after {as_of}", f"the last one ends on {last}")
    days = np.unique(np.concatenate([grid_dates(grid, as_of, last), *watched]))
    if days.size and days[0] <= as_of:
        problems.add(where, f"dates after {as_of}", str(days[0]), "take it out")
    if sees_cashflows(grid) and not len(problems):
        prices = spot_prices(tables.quotes.values if tables.quotes else {}, spec.reporting_currency)
        breaks = spec.exposure.breaks
        days = with_cashflows(days, BookTerms(trades, claims, context, prices, factors, breaks))
    count = days.size
    if count * factors > SOBOL_LIMIT:
        got = f"{count} dates x {factors} factors = {count * factors}"
        problems.add(
            where, f"dates x factors of at most {SOBOL_LIMIT} (Sobol points)", got, "use fewer dates"
        )
    return days


def unseen_trades(job: LoadedJob) -> list[str]:
    """Of each trade, why the grid's dates see nothing of it or not all: it ends before the first or after the last date."""
    first, last = job.dates[0], job.dates[-1]
    found = []
    for trade in job.trades:
        stop = trade.break_date if job.spec.exposure.breaks == "truncate" else None
        end = trade.maturity if stop is None else min(stop, trade.maturity)
        why = ""
        if job.as_of < end <= first and not (end == first and end - 1 == job.as_of):
            why = f"ends {end}, not after the first date {first}"
        elif end > last:
            why = f"ends {end}, after the last date {last}"
        found.append(why)
    return found
