"""Who causes a netting set's adjustments: its trades one by one beside the whole, on the run's own paths.

Marginal (Euler) allocation: EPE is positively homogeneous in the trades, ``EPE = E[V 1{V>0}]``, so with ``V = sum_i V_i``
trade i contributes ``E[V_i 1{V>0}]`` (its derivative to the trade's size) and contributions add up to the total, path by
path; ENE likewise with ``-V_i 1{V<=0}`` (Tasche 2008; for CVA Pykhtin & Rosen 2010). Adjustments are linear in both
profiles. Where ``V`` is zero on many paths (a book that cancels itself) there is no derivative, and what a trade gets is
arbitrary. Trades without netting are exposures of their own: their contribution is what they cost alone.

Values are made again in float64 from inputs and addressed noise, never read from the cube. Trades without closed form use
the indicator estimator of `conditional`: plug-in values decide the sign, the paths' own cash flows are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.blocks import BlockResult, CubeSchema, Plan
from xva.blocks.packing import pack, unpack
from xva.blocks.plan import Arrays
from xva.exposure.block import ExposureData
from xva.exposure.block.data import block_noise, date_view, noise_paths
from xva.exposure.parts.conditional import PathStates, Residual, ResidualTrade, features, positions
from xva.exposure.parts.conditional_stored import (
    StoredPricer,
    pack_residuals,
    pricer_classes,
    trade_classes,
    unpack_residuals,
)
from xva.exposure.parts.date_context import DateContext
from xva.exposure.parts.kernel import date_values
from xva.trades import Trade
from xva.trades.kinds import PLATFORM, Kinds

TOTALS = ("epe", "ene")
SHARES = ("epe", "ene", "epe_alone", "ene_alone")


@dataclass(frozen=True)
class AllocationData:
    """All that a block needs.

    Parameters
    ----------
    exposure : ExposureData
        Its ``sets`` are portfolios first, then tables of single trades, one unit each.
    owner : tuple of int
        The portfolio that each table of single trades belongs to.
    netted : tuple of bool
        Whether a portfolio nets.
    places : tuple of tuple of (int, int)
        Per trade without closed form: the sets that it is in (by number) and its unit there.
    """

    exposure: ExposureData
    owner: tuple[int, ...]
    netted: tuple[bool, ...]
    places: tuple[tuple[tuple[int, int], ...], ...] = ()

    @property
    def portfolios(self) -> int:
        return len(self.netted)


class AllocationPlan(Plan):
    """`AllocationData` cut into the run's own blocks of paths.

    ``residual`` holds the trades without closed form, in the order of ``places``. Sums: ``epe`` and ``ene``
    ``(portfolio, time)``; for table k of single trades ``k/epe`` and ``k/ene`` ``(trade, time)``, what each adds to its
    portfolio's, and ``k/epe_alone``, ``k/ene_alone``, what it would be alone.
    """

    kind: ClassVar[str] = "allocation"

    def __init__(self, data: AllocationData, residual: Residual | None = None) -> None:
        self.data = data
        self.residual = residual

    @property
    def n_blocks(self) -> int:
        return self.data.exposure.n_blocks

    @property
    def block_size(self) -> int:
        return self.data.exposure.noise.block_size

    @property
    def schema(self) -> CubeSchema:
        """No cube: what is asked for are sums."""
        return CubeSchema(np.empty(0, dtype="M8[D]"), np.empty(0), (), (), (), "")

    @property
    def bytes_per_block(self) -> int:
        d = self.data.exposure
        n_dates, n_states = len(d.days), len(d.factors)
        parts = max((s.floats_per_path(n_states) for s in d.sets), default=0)
        units = max((len(s.units) for s in d.sets), default=1)
        path_trades = len(self.data.places)
        residual = n_dates * ((12 * n_states + 40) * min(path_trades, 1) + 2 * path_trades)
        live = 5 * n_dates * n_states + 2 * len(d.layout.step) + 600
        return 8 * self.block_size * (live + parts + 10 * units + residual)

    def run(self, block: int) -> BlockResult:
        with torch.no_grad():
            return BlockResult({}, _BlockShares(self.data, self.residual, block).sums())

    @property
    def trade_classes(self) -> frozenset[type[Trade]]:
        return trade_classes(self._residuals)

    @property
    def pricer_classes(self) -> frozenset[type[StoredPricer]]:
        return pricer_classes(self._residuals)

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        arrays, meta = pack(self.data, "data")
        more, residuals = pack_residuals(self._residuals)
        return arrays | more, {"data": meta, "residuals": residuals}

    @classmethod
    def from_payload(
        cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], kinds: Kinds = PLATFORM
    ) -> AllocationPlan:
        residuals = unpack_residuals(arrays, meta["residuals"], kinds)
        return cls(unpack(AllocationData, arrays, meta["data"], "data"), residuals.get(0))

    @property
    def _residuals(self) -> dict[int, Residual]:
        return {} if self.residual is None else {0: self.residual}


@dataclass(frozen=True)
class _Values:
    """Of one set on one date, ``(unit, path)``: what decides the sign, and what is averaged."""

    plug_in: Tensor
    realised: Tensor


class _BlockShares:
    """One block of paths."""

    def __init__(self, data: AllocationData, residual: Residual | None, block: int) -> None:
        self.data, exposure = data, data.exposure
        self.states, self.events = noise_paths(exposure, block_noise(exposure, block))
        days = exposure.days.astype("datetime64[D]")
        at = PathStates(days, exposure.times, exposure.factors, self.states)
        self.paths = [_path_values(item, residual, at) for item in residual.trades] if residual else []

    def sums(self) -> Arrays:
        exposure = self.data.exposure
        n, n_dates = self.data.portfolios, len(exposure.days)
        totals = {name: np.zeros((n, n_dates)) for name in TOTALS}
        tables = [{name: np.zeros((len(s.units), n_dates)) for name in SHARES} for s in exposure.sets[n:]]
        for t in range(n_dates):
            at = date_view(exposure, t, self.states, self.events)
            positive: list[Tensor] = []
            for p in range(n):
                value = self._values(p, at)
                positive.append(value.plug_in > 0)
                for name, part in zip(TOTALS, _sides(value.realised, positive[p])):
                    totals[name][p, t] = float(part.sum())
            for k, table in enumerate(tables):
                owner, value = self.data.owner[k], self._values(n + k, at)
                alone = value.plug_in > 0
                mask = positive[owner] if self.data.netted[owner] else alone
                parts = (*_sides(value.realised, mask), *_sides(value.realised, alone))
                for name, part in zip(SHARES, parts):
                    table[name][:, t] = part.numpy()
        named = {f"{k}/{name}": found for k, table in enumerate(tables) for name, found in table.items()}
        return {**totals, **named}

    def _values(self, number: int, at: DateContext) -> _Values:
        known = date_values(self.data.exposure.sets[number], at).hard
        plug_in, realised = known, known
        for (learned, flows), places in zip(self.paths, self.data.places, strict=True):
            for unit in (u for s, u in places if s == number):
                row = torch.tensor([unit])
                plug_in = plug_in.index_add(0, row, learned[at.date][None])
                realised = realised.index_add(0, row, flows[at.date][None])
        return _Values(plug_in, realised)


def _sides(value: Tensor, positive: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over paths ``(unit,)`` of ``V 1{V>0}`` and ``-V 1{V<=0}``, the sign being given."""
    zero = value.new_zeros(())
    return torch.where(positive, value, zero).sum(-1), torch.where(positive, zero, -value).sum(-1)


def _path_values(item: ResidualTrade, residual: Residual, at: PathStates) -> tuple[Tensor, Tensor]:
    """``(time, path)`` plug-in and realised values of a trade without closed form, decisions exact."""
    learned, _ = item.pricer.values(at.days, features(item, residual.context, at, item.pricer.names))
    found = positions(item, residual.context, at, 0.0)
    return found.exact + found.alive * learned, found.realised
