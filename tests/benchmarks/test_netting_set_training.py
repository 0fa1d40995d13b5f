"""A small netting set against nested Monte Carlo; `benchmarks/equity_book.py` is the large one."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.netting_set.sum_surrogate import Part, SumSurrogate
from benchmarks.netting_set.training import (
    LearnedNettingSet,
    NettingSetTraining,
    learn_netting_set,
    make_labels,
    states_of,
    trade_problem,
)
from surrogates.labels import LabelProblem, Pathwise, label_normals
from surrogates.regression.kinds import KINDS
from surrogates.regression.polynomial_fit import PolynomialRegression
from surrogates.regression.ridge_features import RidgeFeatures
from surrogates.regression.training import Progress
from tests.support.label_worlds import (
    CONTEXT,
    MONTHS,
    asian,
    barrier,
    call,
    call_exact,
    days,
    heston_equity,
    one_equity,
    real,
)
from xva.errors import DomainError
from xva.models.equity_basket import EquityBasket
from xva.models.path_model import walk
from xva.pricing.nested import InnerPaths, NestedBook, nested_values
from xva.trades.basket_option import BasketOption
from xva.trades.path_trade import PathTrade
from xva.trades.worst_of_option import WorstOfOption

REPORT = days(3, 7, 10, 12)  # the last one is every trade's end
QUICK = NettingSetTraining(paths=2048, hedged_paths=4096)


def three_equities() -> EquityBasket:
    correlation = torch.tensor([[1.0, 0.5, 0.3], [0.5, 1.0, 0.4], [0.3, 0.4, 1.0]], dtype=torch.float64)
    return EquityBasket.flat(
        "EUR", ("A", "B", "C"), real([1.0, 1.1, 0.9]), real([0.2, 0.3, 0.25]), 0.02, None, correlation
    )


def basket(name: str, on: str, side: str, option_type: str, strike: float, month: int) -> BasketOption:
    return BasketOption(
        name,
        "N",
        underlyings=tuple(f"EQ/{letter}" for letter in on),
        currency="EUR",
        side=side,
        weights=(1.0 / len(on),) * len(on),
        option_type=option_type,
        quantity=100.0,
        strike=strike,
        expiry_date=MONTHS[month],
    )


def worst_put() -> WorstOfOption:
    return WorstOfOption(
        "W",
        "N",
        underlyings=("EQ/A", "EQ/B", "EQ/C"),
        currency="EUR",
        side="short",
        measure="worst",
        option_type="put",
        notional=80.0,
        strike=0.95,
        initial_prices=(1.0, 1.1, 0.9),
        expiry_date=MONTHS[12],
    )


def book() -> tuple[PathTrade, ...]:
    return (
        basket("1", "AB", "long", "call", 1.0, 12),
        basket("2", "BC", "short", "put", 1.05, 12),
        basket("3", "ABC", "short", "call", 1.1, 8),
        basket("4", "AC", "long", "put", 0.95, 8),
        worst_put(),
    )


def problem(trades: tuple[PathTrade, ...] | None = None) -> LabelProblem:
    return LabelProblem(three_equities(), book() if trades is None else trades, CONTEXT, REPORT)


def errors(learned: LearnedNettingSet, asked: LabelProblem) -> np.ndarray:
    """``(date, 3)``: value, gradient and mean positive part off, over their spread, size and own; 64 nested states."""
    times = asked.times
    outer = walk(asked.model, times, label_normals(asked.model, times, 64, 5, antithetic=False))
    nest, found = NestedBook(asked.model, asked.trades, CONTEXT), []
    for day, surrogate in zip(asked.report[:-1], learned.surrogates):
        truth = nested_values(nest, outer, day, InnerPaths(3, scrambles=8, points=256), gradient=True)
        states = outer.states[outer.place(CONTEXT.time(day))].T
        value, gradient = surrogate.value_and_gradient(states)
        scale = states.std(0)
        slope = rms((gradient - truth.gradient.T) * scale) / rms(truth.gradient.T * scale)
        exact = torch.relu(truth.value).mean()
        positive = float((torch.relu(value).mean() - exact) / exact)
        found.append([rms(value - truth.value) / float(truth.value.std()), slope, abs(positive)])
    return np.array(found)


def rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt())


def test_trade_by_trade_in_two_passes_against_nested_monte_carlo() -> None:
    asked, events = problem(), list[Progress]()
    learned = learn_netting_set(asked, QUICK, events.append)
    assert learned.levels == ("trade",) * 4
    assert [event.done for event in events] == [1, 2, 3, 4, 5]
    found = errors(learned, asked)
    assert (found.max(0) < [0.018, 0.05, 0.025]).all(), found
    once = learn_netting_set(asked, NettingSetTraining(paths=2048, hedged_paths=0))
    assert (found.mean(0)[:2] < 0.6 * errors(once, asked).mean(0)[:2]).all()


def test_nothing_is_left_at_the_end_and_the_trades_that_ended_are_left_out() -> None:
    asked = problem()
    learned = learn_netting_set(asked, NettingSetTraining(paths=256, hedged_paths=0))
    states = torch.randn(5, 3, dtype=torch.float64)
    assert torch.equal(learned.surrogates[3].value(states), torch.zeros(5, dtype=torch.float64))
    assert [len(s.parts) for s in learned.surrogates if isinstance(s, SumSurrogate)] == [5, 5, 3, 0]
    assert trade_problem(problem((basket("1", "AB", "long", "call", 1.0, 2),)), 0) is None


def test_held_out_samples_choose_between_trades_and_the_whole() -> None:
    asked = problem()
    coarse = PolynomialRegression(degree=1)
    for whole, level in ((coarse, "trade"), (RidgeFeatures(128, widths=(0.3,)), "whole")):
        parts = RidgeFeatures(32, widths=(0.3,)) if level == "trade" else coarse
        training = NettingSetTraining("best", 1024, 1024, first=parts, second=parts, whole=whole)
        learned = learn_netting_set(asked, training)
        assert learned.levels[:3] == (level,) * 3
        better = [t <= w for t, w in learned.held_out[:3]]
        assert better == [level == "trade"] * 3


def test_the_whole_at_once_against_nested_monte_carlo() -> None:
    asked = problem()
    whole = NettingSetTraining("whole", 2048, 4096, whole=RidgeFeatures(192, widths=(0.3,)))
    learned = learn_netting_set(asked, whole)
    assert learned.levels == ("whole",) * 4
    found = errors(learned, asked)
    assert (found.max(0) < [0.025, 0.06, 0.03]).all(), found


def test_one_name_against_black_scholes() -> None:
    asked = LabelProblem(one_equity(), (call(), call()), CONTEXT, days(3, 9))
    learned = learn_netting_set(asked, QUICK)
    x = torch.linspace(-0.25, 0.3, 50, dtype=torch.float64)[:, None]
    for day, surrogate in zip(asked.report, learned.surrogates):
        value, slope = surrogate.value_and_gradient(x)
        exact, delta = (2.0 * torch.from_numpy(v) for v in call_exact(CONTEXT.time(day), x[:, 0].numpy()))
        assert rms(value - exact) < 0.01 * float(exact.std())
        assert rms(slope[:, 0] - delta) < 0.03 * rms(delta)


def test_what_trades_remember_is_a_feature_under_the_trades_name() -> None:
    average = asian()
    asked = LabelProblem(one_equity(), (call(), average), CONTEXT, days(4, 8))
    learned = learn_netting_set(asked, NettingSetTraining(paths=4096, hedged_paths=4096))
    names = learned.surrogates[0].names
    assert names[0] == "EQ:S"
    assert all(name.startswith(f"{average.trade_id}/") for name in names[1:])
    labels = make_labels(asked, Pathwise(differentiate=False), 16384, 77, 16384)
    for surrogate, samples in zip(learned.surrogates, labels):
        assert surrogate.names == samples.names
        gap = samples.values - surrogate.value(samples.features)
        spread = float(samples.values.std()) / len(gap) ** 0.5
        assert abs(float(gap.mean())) < 4.0 * spread
        tilted = gap * (samples.features[:, -1] - samples.features[:, -1].mean())
        assert abs(float(tilted.mean())) < 4.0 * float(tilted.std()) / len(gap) ** 0.5


def test_batches_are_cuts_of_one_path_set() -> None:
    asked = problem()
    whole, cut = (make_labels(asked, Pathwise(), 512, 3, batch) for batch in (512, 100))
    for a, b in zip(whole, cut):
        assert a.gradients is not None
        assert b.gradients is not None
        assert torch.allclose(a.features, b.features, rtol=1e-12, atol=1e-14)
        assert torch.allclose(a.values, b.values, rtol=1e-10, atol=1e-12)
        assert torch.allclose(a.gradients, b.gradients, rtol=1e-10, atol=1e-12)


def test_the_same_seed_gives_the_same_bits_and_another_one_others() -> None:
    asked, x = problem(), torch.zeros(1, 3, dtype=torch.float64)
    settings = [NettingSetTraining(paths=256, hedged_paths=256, seed=seed) for seed in (1, 1, 2)]
    first, again, other = (learn_netting_set(asked, s).surrogates[0].value(x) for s in settings)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_sum_comes_back_from_its_parameters() -> None:
    learned = learn_netting_set(problem(), NettingSetTraining(paths=256, hedged_paths=0))
    tensors, meta = learned.surrogates[0].parameters()
    again = SumSurrogate.from_parameters(tensors, json.loads(json.dumps(meta)))
    states = 0.1 * torch.randn(7, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for a, b in zip(learned.surrogates[0].value_and_gradient(states), again.value_and_gradient(states)):
        assert torch.equal(a, b)
    assert torch.allclose(again.value(states), again.value_and_gradient(states)[0], rtol=1e-12)
    assert SumSurrogate.kind not in KINDS or KINDS[SumSurrogate.kind] is SumSurrogate
    part = learned.surrogates[0].parts[0]  # type: ignore[attr-defined]
    with pytest.raises(DomainError, match="columns"):
        SumSurrogate(("EQ:A", "EQ:B"), (Part((0, 2), part.surrogate),))


def test_a_trade_sees_its_own_equities() -> None:
    assert states_of(basket("1", "CA", "long", "call", 1.0, 12), three_equities()) == ("EQ:A", "EQ:C")
    assert states_of(call(), heston_equity()) == ("EQ:S", "VAR:S")


def test_what_cannot_be_learned_so_is_refused() -> None:
    jumping = LabelProblem(one_equity(), (call(), barrier("up-and-out")), CONTEXT, days(3))
    with pytest.raises(DomainError, match="jumps"):
        learn_netting_set(jumping, QUICK)
    for level, paths, hedged in (("all", 512, 512), ("trade", 511, 512), ("trade", 512, -2), ("trade", 0, 0)):
        with pytest.raises(DomainError, match="netting set training"):
            NettingSetTraining(level, paths, hedged)
