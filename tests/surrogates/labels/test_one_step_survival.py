"""Labels of products that jump at a level, against quadrature and parity."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from surrogates.labels import (
    Crossing,
    LabelProblem,
    OneStepSurvival,
    Pathwise,
    crossed_labels,
    crossing_of,
    label_normals,
)
from tests.support.label_worlds import (
    CONTEXT,
    MONTHS,
    RATE,
    Digital,
    assert_unbiased,
    barrier,
    call_exact,
    days,
    digital_exact,
    heston_equity,
    knock_out_exact,
    one_equity,
    real,
)
from xva.errors import DomainError
from xva.models.equity_basket import EquityBasket
from xva.trades.barrier_option import BarrierOption

PATHS = 16384


@pytest.mark.parametrize("kind", ["up-and-out", "down-and-out", "up-and-in", "down-and-in"])
@pytest.mark.parametrize("rebate", [0.0, 0.05])
def test_barriers_watched_monthly(kind: str, rebate: float) -> None:
    trade = barrier(kind, rebate=rebate)
    problem = LabelProblem(one_equity(), (trade,), CONTEXT, days(2, 5, 11))
    normals = label_normals(problem.model, problem.times, PATHS, 1)
    strategy = OneStepSurvival(crossing_of(trade))
    for month, samples in zip((2, 5, 11), strategy.labels(problem, normals, problem.origin(PATHS))):
        assert bool((samples.features[:, 1] == 1.0).all()), "states where the barrier is untouched"
        x = samples.features[:, 0].numpy()
        value, slope = knock_out_exact(month, x, kind.startswith("up"), RATE, rebate)
        if kind.endswith("in"):  # in + out = option + rebate
            plain, delta = call_exact(CONTEXT.time(MONTHS[month]), x)
            value, slope = plain + rebate * np.exp(-RATE) - value, delta - slope
        assert samples.gradients is not None
        assert_unbiased(samples.values, value, x)
        assert_unbiased(samples.gradients[:, 0], slope, x)


def test_one_sweep_is_the_derivative_of_the_labels() -> None:
    trade = barrier("up-and-in", rebate=0.02)
    problem = LabelProblem(one_equity(), (trade,), CONTEXT, days(4))
    normals = label_normals(problem.model, problem.times, 64, 2)
    strategy = OneStepSurvival(crossing_of(trade))
    origin = problem.origin(64)
    with torch.no_grad():
        history = problem.walk(normals, origin).states[: problem.places[0] + 1]
    alive = torch.stack([h[0] for h in history]).amax(0) < np.log(1.3)
    origin = type(origin)(tuple(h[:, alive] for h in history))
    kept = normals[:, :, alive]
    up, here, down = (
        strategy.labels(problem, kept, origin.moved(real([[h]])))[0] for h in (1e-6, 0.0, -1e-6)
    )
    assert here.gradients is not None
    assert torch.allclose(here.gradients[:, 0], (up.values - down.values) / 2e-6, rtol=1e-5, atol=1e-8)


def test_a_digital_is_the_case_of_one_date() -> None:
    trade = Digital("D", "N")
    problem = LabelProblem(one_equity(), (trade,), CONTEXT, days(3, 9))
    normals = label_normals(problem.model, problem.times, PATHS, 1)
    strategy = OneStepSurvival(Crossing("S", days(12), (1.0,), up=True, then="settled"))
    for month, samples in zip((3, 9), strategy.labels(problem, normals, problem.origin(PATHS))):
        x = samples.features[:, 0].numpy()
        value, slope = digital_exact(month, x)
        assert samples.gradients is not None
        assert np.abs(samples.values.numpy() - value).max() < 1.0
        assert_unbiased(samples.values, value, x)
        assert_unbiased(samples.gradients[:, 0], slope, x)
    assert float((samples.values - torch.from_numpy(value)).abs().max()) < 1e-12, "the last step is exact"


def test_several_correlated_equities_with_the_barrier_on_one() -> None:
    """Delta only where it belongs."""
    correlation = torch.tensor([[1.0, 0.6], [0.6, 1.0]], dtype=torch.float64)
    model = EquityBasket.flat("EUR", ("R", "S"), real([2.0, 1.0]), real([0.3, 0.25]), RATE, None, correlation)
    trade = barrier("up-and-out")
    problem = LabelProblem(model, (trade,), CONTEXT, days(5))
    normals = label_normals(model, problem.times, PATHS, 7)
    samples = OneStepSurvival(crossing_of(trade)).labels(problem, normals, problem.origin(PATHS))[0]
    x = samples.features[:, 1].numpy()
    value, slope = knock_out_exact(5, x)
    assert samples.gradients is not None
    assert float(samples.gradients[:, 0].abs().max()) == 0.0
    assert_unbiased(samples.values, value, x)
    assert_unbiased(samples.gradients[:, 1], slope, x)


def test_it_beats_plain_labels_in_noise() -> None:
    trade = barrier("up-and-out")
    problem = LabelProblem(one_equity(), (trade,), CONTEXT, days(5))
    normals = label_normals(problem.model, problem.times, PATHS, 1)
    origin = problem.origin(PATHS)
    survival = OneStepSurvival(crossing_of(trade)).labels(problem, normals, origin)[0]
    plain = Pathwise(differentiate=False).labels(problem, normals, origin)[0]
    alive = plain.features[:, 1] == 1.0

    def noise(samples_values: torch.Tensor, x: torch.Tensor) -> float:
        return float((samples_values - torch.from_numpy(knock_out_exact(5, x.numpy())[0])).std())

    ours = noise(survival.values, survival.features[:, 0])
    theirs = noise(plain.values[alive], plain.features[alive, 0])
    assert ours < 0.95 * theirs


def test_after_the_crossing_a_knock_in_is_the_option_and_a_knock_out_nothing() -> None:
    for kind in ("up-and-in", "up-and-out"):
        trade = barrier(kind)
        problem = LabelProblem(one_equity(), (trade,), CONTEXT, days(2, 8))
        normals = label_normals(problem.model, problem.times, PATHS, 1)
        crossed = crossed_labels(problem, crossing_of(trade), normals, problem.origin(PATHS))
        for month, samples in zip((2, 8), crossed):
            assert bool((samples.features[:, 1] == 0.0).all())
            assert 50 < len(samples) < 0.3 * PATHS
            x = samples.features[:, 0].numpy()
            value, slope = call_exact(CONTEXT.time(MONTHS[month]), x)
            alive = float(kind == "up-and-in")
            assert samples.gradients is not None
            assert_unbiased(samples.values, alive * value, x)
            assert_unbiased(samples.gradients[:, 0], alive * slope, x)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DomainError, match="continuously"):
        crossing_of(barrier("up-and-out", monthly=False))
    with pytest.raises(DomainError, match="one positive level per date"):
        Crossing("S", days(3, 4), (1.3,), up=True)
    with pytest.raises(DomainError, match="increasing"):
        Crossing("S", days(4, 3), (1.3, 1.3), up=True)
    trade: BarrierOption = barrier("up-and-out")
    problem = LabelProblem(one_equity(), (trade,), CONTEXT, days(3))
    normals = label_normals(problem.model, problem.times, 64, 1)
    foreign = Crossing("S", np.array(["2026-05-05"], dtype="datetime64[D]"), (1.3,), up=True)
    heston = LabelProblem(heston_equity(), (trade,), CONTEXT, days(3))
    with pytest.raises(DomainError, match="not affine"):
        OneStepSurvival(crossing_of(trade)).labels(
            heston, label_normals(heston.model, heston.times, 64, 1), heston.origin(64)
        )
    with pytest.raises(DomainError, match="2026-05-05 is not an observation date"):
        OneStepSurvival(foreign).labels(problem, normals, problem.origin(64))
