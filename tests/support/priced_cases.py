"""Path-dependent trades priced by plain simulation, to be laid beside numbers of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from tests.support.path_world import CONTEXT, VOL, Table, days_of
from xva.models.equity_basket import EquityBasket
from xva.models.path_model import walk
from xva.models.random import PathNoise, brownian_rotation
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Paths

SCRAMBLES = 32


Rule = Callable[[Paths], torch.Tensor]


@dataclass(frozen=True)
class Case:
    """A trade, the market it is priced in, and what it is worth, with the reference's standard error."""

    trade: PathTrade
    market: EquityBasket | Rate
    exact: float
    error: float = 0.0
    power: float = 1e-3
    report: tuple[np.datetime64, ...] = ()
    rule: Rule | None = None
    n_paths: int = 2048


@dataclass(frozen=True)
class Rate:
    """A lognormal exchange rate EUR/USD of volatility `VOL`, paid in USD."""

    spot: float
    domestic: float
    foreign: float


def basket(
    spots: Sequence[float],
    vols: Sequence[float],
    rate: float,
    rho: float = 0.0,
    dividends: Sequence[float] | None = None,
) -> EquityBasket:
    names = ("A", "B", "C")[: len(spots)]
    yields = torch.tensor(dividends or [0.0] * len(spots), dtype=torch.float64)
    correlation = torch.eye(len(spots), dtype=torch.float64) * (1.0 - rho) + rho
    spot, vol = (torch.tensor(v, dtype=torch.float64) for v in (spots, vols))
    return EquityBasket.flat("USD", names, spot, vol, rate, yields, correlation)


def prices(case: Case) -> np.ndarray:
    """``(scramble,)`` mean deflated flows."""
    days = days_of(case.trade, CONTEXT, case.report)
    times = CONTEXT.times(days)
    rotation = brownian_rotation(times[1:])
    count = 1 if isinstance(case.market, Rate) else case.market.n_normals
    noise = PathNoise(7, SCRAMBLES, case.n_paths, rotation, count)
    return np.array([_mean(case, times, noise.grid(block)) for block in range(SCRAMBLES)])


def _mean(case: Case, times: np.ndarray, normals: torch.Tensor) -> float:
    if isinstance(case.market, Rate):
        observer: object = _rate_table(case.market, times, normals)
    else:
        path = walk(case.market, times, normals)
        observer = case.market.observe(path.times, path.states)
    report = np.array(case.report, dtype="datetime64[D]")
    paths = Paths(CONTEXT, observer, report, normals.shape[-1])  # type: ignore[arg-type]
    shares = case.trade.none_exercised(CONTEXT, paths.n_paths) if case.rule is None else case.rule(paths)
    flows = case.trade.cashflows(paths, shares)
    return sum(float(paths.deflated(flow).mean()) for flow in flows)


def _rate_table(rate: Rate, times: np.ndarray, normals: torch.Tensor) -> Table:
    span = torch.from_numpy(np.diff(times))[:, None]
    steps = (rate.domestic - rate.foreign - 0.5 * VOL**2) * span + VOL * span.sqrt() * normals[:, 0]
    logs = torch.cat([torch.zeros(1, normals.shape[-1], dtype=torch.float64), torch.cumsum(steps, 0)])
    rates = {"USD": rate.domestic, "EUR": rate.foreign}
    return Table(times, {"FX/EUR/USD": rate.spot * torch.exp(logs)}, rates)
