"""Measures on another market with the run's own random numbers: the slow way to a sensitivity, and a check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from xva.adjustments.measures import measure_weights
from xva.adjustments.registry import SIDES
from xva.exposure import ExposureEngine, World
from xva.exposure.block import ExposureData
from xva.exposure.block.data import BlockNoise, block_noise
from xva.exposure.block.reach import same_values
from xva.exposure.engine import RunConstants
from xva.exposure.world import paths_move
from xva.market import QuoteSet, quote_info
from xva.market.fx_forwards import curve_kept
from xva.market.quotes import unit_shift
from xva.market.shocks import FxForwards
from xva.numerics.types import Floats
from xva.sensitivities.second_order.stage import ExposureInputs, ExposureStage, join_noise

SMALL_SHIFT = 1e-6  # 0.01 bp
_PATHS_AT_ONCE = 1024


class Revaluer:
    """Revalues a run on shifted quotes, calibration included, in float64 on the CPU.

    The exercise's widths and the Chebyshev intervals stay those of the base run, the random numbers are drawn once and
    kept. A netting set whose inputs and states a shift does not reach keeps its base profiles. ``fx_forwards`` says what of
    quoted FX forwards stays where their spot moves.
    """

    def __init__(self, engine: ExposureEngine, fx_forwards: FxForwards = "points") -> None:
        engine.refuse_path_trades("revaluation on shifted quotes")
        self.engine, self.fx_forwards = engine, fx_forwards
        self.base: ExposureData = replace(engine.data(adjoint=False), dtype="float64", device="cpu")
        self.constants: RunConstants = engine.constants(self.base)
        self._noise = _batches(self.base)
        numbers = range(len(self.base.sets))
        self.base_profiles: Floats = self._profiles(self.base, numbers)

    def samples(self, quote_id: str, amount: float) -> Floats:
        """``(scramble, measure, netting_set)`` with ``amount`` added to one quote, exercise soft as in the reverse pass."""
        engine = self.engine
        with torch.no_grad():
            world = engine.build(self._shifted(quote_id, amount), engine.world)
            profiles = self.base_profiles
            if paths_move(engine.world, world):
                profiles = self._moved(world)
            weights = measure_weights(world.market, engine.credit, engine.times, engine.xva)
        return np.stack([weighted(weights.numpy(), sides) for sides in profiles])

    def _shifted(self, quote_id: str, amount: float) -> QuoteSet:
        quotes = self.engine.quotes
        found = quotes.shifted(quote_id, amount)
        if self.fx_forwards == "curve" and quote_info(quote_id).family == "FX":
            infos = [quote_info(i) for i in quotes.ids]
            return QuoteSet(quotes.ids, curve_kept(infos, quotes.values.detach(), found.values))
        return found

    def measures(self, quote_id: str, amount: float) -> Floats:
        """``(measure, netting_set)``, the mean of `samples`."""
        return np.asarray(self.samples(quote_id, amount).mean(0))

    def derivative_samples(self, quote_id: str, amount: float) -> Floats:
        """Central difference ``(scramble, measure, netting_set)`` per unit of quote."""
        up, down = self.samples(quote_id, amount), self.samples(quote_id, -amount)
        return (up - down) / (2.0 * amount)

    def derivative(self, quote_id: str, amount: float) -> Floats:
        """Central difference ``(measure, netting_set)`` per unit of quote."""
        return np.asarray(self.derivative_samples(quote_id, amount).mean(0))

    def _moved(self, world: World) -> Floats:
        """Profiles on another world: those of the base run where a netting set is not reached."""
        engine = self.engine
        frame, scalars = engine.frame(world)
        state, _ = engine.state(frame, scalars)
        numbers = range(len(self.base.sets))
        sets = engine.held_inputs(self.constants, numbers, frame)
        found = replace(self.base, grid=state.grid, events=state.events, sets=sets)
        reached = [i for i in numbers if not same_values(self.base, found, i)]
        profiles = self.base_profiles.copy()
        if reached:
            profiles[:, :, reached] = self._profiles(found, reached)
        return profiles

    def _profiles(self, found: ExposureData, numbers: Sequence[int]) -> Floats:
        """Means ``(scramble, side, netting_set, time)`` of some netting sets' profiles."""
        chosen = ExposureInputs(found.grid, found.events, tuple(found.sets[i] for i in numbers))
        noise, stage = self.base.noise, ExposureStage(self.base)
        totals = np.zeros((noise.scrambles, len(SIDES) // 2, len(numbers), len(self.base.days)))
        with torch.no_grad():
            for first, count, normals in self._noise:
                parts = stage.profiles(chosen, normals, count).numpy()
                for k, part in enumerate(parts):
                    totals[(first + k) % noise.scrambles] += part
        return totals / (self.base.n_blocks // noise.scrambles * noise.block_size)


def shift_size(quote_id: str, value: float, shift: float) -> float:
    """``shift`` in the quote's unit; of spots, relative; of points 10,000 times as many."""
    unit, name = unit_shift(quote_id, value)
    if name == "1 point":
        return shift * unit / 1e-4
    return shift * abs(value) if "relative" in name else shift


def weighted(weights: Floats, profiles: Floats | Sequence[Floats]) -> Floats:
    """``(measure, netting_set)`` from weights ``(measure, netting_set, time)`` and profiles ``(side, netting_set, time)``."""
    return np.stack([(weights[m] * profiles[side]).sum(-1) for m, side in enumerate(SIDES)])


def _batches(data: ExposureData) -> list[tuple[int, int, BlockNoise]]:
    """First block, number of blocks and their noise, several small blocks at once."""
    step = max(1, _PATHS_AT_ONCE // data.noise.block_size)
    found = []
    for first in range(0, data.n_blocks, step):
        blocks = range(first, min(first + step, data.n_blocks))
        found.append((first, len(blocks), join_noise([block_noise(data, b) for b in blocks])))
    return found
