"""Heston by the QE scheme: the contract, prices and derivatives against QuantLib, the order of the scheme."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import QuantLib as ql
import torch
from torch import Tensor

from tests.contracts.path_model import SCRAMBLES, PathModelContract, assert_mean, normals
from xva.errors import DomainError, MarketDataError
from xva.models.deterministic_rates import RateCurve
from xva.models.grids import refined
from xva.models.heston import HestonBasket
from xva.models.path_model import walk

NAMES = ("A", "B", "C")
FIELDS = ("spots", "variances", "mean_reversions", "long_variances", "vols_of_variance", "skews")
NUMBERS = (100.0, 0.04, 4.0, 0.25, 1.0, -0.5)
EXACT = 16.070154917028834


def vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def single(*terms: float, rate: float = 0.01, dividend: float = 0.02) -> HestonBasket:
    values = (vector(term) for term in terms)
    one = torch.eye(1, dtype=torch.float64)
    return HestonBasket("EUR", ("A",), *values, vector(dividend), RateCurve.of(rate), one)


def several() -> HestonBasket:
    """B breaks the Feller condition by far, C's skew is positive."""
    return HestonBasket(
        "EUR",
        NAMES,
        vector(100.0, 50.0, 80.0),
        vector(0.04, 0.09, 0.03),
        vector(1.5, 0.5, 2.0),
        vector(0.05, 0.06, 0.04),
        vector(0.3, 1.0, 0.4),
        vector(-0.7, -0.9, 0.3),
        vector(0.01, 0.0, 0.03),
        RateCurve.of(0.03),
        torch.tensor([[1.0, 0.6, 0.4], [0.6, 1.0, -0.3], [0.4, -0.3, 1.0]], dtype=torch.float64),
    )


class TestHeston(PathModelContract):
    assets = {"A": ("EUR", 100.0, 0.01), "B": ("EUR", 50.0, 0.0), "C": ("EUR", 80.0, 0.03)}  # noqa: RUF012
    currencies = {"EUR": (1.0, 0.03)}  # noqa: RUF012
    indices = {"EUR-ANY": ("EUR", 0.03)}  # noqa: RUF012

    def model(self) -> HestonBasket:
        return several()


def analytic(terms: tuple[float, ...], strike: float, years: int, rate: float, dividend: float) -> float:
    spot, variance, kappa, theta, xi, rho = terms
    today = ql.Date(2, 1, 2026)
    ql.Settings.instance().evaluationDate = today
    curves = [
        ql.YieldTermStructureHandle(ql.FlatForward(today, r, ql.Actual365Fixed())) for r in (rate, dividend)
    ]
    quote = ql.QuoteHandle(ql.SimpleQuote(spot))
    process = ql.HestonProcess(*curves, quote, variance, kappa, theta, xi, rho)
    option = ql.VanillaOption(
        ql.PlainVanillaPayoff(ql.Option.Call, strike), ql.EuropeanExercise(today + 365 * years)
    )
    option.setPricingEngine(ql.AnalyticHestonEngine(ql.HestonModel(process), 1e-12, 100000))
    return float(option.NPV())


@cache
def quantlib_greeks() -> tuple[float, ...]:
    """Central differences of QuantLib's price."""
    found = []
    for k, term in enumerate(NUMBERS):
        size = 1e-4 * max(abs(term), 0.1)
        moved = [
            analytic((*NUMBERS[:k], term + s * size, *NUMBERS[k + 1 :]), 100.0, 1, 0.01, 0.02)
            for s in (1, -1)
        ]
        found.append((moved[0] - moved[1]) / (2 * size))
    return tuple(found)


def calls(model: HestonBasket, strike: float, years: int, per_year: int, paths: int) -> list[Tensor]:
    """Price of each scramble."""
    grid = refined(np.array([0.0, float(years)]), 1.0 / per_year)
    found = []
    for block in range(SCRAMBLES):
        path = walk(model, grid, normals(model, grid, block, paths))
        observer = model.observe(path.times, path.states)
        payoff = torch.relu(observer.equity("A", float(years)) - strike)
        found.append((payoff * observer.deflator("EUR", float(years))).mean())
    return found


def test_quantlib_agrees_with_the_published_call() -> None:
    assert analytic(NUMBERS, 100.0, 1, 0.01, 0.02) == pytest.approx(EXACT, abs=1e-9)


def test_call_of_numbers_md() -> None:
    prices = [float(p) for p in calls(single(*NUMBERS), 100.0, 1, 16, 4096)]
    assert_mean(prices, EXACT, allowed=0.01)


def test_weak_order_is_two() -> None:
    """Halving the step divides the error by about four."""
    errors = [
        EXACT - float(torch.stack(calls(single(*NUMBERS), 100.0, 1, n, 4096)).mean()) for n in (1, 2, 4, 8)
    ]
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    assert ((ratios > 3.0) & (ratios < 4.6)).all(), errors


def test_both_branches() -> None:
    """Andersen's hardest case: ten years, Feller broken, variance at zero most of the time."""
    terms = (100.0, 0.04, 0.5, 0.04, 1.0, -0.9)
    exact = analytic(terms, 100.0, 10, 0.0, 0.0)
    model = single(*terms, rate=0.0, dividend=0.0)
    prices = [float(p) for p in calls(model, 100.0, 10, 8, 1024)]
    assert_mean(prices, exact, allowed=0.03)
    grid = refined(np.array([0.0, 10.0]), 0.25)
    path = walk(model, grid, normals(model, grid, 0, 512))
    last = path.states[-1][1]
    assert 0.2 < float((last == 0.0).double().mean()) < 0.9


def test_derivatives_through_the_scheme_against_quantlib() -> None:
    """Delta and the derivatives to the five parameters of the reference call."""
    leaves = [vector(term).requires_grad_(True) for term in NUMBERS]
    one = torch.eye(1, dtype=torch.float64)
    model = HestonBasket("EUR", ("A",), *leaves, vector(0.02), RateCurve.of(0.01), one)
    found = [
        [float(g) for g in torch.autograd.grad(price, leaves)] for price in calls(model, 100.0, 1, 16, 2048)
    ]
    for k, exact in enumerate(quantlib_greeks()):
        assert_mean(np.array(found)[:, k], exact, allowed=0.01 * abs(exact), looks=len(FIELDS))


@pytest.mark.slow
def test_delta_where_the_variance_is_often_zero() -> None:
    terms = (100.0, 0.04, 0.5, 0.04, 1.0, -0.9)
    exact = (
        analytic((100.01, *terms[1:]), 100.0, 3, 0.0, 0.0) - analytic((99.99, *terms[1:]), 100.0, 3, 0.0, 0.0)
    ) / 0.02
    model = single(*terms, rate=0.0, dividend=0.0)
    spot = vector(100.0).requires_grad_(True)
    prices = calls(replace(model, spots=spot), 100.0, 3, 16, 1024)
    assert_mean([float(torch.autograd.grad(p, spot)[0]) for p in prices], exact, allowed=0.003)


def test_correlations_of_the_drivers() -> None:
    """Spots as given, each with its own variance its skew, the rest as the structure says."""
    model = several()
    factor = model.drivers().numpy()
    skew = model.skews.numpy()
    rest = np.sqrt(1.0 - skew**2)
    variance = factor[:3]
    spot = skew[:, None] * variance + rest[:, None] * factor[3:]
    given = model.correlation.numpy()
    np.testing.assert_allclose(spot @ spot.T, given, atol=1e-14)
    np.testing.assert_allclose(spot @ variance.T, given * skew, atol=1e-14)


def test_spots_are_correlated_as_given() -> None:
    """Nearly constant variances: the lognormal law of a basket is the limit."""
    model = replace(several(), vols_of_variance=vector(1e-3, 1e-3, 1e-3), long_variances=several().variances)
    grid = np.linspace(0.0, 1.0, 9)
    path = walk(model, grid, normals(model, grid, 0, 16384))
    moves = (path.states[-1] - path.states[0])[:3].numpy()
    np.testing.assert_allclose(np.corrcoef(moves), model.correlation.numpy(), atol=0.01)
    np.testing.assert_allclose(moves.var(axis=1), model.variances.numpy(), rtol=0.01)


def test_bridge_variance_is_the_path_s_own() -> None:
    model = several()
    grid = np.array([0.0, 0.5, 1.5])
    path = walk(model, grid, normals(model, grid, 0, 8))
    v = [state[4] for state in path.states]
    found = model.observe(path.times, path.states).log_variance("B", 0.0, 1.5)
    torch.testing.assert_close(found, 0.25 * (v[0] + v[1]) + 0.5 * (v[1] + v[2]))


def test_steps_without_a_mean_are_refused() -> None:
    model = single(100.0, 0.04, 3.0, 0.04, 2.0, 0.95)
    grid = np.array([0.0, 10.0])
    with pytest.raises(DomainError, match="refine the grid"):
        walk(model, grid, normals(model, grid, 0, 64))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skews": vector(-0.7, -1.0, 0.3)}, "skews of B"),
        ({"variances": vector(0.04, -0.1, 0.3)}, "variances of B"),
        ({"mean_reversions": vector(1.0, 1.0, 0.0)}, "mean_reversions of C"),
        ({"dividends": vector(0.0)}, "dividends: expected"),
        ({"correlation": torch.ones(3, 3, dtype=torch.float64)}, "positive definite"),
    ],
)
def test_parameters_out_of_range_are_refused(change: dict[str, Tensor], message: str) -> None:
    with pytest.raises(MarketDataError, match=message):
        replace(several(), **change)


def test_refined_grids() -> None:
    np.testing.assert_allclose(
        refined(np.array([0.0, 0.5, 0.6, 1.6]), 0.25), [0.0, 0.25, 0.5, 0.6, 0.85, 1.1, 1.35, 1.6]
    )
