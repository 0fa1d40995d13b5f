"""A book's measures and their gradients on one market: what a move of the market is explained from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, final

from torch import Tensor

from xva.blocks import Plan
from xva.blocks.plan import Arrays
from xva.errors import DomainError
from xva.exposure import ExposureEngine
from xva.exposure.block import ExposureData
from xva.market import QuoteSet
from xva.numerics.types import Floats
from xva.sensitivities import quote_gradients, scramble_means, truncation
from xva.sensitivities.by_quote import with_totals
from xva.sensitivities.reverse_pass import MapSets, ResidualGraph, Sums

RunPlan = Callable[[Plan], Sequence[Arrays]]
"""Sums of all blocks of a plan, in block order: here, or wherever there are workers."""


@dataclass(frozen=True)
class MarketPoint:
    """Measures (`MEASURE_NAMES`) and their derivatives on one market, per scramble of the random numbers.

    Parameters
    ----------
    ids : tuple of str
        Quotes; ``quotes`` ``(quote,)`` their values.
    hard, soft : ndarray
        ``(scramble, measure, netting_set)`` with the exact exercise, which is reported, and the soft one, which is
        differentiated.
    gradient : ndarray
        ``(scramble, measure, netting_set, quote)`` of ``soft``, per unit of quote.
    """

    ids: tuple[str, ...]
    quotes: Floats
    hard: Floats
    soft: Floats
    gradient: Floats


class Evaluate(Protocol):
    """Measures and gradients on other quotes than the run's, with its random numbers."""

    def __call__(self, quotes: QuoteSet) -> MarketPoint: ...


def serial_blocks(plan: Plan) -> list[Arrays]:
    """One block after the other, here."""
    return [plan.run(block).sums for block in range(plan.n_blocks)]


@final
@dataclass(frozen=True)
class Evaluator:
    """`Evaluate` for a book of trades with closed forms: calibration, one pass over the paths, one pull-back.

    A point's reported measures are, to the last bit, those of a fresh run on its quotes.

    Raises
    ------
    DomainError
        When called: there are trades without closed form, whose surrogates belong to one market.
    """

    engine: ExposureEngine
    run_plan: RunPlan = serial_blocks
    map_sets: MapSets = map

    def __call__(self, quotes: QuoteSet) -> MarketPoint:
        self.engine.refuse_path_trades("measures and gradients on another market")
        here = self.engine.on_quotes(quotes)
        plan = here.plan(adjoint=True)
        return point_from_sums(here, plan.data, self.run_plan(plan), self.map_sets)


def point_from_sums(
    engine: ExposureEngine,
    data: ExposureData,
    blocks: Sequence[Sums],
    map_sets: MapSets = map,
    residual_graph: ResidualGraph | None = None,
) -> MarketPoint:
    """A point from the sums of a plan with ``adjoint=True``, in block order, on the engine's own quotes.

    Raises
    ------
    DomainError
        The sums have no adjoints.
    """
    if not any(name.startswith("adjoint/") for name in blocks[0]):
        raise DomainError("a gradient: expected sums with adjoints, got those of a run without sensitivities")
    means = scramble_means(data, blocks)
    gradient = quote_gradients(engine, data, means, map_sets, residual_graph)
    return MarketPoint(
        engine.quotes.ids,
        engine.quotes.values.detach().numpy(),
        measure_samples(data.weights, means),
        measure_samples(data.weights, means, "_soft"),
        with_totals(gradient, axis=1),
    )


def measure_samples(weights: Tensor, means: Iterable[Sums], kind: str = "") -> Floats:
    """``(scramble, measure, netting_set)`` of `MEASURE_NAMES` from scramble means of profiles, exact or ``_soft``."""
    return truncation.measure_samples(weights.numpy(), truncation.sides(list(means), kind))
