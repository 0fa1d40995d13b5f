"""The exposure plan of a book with surrogates: `ExposurePlan` and its residuals, stored without code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from surrogates.domain import Domain
from surrogates.kinds import KINDS
from surrogates.pricer import SurrogatePricer
from xva.errors import StoreError
from xva.market.indices import RateIndex
from xva.models.cross_asset_paths import PathMarket
from xva.pricing.exercise.policy import ExercisePolicy
from xva.trades.context import TradeContext
from xva.trades.documents import from_document, to_document
from xva.trades.path_trade import PathTrade
from xva.valuation.exposure_plan import ExposureData, ExposurePlan
from xva.valuation.packing import pack, unpack
from xva.valuation.plan import Arrays
from xva.valuation.residual import ConditionalPricer, Residual, ResidualTrade


class SurrogatePlan(ExposurePlan):
    """Blocks of a book whose residuals are surrogates."""

    kind: ClassVar[str] = "exposure-surrogates"

    def __init__(self, data: ExposureData, residuals: Mapping[int, Residual]) -> None:
        super().__init__(data, residuals)

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        arrays, meta = super().payload()
        sets = {str(i): _pack_residual(r, f"residual/{i}", arrays) for i, r in self.residuals.items()}
        modules = {type(t.trade).__module__ for r in self.residuals.values() for t in r.trades}
        return arrays, {**meta, "residuals": sets, "modules": sorted(modules)}

    @classmethod
    def from_payload(cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> SurrogatePlan:
        data = unpack(ExposureData, arrays, meta["data"], "data")
        sets = meta["residuals"]
        return cls(data, {int(i): _unpack_residual(sets[i], f"residual/{i}", arrays) for i in sets})


def _pack_residual(residual: Residual, prefix: str, arrays: Arrays) -> dict[str, Any]:
    context = residual.context
    trades = [_pack_trade(t, f"{prefix}/{j}", arrays) for j, t in enumerate(residual.trades)]
    return {
        "units": residual.units,
        "as_of": str(context.as_of),
        "indices": [asdict(index) for index in context.indices.values()],
        "fixings": [[name, day, value] for (name, day), value in context.fixings.items()],
        "trades": trades,
    }


def _unpack_residual(meta: Mapping[str, Any], prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Residual:
    indices = {item["name"]: RateIndex(**item) for item in meta["indices"]}
    fixings = {(name, day): float(value) for name, day, value in meta["fixings"]}
    context = TradeContext(np.datetime64(meta["as_of"], "D"), indices, fixings)
    trades = [_unpack_trade(t, f"{prefix}/{j}", arrays) for j, t in enumerate(meta["trades"])]
    return Residual(tuple(trades), int(meta["units"]), context)


def _pack_trade(item: ResidualTrade, prefix: str, arrays: Arrays) -> dict[str, Any]:
    market, market_meta = pack(item.market, f"{prefix}/market")
    arrays.update(market)
    found: dict[str, Any] = {
        "trade": to_document(item.trade),
        "unit": item.unit,
        "width": item.width,
        "stop": None if item.stop is None else str(item.stop),
        "market": market_meta,
        "pricer": pack_pricer(item.pricer, f"{prefix}/pricer", arrays),
        "policy": None,
    }
    if item.policy is not None:
        policy, found["policy"] = pack(item.policy, f"{prefix}/policy")
        arrays.update(policy)
    return found


def _unpack_trade(meta: Mapping[str, Any], prefix: str, arrays: Mapping[str, NDArray[Any]]) -> ResidualTrade:
    trade = from_document(meta["trade"])
    if not isinstance(trade, PathTrade):
        raise StoreError(f"trade {trade.trade_id}: expected a path-dependent trade, got {trade.kind}")
    policy = meta["policy"]
    return ResidualTrade(
        trade,
        int(meta["unit"]),
        unpack(PathMarket, arrays, meta["market"], f"{prefix}/market"),
        unpack_pricer(meta["pricer"], f"{prefix}/pricer", arrays),
        None if policy is None else unpack(ExercisePolicy, arrays, policy, f"{prefix}/policy"),
        float(meta["width"]),
        None if meta["stop"] is None else np.datetime64(meta["stop"], "D"),
    )


def pack_pricer(pricer: ConditionalPricer, prefix: str, arrays: Arrays) -> dict[str, Any]:
    """JSON-clean description of a surrogate pricer; its tensors go to ``arrays``."""
    if not isinstance(pricer, SurrogatePricer):
        raise StoreError(f"expected a surrogate pricer, got {type(pricer).__name__}: it cannot be stored")
    dates = []
    for k, (surrogate, domain) in enumerate(zip(pricer.surrogates, pricer.domains, strict=True)):
        tensors, meta = surrogate.parameters()
        arrays.update({f"{prefix}/{k}/{name}": t.contiguous().numpy() for name, t in tensors.items()})
        arrays[f"{prefix}/{k}.domain"] = torch.stack([domain.low, domain.high]).numpy()
        dates.append({"kind": surrogate.kind, "tensors": list(tensors), "meta": meta})
    return {"features": list(pricer.features), "days": [str(d) for d in pricer.days], "dates": dates}


def unpack_pricer(
    meta: Mapping[str, Any], prefix: str, arrays: Mapping[str, NDArray[Any]]
) -> SurrogatePricer:
    """What `pack_pricer` stored, bit for bit."""
    features = tuple(meta["features"])
    surrogates, domains = [], []
    for k, item in enumerate(meta["dates"]):
        tensors = {n: torch.from_numpy(np.array(arrays[f"{prefix}/{k}/{n}"])) for n in item["tensors"]}
        surrogates.append(KINDS[item["kind"]].from_parameters(tensors, item["meta"]))
        low, high = torch.from_numpy(np.array(arrays[f"{prefix}/{k}.domain"]))
        domains.append(Domain(features, low, high))
    days = np.array(meta["days"], dtype="datetime64[D]")
    return SurrogatePricer(features, days, tuple(surrogates), tuple(domains))
