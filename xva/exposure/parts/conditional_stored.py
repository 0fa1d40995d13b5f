"""Netting sets' parts without closed form as arrays and JSON: trades and pricers by their kinds, no code."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from xva.blocks.packing import pack, unpack
from xva.blocks.plan import Arrays
from xva.errors import StoreError
from xva.exposure.parts.conditional import ConditionalPricer, Residual, ResidualTrade
from xva.models.cross_asset_paths import PathMarket
from xva.pricing.exercise import ExercisePolicy
from xva.trades import PathTrade, Trade, TradeContext
from xva.trades.documents import context_document, context_from, path_trade_from, to_document
from xva.trades.kinds import Kinds

Stored = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Priced:
    """What a pricer prices, and on what: it is stored beside it."""

    trade: PathTrade
    context: TradeContext
    market: PathMarket
    policy: ExercisePolicy | None


class StoredPricer(ConditionalPricer):
    """A pricer that travels to workers and is found again by its kind."""

    kind: ClassVar[str]

    @abstractmethod
    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        """Arrays and a JSON-clean dict from which `from_payload` rebuilds it bit for bit, with what it prices."""

    @classmethod
    @abstractmethod
    def from_payload(cls, arrays: Stored, meta: Mapping[str, Any], priced: Priced) -> Self:
        """Rebuild what `payload` gave."""


def trade_classes(residuals: Mapping[int, Residual]) -> frozenset[type[Trade]]:
    """Classes that kinds of trades in `pack_residuals` stand for."""
    return frozenset(type(item.trade) for found in residuals.values() for item in found.trades)


def pricer_classes(residuals: Mapping[int, Residual]) -> frozenset[type[StoredPricer]]:
    """Classes that kinds of pricers in `pack_residuals` stand for."""
    return frozenset(type(_storable(item)) for found in residuals.values() for item in found.trades)


def pack_residuals(residuals: Mapping[int, Residual]) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and JSON of netting sets' parts without closed form, by the sets' numbers.

    Raises
    ------
    StoreError
        A pricer is of no kind that can be stored.
    """
    arrays: Arrays = {}
    sets = {str(i): _pack_residual(found, f"residual/{i}", arrays) for i, found in residuals.items()}
    return arrays, sets


def unpack_residuals(arrays: Stored, meta: Mapping[str, Any], kinds: Kinds) -> dict[int, Residual]:
    """What `pack_residuals` gave; classes are those that ``kinds`` has."""
    return {int(i): _unpack_residual(found, f"residual/{i}", arrays, kinds) for i, found in meta.items()}


def _pack_residual(residual: Residual, prefix: str, arrays: Arrays) -> dict[str, Any]:
    trades = [_pack_trade(item, f"{prefix}/{j}", arrays) for j, item in enumerate(residual.trades)]
    meta = {"units": residual.units, "sharp": residual.sharp}
    return meta | {"context": context_document(residual.context), "trades": trades}


def _unpack_residual(meta: Mapping[str, Any], prefix: str, arrays: Stored, kinds: Kinds) -> Residual:
    context = context_from(meta["context"])
    items = (
        _unpack_trade(item, f"{prefix}/{j}", arrays, context, kinds) for j, item in enumerate(meta["trades"])
    )
    return Residual(tuple(items), int(meta["units"]), context, bool(meta["sharp"]))


def _pack_trade(item: ResidualTrade, prefix: str, arrays: Arrays) -> dict[str, Any]:
    pricer = _storable(item)
    market, market_meta = pack(item.market, f"{prefix}/market")
    learned, pricer_meta = pricer.payload()
    arrays.update(market)
    arrays.update({f"{prefix}/pricer/{name}": value for name, value in learned.items()})
    policy_meta = None
    if item.policy is not None:
        policy, policy_meta = pack(item.policy, f"{prefix}/policy")
        arrays.update(policy)
    return {
        "trade": to_document(item.trade),
        "unit": item.unit,
        "width": item.width,
        "stop": None if item.stop is None else str(item.stop),
        "market": market_meta,
        "policy": policy_meta,
        "pricer": {"kind": pricer.kind, "meta": pricer_meta},
    }


def _unpack_trade(
    meta: Mapping[str, Any], prefix: str, arrays: Stored, context: TradeContext, kinds: Kinds
) -> ResidualTrade:
    trade = path_trade_from(meta["trade"], kinds.trades)
    market = unpack(PathMarket, arrays, meta["market"], f"{prefix}/market")
    policy = None
    if meta["policy"] is not None:
        policy = unpack(ExercisePolicy, arrays, meta["policy"], f"{prefix}/policy")
    kind, own = meta["pricer"]["kind"], f"{prefix}/pricer/"
    if kind not in kinds.pricers:
        raise StoreError(
            f"trade {trade.trade_id}: expected a pricer of a kind among {', '.join(sorted(kinds.pricers)) or 'none'}, "
            f"got {kind!r}"
        )
    learned = {name.removeprefix(own): value for name, value in arrays.items() if name.startswith(own)}
    priced = Priced(trade, context, market, policy)
    pricer: ConditionalPricer = kinds.pricers[kind].from_payload(learned, meta["pricer"]["meta"], priced)
    stop = None if meta["stop"] is None else np.datetime64(meta["stop"], "D")
    return ResidualTrade(trade, int(meta["unit"]), market, pricer, policy, float(meta["width"]), stop)


def _storable(item: ResidualTrade) -> StoredPricer:
    if not isinstance(item.pricer, StoredPricer):
        raise StoreError(f"trade {item.trade.trade_id}: a {type(item.pricer).__name__} cannot be stored")
    return item.pricer
