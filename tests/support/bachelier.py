"""Calls on baskets of Bachelier assets: pathwise labels, and the closed form they scatter about."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogates.regression.samples import Samples


@dataclass(frozen=True)
class Case:
    """Labels to fit to, and states with exact values and gradients."""

    samples: Samples
    states: Tensor
    values: Tensor
    gradients: Tensor

    def errors(self, value: Tensor, gradient: Tensor) -> tuple[float, float]:
        """Root mean square of values over their standard deviation, of gradients over their size."""
        off = (value - self.values).square().mean().sqrt() / self.values.std()
        wrong = (gradient - self.gradients).square().mean() / self.gradients.square().mean()
        return float(off), float(wrong.sqrt())


def call(moved: Tensor, deviation: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
    """``E[(moved + deviation Z)^+]``, and its derivatives to both."""
    scaled = moved / deviation
    share = torch.special.ndtr(scaled)
    density = torch.exp(-0.5 * scaled.square()) / math.sqrt(2.0 * math.pi)
    return moved * share + deviation * density, share, density


def basket(assets: int, count: int, seed: int, strike: float = 1.1) -> Case:
    """One basket of correlated assets, deviation 0.2, one antithetic pair a state."""
    draw = torch.Generator().manual_seed(seed)
    mixing = torch.randn(assets, assets, generator=draw, dtype=torch.float64)
    weights = 1.0 + 9.0 * torch.rand(assets, generator=draw, dtype=torch.float64)
    weights = weights / weights.sum()
    mixing = mixing * 0.2 / (mixing @ weights).norm()
    normals = torch.randn(3, count, assets, generator=draw, dtype=torch.float64)
    states, moves = 1.0 + 1.5 * normals[0] @ mixing, normals[1] @ mixing
    ends = torch.stack([states + moves, states - moves]) @ weights - strike
    gradients = (ends > 0.0).to(weights).mean(0)[:, None] * weights
    names = tuple(f"spot{k}" for k in range(assets))
    test = 1.0 + 1.2 * normals[2, :2000] @ mixing
    value, share, _ = call(test @ weights - strike, 0.2)
    samples = Samples(names, states, ends.clamp_min(0.0).mean(0), gradients)
    return Case(samples, test, value, share[:, None] * weights)


def strip(count: int, seed: int) -> Case:
    """Long and short calls on four different baskets of three assets: gradients in every direction."""
    draw = torch.Generator().manual_seed(seed)
    weights = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0, 0.4, 0.6], [0.3, 0.3, 0.4]], dtype=torch.float64)
    sides = torch.tensor([1.0, -0.5, 1.0, 0.7], dtype=torch.float64)
    strikes = torch.tensor([1.0, 0.9, 1.1, 1.0], dtype=torch.float64)
    normals = torch.randn(3, count, 3, generator=draw, dtype=torch.float64)
    states, moves = 1.0 + 0.3 * normals[0], 0.2 * normals[1]
    ends = torch.stack([states + moves, states - moves]) @ weights.T - strikes
    values = ends.clamp_min(0.0).mean(0) @ sides
    gradients = ((ends > 0.0).to(sides).mean(0) * sides) @ weights
    test = 1.0 + 0.25 * normals[2, :2000]
    value, share, _ = call(test @ weights.T - strikes, 0.2 * weights.norm(dim=1))
    samples = Samples(("a", "b", "c"), states, values, gradients)
    return Case(samples, test, value @ sides, (share * sides) @ weights)


def with_market(count: int, seed: int) -> Case:
    """A call on one asset over a box of volatilities and shifts of the strike: both are features with labels."""
    draw = torch.Generator().manual_seed(seed)
    normals = torch.randn(2, count, generator=draw, dtype=torch.float64)
    box = torch.rand(2, count, generator=draw, dtype=torch.float64)
    spot, deviation, shift = 1.0 + 0.3 * normals[0], 0.1 + 0.2 * box[0], 0.1 * box[1]
    features = torch.stack([spot, deviation, shift], 1)
    signs = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    ends = spot - 1.0 - shift + signs * deviation * normals[1]
    live = (ends > 0.0).to(spot)
    to_deviation = (live * signs * normals[1]).mean(0)
    gradients = torch.stack([live.mean(0), to_deviation, -live.mean(0)], 1)
    samples = Samples(("spot", "volatility", "strike"), features, ends.clamp_min(0.0).mean(0), gradients)
    test = features[:2000]
    value, share, density = call(test[:, 0] - 1.0 - test[:, 2], test[:, 1])
    return Case(samples, test, value, torch.stack([share, density, -share], 1))


def with_memory(count: int, seed: int) -> Case:
    """A call on half a running average and half the last price: the average has no gradient labels."""
    draw = torch.Generator().manual_seed(seed)
    normals = torch.randn(3, count, generator=draw, dtype=torch.float64)
    spot = 1.0 + 0.3 * normals[0]
    average = 1.0 + 0.5 * (spot - 1.0) + 0.1 * normals[1]
    moved = 0.5 * spot + 0.5 * average - 1.0
    ends = moved + 0.5 * torch.tensor([[0.2], [-0.2]], dtype=torch.float64) * normals[2]
    gradients = torch.stack([0.5 * (ends > 0.0).to(spot).mean(0), torch.full_like(spot, math.nan)], 1)
    features, known = torch.stack([spot, average], 1), torch.tensor([True, False])
    samples = Samples(("spot", "average"), features, ends.clamp_min(0.0).mean(0), gradients, known)
    value, share, _ = call(moved[:2000], 0.1)
    return Case(samples, features[:2000], value, 0.5 * share[:, None].expand(-1, 2))
