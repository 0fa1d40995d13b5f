"""Hessians of measures to quotes times a direction, netting set by netting set and scramble by scramble."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from xva.exposure import ExposureEngine
from xva.numerics.types import Floats
from xva.sensitivities.second_order.exposure_chain import measure_chain, smoothing_widths
from xva.sensitivities.second_order.sweep import MapBlocks, Sweep, serial


def hessian_samples(
    engine: ExposureEngine, direction: Tensor, picked: Tensor, share: float, map_blocks: MapBlocks = serial
) -> Floats:
    """Hessian-vector products ``(scramble, row, netting_set, quote)``.

    Parameters
    ----------
    direction : Tensor
        ``(quote,)`` in the quotes' units.
    picked : Tensor
        ``(row, measure)`` combinations of the measures of `xva.adjustments.registry`.
    share : float
        ``max(V, 0)`` is smoothed by a Gaussian of this share of the value's standard deviation on the date.

    Raises
    ------
    DomainError
        There are trades without closed form.
    """
    engine.refuse_path_trades("second order")
    data = engine.data(adjoint=False)
    scrambles = data.noise.scrambles
    paths = data.n_blocks * data.noise.block_size // scrambles
    found = np.zeros((scrambles, len(picked), len(data.sets), len(direction)))
    for i in range(len(data.sets)):
        kink = smoothing_widths(data, [i], share, map_blocks)
        chain = measure_chain(engine, data, [i], kink, paths)
        for r in range(scrambles):
            sweep = Sweep(map_blocks, range(r, data.n_blocks, scrambles))
            for m, row in enumerate(picked):
                found[r, m, i] = sweep.hessian_product(
                    chain, engine.quotes.values, direction, row[:, None]
                ).numpy()
    return found
