"""Values at t = 0 of trades without closed form, by Monte Carlo on paths of their own, each with its standard error.

Neither the training nor the exposure has seen these paths. A trade with decisions is exercised by its policy: its price is
what the policy makes of it, and the policy's own error is not in the standard error.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

import numpy as np
import torch

from surrogates.training import TrainingRequest, train_exercise
from xva.exposure.reconciliation.reconciliation import Simulated
from xva.models.path_model import Walk
from xva.pricing.exercise import ExercisePolicy
from xva.pricing.nested import InnerPaths, NestedBook, nested_values

_SCRAMBLES, _POINTS = 16, 1024


def value_today(request: TrainingRequest, policy: ExercisePolicy | None, points: int = _POINTS) -> Simulated:
    """A trade's value in reporting currency.

    Parameters
    ----------
    request : TrainingRequest
        The trade on its market; its seed and the trade's id address the random numbers, so that errors of different trades
        are independent.
    policy : ExercisePolicy, optional
        Of a trade with decisions.
    points : int
        Sobol points, a power of two, of each of 16 scrambles.
    """
    trade, context, model = request.trade, request.context, request.model
    start = (model.initial().detach()[:, None],)
    policies = {} if policy is None else {trade.trade_id: policy}
    with torch.no_grad():
        found = nested_values(
            NestedBook(model, (trade,), context, policies),
            Walk(np.zeros(1), start, start),
            context.as_of,
            InnerPaths(_seed(request), _SCRAMBLES, points),
        )
    return Simulated(float(found.value), float(found.error), policy is not None)


def values_today(
    requests: Iterable[TrainingRequest], policies: Mapping[str, ExercisePolicy | None]
) -> dict[str, Simulated]:
    """By trade id, under ``policies`` by trade id."""
    return {r.trade.trade_id: value_today(r, policies[r.trade.trade_id]) for r in requests}


def train_policies(requests: Iterable[TrainingRequest]) -> dict[str, ExercisePolicy | None]:
    """By trade id, None without decisions; a run's training finds the same. Trades of the same terms are trained once."""
    trained: dict[str, ExercisePolicy | None] = {}
    found = {}
    for request in requests:
        key = request.identity.key
        if key not in trained:
            trained[key] = train_exercise(request)
        found[request.trade.trade_id] = trained[key]
    return found


def _seed(request: TrainingRequest) -> int:
    own = zlib.crc32(request.trade.trade_id.encode())
    source = np.random.SeedSequence(request.settings.seed, spawn_key=(own,))
    return int(source.generate_state(1, np.uint32)[0])
