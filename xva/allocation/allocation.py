"""Portfolios of a book's trades on a run's paths: from trades to a plan, and from its sums to labelled contributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from xva.adjustments.measures import measure_weights
from xva.adjustments.registry import SIDES
from xva.allocation.allocation_plan import AllocationData
from xva.errors import DomainError
from xva.exposure import ExposureEngine
from xva.exposure.block import ExposureData
from xva.exposure.compiled import CompiledSet
from xva.exposure.parts.compile import compile_set
from xva.exposure.parts.conditional import Residual, ResidualTrade
from xva.models import PathNoise
from xva.numerics import tree
from xva.numerics.types import Floats
from xva.sensitivities import MEASURE_NAMES, scramble_means
from xva.sensitivities.by_quote import standard_error, with_totals
from xva.sensitivities.truncation import mean_of, measure_samples, not_below_zero, parts_of, sign_of
from xva.trades import PathTrade, Trade
from xva.trades.netting import NettingSet
from xva.trades.path_trade import living

Means = Sequence[Mapping[str, NDArray[Any]]]


@dataclass(frozen=True)
class Portfolio:
    """Trades that are, or would be, a netting set, and those of them that are looked at one by one."""

    netting_set: NettingSet
    trades: tuple[Trade, ...]
    singles: tuple[Trade, ...] = ()


@dataclass(frozen=True)
class Portfolios:
    """Portfolios on an engine's market, dates and random numbers.

    Parameters
    ----------
    engine : ExposureEngine
        Of a book that has all trades of all portfolios (and what else the run has): its dates, factors and event dates are
        those of the paths, so that all portfolios see the same.
    items : tuple of Portfolio
        Of netting sets of the engine's book.
    paths : mapping, optional
        By trade id: what was learned of the trades without closed form.

    Raises
    ------
    DomainError
        Trades without closed form of which nothing was learned.
    """

    engine: ExposureEngine
    items: tuple[Portfolio, ...]
    paths: Mapping[str, ResidualTrade]

    def __post_init__(self) -> None:
        missing = [t.trade_id for t in self._path_trades() if t.trade_id not in self.paths]
        if missing:
            raise DomainError(
                f"trades without closed form: expected a surrogate for each, got none for {', '.join(missing[:5])}"
                f"{' …' if len(missing) > 5 else ''}; go through pipelines, which trains them",
                missing,
            )

    @property
    def tables(self) -> list[int]:
        """Numbers of the portfolios whose trades are looked at one by one."""
        return [p for p, item in enumerate(self.items) if item.singles]

    def data(self) -> AllocationData:
        """What blocks need, in float64 on the CPU."""
        engine = self.engine
        world = tree.map_tensors(engine.world, lambda t: t.detach())
        with torch.no_grad():
            frame, scalars = engine.frame(world)
            state, layout = engine.state(frame, scalars)
            compiled = self._compiled()
            sets = tuple(engine.inputs(c, frame) for c in compiled)
            credit = dict(zip((n.name for n in engine.book.netting_sets), engine.credit))
            owners = [credit[item.netting_set.name] for item in self.items]
            weights = measure_weights(world.market, owners, engine.times, engine.xva)
        s, model = engine.simulation, frame.model
        exposure = ExposureData(
            PathNoise(s.seed, s.scrambles, s.block_size, engine.rotation, len(model.factors)),
            s.n_blocks,
            engine.dates.astype(np.int64),
            engine.times,
            tuple(item.netting_set.name for item in self.items),
            tuple(item.netting_set.counterparty for item in self.items),
            model.factors,
            model.domestic,
            state.grid,
            state.events,
            layout,
            frame.centre,
            frame.scale,
            sets,
            (),
            weights,
            adjoint=False,
        )
        netted = tuple(item.netting_set.netted for item in self.items)
        return AllocationData(exposure, tuple(self.tables), netted, self._places(compiled))

    def residual(self) -> Residual | None:
        """The trades without closed form; None where there are none."""
        trades = tuple(self.paths[t.trade_id] for t in self._path_trades())
        return Residual(trades, 0, self.engine.book.context) if trades else None

    def means(self, data: AllocationData, blocks: Means) -> Means:
        """Means over each scramble's paths."""
        return scramble_means(data.exposure, blocks)

    def measures(self, data: AllocationData, means: Means, truncate: bool = True) -> Floats:
        """``(scramble, measure, portfolio)`` of `MEASURE_NAMES`, never below zero unless ``truncate`` is off."""
        weights = data.exposure.weights.numpy()
        return measure_samples(weights, [(mean["epe"], mean["ene"]) for mean in means], truncate)

    def trade_measures(
        self, data: AllocationData, means: Means, k: int, alone: bool, truncate: bool = True
    ) -> Floats:
        """``(scramble, measure, trade)`` of table ``k``: contributions, or of each trade ``alone``.

        Unless ``truncate`` is off, contributions are none to a measure that is truncated at 0 and so add up to what is
        shown; a trade alone is truncated by itself.
        """
        owner, ending = data.owner[k], "_alone" if alone else ""
        weights = data.exposure.weights.numpy()[:, owner]
        samples = np.array(
            [[mean[f"{k}/{_side(m)}{ending}"] @ weights[m] for m in range(len(SIDES))] for mean in means]
        )
        if truncate and alone:
            samples = not_below_zero(samples, sign_of(weights)[:, None])
        elif truncate:
            whole = [[mean[_side(m)][owner] @ weights[m] for m in range(len(SIDES))] for mean in means]
            samples = parts_of(np.array(whole), samples, sign_of(weights))
        return with_totals(samples, axis=1)

    def profile(self, means: Means, side: str, k: int) -> Floats:
        """``(trade, time)`` contributions of table ``k`` to a mean profile, none on dates where it is truncated at 0."""
        parts = np.mean([mean[f"{k}/{side}"] for mean in means], axis=0)
        whole = np.mean([mean[side][self.tables[k]] for mean in means], axis=0)
        return np.asarray(np.where(whole < 0.0, 0.0, parts))

    def _path_trades(self) -> list[PathTrade]:
        """Every living trade without closed form once."""
        as_of = self.engine.book.context.as_of
        found = {t.trade_id: t for item in self.items for t in living(item.trades, as_of)}
        return list(found.values())

    def _compiled(self) -> tuple[CompiledSet, ...]:
        book = self.engine.book
        wanted = [(item.netting_set, item.trades) for item in self.items]
        for p in self.tables:
            item = self.items[p]
            wanted.append((replace(item.netting_set, netted=False), item.singles))
        return tuple(
            compile_set(home, trades, book.context, book.breaks, book.fixing) for home, trades in wanted
        )

    def _places(self, compiled: Sequence[CompiledSet]) -> tuple[tuple[tuple[int, int], ...], ...]:
        members = [item.trades for item in self.items] + [self.items[p].singles for p in self.tables]
        homes = [(c, [t.trade_id for t in trades]) for c, trades in zip(compiled, members, strict=True)]
        return tuple(
            tuple(
                (k, 0 if home.netting_set.netted else ids.index(trade.trade_id))
                for k, (home, ids) in enumerate(homes)
                if trade.trade_id in ids
            )
            for trade in self._path_trades()
        )


def allocated(found: Portfolios, data: AllocationData, blocks: Means) -> xr.Dataset:
    """Contributions of every single trade of the portfolios.

    Parameters
    ----------
    blocks : sequence of dict
        Every block's sums of the plan, in block order.

    Returns
    -------
    Dataset
        ``contribution``, ``standalone`` ``(measure, trade)``: what a trade adds to its netting set's measure, and the
        measure of the trade alone; ``total (measure, netting_set)`` is what contributions add up to. Each with ``_se``, the
        standard error over the scrambles; ``*_untruncated`` is what it was before it was truncated at 0. ``epe``, ``ene``
        ``(trade, time)`` are the contributions to the profiles.
    """
    means = found.means(data, blocks)
    variables: dict[str, Any] = {}
    for ending, cut in (("", True), ("_untruncated", False)):
        total = found.measures(data, means, cut)[:, :, found.tables]
        variables |= with_error(f"total{ending}", ("measure", "netting_set"), total, error=cut)
        variables |= trade_variables(found, data, means, cut, ending)
    for side in ("epe", "ene"):
        rows = [found.profile(means, side, k) for k in range(len(found.tables))]
        variables[side] = (("trade", "time"), np.concatenate(rows))
    homes = [found.items[p] for p in found.tables]
    coordinates = {
        "measure": list(MEASURE_NAMES),
        "netting_set": [item.netting_set.name for item in homes],
        **trade_labels([t for item in homes for t in item.singles]),
        **time_labels(data.exposure),
    }
    return xr.Dataset(variables, coordinates, described(found, data.exposure))


def trade_variables(
    found: Portfolios, data: AllocationData, means: Means, truncate: bool = True, ending: str = ""
) -> dict[str, Any]:
    """``contribution`` and ``standalone`` ``(measure, trade)`` of all tables, with ``_se`` where they are truncated."""
    variables: dict[str, Any] = {}
    for name, alone in (("contribution", False), ("standalone", True)):
        parts = [found.trade_measures(data, means, k, alone, truncate) for k in range(len(found.tables))]
        samples = np.concatenate(parts, axis=-1)
        variables |= with_error(f"{name}{ending}", ("measure", "trade"), samples, error=truncate)
    return variables


def trade_labels(trades: Sequence[Trade]) -> dict[str, Any]:
    """Coordinates along ``trade``."""
    return {
        "trade": [t.trade_id for t in trades],
        "trade_type": ("trade", [t.kind for t in trades]),
        "trade_netting_set": ("trade", [t.netting_set for t in trades]),
    }


def time_labels(data: ExposureData) -> dict[str, Any]:
    """Coordinates along ``time``."""
    days = data.days.astype("datetime64[D]").astype("datetime64[ns]")
    return {"time": days, "year_fraction": ("time", data.times)}


def described(found: Portfolios, data: ExposureData) -> dict[str, Any]:
    """Attributes of a result."""
    spec, noise = found.engine.xva, data.noise
    return {
        "units": data.currency,
        "as_of": str(found.engine.dates[0]),
        "variant": spec.variant,
        "funding": spec.funding,
        "quadrature": spec.quadrature,
        "seed": noise.seed,
        "paths": data.n_blocks * noise.block_size,
        "scrambles": noise.scrambles,
    }


def _side(measure: int) -> str:
    return ("epe", "ene")[SIDES[measure]]


def with_error(name: str, dims: tuple[str, ...], samples: Floats, error: bool = True) -> dict[str, Any]:
    """A variable and, if asked for, its standard error, from ``(scramble, *dims)``."""
    found: dict[str, Any] = {name: (dims, mean_of(samples))}
    return found | ({f"{name}_se": (dims, standard_error(samples))} if error else {})
