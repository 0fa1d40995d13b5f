"""Training as a plan: a block learns one trade, so that workers share a book's trades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from surrogates.registry import Registry, Trained
from surrogates.registry.card import from_bytes, read_card, to_bytes
from surrogates.regression.kinds import KINDS
from surrogates.training.trade_training import TrainingRequest, TrainingSettings, learn
from xva.blocks import BlockResult, SumsPlan
from xva.blocks.packing import pack, unpack
from xva.blocks.plan import Arrays
from xva.models.cross_asset_paths import PathMarket
from xva.trades import Trade
from xva.trades.documents import context_document, context_from, path_trade_from, to_document
from xva.trades.kinds import PLATFORM, Kinds

_BYTES_PER_NUMBER = 8
_COPIES = 24  # of states and labels that are alive at the peak of a training


@final
@dataclass(frozen=True)
class TrainingPlan(SumsPlan):
    """Trades to learn; the sums of a block are the card and the tensors of its trade, as bytes.

    Parameters
    ----------
    requests : tuple of TrainingRequest
    folder : str
        A registry where each trade is kept as soon as it is learned, by who learned it; none if empty.
    """

    kind: ClassVar[str] = "training"

    requests: tuple[TrainingRequest, ...]
    folder: str = ""

    @property
    def n_blocks(self) -> int:
        return len(self.requests)

    @property
    def block_size(self) -> int:
        return 1

    @property
    def bytes_per_block(self) -> int:
        sizes = [
            len(r.days) * len(r.model.states) * r.settings.paths * r.settings.max_effort
            for r in self.requests
        ]
        return _COPIES * _BYTES_PER_NUMBER * max(sizes, default=0)

    def run(self, block: int) -> BlockResult:
        trained = learn(self.requests[block])
        if self.folder:
            Registry(Path(self.folder), KINDS).save(trained)
        card, tensors = to_bytes(trained)
        files = {"card": card, "tensors": tensors}
        return BlockResult({}, {name: np.frombuffer(data, dtype=np.uint8) for name, data in files.items()})

    @property
    def trade_classes(self) -> frozenset[type[Trade]]:
        return frozenset(type(request.trade) for request in self.requests)

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        arrays: Arrays = {}
        items = []
        for k, request in enumerate(self.requests):
            market, meta = pack(request.market, f"market/{k}")
            arrays |= market
            items.append(
                {
                    "trade": to_document(request.trade),
                    "context": context_document(request.context),
                    "market": meta,
                    "days": [str(d) for d in request.days],
                    "settings": asdict(request.settings),
                }
            )
        return arrays, {"requests": items, "folder": self.folder}

    @classmethod
    def from_payload(
        cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], kinds: Kinds = PLATFORM
    ) -> TrainingPlan:
        requests = [
            TrainingRequest(
                path_trade_from(item["trade"], kinds.trades),
                context_from(item["context"]),
                unpack(PathMarket, arrays, item["market"], f"market/{k}"),
                np.array(item["days"], dtype="datetime64[D]"),
                TrainingSettings(**item["settings"]),
            )
            for k, item in enumerate(meta["requests"])
        ]
        return cls(tuple(requests), meta["folder"])


def trained_from(sums: Mapping[str, NDArray[Any]]) -> Trained:
    """What a block learned."""
    card = read_card(sums["card"].tobytes(), "a trained trade")
    return from_bytes(card, sums["tensors"].tobytes(), KINDS, "a trained trade")
