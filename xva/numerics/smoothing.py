"""Smoothed kinks and jumps; width 0 gives the exact function."""

from __future__ import annotations

import torch
from torch import Tensor

from xva.numerics.normal import normal_cdf, normal_density


def positive_part(value: Tensor, width: Tensor | float = 0.0) -> Tensor:
    """``max(value, 0)``, or its convolution with a Gaussian of standard deviation ``width``.

    The smoothed form ``v Phi(v/w) + w phi(v/w)`` has a second derivative; it is for second order only.
    Where a tensor of widths is 0, the exact function.
    """
    if isinstance(width, float):
        if width == 0.0:
            return torch.relu(value)
        width = torch.tensor(width, dtype=value.dtype)
    smooth = width > 0.0
    scaled = value / torch.where(smooth, width, torch.ones_like(width))
    density = normal_density(scaled)
    return torch.where(smooth, value * normal_cdf(scaled) + width * density, torch.relu(value))
