"""How far off reused surrogates are, measured: the same paths on the scenario's market with surrogates learned there.

Both price the same few paths of the run, so the difference has a small error of its own. Surrogates and exercise policies
that are learned for it come from fewer paths than a run's and have no certificate: they decide on the side of zero, which
they get wrong on few paths, to second order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from surrogates.book.book import LearnedBook
from surrogates.training import TrainingSettings
from xva.exposure import ExposureEngine
from xva.exposure.block import ExposureData, ExposurePlan
from xva.exposure.parts.conditional import Residual
from xva.numerics.types import Floats
from xva.scenarios import StressPlan
from xva.scenarios.plan import Case
from xva.scenarios.prepare import WorldPlan
from xva.sensitivities import MEASURE_NAMES
from xva.sensitivities.by_quote import standard_error
from xva.sensitivities.truncation import measure_samples

PATHS = 256
"""Of each scramble."""
LABELS = 4096
_SIDES = ("epe", "ene")
_PREFIX = "reused_error/"


def rough(settings: TrainingSettings) -> TrainingSettings:
    """How surrogates are learned that reused ones are measured against: nothing is judged."""
    return replace(
        settings, paths=min(settings.paths, LABELS), states=8, dates=1, inner_paths=64, tolerance=1e9,
        max_effort=1, fallback=True,
    )  # fmt: skip


def routed(base: LearnedBook, found: LearnedBook, engine: ExposureEngine) -> LearnedBook:
    """What was ``found`` on another market, nested Monte Carlo where the base run has it."""
    trained = {place: replace(t, route=base.trained[place].route) for place, t in found.trained.items()}
    return LearnedBook(engine, found.requests, trained)


def measured(
    data: ExposureData, reused: Mapping[int, Residual], learned: Mapping[int, Residual]
) -> WorldPlan:
    """The plan of reused surrogates, and beside it how far off they are, held against those ``learned`` on the same market.

    ``reused_error/epe``, ``reused_error/ene`` ``(scramble, netting_set, time)`` are profiles by reused surrogates less
    those by learned ones.
    """
    numbers = sorted(reused)
    size, scrambles = min(data.noise.block_size, PATHS), data.noise.scrambles
    few = replace(
        data.only(numbers),
        noise=replace(data.noise, block_size=size),
        n_blocks=scrambles,
        adjoint=False,
    )
    found = [_profiles(few, [book[i] for i in numbers]) for book in (reused, learned)]
    off = {_PREFIX + side: np.zeros((scrambles, len(data.netting_sets), len(data.days))) for side in _SIDES}
    for side in _SIDES:
        off[_PREFIX + side][:, numbers] = (found[0][side] - found[1][side]) / size
    return WorldPlan(ExposurePlan(data, reused, mixed=True), off)


def _profiles(data: ExposureData, residuals: Sequence[Residual]) -> dict[str, Floats]:
    """Sums ``(scramble, netting_set, time)``."""
    plan = ExposurePlan(data, dict(enumerate(residuals)), mixed=True)
    sums = [plan.run(block).sums for block in range(plan.n_blocks)]
    return {side: np.stack([part[side] for part in sums]) for side in _SIDES}


def reused_errors(plan: StressPlan) -> dict[str, tuple[tuple[str, ...], Floats]]:
    """Variables ``reused_error`` ``(scenario, measure, netting_set)`` and ``total_reused_error``, each with ``_se``.

    Measures by reused surrogates less those by surrogates learned on the scenario's market, on the same paths; 0 where
    there is nothing to reuse, NaN where a scenario could not be computed.
    """
    samples = np.stack([_off(plan, case, w) for case, w in zip(plan.cases, plan.weights.numpy())], axis=1)
    dims = ("scenario", "measure", "netting_set")
    found: dict[str, tuple[tuple[str, ...], Floats]] = {}
    for prefix, kept, values in (("", dims, samples), ("total_", dims[:2], samples.sum(-1))):
        found[f"{prefix}reused_error"] = (kept, values.mean(0))
        found[f"{prefix}reused_error_se"] = (kept, standard_error(values))
    return found


def _off(plan: StressPlan, case: Case, weights: Floats) -> Floats:
    """``(scramble, measure, netting_set)``."""
    shape = (plan.base.scrambles, len(MEASURE_NAMES), len(plan.base.netting_sets))
    found = np.full(shape, np.nan if case.reason else 0.0)
    arrays = plan.worlds.payload(case.world)[0] if case.world >= 0 else {}
    if f"{_PREFIX}epe" in arrays:
        reached = list(case.reached)
        sides = list(zip(*(arrays[f"{_PREFIX}{side}"] for side in _SIDES)))
        found[:, :, reached] = measure_samples(weights[:, reached], sides, truncate=False)
    return found
