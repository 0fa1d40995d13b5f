"""The measures of a book as a chain of one stage: quotes, world, inputs, profiles, weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from xva.adjustments.measures import measure_weights
from xva.adjustments.registry import SIDES
from xva.exposure import ExposureEngine, World
from xva.exposure.block import ExposureData
from xva.market import QuoteSet
from xva.sensitivities.second_order.stage import ExposureInputs, ExposureStage, MomentStage, kink_widths
from xva.sensitivities.second_order.sweep import Chain, MapBlocks, Step, Sweep, serial


def measure_chain(
    engine: ExposureEngine,
    data: ExposureData,
    numbers: Sequence[int],
    kink: Tensor | None = None,
    paths: int | None = None,
) -> Chain:
    """Chain to ``(measure, netting_set)`` of some netting sets, with soft exercise and the run's constants.

    Parameters
    ----------
    data : ExposureData
        The run's, from ``engine.data()``.
    numbers : sequence of int
        Which netting sets.
    kink : Tensor, optional
        ``(unit, time)`` as `ExposureStage` takes it (`smoothing_widths`).
    paths : int, optional
        That the sweep goes over; the run's by default.
    """
    constants = engine.constants(data)
    count = paths if paths is not None else data.n_blocks * data.noise.block_size
    credit = [engine.credit[i] for i in numbers]

    def market(values: Tensor) -> World:
        return engine.build(QuoteSet(engine.quotes.ids, values))

    def inputs(world: World, _: Any) -> ExposureInputs:
        frame, scalars = engine.frame(world)
        state, _layout = engine.state(frame, scalars)
        return ExposureInputs(state.grid, state.events, engine.held_inputs(constants, numbers, frame))

    def finish(world: World, sums: tuple[Tensor, ...]) -> Tensor:
        weights = measure_weights(world.market, credit, engine.times, engine.xva)
        profiles = sums[0] / count
        return torch.stack([(weights[m] * profiles[side]).sum(-1) for m, side in enumerate(SIDES)])

    return Chain(market, (Step(ExposureStage(small_data(data, numbers), kink), inputs),), finish)


def small_data(data: ExposureData, numbers: Sequence[int]) -> ExposureData:
    """A run's data with some of its netting sets only, in float64 on the CPU."""
    return replace(data.only(numbers), dtype="float64", device="cpu")


def smoothing_widths(
    data: ExposureData, numbers: Sequence[int], share: float, map_blocks: MapBlocks = serial
) -> Tensor:
    """``share`` of the standard deviation of each unit's value on each date ``(unit, time)``, a constant of the run."""
    small = small_data(data, numbers)
    with torch.no_grad():
        inputs = ExposureInputs(small.grid, small.events, small.sets)
        moments = Sweep(map_blocks).sums(MomentStage(small), inputs)
    return kink_widths(moments, small.n_blocks * small.noise.block_size, share)
