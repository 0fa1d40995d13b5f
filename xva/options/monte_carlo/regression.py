"""Control variates' coefficients, from all batches but the one they serve."""

from __future__ import annotations

import torch
from torch import Tensor


def controlled(samples: Tensor, controls: Tensor, exact: Tensor) -> Tensor:
    """``(batch, label)`` samples less what the controls' errors explain, as unbiased as the samples.

    The coefficients of each batch are the least-squares ones of all *other* batches: independent of it, they bias nothing.

    Parameters
    ----------
    samples : Tensor
        ``(batch, label)``, independent batches.
    controls : Tensor
        ``(batch, control, label)`` on the same paths.
    exact : Tensor
        ``(control, label)`` expectations of the controls.
    """
    errors = (controls - exact).permute(2, 0, 1)  # (label, batch, control)
    spread = errors.std(1, keepdim=True)
    scaled = torch.where(spread > 0.0, errors / spread, torch.zeros_like(errors))
    found = []
    for r in range(len(samples)):
        others = torch.arange(len(samples)) != r
        x, y = scaled[:, others], samples.T[:, others, None]
        x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
        gram = x.transpose(1, 2) @ x
        coefficients = torch.linalg.pinv(gram, hermitian=True, rtol=1e-10) @ (x.transpose(1, 2) @ y)
        found.append(samples[r] - (scaled[:, r] * coefficients[:, :, 0]).sum(1))
    return torch.stack(found)
