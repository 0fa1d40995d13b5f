"""Fitted hedges of the right to wait: what equities gain until the next exercise date, times functions of the state.

Where no European claim of a trade has a closed form (a call on the best of five), most of the noise of what waiting is worth
is still what its equities gain on the way, whose mean is 0 given the date. How much of each is fitted once and held: whatever
it is, no mean changes, nor any derivative of one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.models.path_model import Option
from xva.numerics.types import Floats
from xva.pricing.exercise.basis import evaluate, total_degree
from xva.pricing.exercise.features import MANY, RANK
from xva.pricing.exercise.policy import ExercisePolicy
from xva.trades import Flow, Paths, PathTrade

_NO_STRIKE = 1e-12  # a call on the price itself
_LEADING = 2  # prices that the hedge is a polynomial of
_DEGREE = 2


def asset_gains(trade: PathTrade, paths: Paths) -> Tensor:
    """``(exercise date, equity, path)`` what each equity's deflated price gains over its forward until the next date.

    From three equities on, the highest of the date first. 0 on the last date; no equities where the model has no closed form.
    """
    days = trade.exercise_dates(paths.context)
    none = torch.zeros(len(days), 0, paths.n_paths, dtype=torch.float64)
    if len(days) < 2 or not trade.equities:
        return none
    rows = []
    for day, later in zip(days[:-1], days[1:]):
        gained = []
        for name, currency in trade.equities:
            unit = Option(f"EQ/{name}", currency, _NO_STRIKE, 1)
            before = paths.european(unit, np.array([day]), later, later)
            if before is None:
                return none
            gained.append(paths.deflated(Flow(currency, later, later, paths.equity(name, later))) - before[0])
        rows.append(_ordered(trade, paths, day, torch.stack(gained)))
    return torch.stack([*rows, torch.zeros_like(rows[0])])


def _ordered(trade: PathTrade, paths: Paths, day: np.datetime64, gained: Tensor) -> Tensor:
    if len(gained) < MANY:
        return gained
    prices = torch.stack([paths.equity(name, day) for name, _ in trade.equities])
    return gained.gather(0, prices.argsort(dim=0, descending=True))


def fit_hedge(policy: ExercisePolicy, number: int, features: Tensor, gains: Tensor, worth: Tensor) -> Floats:
    """What of each equity ``(equity, function)`` hedges ``worth`` ``(path,)``, the value on the date after ``number``.

    Regressed together with a polynomial of the features, so that only what these do not say is hedged.
    """
    functions = _functions(policy, number, features)
    terms = (gains[:, None] * functions).reshape(-1, len(worth))
    size = terms.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-300)
    known = policy.basis(number, features)
    design = torch.cat([terms / size, known]).T
    found = torch.linalg.lstsq(design, worth[:, None], driver="gelsd").solution[: len(terms), 0]
    fitted: Floats = (found / size[:, 0]).reshape(len(gains), len(functions)).numpy()
    return fitted


def hedge_gain(policy: ExercisePolicy, number: int, features: Tensor, gains: Tensor) -> Tensor:
    """``(path,)`` what the fitted hedge gains from a date to the next one, from ``(feature, path)`` and ``(equity, path)``."""
    functions = _functions(policy, number, features)
    return torch.einsum("ab,ap,bp->p", torch.from_numpy(policy.deltas[number]), gains, functions)


def hedge_functions(names: Sequence[str]) -> NDArray[np.int64]:
    """``(function, feature)`` degrees of the hedge's polynomials: of the leading prices."""
    ranks = [k for k, name in enumerate(names) if name.startswith(RANK)]
    prices = [k for k, name in enumerate(names) if name.startswith("EQ/")]
    leading = (ranks or prices)[:_LEADING]
    rows = total_degree(len(leading), _DEGREE)
    found = np.zeros((len(rows), len(names)), dtype=np.int64)
    found[:, leading] = rows
    return found


def _functions(policy: ExercisePolicy, number: int, features: Tensor) -> Tensor:
    mean, deviation = (torch.from_numpy(x[number][:, None]) for x in (policy.mean, policy.deviation))
    return evaluate(hedge_functions(policy.names), (features - mean) / deviation)
