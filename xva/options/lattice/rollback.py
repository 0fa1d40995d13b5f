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

from xva.options.lattice.band import Band, band_of
from xva.options.lattice.lattice import Lattice

_BLOCK = 12_000  # nodes x options of one array: a core's second-level cache holds a step's arrays
_KEPT = 12_000_000  # steps x nodes x options: bounds the memory of a block (about 40 MB)


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
        order = torch.argsort(extent.low)  # what varies most
        parts, start = [], 0
        while start < len(order):
            count = max(1, min(_BLOCK, _KEPT // lattice.steps) // int(extent.width[order[start]]))
            chosen = order[start : start + count]
            parts.append(_roll_block(lattice.take(chosen), extent.around(chosen), slopes=slopes))
            start += count
        back = torch.argsort(order)
        joined = [torch.cat(part)[back] for part in zip(*parts)]
    return Rolled(joined[0], joined[1], joined[2], tuple(joined[3:]) if slopes else None)


def _roll_block(lattice: Lattice, band: Band, *, slopes: bool) -> tuple[Tensor, ...]:
    nodes = _Nodes(lattice, band)
    values, held = nodes.roll_back(keep=slopes)
    return (*values, *nodes.push_forth(held)) if slopes else values


@final
class _Nodes:
    """The two arrays of one block and the passes over them.

    Rows by step come in pairs (even, odd), ``(pair, 2, node, option)``; only the lowest nodes, ``low``, can be exercised.
    """

    def __init__(self, lattice: Lattice, band: Band) -> None:
        self.lattice = lattice
        self.steps = lattice.steps
        device, dtype = lattice.spot.device, lattice.spot.dtype
        place = torch.arange(band.low, band.high + 1, device=device).to(dtype)[:, None]
        low = band.top - band.low + 1
        self.root = -band.low // 2
        self.low_place = place[:low].reshape(low // 2, 2, -1).transpose(0, 1).contiguous()
        asset = lattice.sign * lattice.spot * torch.exp(place * lattice.spread)
        self.low_asset = asset[:low].reshape(low // 2, 2, -1).transpose(0, 1).contiguous()
        self.step = torch.arange(2 * (self.steps // 2 + 1), device=device).to(dtype).reshape(-1, 2, 1, 1)
        self.growth = torch.exp(self.step * (lattice.drift + lattice.discount))
        self.bond = torch.exp(self.step * lattice.discount)
        self.cash = -lattice.sign * lattice.strike * self.bond
        last = divmod(self.steps, 2)
        self.paid = torch.addcmul(self.cash[last], asset, self.growth[last]).clamp_(min=0.0)

    def roll_back(self, *, keep: bool) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        """Values at places 0, -2 and 2 today; with ``keep``, by step, 1 where the option is held, 0 where exercised."""
        even, odd = self.paid[0::2].contiguous(), self.paid[1::2].contiguous()
        count, p = self.low_asset.shape[1], self.lattice.probability
        moves = ((odd[:-1], odd[1:], even[1:-1], even[:count]), (even[:-1], even[1:], odd, odd[:count]))
        pairs = len(self.step)
        edge_moves = bool(
            (self.lattice.drift != 0.0).any()
        )  # if not, its payoff only gains backwards in time
        slab = max(1, _BLOCK // self.low_asset.numel())
        slabs: list[tuple[Tensor, ...]] = []
        for first in reversed(range(0, pairs, slab)):
            some = slice(first, first + slab)
            payoff = torch.addcmul(self.cash[some], self.low_asset, self.growth[some])
            rows = payoff.flatten(0, 1).unbind(0)
            for i in range(min(2 * first + len(rows), self.steps) - 1, 2 * first - 1, -1):
                down, up, here, low = moves[i % 2]
                row = rows[i - 2 * first]
                torch.lerp(down, up, p, out=here)
                if edge_moves and i % 2 == 0:
                    low[0].copy_(
                        row[0]
                    )  # nothing below it to roll back from: what it holds is a later payoff
                torch.maximum(low, row, out=low)
                if keep:
                    torch.sub(low, row, out=row)
            if keep:
                payoff.sign_()
                slabs.append(rows)
        held = [row for rows in reversed(slabs) for row in rows]
        root = self.root
        return (even[root].clone(), even[root - 1].clone(), even[root + 1].clone()), held

    def push_forth(self, held: list[Tensor]) -> tuple[Tensor, ...]:
        """First derivatives by spot, strike, spread, drift, discount and probability at this exercise region."""
        even, odd = torch.zeros_like(self.paid[0::2]), torch.zeros_like(self.paid[1::2])
        even[self.root] = 1.0
        count, p = self.low_asset.shape[1], self.lattice.probability
        moves = ((even[1:], even[:-1], odd, even[:count]), (odd[1:], odd[:-1], even[1:-1], odd[:count]))
        weights = torch.stack([self.growth, self.growth * self.step, self.bond, self.bond * self.step], 2)
        rows = weights.flatten(0, 1).unbind(0)
        stopped = torch.empty_like(even[:count])
        sums = self.low_asset.new_zeros(2, 4, *stopped.shape)
        by_parity = sums.unbind(0)
        for i in range(self.steps):
            above, below, there, low = moves[i % 2]
            torch.addcmul(low, low, held[i], value=-1, out=stopped)
            low.mul_(held[i])
            by_parity[i % 2].addcmul_(stopped, rows[i])
            torch.lerp(above, below, p, out=there)
        k = self.steps % 2
        paid = self.paid[k::2][:count] > 0.0
        by_parity[k].addcmul_(moves[k][3] * paid, rows[self.steps])
        return self._slopes(sums)

    def _slopes(self, sums: Tensor) -> tuple[Tensor, ...]:
        """From the discounted probabilities of exercise by place, plain and times the step."""
        lat, place, asset = self.lattice, self.low_place, self.low_asset
        grown, grown_step, bond, bond_step = sums.unbind(1)
        cash = -lat.sign * lat.strike
        by_step = asset * grown_step + cash * bond_step
        by_place = place * (asset * grown + cash * bond)
        ups, downs = 0.5 * (by_step + by_place), 0.5 * (by_step - by_place)
        parts = (
            asset * grown / lat.spot,
            -lat.sign * bond,
            asset * grown * place,
            asset * grown_step,
            by_step,
            ups / lat.probability - downs / (1.0 - lat.probability),
        )
        return tuple(part.sum((0, 1)) for part in parts)
