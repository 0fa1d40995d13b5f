"""One reverse pass: adjoints of the profiles, by netting set and scramble, to sensitivities to every quote.

Blocks have summed the derivatives of EPE and ENE to a netting set's small inputs. Here they become cotangents of those
inputs, rebuilt with their graph netting set by netting set, and flow back to the world (curves, volatilities,
hazards) and from there, once for all, to the quotes. All measures and scrambles travel together as one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.adjustments.measures import measure_weights
from xva.adjustments.registry import SIDES
from xva.blocks.sums import means_by_scramble
from xva.exposure import ExposureEngine, World
from xva.exposure.block import ExposureData
from xva.exposure.block.netting_set_sums import NettingSetSums, has_events
from xva.exposure.engine import StateTensors
from xva.exposure.parts.netting_set import NettingSetInputs
from xva.exposure.state.state import event_layout
from xva.numerics import tree
from xva.numerics.batched_gradient import batched_gradient

Sums = Mapping[str, NDArray[Any]]
MapSets = Callable[[Callable[[int], list[Tensor]], Iterable[int]], Iterable[list[Tensor]]]
Pulled = tuple[list[Tensor], list[Tensor]]
"""Tensors with their graph to the world, and the batch of their cotangents ``(measure * scramble, ...)``, scramble fastest."""
ResidualGraph = Callable[[World, int, Sequence[Sums]], Pulled]
"""What the measures of a netting set (by number) depend on through its residual."""


def scramble_means(data: ExposureData, blocks: Sequence[Sums]) -> list[dict[str, NDArray[np.float64]]]:
    """Means over each scramble's paths of every sum of a run, blocks added in block order."""
    return means_by_scramble(blocks, data.noise.scrambles, data.noise.block_size)


def quote_gradients(
    engine: ExposureEngine,
    data: ExposureData,
    means: Sequence[Sums],
    map_sets: MapSets = map,
    residual_graph: ResidualGraph | None = None,
) -> NDArray[np.float64]:
    """Derivatives of every measure to every quote, per scramble.

    Parameters
    ----------
    means : sequence of dict
        One per scramble, from `scramble_means` of a plan with ``adjoint=True``.
    map_sets : callable
        ``map`` or a thread pool's: netting sets are independent, and no bit depends on how they are spread.
    residual_graph : callable, optional
        Of a plan with residuals (`reverse_pass_conditional`).

    Returns
    -------
    ndarray
        ``(scramble, measure, netting_set, quote)``, per unit of quote; their mean is the sensitivity, their spread
        its standard error.
    """
    quotes = engine.quotes.as_leaf()
    world, leaves, sources = tree.cut(engine.build(quotes))
    n_sets, n_measures = len(data.sets), len(SIDES)

    def one_set(number: int) -> list[Tensor]:
        outputs, cotangents = _set_graph(engine, world, data, number, means)
        if residual_graph is not None:
            more, theirs = residual_graph(world, number, means)
            outputs, cotangents = outputs + more, cotangents + theirs
        return list(batched_gradient(outputs, leaves, cotangents))

    merged = [torch.cat(parts) for parts in zip(*map_sets(one_set, range(n_sets)))]
    (gradient,) = batched_gradient(sources, [quotes.values], merged)
    shaped = gradient.reshape(n_sets, n_measures, len(means), -1)
    return shaped.permute(2, 1, 0, 3).numpy()


def _set_graph(
    engine: ExposureEngine, world: Any, data: ExposureData, number: int, means: Sequence[Sums]
) -> tuple[list[Tensor], list[Tensor]]:
    """The tensors that one netting set's measures depend on, with their graph, and the batch of their cotangents."""
    compiled = engine.compiled[number]
    count = max(data.states.equity_rows.start, int(data.active[number].max(initial=0)) + 1)
    events = has_events(means[0], number)
    if events:
        count = len(data.factors)
    # states beyond those the set depends on do not touch it (an event's bridge touches all): leave them out
    small = replace(world, model=world.model.leading(count))
    frame, scalars = engine.netting_set_frame(small, number, events)
    layout = event_layout(scalars, engine.times)
    # the run's intervals and numbers of nodes: its adjoints are to their coefficients
    frame = replace(frame, centre=data.centre, scale=data.scale)
    inputs = engine.inputs(compiled, frame, data.sets[number])
    state = engine.state_of(frame, scalars, layout, inputs.events(layout))
    weights = measure_weights(world.market, [engine.credit[number]], engine.times, engine.xva)[:, 0]
    bars = [NettingSetSums.read(mean, number, inputs) for mean in means]
    outputs: list[Tensor] = [weights]
    cotangents: list[Tensor] = [batched([_profile_cotangent(mean, number) for mean in means])]
    more = (
        _input_cotangents(inputs, bars, data.weights[:, number]),
        _state_cotangents(state, bars, data.active[number]),
        _boundary_cotangents(inputs, bars),
    )
    for tensors, theirs in more:
        outputs += tensors
        cotangents += theirs
    return outputs, cotangents


def _input_cotangents(inputs: NettingSetInputs, bars: Sequence[NettingSetSums], weights: Tensor) -> Pulled:
    """Of the parts' dated tensors; ``weights`` ``(measure, time)``."""
    dated = {name: found for name, found in inputs.tensors().items() if name in bars[0].inputs}
    return [found.value for found in dated.values()], [
        batched([_weighted(_fit(bar.inputs[name], found.value), weights, found.date_of) for bar in bars])
        for name, found in dated.items()
    ]


def _state_cotangents(
    state: StateTensors, bars: Sequence[NettingSetSums], active: NDArray[np.int64]
) -> Pulled:
    """Of the state's increments and, where the set depends on any, of the event scalars."""
    outputs = tree.tensors(state.grid)
    rows = [tree.tensors(bar.grid) for bar in bars]
    cotangents = [
        batched([_spread(row[k], output, active) for row in rows]) for k, output in enumerate(outputs)
    ]
    events = [tree.tensors(bar.events) for bar in bars]
    own = tree.tensors(state.events) if events[0] else []
    return outputs + own, cotangents + [
        batched([_fit(row[k], output) for row in events]) for k, output in enumerate(own)
    ]


def _boundary_cotangents(inputs: NettingSetInputs, bars: Sequence[NettingSetSums]) -> Pulled:
    """Of exercise boundaries."""
    found = {name: value for part in inputs.parts for name, value in part.boundaries.items() if value.numel()}
    known = [name for name in found if name in bars[0].boundaries]
    return [found[name] for name in known], [
        batched([bar.boundaries[name] for bar in bars]) for name in known
    ]


def _fit(value: Tensor, like: Tensor) -> Tensor:
    """The leading part of an adjoint ``(side or measure, ...)`` that belongs to a tensor of fewer states."""
    return value[(slice(None), *(slice(0, size) for size in like.shape))]


def batched(rows: Sequence[Tensor]) -> Tensor:
    """Stack ``(measure, ...)`` of every scramble as ``(measure * scramble, ...)``, scramble fastest."""
    return torch.stack(list(rows), dim=1).flatten(0, 1)


def _profile_cotangent(mean: Sums, number: int) -> Tensor:
    """d measure / d weights ``(measure, measure, time)``: the soft profiles, which are the ones differentiated."""
    profiles = [torch.from_numpy(mean[name][number]) for name in ("epe_soft", "ene_soft")]
    rows = torch.stack([profiles[side] for side in SIDES])
    return torch.eye(len(SIDES), dtype=torch.float64)[:, :, None] * rows  # a measure has its own weights only


def _weighted(sided: Tensor, weights: Tensor, date_of: NDArray[np.int64]) -> Tensor:
    """``(measure, row, ...)``: the side's derivative of each row times the measure's weight on the row's date."""
    weight = weights[:, torch.from_numpy(date_of)]
    shape = (len(SIDES), len(date_of)) + (1,) * (sided.ndim - 2)
    return torch.stack([sided[side] for side in SIDES]) * weight.reshape(shape)


def _spread(value: Tensor, like: Tensor, active: NDArray[np.int64]) -> Tensor:
    """Adjoints of active states' rows in a tensor of all states, ``(measure, ...)``."""
    full = torch.zeros(value.shape[0], *like.shape, dtype=torch.float64)
    dimension = 1 if like.ndim == 1 else 2
    known = value[..., : like.shape[-1]] if like.ndim == 3 else value
    return full.index_copy(dimension, torch.from_numpy(active), known)
