"""Stacked networks: the twin pass against autograd, stacking against training alone, and a closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from surrogates.regression.network import ACTIVATIONS, DifferentialNetwork, NetworkSurrogate, twin
from surrogates.regression.polynomial_fit import PolynomialSurrogate
from surrogates.regression.samples import Samples
from surrogates.regression.surrogate import Surrogate
from surrogates.regression.training import Schedule
from tests.contracts.surrogate import SurrogateContract
from tests.support.bachelier import basket, strip, with_memory
from xva.errors import DomainError

CASE = strip(1024, 0)
SHORT = Schedule(epochs=4)


class TestNetwork(SurrogateContract):
    fitted = DifferentialNetwork(schedule=SHORT).fit(CASE.samples)

    def surrogate(self) -> Surrogate:
        return self.fitted

    def features(self) -> Tensor:
        return CASE.states[:300]


class TestOneLayerOfAnotherActivation(TestNetwork):
    fitted = DifferentialNetwork(layers=1, activation="silu", schedule=SHORT).fit(CASE.samples)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_twin_pass_is_autograd(activation: str) -> None:
    draw = torch.Generator().manual_seed(0)
    sizes = [(4, 5), (6, 5), (6, 1)]
    layers = [torch.randn(2, *size, generator=draw, dtype=torch.float64) for size in sizes]
    inputs = torch.randn(2, 7, 3, generator=draw, dtype=torch.float64).requires_grad_()
    values, gradients = twin(inputs, layers, activation)
    (expected,) = torch.autograd.grad(values.sum(), inputs)
    torch.testing.assert_close(gradients, expected)


def test_a_strip_of_options_against_the_closed_form() -> None:
    case = strip(4096, 1)
    fitted = DifferentialNetwork(schedule=Schedule(epochs=40)).fit(case.samples)
    value, gradient = case.errors(*fitted.value_and_gradient(case.states))
    assert value < 0.03
    assert gradient < 0.05


def test_differentials_are_worth_more_than_samples() -> None:
    few, many = basket(7, 1024, 0), basket(7, 8192, 0)
    network = DifferentialNetwork(schedule=Schedule(epochs=30))
    differential = many.errors(*network.fit(few.samples).value_and_gradient(many.states))
    plain = many.errors(*network.value_only().fit(many.samples).value_and_gradient(many.states))
    assert differential[0] < plain[0]
    assert differential[1] < plain[1]


def test_dates_train_together_as_they_would_alone() -> None:
    network = DifferentialNetwork(schedule=SHORT, train_in=torch.float64)
    nothing = Samples(
        CASE.samples.names,
        CASE.samples.features,
        torch.zeros(1024, dtype=torch.float64),
        torch.zeros(1024, 3, dtype=torch.float64),
    )
    dates = [
        CASE.samples,
        basket(4, 1024, 0).samples,
        nothing,
        strip(512, 3).samples,
        with_memory(1024, 0).samples,
    ]
    together = network.fit_many(dates)
    for samples, one in zip(dates, together):
        alone = network.fit(samples)
        torch.testing.assert_close(
            one.value(samples.features), alone.value(samples.features), rtol=1e-7, atol=1e-8
        )
    assert isinstance(together[2], PolynomialSurrogate)
    assert not together[2].value(CASE.states).any()
    assert isinstance(together[1], NetworkSurrogate)
    assert together[1].first.shape == (2, 20)  # one direction, though others in the stack have three


def test_no_weight_is_value_only_bit_for_bit() -> None:
    network = DifferentialNetwork(schedule=SHORT)
    one = network.value_only().fit(CASE.samples)
    other = network.fit(CASE.samples.without_gradients())
    assert torch.equal(one.value(CASE.states), other.value(CASE.states))


def test_the_same_seed_gives_the_same_network_whatever_else_was_drawn() -> None:
    one = DifferentialNetwork(schedule=SHORT).fit(CASE.samples)
    torch.manual_seed(12345)
    again = DifferentialNetwork(schedule=SHORT).fit(CASE.samples)
    other = DifferentialNetwork(schedule=SHORT, seed=1).fit(CASE.samples)
    assert torch.equal(one.value(CASE.states), again.value(CASE.states))
    assert not torch.equal(one.value(CASE.states), other.value(CASE.states))


def test_a_gradient_that_dies_out_does_no_harm() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(1024, 2, generator=draw, dtype=torch.float64)
    faint = torch.stack([x[:, 0].cos(), 1e-9 * x[:, 1]], 1)
    fitted = DifferentialNetwork(dropped=0.0, schedule=SHORT).fit(
        Samples(("a", "b"), x, x[:, 0].sin(), faint)
    )
    assert bool(torch.isfinite(fitted.value(x)).all())


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "", "Softplus"])
def test_activations_with_kinks_are_refused(activation: str) -> None:
    with pytest.raises(DomainError, match=r"expected a smooth one \(softplus, silu\)"):
        DifferentialNetwork(activation=activation)


@pytest.mark.parametrize("wrong", [{"layers": 0}, {"units": 0}, {"gradient_weight": float("nan")}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(DomainError, match="expected"):
        DifferentialNetwork(**wrong)  # type: ignore[arg-type]
