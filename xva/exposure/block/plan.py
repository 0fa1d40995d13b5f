"""The exposure stage: paths, values, profiles and their adjoints, block by block.

Forward, a block yields the sums of max(V, 0) and max(-V, 0) per netting set and date. Given the sign of V both are linear
in V, so the same pass accumulates their derivatives: to each date's inputs per side (any adjustment is a dot product
with its weights later), and to the paths' increments per measure, dates being walked backwards so that a state's adjoint
is complete when its increment is reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.blocks import BlockResult, CubeSchema, Plan
from xva.blocks.packing import pack, unpack
from xva.blocks.plan import Arrays
from xva.exposure.block.closed_form_adjoint import NettingSetAdjoint
from xva.exposure.block.conditional_adjoint import ResidualAdjoint, increments
from xva.exposure.block.data import (
    PLUG_IN,
    PROFILES,
    ExposureData,
    block_noise,
    date_view,
    noise_paths,
)
from xva.exposure.parts.conditional import PathStates, Residual, ResidualBlock
from xva.exposure.parts.conditional_stored import (
    StoredPricer,
    pack_residuals,
    pricer_classes,
    trade_classes,
    unpack_residuals,
)
from xva.exposure.parts.kernel import DateTape, date_values
from xva.numerics import tree
from xva.trades import Trade
from xva.trades.kinds import PLATFORM, Kinds


class ExposurePlan(Plan):
    """`ExposureData` cut into blocks of paths.

    ``residuals`` are the netting sets' parts without closed form, by the set's number. ``mixed``: whether sums tell plug-in
    values apart, also those of netting sets without such a part; by default where any set has one.
    """

    kind: ClassVar[str] = "exposure"

    def __init__(
        self, data: ExposureData, residuals: Mapping[int, Residual] | None = None, mixed: bool = False
    ) -> None:
        self.data = data
        self.residuals = dict(residuals or {})
        self.mixed = mixed or bool(self.residuals)
        self._placed = _place(data)

    @property
    def n_blocks(self) -> int:
        return self.data.n_blocks

    @property
    def block_size(self) -> int:
        return self.data.noise.block_size

    @property
    def schema(self) -> CubeSchema:
        d = self.data
        return CubeSchema(
            d.days.astype("datetime64[D]"),
            d.times,
            d.netting_sets,
            d.counterparties,
            ("value", "exposure"),
            d.currency,
            netted=d.netted,
            measure=d.measure,
        )

    @property
    def bytes_per_block(self) -> int:
        d, paths = self.data, self.block_size
        n_dates, n_states = len(d.days), len(d.factors)
        parts = max((s.floats_per_path(n_states) for s in d.sets), default=0)
        units = max((len(s.units) for s in d.sets), default=1)
        live = 5 * n_dates * n_states + 2 * n_dates * len(d.sets) + len(d.layout.step) * 3
        working = parts + 4 * units * n_states + 8 * sum(len(a) for a in d.active) + 600
        largest = max((len(r.trades) for r in self.residuals.values()), default=0)
        residual = n_dates * (12 * n_states + 40) * min(largest, 1) + 2 * n_dates * largest
        return 8 * paths * (live + working + residual)

    def run(self, block: int) -> BlockResult:
        with torch.no_grad():
            return _BlockRun(self._placed, self.residuals, self.mixed, block).result()

    @property
    def trade_classes(self) -> frozenset[type[Trade]]:
        return trade_classes(self.residuals)

    @property
    def pricer_classes(self) -> frozenset[type[StoredPricer]]:
        return pricer_classes(self.residuals)

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        arrays, meta = pack(self.data, "data")
        more, residuals = pack_residuals(self.residuals)
        return arrays | more, {"data": meta, "residuals": residuals, "mixed": self.mixed}

    @classmethod
    def from_payload(
        cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], kinds: Kinds = PLATFORM
    ) -> ExposurePlan:
        data = unpack(ExposureData, arrays, meta["data"], "data")
        return cls(data, unpack_residuals(arrays, meta["residuals"], kinds), bool(meta["mixed"]))


def _place(data: ExposureData) -> ExposureData:
    """The same data with the path part's tensors on the job's device and in its precision."""
    dtype, device = getattr(torch, data.dtype), torch.device(data.device)

    def move(value: Tensor) -> Tensor:
        return value.to(device=device, dtype=dtype)

    moved = {
        name: tree.map_tensors(getattr(data, name), move)
        for name in ("grid", "events", "centre", "scale", "sets")
    }
    return replace(data, **moved)


class _BlockRun:
    """One block, dates walked backwards."""

    def __init__(
        self, data: ExposureData, residuals: Mapping[int, Residual], mixed: bool, block: int
    ) -> None:
        self.data, self.mixed = data, mixed
        self.noise = block_noise(data, block)
        self.states, self.events = noise_paths(data, self.noise)
        shape = (len(data.sets), len(data.days))
        names = (*PROFILES, *PLUG_IN) if mixed else PROFILES
        self.profiles = {name: np.zeros(shape) for name in names}
        cube = (data.noise.block_size, len(data.days), len(data.sets))
        self.cube = {name: np.empty(cube) for name in ("value", "exposure")}
        self.adjoints = (
            [NettingSetAdjoint(data, i, self.states) for i in range(len(data.sets))] if data.adjoint else []
        )
        days = data.days.astype("datetime64[D]")
        at = PathStates(days, data.times, data.factors, self.states.double().cpu())
        self.residuals = {i: ResidualBlock(r, at) for i, r in residuals.items()}
        self.pulls = {
            i: ResidualAdjoint(i, r, at, data.weights[:, i]) for i, r in residuals.items() if data.adjoint
        }

    def result(self) -> BlockResult:
        for t in reversed(range(len(self.data.days))):
            at = date_view(self.data, t, self.states, self.events)
            for i, inputs in enumerate(self.data.sets):
                tape = date_values(inputs, at)
                self._profile(i, t, tape)
                if self.adjoints:
                    self.adjoints[i].date(at, tape, self._positive(i, t, tape))
            for adjoint in self.adjoints:
                adjoint.step(t, self.noise, self.states)
        sums: Arrays = dict(self.profiles)
        for i, pull in self.pulls.items():
            by_state, found = pull.pull()
            self.adjoints[i].add_states(increments(by_state.to(self.states), self.noise))
            sums.update(found)
        for i, adjoint in enumerate(self.adjoints):
            sums.update(adjoint.sums.arrays(i))
        return BlockResult(self.cube, sums)

    def _positive(self, i: int, t: int, tape: DateTape) -> Tensor:
        """1 where the netting set's soft value is positive; handed to the residual's adjoint too."""
        if i not in self.residuals:
            return (tape.value > 0).to(tape.value)
        positive = (tape.value + self.residuals[i].soft.plug_in[t].to(tape.value) > 0).to(tape.value)
        self.pulls[i].date(t, positive.double().cpu())
        return positive

    def _profile(self, i: int, t: int, tape: DateTape) -> None:
        if i in self.residuals:
            return self._mixed_profile(i, t, tape)
        hard = tape.hard.double()
        positive = torch.relu(hard).sum(0)
        total = hard.sum(0)
        self._keep(i, t, total, positive)
        self.profiles["epe"][i, t] = float(positive.sum())
        self.profiles["ene"][i, t] = float(torch.relu(-hard).sum())
        self.profiles["value"][i, t] = float(total.sum())
        for name, value in (("soft", tape.value), ("half", tape.half)):
            same = value is tape.hard
            for side, sign in (("epe", 1.0), ("ene", -1.0)):
                found = self.profiles[side][i, t] if same else float(torch.relu(sign * value.double()).sum())
                self.profiles[f"{side}_{name}"][i, t] = found
        for name in PLUG_IN[:3] if self.mixed else ():
            self.profiles[name][i, t] = self.profiles[name.removesuffix("_plugin")][i, t]
        return None

    def _mixed_profile(self, i: int, t: int, tape: DateTape) -> None:
        """Indicator estimator: the sign by plug-in values, the amount by the paths' own cash flows."""
        mine = self.residuals[i]
        for name, closed, part in (
            ("", tape.hard, mine.hard),
            ("_soft", tape.value, mine.soft),
            ("_half", tape.half, mine.half),
        ):
            known = closed.double().cpu()
            plug_in, realised = known + part.plug_in[t], known + part.realised[t]
            self.profiles[f"epe{name}"][i, t] = float(realised[plug_in > 0].sum())
            self.profiles[f"ene{name}"][i, t] = -float(realised[plug_in <= 0].sum())
            if not name:
                self.profiles["value"][i, t] = float(realised.sum())
                self._plug_in_profile(i, t, plug_in)

    def _plug_in_profile(self, i: int, t: int, plug_in: Tensor) -> None:
        self._keep(i, t, plug_in.sum(0), torch.relu(plug_in).sum(0))
        self.profiles["epe_plugin"][i, t] = float(torch.relu(plug_in).sum())
        self.profiles["ene_plugin"][i, t] = float(torch.relu(-plug_in).sum())
        self.profiles["value_plugin"][i, t] = float(plug_in.sum())
        self.profiles["outside"][i, t] = self.residuals[i].outside[t]

    def _keep(self, i: int, t: int, total: Tensor, positive: Tensor) -> None:
        self.cube["value"][:, t, i] = total.cpu().numpy()
        self.cube["exposure"][:, t, i] = positive.cpu().numpy()
