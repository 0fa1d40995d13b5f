"""From trades and quotes to a plan: compile once, calibrate, make the small tensors that blocks are computed from."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.adjustments.measures import XvaSpec, measure_weights
from xva.errors import DomainError, TradeError
from xva.exposure.block import ExposureData, ExposurePlan
from xva.exposure.compiled import Breaks, CompiledSet
from xva.exposure.fixing import Fixing
from xva.exposure.horizon import numeraire_years
from xva.exposure.parts.compile import compile_sets
from xva.exposure.parts.netting_set import NettingSetInputs, netting_set_inputs
from xva.exposure.state.event_scalars import EventScalars
from xva.exposure.state.event_state import event_state
from xva.exposure.state.frame import Frame, make_frame
from xva.exposure.state.state import (
    EventLayout,
    EventState,
    GridState,
    event_layout,
    grid_state,
)
from xva.exposure.world import AtHorizon, BuildWorld, World, measure_name, plain
from xva.market import QuoteSet
from xva.models import PathNoise
from xva.models.random import brownian_rotation
from xva.numerics import tree
from xva.numerics.types import Floats
from xva.trades import PathTrade, Trade, TradeContext
from xva.trades.book_claims import BookClaims, book_claims
from xva.trades.netting import Counterparty, NettingSet
from xva.trades.path_trade import living


@dataclass(frozen=True)
class Simulation:
    """How paths are made.

    Parameters
    ----------
    paths, block_size, scrambles : int
        ``paths`` is a multiple of ``block_size * scrambles``.
    seed : int
    exercise_width : float
        Softness of a physical exercise in standard deviations of the state; derivatives and ``soft`` values use
        it, reported values the exact indicator.
    dtype, device : str
        Of the path part.
    """

    paths: int
    block_size: int = 1024
    scrambles: int = 8
    seed: int = 42
    exercise_width: float = 0.02
    dtype: str = "float64"
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.paths <= 0 or self.paths % (self.block_size * self.scrambles):
            raise TradeError(
                f"paths: expected a multiple of block_size x scrambles = {self.block_size} x {self.scrambles}, "
                f"got {self.paths}"
            )

    @property
    def n_blocks(self) -> int:
        return self.paths // self.block_size


@dataclass(frozen=True)
class Book:
    """Who owes whom what: netting sets, their counterparties and all trades, as of ``context.as_of``.

    ``fixing`` says whose fixing running coupons have (`xva.exposure.fixing`). ``made``: claims that somebody has made of its
    trades already.
    """

    netting_sets: tuple[NettingSet, ...]
    counterparties: tuple[Counterparty, ...]
    trades: tuple[Trade, ...]
    context: TradeContext
    breaks: Breaks = "truncate"
    fixing: Fixing = "auto"
    made: BookClaims | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"Book({len(self.trades):,} trades in {len(self.netting_sets):,} netting sets, as of {self.context.as_of})"

    @cached_property
    def claims(self) -> BookClaims:
        """What its trades still promise: what was ``made`` where that is of these trades as of this context."""
        if self.made is not None and self.made.serves(self.trades, self.context):
            return self.made
        return book_claims(self.trades, self.context)

    def credit_curves(self) -> tuple[str, ...]:
        """The credit name of each netting set's counterparty.

        Raises
        ------
        TradeError
            A netting set's counterparty is not in the table.
        """
        known = {c.name: c.credit_curve for c in self.counterparties}
        missing = [n.name for n in self.netting_sets if n.counterparty not in known]
        if missing:
            raise TradeError(f"netting sets without a known counterparty: {', '.join(missing)}", missing)
        return tuple(known[n.counterparty] for n in self.netting_sets)


@dataclass(frozen=True)
class RunConstants:
    """What depends on the market but is held fixed: a bump keeps it from the base run, derivatives do not see it.

    ``centre``, ``scale`` ``(time, currency)`` are the Chebyshev intervals; ``sets`` the netting sets' inputs, of whose parts
    numbers of nodes and widths of exercises are kept. Without the nodes the interpolation error moves with a bump
    (*measured* on the demo bank's mean reversions: 2e-5 of the largest sensitivity, 3e-11 with them).
    """

    centre: Tensor
    scale: Tensor
    sets: tuple[NettingSetInputs, ...]


@dataclass(frozen=True)
class StateTensors:
    """The state part of a run's inputs."""

    grid: GridState
    events: EventState


class ExposureEngine:
    """One book on one market: makes plans, and the same tensors with their graph for the reverse pass.

    Parameters
    ----------
    book : Book
    quotes : QuoteSet
    build : BuildWorld
        Quotes to market and model.
    dates : ndarray
        ``(time,)`` datetime64[D] exposure dates after ``as_of``; the dates on which path-dependent trades look at the
        market join them.
    xva : XvaSpec
    simulation : Simulation
    rotation : Tensor, optional
        ``(date, component)`` of the paths' random numbers, ``date`` being those after ``as_of``; the grid's own principal
        components by default. Another one shares its numbers with another grid.
    world : World, optional
        What ``build`` makes of ``quotes``, where somebody has made it already.
    horizon : float, optional
        Years of the numeraire's bond; by default those of `numeraire_years`. Another engine's makes its measure.
    """

    def __init__(
        self,
        book: Book,
        quotes: QuoteSet,
        build: BuildWorld,
        dates: NDArray[np.datetime64],
        xva: XvaSpec,
        simulation: Simulation,
        rotation: Tensor | None = None,
        world: World | None = None,
        horizon: float | None = None,
    ) -> None:
        self.book, self.quotes = book, quotes
        self.xva, self.simulation = xva, simulation
        as_of = book.context.as_of
        self.dates = np.union1d([as_of], np.concatenate([dates, *_observed(book)])).astype("datetime64[D]")
        self.times: Floats = np.asarray((self.dates - as_of).astype(np.int64) / 365.0)
        self.day_zero = int(as_of.astype("datetime64[D]").astype(np.int64))
        self.compiled = compile_sets(
            book.netting_sets, book.trades, book.context, book.breaks, book.fixing, book.claims
        )
        self.credit = book.credit_curves()
        base = plain(build)
        there = base(quotes) if world is None else world
        if horizon is None:
            horizon = numeraire_years(there.model.rates[there.model.domestic], float(self.times[-1]))
        self.build = AtHorizon(base, horizon)
        self.world = self.build.at(there)
        self.rotation = brownian_rotation(self.times[1:]) if rotation is None else rotation
        if len(self.rotation) != len(self.times) - 1:
            raise DomainError(
                f"rotation: expected a row for each of {len(self.times) - 1} dates, got {len(self.rotation)}"
            )

    def on_quotes(self, quotes: QuoteSet) -> ExposureEngine:
        """The same book and simulation on other quotes; only what they reach is built again, the compiled book is shared."""
        there = copy.copy(self)  # the compiled book depends on no market
        there.quotes, there.world = quotes, self.build(quotes, self.world)
        return there

    def frame(self, world: World) -> tuple[Frame, EventScalars]:
        """Frame and event scalars of all netting sets on a world."""
        return make_frame(world.market, world.model, self.times, self.compiled, self.compiled, self.day_zero)

    def netting_set_frame(self, world: World, number: int, events: bool) -> tuple[Frame, EventScalars]:
        """What one netting set needs of the frame, with the run's ``events`` or without any."""
        with_events = self.compiled if events else ()
        own = self.compiled[number : number + 1]
        return make_frame(world.market, world.model, self.times, with_events, own, self.day_zero)

    def state(self, frame: Frame, scalars: EventScalars) -> tuple[StateTensors, EventLayout]:
        """The state's tensors and where its events lie."""
        layout = event_layout(scalars, self.times)
        return self.state_of(frame, scalars, layout), layout

    def state_of(
        self,
        frame: Frame,
        scalars: EventScalars,
        layout: EventLayout,
        rows: NDArray[np.int64] | None = None,
    ) -> StateTensors:
        """The state's tensors with all events, or those numbered ``rows``."""
        grid = grid_state(frame.model, frame.table, self.times)
        events = event_state(frame.model, frame.table, self.times, grid, layout, scalars, rows)
        return StateTensors(grid, events)

    def inputs(
        self, compiled: CompiledSet, frame: Frame, held: NettingSetInputs | None = None
    ) -> NettingSetInputs:
        """A netting set's inputs, with numbers of nodes and widths of exercises as decided here or ``held`` from a run."""
        return netting_set_inputs(compiled, frame, self.simulation.exercise_width, held)

    def constants(self, data: ExposureData) -> RunConstants:
        """What a bump of the run that ``data`` belongs to keeps."""
        return RunConstants(data.centre, data.scale, data.sets)

    def held_inputs(
        self, constants: RunConstants, numbers: Sequence[int], frame: Frame
    ) -> tuple[NettingSetInputs, ...]:
        """Inputs of some netting sets on another market than the run's, with the run's constants."""
        frame = replace(frame, centre=constants.centre, scale=constants.scale)
        return tuple(self.inputs(self.compiled[i], frame, constants.sets[i]) for i in numbers)

    def data(self, adjoint: bool = True) -> ExposureData:
        """Everything blocks need, detached."""
        detached = tree.map_tensors(self.world, lambda t: t.detach())
        with torch.no_grad():
            frame, scalars = self.frame(detached)
            state, layout = self.state(frame, scalars)
            sets = tuple(self.inputs(compiled, frame) for compiled in self.compiled)
            weights = measure_weights(detached.market, self.credit, self.times, self.xva)
        s = self.simulation
        return ExposureData(
            PathNoise(s.seed, s.scrambles, s.block_size, self.rotation, len(frame.model.factors)),
            s.n_blocks,
            self.dates.astype(np.int64),
            self.times,
            tuple(n.name for n in self.book.netting_sets),
            tuple(n.counterparty for n in self.book.netting_sets),
            frame.model.factors,
            frame.model.domestic,
            state.grid,
            state.events,
            layout,
            frame.centre,
            frame.scale,
            sets,
            tuple(_active(c, self._path_trades(c), frame) for c in self.compiled),
            weights,
            adjoint,
            s.dtype,
            s.device,
            measure=measure_name(frame.model, self.dates[0], self.build.years),
        )

    def _path_trades(self, compiled: CompiledSet) -> list[PathTrade]:
        return path_trades(self.book, compiled.netting_set.name)

    def refuse_path_trades(self, what: str) -> None:
        """Raise where ``what`` knows closed forms only and the book has trades without.

        Raises
        ------
        DomainError
            With their ids.
        """
        ids = [t.trade_id for t in living(self.book.trades, self.book.context.as_of)]
        if ids:
            some = ", ".join(ids[:5]) + (" …" if len(ids) > 5 else "")
            raise DomainError(
                f"{what}: expected a book of trades with closed forms, got {len(ids)} without ({some}); run the job, "
                f"which trains surrogates for them",
                ids,
            )

    def plan(self, adjoint: bool = True) -> ExposurePlan:
        """The plan of a book of trades with closed forms.

        Raises
        ------
        DomainError
            There are path-dependent trades.
        """
        self.refuse_path_trades("an exposure plan without surrogates")
        return ExposurePlan(self.data(adjoint=adjoint))


def path_trades(book: Book, netting_set: str) -> list[PathTrade]:
    """The trades of a netting set that have no closed form and are not matured, in the book's order."""
    return [t for t in living(book.trades, book.context.as_of) if t.netting_set == netting_set]


def _observed(book: Book) -> list[NDArray[np.datetime64]]:
    return [t.observation_dates(book.context) for t in living(book.trades, book.context.as_of)]


def _active(compiled: CompiledSet, others: Sequence[PathTrade], frame: Frame) -> NDArray[np.int64]:
    """Numbers of the states that the set's value depends on."""
    currencies = compiled.currencies | {c for t in others for c in t.currencies}
    equities = compiled.equity_names | {e for t in others for e, _ in t.equities}
    if others:
        currencies = currencies | {
            frame.model.domestic
        }  # of the numeraire that their cash flows are divided by
    layout = frame.model.layout
    rows = {row for c in currencies for row in layout.currency_rows(c)} | {layout.equity(e) for e in equities}
    return np.array(sorted(rows), dtype=np.int64)
