"""Values of a function at the nodes of a surrogate, computed in blocks by whatever executor there is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipelines.execution.mapping import map_blocks
from pipelines.execution.session import Executor
from surrogates.chebyshev.node_plan import NodePlan
from surrogates.chebyshev.nodes import Function, Points


def spread(
    plan: Callable[[Points], NodePlan],
    executor: Executor | None = None,
    *,
    trusted_modules: tuple[str, ...] = (),
    threads: int = 1,
) -> Function:
    """A function for `surrogates.chebyshev.build_tensor` and its kin that computes nodes on workers.

    The bits are those of the serial executor, whatever the workers: blocks are fixed by the plan's ``rows``.

    Parameters
    ----------
    plan : callable
        Nodes ``(point, axis)`` to the plan that values them.
    executor : Executor, optional
        Serial by default.
    trusted_modules : tuple of str
        Modules outside our own packages that workers may import plans from.
    threads : int
        torch threads per block.

    Raises
    ------
    QuarantineError, ClusterError, StoreError
        From the function returned.
    """

    def values(points: Points) -> Points:
        blocks = map_blocks(plan(points), executor, threads=threads, trusted_modules=trusted_modules)
        return np.concatenate([block["values"] for block in blocks])

    return values
