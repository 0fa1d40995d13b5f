"""What an exercise decision is based on: the market as a trade sees it, what the trade remembers, and what it would bring.

All of it is read through `Paths`, so a decision needs nothing of the model: logarithms of equity prices, of a five-year
bond and of the deflator of every currency are, in Gaussian and lognormal models, linear in the model's states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from xva import dates
from xva.errors import TradeError
from xva.trades import Paths, PathTrade
from xva.trades.waiting import Waiting

EXERCISE_VALUE = "exercise_value"
WAITING_VALUE = "waiting_value"
RANK = "RANK/"
_HORIZON = "5Y"
MANY = 3
"""From this many equities on their order is a feature: what matters is often the best or the worst of them."""


def exercise_features(
    trade: PathTrade, paths: Paths, names: Sequence[str] | None = None, waiting: Waiting | None = None
) -> tuple[tuple[str, ...], Tensor]:
    """Names of the features and their values ``(exercise date, feature, path)``.

    Parameters
    ----------
    names : sequence of str, optional
        Those wanted, in this order; by default all there are: ``EQ/<name>``, ``RANK/1`` … (the
        highest price first, where there are three or more), ``RATE/<currency>``, ``VALUE/<currency>``,
        ``MEMORY/<name of state>``, ``waiting_value`` (`Waiting.floor`) and, last, ``exercise_value``.
    waiting : Waiting, optional
        `PathTrade.waiting` of these paths, if it is known already.

    Raises
    ------
    TradeError
        A name that the trade does not have.
    """
    days = trade.exercise_dates(paths.context)
    at = replace(paths, report=days)
    known = _columns(trade, at)
    if names is None or WAITING_VALUE in names:
        claims = trade.waiting(at) if waiting is None else waiting
        if claims is not None:
            value = known.pop(EXERCISE_VALUE, None)
            known[WAITING_VALUE] = _constant(claims.floor)
            known |= {} if value is None else {EXERCISE_VALUE: value}
    wanted = tuple(known) if names is None else tuple(names)
    if unknown := [name for name in wanted if name not in known]:
        raise TradeError(
            f"trade {trade.trade_id}: an exercise policy expects {unknown}, the trade has {', '.join(known)}; "
            f"train the policy on this trade",
            [trade.trade_id],
        )
    shape = (len(days), 0, paths.n_paths)
    columns = [known[name]() for name in wanted]
    return wanted, torch.stack(columns, dim=1) if columns else torch.zeros(shape, dtype=torch.float64)


def _columns(trade: PathTrade, at: Paths) -> dict[str, Callable[[], Tensor]]:
    """How each feature ``(exercise date, path)`` is made."""
    days = at.report

    def rows(read: Callable[[np.datetime64], Tensor]) -> Callable[[], Tensor]:
        return lambda: torch.stack([torch.log(read(day)) for day in days])

    def rate(currency: str) -> Callable[[np.datetime64], Tensor]:
        return lambda day: at.bond(currency, day, dates.add_tenor(day, _HORIZON))

    def money(currency: str) -> Callable[[np.datetime64], Tensor]:
        return lambda day: at.observer.deflator(currency, at.context.time(day))

    def price(name: str) -> Callable[[np.datetime64], Tensor]:
        return lambda day: at.equity(name, day)

    found = {f"EQ/{name}": rows(price(name)) for name, _ in trade.equities}
    found |= {f"RATE/{c}": rows(rate(c)) for c in trade.currencies}
    found |= {f"VALUE/{c}": rows(money(c)) for c in trade.currencies}
    if len(trade.equities) >= MANY:
        ranked = _ranked(trade, at)
        found |= {f"{RANK}{k + 1}": partial(ranked, k) for k in range(len(trade.equities))}
    memory = trade.state(at)
    found |= {f"MEMORY/{name}": _constant(memory[name]) for name in memory}
    gain = trade.exercise_value(at)
    if gain is not None:
        found[EXERCISE_VALUE] = _constant(gain)
    return found


def _ranked(trade: PathTrade, at: Paths) -> Callable[[int], Tensor]:
    """Logarithm of the price that is number ``k`` from above, ``(exercise date, path)``."""

    @cache
    def every() -> Tensor:
        rows = [torch.stack([at.equity(name, day) for name, _ in trade.equities]) for day in at.report]
        return torch.log(torch.stack(rows)).sort(dim=1, descending=True).values

    return lambda k: every()[:, k]


def _constant(value: Tensor) -> Callable[[], Tensor]:
    return lambda: value


def independent(features: Tensor, tolerance: float = 1e-8) -> list[int]:
    """Numbers of the features ``(exercise date, feature, path)`` that are not linear in the ones before on every date.

    A share of variance below ``tolerance`` that the others leave unexplained counts as none.
    """
    centred = features - features.mean(-1, keepdim=True)
    size = centred.square().mean(-1, keepdim=True).sqrt()
    live = size > 1e-10 * features.abs().amax(-1, keepdim=True)
    unit = torch.where(
        live, centred / torch.where(live, size, torch.ones_like(size)), torch.zeros_like(centred)
    )
    kept: list[int] = []
    directions: list[Tensor] = []
    for k in range(features.shape[1]):
        rest = unit[:, k]
        for direction in (*directions, *directions):  # twice: rounding of the first pass
            rest = rest - (rest * direction).mean(-1, keepdim=True) * direction
        left = rest.square().mean(-1, keepdim=True)
        if bool((left > tolerance).any()):
            kept.append(k)
            new = left > tolerance
            directions.append(torch.where(new, rest / torch.where(new, left, 1.0).sqrt(), 0.0))
    return kept
