"""The exposure plan of a book with surrogates: `ExposurePlan` and its residuals, stored without code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from surrogates.certificate.nested_pricer import NestedPricer
from surrogates.regression.domain import Domain
from surrogates.regression.kinds import from_parameters
from surrogates.regression.pricer import SurrogatePricer
from xva.blocks.packing import pack, unpack
from xva.blocks.plan import Arrays
from xva.errors import StoreError
from xva.exposure.block.data import ExposureData
from xva.exposure.block.plan import ExposurePlan
from xva.exposure.parts.conditional import ConditionalPricer, Residual, ResidualTrade
from xva.models.cross_asset_paths import CrossAssetPathModel, PathMarket
from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.nested import InnerPaths
from xva.trades import registry
from xva.trades.context import TradeContext
from xva.trades.documents import context_document, context_from, path_trade_from, to_document
from xva.trades.kinds import TradeTypes
from xva.trades.trade import Trade


class SurrogatePlan(ExposurePlan):
    """Blocks of a book whose residuals are surrogates."""

    kind: ClassVar[str] = "exposure-surrogates"

    def __init__(self, data: ExposureData, residuals: Mapping[int, Residual]) -> None:
        super().__init__(data, residuals)

    @property
    def mixed(self) -> bool:
        return True

    @property
    def trade_classes(self) -> frozenset[type[Trade]]:
        return frozenset(type(t.trade) for r in self.residuals.values() for t in r.trades)

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        arrays, meta = super().payload()
        sets = {str(i): _pack_residual(r, f"residual/{i}", arrays) for i, r in self.residuals.items()}
        return arrays, {**meta, "residuals": sets}

    @classmethod
    def from_payload(
        cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], trades: TradeTypes = registry
    ) -> SurrogatePlan:
        data = unpack(ExposureData, arrays, meta["data"], "data")
        sets = meta["residuals"]
        return cls(data, {int(i): _unpack_residual(sets[i], f"residual/{i}", arrays, trades) for i in sets})


def _pack_residual(residual: Residual, prefix: str, arrays: Arrays) -> dict[str, Any]:
    trades = [_pack_trade(t, f"{prefix}/{j}", arrays) for j, t in enumerate(residual.trades)]
    return {"units": residual.units, "context": context_document(residual.context), "trades": trades}


def _unpack_residual(
    meta: Mapping[str, Any], prefix: str, arrays: Mapping[str, NDArray[Any]], trades: TradeTypes
) -> Residual:
    context = context_from(meta["context"])
    items = tuple(
        _unpack_trade(t, f"{prefix}/{j}", arrays, context, trades) for j, t in enumerate(meta["trades"])
    )
    return Residual(items, int(meta["units"]), context)


def _pack_trade(item: ResidualTrade, prefix: str, arrays: Arrays) -> dict[str, Any]:
    market, market_meta = pack(item.market, f"{prefix}/market")
    arrays.update(market)
    found: dict[str, Any] = {
        "trade": to_document(item.trade),
        "unit": item.unit,
        "width": item.width,
        "stop": None if item.stop is None else str(item.stop),
        "market": market_meta,
        "pricer": None,
        "inner": None,
        "policy": None,
    }
    match item.pricer:
        case SurrogatePricer() as pricer:
            found["pricer"] = _pack_pricer(pricer, f"{prefix}/pricer", arrays)
        case NestedPricer() as pricer:
            found["inner"] = pack(pricer.inner)[1]
        case other:
            raise StoreError(f"trade {item.trade.trade_id}: a {type(other).__name__} cannot be stored")
    if item.policy is not None:
        policy, found["policy"] = pack(item.policy, f"{prefix}/policy")
        arrays.update(policy)
    return found


def _unpack_trade(
    meta: Mapping[str, Any],
    prefix: str,
    arrays: Mapping[str, NDArray[Any]],
    context: TradeContext,
    trades: TradeTypes,
) -> ResidualTrade:
    trade = path_trade_from(meta["trade"], trades)
    market = unpack(PathMarket, arrays, meta["market"], f"{prefix}/market")
    policy = None
    if meta["policy"] is not None:
        policy = unpack(ExercisePolicy, arrays, meta["policy"], f"{prefix}/policy")
    pricer: ConditionalPricer
    if meta["inner"] is not None:
        inner = unpack(InnerPaths, {}, meta["inner"])
        pricer = NestedPricer(CrossAssetPathModel(market), trade, context, inner, policy)
    else:
        pricer = _unpack_pricer(meta["pricer"], f"{prefix}/pricer", arrays)
    stop = None if meta["stop"] is None else np.datetime64(meta["stop"], "D")
    return ResidualTrade(trade, int(meta["unit"]), market, pricer, policy, float(meta["width"]), stop)


def _pack_pricer(pricer: SurrogatePricer, prefix: str, arrays: Arrays) -> dict[str, Any]:
    """Its tensors go to ``arrays``."""
    dates = []
    for k, (surrogate, domain) in enumerate(zip(pricer.surrogates, pricer.domains, strict=True)):
        tensors, meta = surrogate.parameters()
        arrays.update({f"{prefix}/{k}/{name}": t.contiguous().numpy() for name, t in tensors.items()})
        arrays[f"{prefix}/{k}.domain"] = torch.stack([domain.low, domain.high]).numpy()
        dates.append({"kind": surrogate.kind, "tensors": list(tensors), "meta": meta})
    days = [str(d) for d in pricer.days]
    return {
        "features": list(pricer.features),
        "days": days,
        "dates": dates,
        "parameters": dict(pricer.parameters),
    }


def _unpack_pricer(
    meta: Mapping[str, Any], prefix: str, arrays: Mapping[str, NDArray[Any]]
) -> SurrogatePricer:
    features = tuple(meta["features"])
    surrogates, domains = [], []
    for k, item in enumerate(meta["dates"]):
        tensors = {n: torch.from_numpy(np.array(arrays[f"{prefix}/{k}/{n}"])) for n in item["tensors"]}
        surrogates.append(from_parameters(item["kind"], tensors, item["meta"]))
        low, high = torch.from_numpy(np.array(arrays[f"{prefix}/{k}.domain"]))
        domains.append(Domain(features, low, high))
    days = np.array(meta["days"], dtype="datetime64[D]")
    return SurrogatePricer(features, days, tuple(surrogates), tuple(domains), meta["parameters"])
