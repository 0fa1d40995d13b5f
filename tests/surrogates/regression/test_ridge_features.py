"""Ridge features against brute-force normal equations and closed forms."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from surrogates.regression.loss import gradient_weights
from surrogates.regression.ridge_features import _FREE, RidgeFeatures, RidgeSurrogate
from surrogates.regression.samples import Samples
from surrogates.regression.scaling import Scaled
from surrogates.regression.surrogate import Surrogate
from tests.contracts.surrogate import SurrogateContract
from tests.support.bachelier import Case, basket, call, strip, with_market, with_memory
from xva.errors import DomainError

CASE = strip(4096, 0)
FITTED = RidgeFeatures().fit(CASE.samples)


class TestRidge(SurrogateContract):
    def surrogate(self) -> Surrogate:
        return FITTED

    def features(self) -> Tensor:
        return CASE.states[:300]


class TestRidgeOfMarketParameters(SurrogateContract):
    fitted = RidgeFeatures(features=64).fit(with_market(1000, 0).samples)

    def surrogate(self) -> Surrogate:
        return self.fitted

    def features(self) -> Tensor:
        return with_market(200, 1).states


def errors(case: Case, fitter: RidgeFeatures, samples: Samples | None = None) -> tuple[float, float]:
    return case.errors(*fitter.fit(samples or case.samples).value_and_gradient(case.states))


def test_normal_equations_are_the_plain_sums() -> None:
    draw = torch.Generator().manual_seed(1)
    inputs = torch.randn(50, 3, generator=draw, dtype=torch.float64)
    values, gradients = (torch.randn(50, *w, generator=draw, dtype=torch.float64) for w in ((), (2,)))
    directions = torch.randn(3, 6, generator=draw, dtype=torch.float64)
    kinks = torch.randn(6, generator=draw, dtype=torch.float64)
    labels, order = Scaled(inputs, values, gradients), torch.randperm(50, generator=draw)
    found = RidgeFeatures()._equations(labels, directions, kinks, 1.0, order)

    def terms(u: Tensor) -> Tensor:
        free = torch.cat([torch.ones(1, dtype=torch.float64), u]) * _FREE
        return torch.cat([free, torch.log1p(torch.exp(u @ directions - kinks))])

    phi = torch.func.vmap(terms)(inputs)
    slopes = torch.func.vmap(torch.func.jacrev(terms))(inputs)[..., :2]
    weights = gradient_weights(gradients)
    gram = phi.T @ phi + torch.einsum("naj,nbj,j->ab", slopes, slopes, weights)
    moment = phi.T @ values + torch.einsum("naj,nj,j->a", slopes, gradients, weights)
    torch.testing.assert_close(found.gram.sum(0), gram)
    torch.testing.assert_close(found.moment.sum(0), moment)


@pytest.mark.parametrize("assets", [1, 7, 20])
def test_a_basket_call_against_the_closed_form(assets: int) -> None:
    value, gradient = errors(basket(assets, 8192, 0), RidgeFeatures())
    assert value < 0.008  # of their standard deviation, a fifth of one
    assert gradient < 0.015


@pytest.mark.slow
def test_differential_training_beats_value_only_on_sixteen_times_the_samples() -> None:
    few, many = basket(7, 1024, 0), basket(7, 16384, 0)
    differential = errors(many, RidgeFeatures(), few.samples)
    plain = errors(many, RidgeFeatures(), many.samples.without_gradients())
    assert differential[0] < plain[0]
    assert differential[1] < plain[1]


def test_a_strip_of_options_against_the_closed_form() -> None:
    value, gradient = errors(strip(16384, 1), RidgeFeatures())
    assert value < 0.01
    assert gradient < 0.02


def test_one_surrogate_serves_a_box_of_markets() -> None:
    case = with_market(32768, 0)
    fitted = RidgeFeatures().fit(case.samples)
    found, gradient = fitted.value_and_gradient(case.states)
    assert case.errors(found, gradient)[0] < 0.01
    for column in range(3):  # delta, vega, derivative to the strike
        error = (gradient - case.gradients)[:, column].square().mean().sqrt()
        assert float(error / case.gradients[:, column].square().mean().sqrt()) < 0.08


@pytest.mark.parametrize("deviation", [0.2, 0.05, 0.01])
def test_kinks_sharpen_towards_maturity_and_the_width_follows(deviation: float) -> None:
    draw = torch.Generator().manual_seed(0)
    spot, move = torch.randn(2, 8192, generator=draw, dtype=torch.float64)
    spot = 1.0 + 0.3 * spot
    ends = torch.stack([spot + deviation * move, spot - deviation * move]) - 1.1
    share = (ends > 0.0).to(spot).mean(0)
    samples = Samples(("spot",), spot[:, None], ends.clamp_min(0.0).mean(0), share[:, None])
    value, delta, _ = call(spot[:2000] - 1.1, deviation)
    case = Case(samples, spot[:2000, None], value, delta[:, None])
    followed, fixed = errors(case, RidgeFeatures()), errors(case, RidgeFeatures(widths=(1.0,)))
    assert followed[0] < 0.015
    assert followed[1] < 0.05
    assert deviation == 0.2 or 5.0 * followed[0] < fixed[0]


def test_memory_without_labels_enters_through_values() -> None:
    case = with_memory(16384, 0)
    fitted = RidgeFeatures().fit(case.samples)
    value, gradient = fitted.value_and_gradient(case.states)
    assert case.errors(value, gradient)[0] < 0.02
    assert case.errors(value, gradient)[1] < 0.06
    assert float((gradient[:, 1] - case.gradients[:, 1]).square().mean().sqrt()) < 0.05


def test_value_only_without_labels_learns_too() -> None:
    value, gradient = errors(strip(32768, 0), RidgeFeatures(), strip(32768, 0).samples.without_gradients())
    assert value < 0.03
    assert gradient < 0.08


def test_no_weight_is_value_only_bit_for_bit() -> None:
    one = RidgeFeatures(gradient_weight=0.0).fit(CASE.samples)
    other = RidgeFeatures().fit(CASE.samples.without_gradients())
    assert torch.equal(one.value(CASE.states), other.value(CASE.states))


def test_the_same_seed_gives_the_same_surrogate_whatever_else_was_drawn() -> None:
    torch.rand(17)
    again = RidgeFeatures().fit(CASE.samples)
    assert torch.equal(again.value(CASE.states), FITTED.value(CASE.states))
    other = RidgeFeatures(seed=1).fit(CASE.samples)
    assert not torch.equal(other.value(CASE.states), FITTED.value(CASE.states))


def test_single_precision_is_near_and_keeps_the_callers_type() -> None:
    assert isinstance(FITTED, RidgeSurrogate)
    fast = FITTED.to(torch.float32)
    assert fast.weights.dtype == torch.float32
    assert fast.scaling.centre.dtype == torch.float64
    for one, other in zip(fast.value_and_gradient(CASE.states), FITTED.value_and_gradient(CASE.states)):
        assert one.dtype == torch.float64
        torch.testing.assert_close(one, other, rtol=0.0, atol=1e-4)


def test_outside_the_samples_it_goes_on_as_a_line() -> None:
    far = 1.0 + torch.linspace(20.0, 60.0, 3, dtype=torch.float64)[:, None].expand(3, 3)
    first, middle, last = FITTED.value(far)
    assert float(last - middle) == pytest.approx(float(middle - first), rel=1e-3)


def test_few_samples_get_few_features() -> None:
    fitted = RidgeFeatures().fit(strip(40, 0).samples)
    assert isinstance(fitted, RidgeSurrogate)
    assert len(fitted.weights) == 10


@pytest.mark.parametrize(
    "wrong", [{"features": 0}, {"widths": (0.0,)}, {"widths": ()}, {"folds": 1}, {"gradient_weight": -1.0}]
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DomainError, match="expected"):
        RidgeFeatures(**wrong)
