"""Sums over blocks of paths, scramble by scramble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def means_by_scramble(
    blocks: Sequence[Mapping[str, NDArray[Any]]], scrambles: int, block_size: int
) -> list[dict[str, NDArray[np.float64]]]:
    """Means over each scramble's paths of every sum, blocks added in block order.

    Parameters
    ----------
    blocks : sequence of mapping
        Sums by name of every block; block ``k`` is of scramble ``k % scrambles``.
    block_size : int
        Paths of a block.
    """
    paths = len(blocks) // scrambles * block_size
    found: list[dict[str, NDArray[np.float64]]] = []
    for r in range(scrambles):
        own = blocks[r::scrambles]
        total = {key: np.array(value, dtype=np.float64) for key, value in own[0].items()}
        for other in own[1:]:
            for key, value in other.items():
                total[key] += value
        found.append({key: value / paths for key, value in total.items()})
    return found
