"""Second order of a move, from Hessian-vector products with the kink smoothed."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from xva.adjustments.registry import MEASURES
from xva.exposure.engine import ExposureEngine
from xva.sensitivities.by_quote import KINK_SHARE, with_totals
from xva.sensitivities.second_order.exposure_chain import measure_chain, smoothing_widths
from xva.sensitivities.second_order.sweep import MapBlocks, Sweep, serial

Floats = NDArray[np.float64]


def hessian_samples(
    engine: ExposureEngine, move: Floats, share: float = KINK_SHARE, map_blocks: MapBlocks = serial
) -> Floats:
    """Hessian of every measure times a move of the quotes, ``(scramble, measure, netting_set, quote)``.

    Parameters
    ----------
    move : ndarray
        ``(quote,)`` in the quotes' units.
    share, map_blocks
        As in `sensitivities.hessian_product`, which labels one measure of this.

    Raises
    ------
    DomainError
        There are trades without closed form.
    """
    engine.refuse_path_trades("second order")
    data = engine.data(adjoint=False)
    scrambles = data.noise.scrambles
    paths = data.n_blocks * data.noise.block_size // scrambles
    way = torch.from_numpy(np.asarray(move, dtype=np.float64))
    found = np.zeros((scrambles, len(MEASURES), len(data.sets), len(way)))
    for i in range(len(data.sets)):
        kink = smoothing_widths(data, [i], share, map_blocks)
        chain = measure_chain(engine, data, [i], kink, paths)
        for r in range(scrambles):
            sweep = Sweep(map_blocks, range(r, data.n_blocks, scrambles))
            for m in range(len(MEASURES)):
                picked = torch.eye(len(MEASURES), dtype=torch.float64)[m, :, None]
                product = sweep.hessian_product(chain, engine.quotes.values, way, picked)
                found[r, m, i] = product.numpy()
    return with_totals(found, axis=1)
