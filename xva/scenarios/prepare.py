"""Scenarios to a plan: shifted markets built, what they do not reach left to the base run, failures told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.adjustments.measures import measure_weights
from xva.blocks.plan import Arrays
from xva.errors import DomainError, InputErrors, MarketDataError, Problem, XvaError
from xva.exposure import ExposureEngine
from xva.exposure.block import ExposureData, ExposurePlan
from xva.exposure.block.reach import same_values
from xva.exposure.engine import path_trades
from xva.exposure.world import paths_move
from xva.market import QuoteSet, Scenario, ScenarioSet, shifted
from xva.scenarios.packed import Packer
from xva.scenarios.plan import Case, StressBase, StressPlan
from xva.trades.kinds import Kinds, types_with

Sums = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class WorldPlan:
    """The plan of a scenario's netting sets, and arrays to be kept ``beside`` it (`PackedWorlds.payload` gives them back)."""

    plan: ExposurePlan
    beside: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class PlanWorld(Protocol):
    """Makes the plan of a scenario's reached netting sets on its own market.

    ``numbers`` are those sets' in the engine's book, ``data`` has just them, in that order: a residual's number is its set's
    place among them.
    """

    def __call__(self, engine: ExposureEngine, numbers: Sequence[int], data: ExposureData) -> WorldPlan: ...


def closed_forms(engine: ExposureEngine, numbers: Sequence[int], data: ExposureData) -> WorldPlan:
    """The plan of netting sets whose trades all have closed forms.

    Raises
    ------
    DomainError
        Trades without: their surrogates are those of another market.
    """
    names = [engine.book.netting_sets[i].name for i in numbers]
    ids = [t.trade_id for name in names for t in path_trades(engine.book, name)]
    if ids:
        some = ", ".join(ids[:5]) + (" …" if len(ids) > 5 else "")
        raise DomainError(
            f"a market that moves paths: expected netting sets of trades with closed forms, got {len(ids)} trades priced "
            f"by surrogates of the base market ({some}); run the job on the shifted quotes, which trains them anew",
            ids,
        )
    return WorldPlan(ExposurePlan(data))


@dataclass(frozen=True)
class StressOptions:
    """How a set is prepared.

    Parameters
    ----------
    skip_failing : bool
        Failing scenarios are flagged instead of refused.
    keep_cube : bool
        Values are kept.
    surrogates : {"anew", "certified", "reused"}
        What prices trades without closed form on markets that move paths: surrogates learned on each of them, the base
        run's where they pass a fresh certificate on the scenario's market, or the base run's as they are, which the results
        flag.
    """

    skip_failing: bool = False
    keep_cube: bool = False
    surrogates: Literal["anew", "certified", "reused"] = "anew"


def prepare(
    engine: ExposureEngine,
    scenarios: ScenarioSet,
    base: Sequence[Sums],
    options: StressOptions = StressOptions(),
    plan_world: PlanWorld = closed_forms,
) -> StressPlan:
    """The plan of a scenario set.

    Parameters
    ----------
    engine : ExposureEngine
        Of the base run.
    scenarios : ScenarioSet
    base : sequence of dict
        The base run's sums of every block, in block order; those of its profiles are taken.
    plan_world
        How a scenario's netting sets become a plan.

    Raises
    ------
    InputErrors
        What does not fit the market, or why scenarios cannot be computed: all at once, by scenario.
    """
    as_of = engine.book.context.as_of
    problems = scenarios.problems(engine.quotes.ids, as_of)
    if problems:
        raise InputErrors(problems)
    with torch.no_grad():
        maker = _Maker(engine, base, options, plan_world)
        for scenario in scenarios.scenarios:
            maker.add(scenario, shifted(engine.quotes, scenario, as_of))
    return maker.plan()


class _Maker:
    """Takes scenarios one after the other; of each only what its own blocks need is kept."""

    def __init__(
        self, engine: ExposureEngine, base: Sequence[Sums], options: StressOptions, plan_world: PlanWorld
    ) -> None:
        self.engine, self.options, self.plan_world = engine, options, plan_world
        self.pricers: dict[str, Any] = {}
        self.data = engine.data(adjoint=False)
        self.base = stress_base(self.data, base)
        self.packer = Packer()
        self.cases: list[Case] = []
        self.weights: list[Tensor] = []
        self.problems: list[Problem] = []

    def add(self, scenario: Scenario, quotes: QuoteSet) -> None:
        """Prepare one scenario on its own quotes; a failure is kept."""
        name, description = scenario.name, scenario.description
        idle = frozenset(self.engine.world.market.unused)
        used = [i for i in quotes.ids if i not in idle]
        note, kept = scenario.missing(used), scenario.kept(used)
        try:
            world, reached, weights = self._prepared(quotes)
        except (XvaError, torch.linalg.LinAlgError) as error:  # type: ignore[attr-defined]
            found = _reasons(name, error)
            self.problems += found
            why = "; ".join(f"{p.where.removeprefix(f'scenario {name}, ')}: {p.got}" for p in found)
            self.cases.append(Case(name, description, reason=why, note=note, fx_forwards=kept))
            self.weights.append(torch.zeros_like(self.data.weights))
        else:
            self.cases.append(Case(name, description, world, reached, note=note, fx_forwards=kept))
            self.weights.append(weights)

    def plan(self) -> StressPlan:
        """All of them; raises InputErrors for those that failed unless they may be skipped."""
        if self.problems and not self.options.skip_failing:
            raise InputErrors(self.problems)
        return StressPlan(
            self.base,
            self.cases,
            torch.stack(self.weights),
            self.packer.packed(),
            self.options.keep_cube,
            Kinds(types_with(type(trade) for trade in self.engine.book.trades), self.pricers),
        )

    def _prepared(self, quotes: QuoteSet) -> tuple[int, tuple[int, ...], Tensor]:
        here, base = self.engine.on_quotes(quotes), self.engine
        weights = measure_weights(here.world.market, here.credit, here.times, here.xva)
        if not bool(torch.isfinite(weights).all()):
            raise MarketDataError("the adjustments' weights are not finite on this market")
        every = tuple(range(len(here.compiled)))
        if not paths_move(base.world, here.world):
            if not self.options.keep_cube:
                return -1, (), weights
            return self._packed(base, every, self.data), every, weights
        found = here.data(adjoint=False)
        reached = every if self.options.keep_cube else reached_sets(base, self.data, found)
        return (self._packed(here, reached, found) if reached else -1), reached, weights

    def _packed(self, engine: ExposureEngine, numbers: Sequence[int], data: ExposureData) -> int:
        # adjustments' weights are kept by scenario: worlds that differ in nothing else are one
        held = replace(data, weights=self.data.weights).only(numbers)
        made = self.plan_world(engine, numbers, held)
        self.pricers |= {pricer.kind: pricer for pricer in made.plan.pricer_classes}
        arrays, meta = made.plan.payload()
        return self.packer.add({**arrays, **made.beside}, meta)


def stress_base(data: ExposureData, blocks: Sequence[Sums]) -> StressBase:
    """The base run's side of a comparison, from its sums of every block."""
    shape = (len(data.sets), len(data.days))
    if len(blocks) != data.n_blocks:
        raise DomainError(f"base run: expected sums of {data.n_blocks} blocks, got {len(blocks)}")
    first = blocks[0]
    names = tuple(n for n, value in first.items() if "/" not in n and value.shape == shape)
    if not {"epe", "ene", "value"} <= set(names):
        raise DomainError(f"base run: expected sums of epe, ene and value, got {', '.join(names) or 'none'}")
    every: list[Arrays] = [{n: block[n] for n in names} for block in blocks]
    return StressBase(
        days=data.days,
        times=data.times,
        netting_sets=data.netting_sets,
        counterparties=data.counterparties,
        currency=data.currency,
        scrambles=data.noise.scrambles,
        n_blocks=data.n_blocks,
        block_size=data.noise.block_size,
        seed=data.noise.seed,
        names=names,
        sums=np.stack([np.stack([np.asarray(b[n], dtype=np.float64) for b in every]) for n in names]),
        weights=data.weights,
    )


def reached_sets(engine: ExposureEngine, base: ExposureData, found: ExposureData) -> tuple[int, ...]:
    """Netting sets whose values on paths differ from the base run's in any bit of what they are made of.

    Those with trades without closed form see the market in other ways too, and are always among them.
    """
    names = [n.name for n in engine.book.netting_sets]
    return tuple(
        i for i, name in enumerate(names) if path_trades(engine.book, name) or not same_values(base, found, i)
    )


def _reasons(name: str, error: Exception) -> list[Problem]:
    where, fix = f"scenario {name}", "make its shifts smaller, or run with --skip-failing"
    if isinstance(error, InputErrors):
        return [Problem(f"{where}, {p.where}", p.expected, p.got, fix) for p in error.problems]
    told = error.message if isinstance(error, XvaError) else str(error)
    return [Problem(where, "a market and a model that can be built", told, fix)]
