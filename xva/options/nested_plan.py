"""Nested Monte Carlo on many dates as a plan of blocks, so that workers share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray

from xva.blocks.packing import pack, unpack
from xva.blocks.plan import Arrays, BlockResult, SumsPlan
from xva.errors import DomainError, StoreError
from xva.models.cross_asset_paths import CrossAssetPathModel
from xva.models.equity_basket import EquityBasket
from xva.models.heston import HestonBasket
from xva.models.path_model import PathModel, Walk
from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.nested import InnerPaths, NestedBook, NestedCost, NestedValues, nested_values
from xva.trades.documents import context_document, context_from, path_trade_from, to_document
from xva.trades.kinds import PLATFORM, Kinds
from xva.trades.trade import Trade

Dates = NDArray[np.datetime64]
_MODELS: dict[str, type[PathModel]] = {
    kind.__name__: kind for kind in (EquityBasket, HestonBasket, CrossAssetPathModel)
}


@final
@dataclass(frozen=True)
class NestedPlan(SumsPlan):
    """Nested values of a book on report dates; a block is some outer paths on one date.

    Parameters
    ----------
    book : NestedBook
    outer : Walk
        Outer paths; on a grid with the report dates and, up to them, the book's `times`.
    days : ndarray
        ``(date,)`` datetime64[D].
    inner : InnerPaths
    rows : int
        Outer paths per block.
    gradient : bool
    """

    kind: ClassVar[str] = "nested"

    book: NestedBook
    outer: Walk
    days: Dates
    inner: InnerPaths
    rows: int = 16
    gradient: bool = False

    def __post_init__(self) -> None:
        if self.rows < 1 or not len(self.days):
            raise DomainError(f"nested plan: expected dates and rows >= 1, got {len(self.days)}, {self.rows}")

    @property
    def n_states(self) -> int:
        """Outer paths."""
        return int(self.outer.states[0].shape[-1])

    @property
    def n_blocks(self) -> int:
        return len(self.days) * self._per_day

    @property
    def block_size(self) -> int:
        return self.rows

    @property
    def bytes_per_block(self) -> int:
        size = len(self.book.model.states) if self.gradient else 0
        return self.inner.memory + 8 * self.rows * self.inner.scrambles * (1 + size)

    @property
    def _per_day(self) -> int:
        return -(-self.n_states // self.rows)

    def run(self, block: int) -> BlockResult:
        day, part = divmod(block, self._per_day)
        first = part * self.rows
        found = nested_values(
            self.book,
            _rows(self.outer, slice(first, first + self.rows)),
            self.days[day],
            self.inner,
            gradient=self.gradient,
            first=first,
        )
        sums = {"means": found.means.numpy(), "known": found.known.numpy(), "alive": found.alive.numpy()}
        if found.gradients is not None:
            sums["gradients"] = found.gradients.numpy()
        cost = found.cost
        return BlockResult(
            {}, sums | {"cost": np.array([cost.paths, cost.steps]), "seconds": np.array([cost.seconds])}
        )

    def values(self, sums: Sequence[Mapping[str, NDArray[Any]]]) -> tuple[NestedValues, ...]:
        """Blocks' sums, in block order, as values per date; seconds are those of all workers together."""
        n = self._per_day
        return tuple(_joined(sums[k * n : (k + 1) * n]) for k in range(len(self.days)))

    @property
    def trade_classes(self) -> frozenset[type[Trade]]:
        return frozenset(type(trade) for trade in self.book.trades)

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        """Models and policies of the platform and trades of any module can be stored."""
        book, arrays = self.book, {}
        model, arrays["times"] = book.model, self.outer.times
        arrays["states"] = torch.stack(self.outer.states).detach().numpy()
        if type(model) is not _MODELS.get(type(model).__name__):
            raise StoreError(
                f"nested plan: expected one of {', '.join(_MODELS)}, got {type(model).__name__}: it cannot travel to "
                f"workers; run it serially"
            )
        parts, meta = pack(model, "model")
        policies = {}
        for name, policy in book.policies.items():
            if not isinstance(policy, ExercisePolicy):
                raise StoreError(f"policy of {name}: expected an ExercisePolicy, got {type(policy).__name__}")
            more, policies[name] = pack(policy, f"policy/{name}")
            parts |= more
        return {**arrays, **parts}, {
            "model": [type(model).__name__, meta],
            "policies": policies,
            "trades": [to_document(trade) for trade in book.trades],
            "context": context_document(book.context),
            "soft": [book.width, book.level],
            "days": [str(day) for day in self.days],
            "inner": pack(self.inner)[1],
            "plan": {"rows": self.rows, "gradient": self.gradient},
        }

    @classmethod
    def from_payload(
        cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], kinds: Kinds = PLATFORM
    ) -> NestedPlan:
        name, description = meta["model"]
        model = unpack(_MODELS[name], arrays, description, "model")
        policies = {
            trade: unpack(ExercisePolicy, arrays, item, f"policy/{trade}")
            for trade, item in meta["policies"].items()
        }
        book = tuple(path_trade_from(document, kinds.trades) for document in meta["trades"])
        inner = unpack(InnerPaths, {}, meta["inner"])
        states = tuple(torch.from_numpy(np.array(arrays["states"])))
        return cls(
            NestedBook(model, book, context_from(meta["context"]), policies, *meta["soft"]),
            Walk(np.array(arrays["times"]), states, states),
            np.array(meta["days"], dtype="datetime64[D]"),
            inner,
            **meta["plan"],
        )


def _rows(outer: Walk, rows: slice) -> Walk:
    states = tuple(state[:, rows] for state in outer.states)
    return Walk(outer.times, states, states)


def _joined(sums: Sequence[Mapping[str, NDArray[Any]]]) -> NestedValues:
    def join(name: str) -> torch.Tensor:
        return torch.from_numpy(np.concatenate([part[name] for part in sums], axis=-1))

    paths, steps = (int(n) for n in np.sum([part["cost"] for part in sums], axis=0))
    cost = NestedCost(paths, steps, float(sum(part["seconds"][0] for part in sums)))
    gradients = join("gradients") if "gradients" in sums[0] else None
    return NestedValues(join("means"), join("known"), join("alive"), gradients, cost)
