"""One pull-back of many cotangents through one graph."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

_CHUNK = 16  # cotangents at a time: larger batches fall out of the processor's cache


def batched_gradient(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor], *, keep: bool = False
) -> tuple[Tensor, ...]:
    """Vector-Jacobian products ``(batch, *input)`` of every input, summed over the outputs; zeros where none reaches it.

    Parameters
    ----------
    outputs, inputs : sequence of Tensor
        Outputs without a graph are left out.
    cotangents : sequence of Tensor
        ``(batch, *output)``, one per output; the batch may be empty.
    keep : bool
        Whether the graph is kept for another pull-back.
    """
    batch = len(cotangents[0]) if cotangents else 0
    used = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
    if not used or not batch:
        return tuple(x.new_zeros(batch, *x.shape) for x in inputs)
    tensors = [o for o, _ in used]
    parts = []
    for first in range(0, batch, _CHUNK):
        pull = partial(_gradient, tensors, inputs, keep or first + _CHUNK < batch)
        parts.append(torch.vmap(pull)(*[c[first : first + _CHUNK] for _, c in used]))
    return tuple(torch.cat(column) for column in zip(*parts))


def _gradient(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], keep: bool, *cotangents: Tensor
) -> tuple[Tensor, ...]:
    found = torch.autograd.grad(outputs, list(inputs), list(cotangents), keep, allow_unused=True)
    return tuple(torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True))
