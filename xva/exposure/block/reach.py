"""Which netting sets a change of market reaches: values on paths that are made of other bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from xva.blocks.packing import pack
from xva.exposure.block.data import ExposureData
from xva.numerics import tree


def same_values(base: ExposureData, found: ExposureData, number: int) -> bool:
    """Whether a netting set's inputs, its states, their Chebyshev intervals and its events are bitwise those of ``base``.

    Both are of one book, on the same dates and random numbers.
    """
    rows = torch.from_numpy(base.active[number])
    rates = rows[rows < base.states.n_rates]
    own, other = base.sets[number], found.sets[number]
    pairs: list[tuple[Any, Any]] = [
        (other, own),
        (found.centre[:, rates], base.centre[:, rates]),
        (found.scale[:, rates], base.scale[:, rates]),
        (found.grid.initial[rows], base.grid.initial[rows]),
        (found.grid.drift[:, rows], base.grid.drift[:, rows]),
        (found.grid.factor[:, rows], base.grid.factor[:, rows]),
    ]
    if own.has_events:
        if found.layout is not base.layout and not _equal_arrays(found.layout, base.layout):
            return False
        pairs.append((found.events, base.events))
    return all(tree.equal(a, b) for a, b in pairs) and _equal_arrays(other, own)


def _equal_arrays(left: Any, right: Any) -> bool:
    """Whether two structures are the same, arrays that are no tensors included."""
    (a, a_meta), (b, b_meta) = pack(left), pack(right)
    return (
        a_meta == b_meta
        and a.keys() == b.keys()
        and all(np.array_equal(a[k], b[k], equal_nan=a[k].dtype.kind == "f") for k in a)
    )
