"""Differential polynomial regression against polynomials, brute-force normal equations and a closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from surrogates.regression.loss import gradient_weights
from surrogates.regression.polynomial_fit import PolynomialRegression, PolynomialSurrogate, _powers, _terms
from surrogates.regression.samples import Samples
from surrogates.regression.scaling import Scaled
from surrogates.regression.surrogate import Surrogate
from tests.contracts.surrogate import SurrogateContract
from tests.support.bachelier import basket, strip, with_memory
from xva.errors import DomainError

CASE = strip(2000, 0)
FITTED = PolynomialRegression(degree=5).fit(CASE.samples)


class TestPolynomial(SurrogateContract):
    def surrogate(self) -> Surrogate:
        return FITTED

    def features(self) -> Tensor:
        return CASE.states[:300]


def cubic(count: int, noise: float = 0.0) -> tuple[Samples, Tensor]:
    """A cubic of four correlated features, exact gradients, values with noise; and the exact values."""
    draw = torch.Generator().manual_seed(2)
    x = torch.randn(count, 4, generator=draw, dtype=torch.float64)
    x = 2.0 + x @ torch.randn(4, 4, generator=draw, dtype=torch.float64)

    def value(row: Tensor) -> Tensor:
        return row[0] ** 3 - 2.0 * row[0] * row[1] * row[2] + row[3] ** 2 + row[1] - 7.0

    exact = torch.func.vmap(value)(x)
    noisy = exact + noise * exact.std() * torch.randn(count, generator=draw, dtype=torch.float64)
    return Samples(("a", "b", "c", "d"), x, noisy, torch.func.vmap(torch.func.grad(value))(x)), exact


def test_a_cubic_is_found_again() -> None:
    samples, exact = cubic(400)
    assert samples.gradients is not None
    for given in (samples, samples.without_gradients()):
        value, gradient = PolynomialRegression(degree=3).fit(given).value_and_gradient(samples.features)
        assert float((value - exact).abs().max()) < 1e-6 * float(exact.std())
        assert float((gradient - samples.gradients).abs().max()) < 1e-5 * float(samples.gradients.std())


def test_gradients_make_up_for_noise() -> None:
    samples, exact = cubic(200, noise=0.5)
    error = [
        float((PolynomialRegression(degree=3).fit(given).value(samples.features) - exact).std())
        for given in (samples, samples.without_gradients())
    ]
    assert 3.0 * error[0] < error[1]


def test_normal_equations_are_the_plain_sums() -> None:
    draw = torch.Generator().manual_seed(1)
    inputs = torch.randn(60, 3, generator=draw, dtype=torch.float64)
    values, gradients = (torch.randn(60, *w, generator=draw, dtype=torch.float64) for w in ((), (2,)))
    labels, powers = Scaled(inputs, values, gradients), _powers(3, 4)
    found = PolynomialRegression(degree=4)._equations(labels, powers)
    terms = _terms(inputs, powers)
    slopes = torch.func.vmap(torch.func.jacrev(lambda u: _terms(u[None], powers)[:, 0]))(inputs)[..., :2]
    weights = gradient_weights(gradients)
    gram = terms @ terms.T + torch.einsum("naj,nbj,j->ab", slopes, slopes, weights)
    moment = terms @ values + torch.einsum("naj,nj,j->a", slopes, gradients, weights)
    torch.testing.assert_close(found.gram.sum(0), gram)
    torch.testing.assert_close(found.moment.sum(0), moment)


def test_basis_is_orthonormal_under_the_normal() -> None:
    nodes, weights = (torch.tensor(a) for a in np.polynomial.hermite_e.hermegauss(20))
    terms = _terms(nodes[:, None], _powers(1, 8))
    product = (terms * weights / math.sqrt(2.0 * math.pi)) @ terms.T
    torch.testing.assert_close(product, torch.eye(9, dtype=torch.float64), atol=1e-10, rtol=0.0)


def test_degree_gives_way_to_the_number_of_terms() -> None:
    assert len(_powers(8, 3)) == math.comb(11, 3)
    samples = basket(12, 200, 0).samples
    fitted = PolynomialRegression(degree=6, terms=100, dropped=0.0).fit(samples.without_gradients())
    assert isinstance(fitted, PolynomialSurrogate)
    assert int(fitted.powers.sum(1).max()) == 2
    assert len(fitted.powers) == math.comb(14, 2)


def test_a_strip_of_options_against_the_closed_form() -> None:
    case = strip(8192, 1)
    value, gradient = CASE.errors(
        *PolynomialRegression(degree=6).fit(case.samples).value_and_gradient(CASE.states)
    )
    assert value < 0.02
    assert gradient < 0.05


def test_memory_without_labels_enters_through_values() -> None:
    case = with_memory(8192, 0)
    value, gradient = case.errors(
        *PolynomialRegression(degree=6).fit(case.samples).value_and_gradient(case.states)
    )
    assert value < 0.05
    assert gradient < 0.15


def test_no_weight_is_value_only_bit_for_bit() -> None:
    one = PolynomialRegression(gradient_weight=0.0).fit(CASE.samples)
    other = PolynomialRegression().fit(CASE.samples.without_gradients())
    assert torch.equal(one.value(CASE.states), other.value(CASE.states))


@pytest.mark.parametrize("wrong", [{"degree": 0}, {"terms": 0}, {"folds": 1}, {"gradient_weight": -1.0}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(DomainError, match="expected"):
        PolynomialRegression(**wrong)  # type: ignore[arg-type]
