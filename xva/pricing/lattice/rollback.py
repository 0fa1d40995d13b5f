"""American options on a tree: one pass back for the values, one pass forth for all first derivatives.

Nodes are kept at fixed places x = (moves away from exercise) - (moves towards it), so exercise, if at all, happens at
small x. Values are discounted to today, which leaves one `lerp`, one `addcmul` (the payoff) and one `maximum` a step.
Nodes at even and at odd x take turns, in two arrays ``(node, option)`` that stay where they are.

First derivatives are taken at a fixed exercise region: what moving it gains is zero to first order. The pass forth pushes
the probability from the root until it is exercised, and adds up where and when. Second derivatives at a fixed region would
be wrong, and are not offered here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from xva.pricing.lattice.band import Band, band_of
from xva.pricing.lattice.lattice import Lattice

_BLOCK = 12_000  # nodes x options of one array: a core's second-level cache holds a step's arrays


@final
@dataclass(frozen=True, eq=False)
class Rolled:
    """What comes of a rollback, ``(option,)`` each.

    Parameters
    ----------
    value : Tensor
        At the root.
    near, far : Tensor
        Today's values one double step towards exercise (x = -2) and away from it (x = 2) in the same tree.
    slopes : tuple of Tensor, optional
        Derivatives of the value by spot, strike, spread, drift, discount and probability.
    """

    value: Tensor
    near: Tensor
    far: Tensor
    slopes: tuple[Tensor, ...] | None


def roll(lattice: Lattice, *, slopes: bool) -> Rolled:
    """Price American options, in blocks of similar ones; no graph.

    Parameters
    ----------
    slopes : bool
        Whether to take first derivatives too (about twice the time).
    """
    with torch.no_grad():
        extent = band_of(lattice)
        order = torch.argsort(extent.width)
        parts, start = [], 0
        while start < len(order):
            count = max(1, _BLOCK // int(extent.width[order[start]]))
            chosen = order[start : start + count]
            parts.append(_roll_block(lattice.take(chosen), extent.around(chosen), slopes=slopes))
            start += count
        back = torch.argsort(order)
        joined = [torch.cat(part)[back] for part in zip(*parts)]
    return Rolled(joined[0], joined[1], joined[2], tuple(joined[3:]) if slopes else None)


def _roll_block(lattice: Lattice, band: Band, *, slopes: bool) -> tuple[Tensor, ...]:
    nodes = _Nodes(lattice, band)
    alive = nodes.roll_back(keep=slopes)
    root = -band.low // 2
    values = (nodes.even[root], nodes.even[root - 1], nodes.even[root + 1])
    if not slopes:
        return tuple(v.clone() for v in values)
    return (*(v.clone() for v in values), *nodes.push_forth(alive))


@final
class _Nodes:
    """The two arrays of one block and the passes over them."""

    def __init__(self, lattice: Lattice, band: Band) -> None:
        self.lattice = lattice
        self.steps = lattice.steps
        place = torch.arange(band.low, band.high + 1, device=lattice.spot.device).to(lattice.spot.dtype)
        count = band.top - band.low + 1  # places that can have an intrinsic value
        self.low_place = (place[0:count:2, None], place[1:count:2, None])
        asset = lattice.sign * lattice.spot * torch.exp(place[:, None] * lattice.spread)
        self.low_asset = (asset[0:count:2].contiguous(), asset[1:count:2].contiguous())
        step = torch.arange(self.steps + 1, device=place.device)[:, None].to(place.dtype)
        self.step = step
        self.growth = torch.exp(step * (lattice.drift + lattice.discount))
        self.bond = torch.exp(step * lattice.discount)
        self.cash = (-lattice.sign * lattice.strike * self.bond).unbind(0)
        final = torch.addcmul(self.cash[-1], asset, self.growth[-1]).clamp_(min=0.0)
        self.even, self.odd = final[0::2].contiguous(), final[1::2].contiguous()

    def roll_back(self, *, keep: bool) -> list[Tensor]:
        """To today, in place; with ``keep``, 1 where an option is held and 0 where it is exercised, by step."""
        p, growth = self.lattice.probability, self.growth.unbind(0)
        arrays = (self.even, self.odd)
        sources = ((self.odd[:-1], self.odd[1:], self.even[1:-1]), (self.even[:-1], self.even[1:], self.odd))
        low = [array[: len(asset)] for array, asset in zip(arrays, self.low_asset)]
        payoff = [torch.empty_like(asset) for asset in self.low_asset]
        alive = [
            asset.new_empty(((self.steps + 1) // 2 + 1) * keep, *asset.shape) for asset in self.low_asset
        ]
        held: list[Tensor] = []
        for i in range(self.steps - 1, -1, -1):
            odd = i % 2
            down, up, here = sources[odd]
            torch.lerp(down, up, p, out=here)
            torch.addcmul(self.cash[i], self.low_asset[odd], growth[i], out=payoff[odd])
            torch.maximum(low[odd], payoff[odd], out=low[odd])
            if keep:
                mask = torch.sub(low[odd], payoff[odd], out=alive[odd][i // 2])
                held.append(mask.sign_())
        return held[::-1]

    def push_forth(self, alive: list[Tensor]) -> tuple[Tensor, ...]:
        """First derivatives by spot, strike, spread, drift, discount and probability at this exercise region."""
        p = self.lattice.probability
        even, odd = torch.zeros_like(self.even), torch.zeros_like(self.odd)
        even[-int(self.low_place[0][0]) // 2] = 1.0
        sources = ((even[1:], even[:-1], odd), (odd[1:], odd[:-1], even[1:-1]))
        low = [array[: len(asset)] for array, asset in zip((even, odd), self.low_asset)]
        stopped = [torch.empty_like(asset) for asset in self.low_asset]
        sums = [asset.new_zeros(4, *asset.shape) for asset in self.low_asset]
        rows = torch.stack(
            [self.growth, self.growth * self.step, self.bond, self.bond * self.step], dim=1
        )  # (step, 4, option)
        weights = rows[:, :, None, :].unbind(0)
        for i in range(self.steps):
            k = i % 2
            torch.addcmul(low[k], low[k], alive[i], value=-1, out=stopped[k])
            low[k].mul_(alive[i])
            sums[k].addcmul_(stopped[k], weights[i])
            down, up, there = sources[k]
            torch.lerp(down, up, p, out=there)
        k = self.steps % 2
        paid = torch.addcmul(self.cash[-1], self.low_asset[k], self.growth[-1]) > 0.0
        sums[k].addcmul_(low[k] * paid, weights[-1])
        return self._slopes(sums)

    def _slopes(self, sums: list[Tensor]) -> tuple[Tensor, ...]:
        """From the discounted probabilities of exercise by place, plain and times the step."""
        lat = self.lattice
        totals = [torch.zeros_like(lat.spot) for _ in range(6)]
        cash = -lat.sign * lat.strike
        for place, asset, (grown, grown_step, bond, bond_step) in zip(self.low_place, self.low_asset, sums):
            ups = asset * (grown_step + place * grown) + cash * (bond_step + place * bond)
            downs = asset * (grown_step - place * grown) + cash * (bond_step - place * bond)
            parts = (
                asset * grown / lat.spot,
                -lat.sign * bond,
                asset * grown * place,
                asset * grown_step,
                asset * grown_step + cash * bond_step,
                0.5 * (ups / lat.probability - downs / (1.0 - lat.probability)),
            )
            for total, part in zip(totals, parts):
                total += part.sum(0)
        return tuple(totals)
