"""Decisions: sharp and soft, first come first served, never at a loss, and only for the trade they were trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.exercise_market import BERMUDAN, EQUITY, MAX_CALL, context, rates
from xva.blocks.packing import pack, unpack
from xva.errors import DomainError, TradeError
from xva.models.equity_basket import EquityBasket
from xva.pricing.exercise.policy import ExercisePolicy, first_decisions
from xva.pricing.exercise.regression import Regression
from xva.pricing.exercise.simulation import ExercisePaths
from xva.pricing.exercise.training import train_policy


def trained(side: str = "long") -> tuple[ExercisePaths, ExercisePolicy]:
    trade = replace(BERMUDAN, side=side)
    source = ExercisePaths.draw(trade, context(), rates(), seed=1, scrambles=2, n_blocks=2)
    return source, train_policy(source, rates())


def test_first_decisions_add_up_to_at_most_one() -> None:
    decided = torch.tensor([[1.0, 0.0, 0.5], [1.0, 1.0, 0.5], [1.0, 0.0, 1.0]], dtype=torch.float64)
    expected = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.25], [0.0, 0.0, 0.25]], dtype=torch.float64)
    torch.testing.assert_close(first_decisions(decided), expected)


def test_soft_decisions_tend_to_sharp_ones_and_never_lose() -> None:
    source, policy = trained()
    view = source.view(rates(), 1, policy.names)
    sharp, soft, narrow = (policy.decisions(view.features, level) for level in (0.0, 1.0, 1e-6))
    assert set(sharp.unique().tolist()) == {0.0, 1.0}
    assert ((soft > 0.0) & (soft < 1.0)).any()
    assert (narrow - sharp).abs().mean() < 1e-4 < (soft - sharp).abs().mean()
    losing = view.features[:, policy.names.index("exercise_value")] <= 0.0
    assert losing.any()
    assert (soft[losing] == 0.0).all()


def test_the_other_side_decides_the_same() -> None:
    (source, long), (other, short) = trained("long"), trained("short")
    views = [s.view(rates(), 1, p.names) for s, p in ((source, long), (other, short))]
    torch.testing.assert_close(views[0].change, -views[1].change)
    torch.testing.assert_close(long.coefficients, -short.coefficients)
    assert short.holder == -1
    for level in (0.0, 1.0):
        decided = [p.decisions(v.features, level) for p, v in zip((long, short), views)]
        torch.testing.assert_close(decided[0], decided[1])


def test_one_factor_needs_one_feature_and_the_exercise_value() -> None:
    _, policy = trained()
    assert policy.names == ("RATE/EUR", "waiting_value", "exercise_value")  # the second a floor, no regressor
    assert not policy.exponents[:, 1].any()
    assert policy.coefficients.shape == (9, len(policy.exponents))


def test_a_trade_that_does_not_tell_is_decided_on_prices_alone() -> None:
    trade = replace(MAX_CALL, tells=False)
    spots, vols = (torch.tensor([v, v], dtype=torch.float64) for v in (100.0, 0.2))
    model = EquityBasket.flat("USD", ("A", "B"), spots, vols, 0.05)
    source = ExercisePaths.draw(trade, EQUITY, model, seed=1, scrambles=2, n_blocks=2)
    policy = train_policy(source, model)
    assert policy.names == ("EQ/A", "EQ/B")  # the rate is deterministic and says nothing


def test_packs_and_travels() -> None:
    source, policy = trained()
    arrays, meta = pack(policy)
    loaded = unpack(ExercisePolicy, arrays, meta)
    paths = source.paths(rates(), 0)
    first, second = (p.exercised(source.trade, paths, 1.0) for p in (policy, loaded))
    assert torch.equal(first, second)
    assert loaded.regression == policy.regression


def test_refuses_another_trade() -> None:
    source, policy = trained()
    paths = source.paths(rates(), 0)
    shorter = replace(BERMUDAN, first_exercise_date=np.datetime64("2028-01-01"))
    with pytest.raises(TradeError, match="an exercise policy of 9 dates does not fit the trade's 8"):
        policy.exercised(shorter, paths)
    foreign = replace(policy, names=("EQ/A", "exercise_value"))
    with pytest.raises(TradeError, match=r"expects .'EQ/A'., the trade has RATE/EUR"):
        foreign.exercised(source.trade, paths)


def test_refuses_settings_without_sense() -> None:
    for wrong in ({"degree": 0}, {"terms": 0}, {"softness": 0.0}, {"focus": -1.0}, {"ridge": -1.0}):
        with pytest.raises(DomainError, match="regression: expected"):
            Regression(**wrong)
    with pytest.raises(TradeError, match="expected a multiple of 8 blocks"):
        ExercisePaths.draw(BERMUDAN, context(), rates(), seed=1, n_blocks=3)
    gone = replace(BERMUDAN, exercise_days=(np.datetime64("2025-12-31"),), first_exercise_date=D_PAST)
    early = replace(gone, start_date=D_PAST)
    with pytest.raises(TradeError, match="expected exercise dates after 2026-01-02"):
        ExercisePaths.draw(early, context(), rates(), seed=1)


D_PAST = np.datetime64("2025-01-02")
