"""Whitening, differential PCA, and what is done with features that do not move."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from surrogates.regression.polynomial_fit import PolynomialRegression
from surrogates.regression.samples import Samples
from surrogates.regression.scaling import Scaling
from tests.support.bachelier import basket, with_memory
from xva.errors import DomainError


def states(count: int, width: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    normals = torch.randn(count, width, generator=draw, dtype=torch.float64)
    return 3.0 + normals @ torch.randn(width, width, generator=draw, dtype=torch.float64)


def samples(
    x: Tensor, values: Tensor, gradients: Tensor | None = None, known: Tensor | None = None
) -> Samples:
    return Samples(tuple(f"x{k}" for k in range(x.shape[1])), x, values, gradients, known)


def test_inputs_are_white_and_values_standard() -> None:
    x = states(500, 4)
    given = samples(x, x.sin().sum(1), x.cos())
    scaling = Scaling.of(given, dropped=0.0)
    inputs, values, _ = scaling.scaled(given)
    torch.testing.assert_close(inputs.mean(0), torch.zeros(4, dtype=torch.float64), atol=1e-10, rtol=0.0)
    torch.testing.assert_close(
        inputs.T @ inputs / 500, torch.eye(4, dtype=torch.float64), atol=1e-9, rtol=0.0
    )
    assert float(values.mean()) == pytest.approx(0.0, abs=1e-12)
    assert float(values.square().mean()) == pytest.approx(1.0)


def test_gradients_follow_the_chain_rule() -> None:
    x = states(500, 3)
    given = samples(x, x.sin().sum(1), x.cos())
    scaling = Scaling.of(given, dropped=0.0)
    inputs, _, gradients = scaling.scaled(given)

    def value(u: Tensor) -> Tensor:
        back: Tensor = ((scaling.centre + u @ scaling.outward).sin().sum() - scaling.offset) / scaling.scale
        return back

    expected = torch.func.vmap(torch.func.grad(value))(inputs)
    torch.testing.assert_close(gradients, expected)


def test_differential_pca_keeps_the_directions_that_matter() -> None:
    x = states(800, 6)
    along = torch.randn(6, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    given = samples(x, (0.3 * x @ along).sin().sum(1), 0.3 * (0.3 * x @ along).cos() @ along.T)
    scaling = Scaling.of(given)
    assert scaling.inward.shape == (6, 2)
    assert scaling.labelled == 2
    off = torch.randn(6, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    off = off - along @ torch.linalg.lstsq(along, off[:, None]).solution[:, 0]  # changes nothing
    torch.testing.assert_close(scaling.inputs(x + off), scaling.inputs(x), atol=1e-8, rtol=0.0)


def test_one_basket_is_one_direction_in_any_dimension() -> None:
    for assets in (2, 7, 20):
        assert Scaling.of(basket(assets, 256, 0).samples).inward.shape == (assets, 1)


def test_poincare_bounds_what_is_dropped() -> None:
    x = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    small = 0.05
    values = x[:, 0].sin() + small * x[:, 1].sin()
    gradients = torch.stack([x[:, 0].cos(), small * x[:, 1].cos()], 1)
    scaling = Scaling.of(samples(x, values, gradients), dropped=0.01)
    assert scaling.inward.shape == (2, 1)
    lost = small**2 * 0.5 * (1.0 - math.exp(-2.0))  # Var[sin Z]
    assert lost <= float(gradients[:, 1].square().mean())


def test_a_constant_feature_keeps_its_slope_and_touches_no_value() -> None:
    x = states(200, 3)
    x[:, 1] = 0.1
    values = x[:, 0].sin() + 2.5 * x[:, 1]
    gradients = torch.stack([x[:, 0].cos(), torch.full((200,), 2.5, dtype=torch.float64), 0.0 * x[:, 2]], 1)
    given = samples(x, values, gradients)
    scaling = Scaling.of(given)
    assert scaling.inward.shape == (3, 1)
    torch.testing.assert_close(scaling.slope, torch.tensor([0.0, 2.5, 0.0], dtype=torch.float64))
    fitted = PolynomialRegression(degree=3).fit(given)
    _, gradient = fitted.value_and_gradient(x)
    assert float((gradient[:, 1] - 2.5).abs().max()) < 1e-12
    moved = x + torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(fitted.value(moved), fitted.value(x) + 2.5)


def test_today_every_state_is_constant_and_the_slopes_are_the_mean_labels() -> None:
    draw = torch.Generator().manual_seed(3)
    x = torch.tensor([[1.25, -0.75]], dtype=torch.float64).expand(100, 2)
    given = samples(x, *(torch.randn(100, *w, generator=draw, dtype=torch.float64) for w in ((), (2,))))
    value, gradient = PolynomialRegression().fit(given).value_and_gradient(x[:1])
    assert given.gradients is not None
    torch.testing.assert_close(value[0], given.values.mean())
    torch.testing.assert_close(gradient[0], given.gradients.mean(0))


def test_two_copies_of_a_feature_are_one_direction() -> None:
    x = states(300, 1).expand(300, 2).clone()
    x[:, 1] = 2.0 * x[:, 0] - 1.0
    given = samples(x, x[:, 0].sin(), torch.stack([x[:, 0].cos(), 0.0 * x[:, 0]], 1))
    assert Scaling.of(given).inward.shape == (2, 1)
    fitted = PolynomialRegression(degree=9).fit(given)
    _, gradient = fitted.value_and_gradient(x)
    along = gradient @ torch.tensor([1.0, 2.0], dtype=torch.float64)  # the only way the samples go
    assert float((along - x[:, 0].cos()).abs().mean()) < 0.01


def test_features_without_labels_come_last_and_their_columns_are_not_read() -> None:
    case = with_memory(300, 0)
    scaling = Scaling.of(case.samples)
    assert scaling.labelled == 1
    assert scaling.inward.shape == (2, 2)
    assert float(scaling.inward[1, 0]) == 0.0 == float(scaling.inward[0, 1])
    assert bool(torch.isfinite(scaling.scaled(case.samples).gradients).all())


def test_labels_of_zero_give_exactly_zero() -> None:
    x = states(64, 3)
    given = samples(x, torch.zeros(64, dtype=torch.float64), torch.zeros_like(x))
    value, gradient = PolynomialRegression().fit(given).value_and_gradient(states(10, 3, seed=4))
    assert not value.any()
    assert not gradient.any()


def test_labels_that_are_not_numbers_are_named() -> None:
    x = states(64, 3)
    gradients = torch.ones_like(x)
    gradients[5, 2] = math.nan
    with pytest.raises(DomainError, match="gradient labels to x2: expected finite numbers") as caught:
        Scaling.of(samples(x, x.sum(1), gradients))
    assert caught.value.ids == ("x2",)


def test_too_few_samples_are_refused() -> None:
    x = states(7, 2)
    with pytest.raises(DomainError, match="expected at least 8 samples, got 7"):
        Scaling.of(samples(x, x.sum(1)))
