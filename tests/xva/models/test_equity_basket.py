"""Correlated lognormal equities: the contract, published prices, the exact law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.contracts.path_model import SCRAMBLES, PathModelContract, assert_mean, normals
from xva.errors import DomainError, MarketDataError
from xva.market.curves import DiscountCurve
from xva.models.deterministic_rates import RateCurve
from xva.models.equity_basket import EquityBasket
from xva.models.path_model import walk
from xva.pricing.closed_form.black_scholes import black_scholes

NAMES = ("A", "B", "C")
CORRELATION = torch.tensor([[1.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 1.0]], dtype=torch.float64)


def vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def basket() -> EquityBasket:
    return EquityBasket.flat(
        "EUR",
        NAMES,
        vector(100.0, 105.0, 95.0),
        vector(0.20, 0.25, 0.18),
        vector(0.05)[0],
        vector(0.01, 0.0, 0.03),
        CORRELATION,
    )


class TestFlat(PathModelContract):
    assets = {"A": ("EUR", 100.0, 0.01), "B": ("EUR", 105.0, 0.0), "C": ("EUR", 95.0, 0.03)}  # noqa: RUF012
    currencies = {"EUR": (1.0, 0.05)}  # noqa: RUF012
    indices = {"EUR-ANY": ("EUR", 0.05)}  # noqa: RUF012

    def model(self) -> EquityBasket:
        return basket()


class TestPiecewise(TestFlat):
    """Volatilities that jump inside steps, a curve with pillars."""

    def model(self) -> EquityBasket:
        rate = RateCurve(np.array([0.7, 2.0, 9.0]), -0.05 * vector(0.7, 2.0, 9.0))
        vols = torch.stack([vector(0.20, 0.25, 0.18), vector(0.35, 0.1, 0.2), vector(0.15, 0.3, 0.25)])
        times = np.array([0.4, 1.3, 3.0])
        return replace(basket(), vols=vols, vol_times=times, rate=rate)


def test_piecewise_covariance() -> None:
    model = TestPiecewise().model()
    knots = np.array([0.2, 0.6, 2.5])
    steps = model.transition(knots)
    origin = torch.zeros(3, 3, dtype=torch.float64)
    spans = [[0.2, 0.2, 0.0], [0.0, 0.7, 1.2]]
    for k, years in enumerate(spans):
        moved = steps.step(k, origin, torch.eye(3, dtype=torch.float64))
        nothing = steps.step(k, origin[:, :1], origin[:, :1])
        factor = (moved - nothing).numpy()
        exact = sum(
            y * np.outer(v, v) * CORRELATION.numpy() for y, v in zip(years, model.vols.numpy(), strict=True)
        )
        np.testing.assert_allclose(factor @ factor.T, exact, rtol=1e-12)
        drift = [0.05 * sum(years) - d * sum(years) for d in (0.01, 0.0, 0.03)] - 0.5 * np.diag(exact)
        np.testing.assert_allclose(nothing[:, 0], drift, rtol=1e-12)
    observer = model.observe(np.zeros(1), [origin])
    years = np.array([0.3, 0.9, 0.7])
    assert float(observer.log_variance("B", 0.1, 2.0)) == pytest.approx(
        float(years @ model.vols.numpy()[:, 1] ** 2), rel=1e-13
    )


def test_basket_call_and_its_deltas() -> None:
    """Independent value: 9.4447 +- 0.0001, deltas (0.2136, 0.2202, 0.2109)."""
    half = 0.5 * (torch.ones(3, 3, dtype=torch.float64) + torch.eye(3, dtype=torch.float64))
    spots = vector(100.0, 105.0, 95.0).requires_grad_(True)
    model = EquityBasket.flat("EUR", NAMES, spots, vector(0.20, 0.25, 0.18), 0.05, correlation=half)
    grid = np.array([0.0, 1.0])
    prices, deltas = [], []
    for block in range(SCRAMBLES):
        path = walk(model, grid, normals(model, grid, block, 4096))
        observer = model.observe(path.times, path.states)
        mean = torch.stack([observer.equity(name, 1.0) for name in NAMES]).mean(0)
        price = (torch.relu(mean - 100.0) * observer.deflator("EUR", 1.0)).mean()
        prices.append(float(price.detach()))
        deltas.append(torch.autograd.grad(price, spots)[0].numpy())
    assert_mean(prices, 9.4447, 1e-4)
    for k, exact in enumerate((0.2136, 0.2202, 0.2109)):
        assert_mean(np.array(deltas)[:, k], exact, 5e-5)


def test_parameters_by_path_are_models_by_path() -> None:
    """Market parameters sampled by path: path p is that of a model with p's parameters."""
    generator = torch.Generator().manual_seed(3)
    paths = 5
    vols = 0.1 + 0.3 * torch.rand(3, paths, generator=generator, dtype=torch.float64)
    rate = 0.05 * torch.rand(paths, generator=generator, dtype=torch.float64)
    dividends = 0.03 * torch.rand(3, paths, generator=generator, dtype=torch.float64)
    base = basket()
    many = EquityBasket.flat("EUR", NAMES, base.spots, vols, rate, dividends, CORRELATION)
    grid = np.array([0.0, 0.5, 2.0])
    noise = normals(many, grid, 0, 8)[:, :, :paths]
    path = walk(many, grid, noise)
    observer = many.observe(path.times, path.states)
    for p in range(paths):
        one = EquityBasket.flat("EUR", NAMES, base.spots, vols[:, p], rate[p], dividends[:, p], CORRELATION)
        alone = walk(one, grid, noise[:, :, p : p + 1])
        torch.testing.assert_close(path.states[-1][:, p], alone.states[-1][:, 0])
        single = one.observe(alone.times, alone.states)
        for ask in ("deflator", "bond", "variance"):
            values = [
                {
                    "deflator": lambda o: o.deflator("EUR", 2.0),
                    "bond": lambda o: o.bond("EUR", 0.5, 3.0),
                    "variance": lambda o: o.log_variance("B", 0.5, 2.0),
                }[ask](o)
                for o in (observer, single)
            ]
            assert float(values[0].expand(paths)[p]) == pytest.approx(
                float(values[1].reshape(-1)[0]), rel=1e-13
            )


def test_european_greeks_by_path_against_black_scholes() -> None:
    leaves = [vector(x)[0].requires_grad_(True) for x in (100.0, 0.05, 0.2, 0.02)]
    spot, rate, vol, dividend = leaves
    model = EquityBasket.flat("EUR", ("A",), spot[None], vol[None], rate, dividend[None])
    exact = black_scholes(spot, vector(100.0)[0], vector(1.0)[0], rate, vol, dividend)
    greeks = [float(g) for g in torch.autograd.grad(exact, leaves)]
    grid, found = np.array([0.0, 0.4, 1.0]), []
    for block in range(SCRAMBLES):
        path = walk(model, grid, normals(model, grid, block, 1024))
        observer = model.observe(path.times, path.states)
        price = (torch.relu(observer.equity("A", 1.0) - 100.0) * observer.deflator("EUR", 1.0)).mean()
        found.append([float(price.detach()), *(float(g) for g in torch.autograd.grad(price, leaves))])
    for k, truth in enumerate([float(exact.detach()), *greeks]):
        assert_mean(np.array(found)[:, k], truth)


def test_a_discount_curve_may_drive_it() -> None:
    curve = DiscountCurve("EUR", np.array([1.0, 5.0]), vector(-0.02, -0.2))
    model = EquityBasket.flat("EUR", ("A",), vector(1.0), vector(0.2), curve)
    state = torch.zeros(1, 3, dtype=torch.float64)
    observer = model.observe(np.array([0.0]), [state])
    np.testing.assert_allclose(observer.bond("EUR", 0.0, 3.0), np.exp(-0.11), rtol=1e-14)
    np.testing.assert_allclose(observer.growth("ANY", 0.0, 1.0, 2.0), np.exp(0.045), rtol=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spots": vector(1.0, 2.0)}, "expected spots"),
        ({"vols": -torch.ones(1, 3, dtype=torch.float64)}, "positive"),
        ({"correlation": torch.ones(3, 3, dtype=torch.float64)}, "positive definite matrix, it fails at B"),
        ({"correlation": torch.eye(2, dtype=torch.float64)}, "3 x 3"),
        ({"correlation": 2 * torch.eye(3, dtype=torch.float64)}, "ones on its diagonal"),
        (
            {"vols": torch.ones(2, 3, 4, dtype=torch.float64), "vol_times": np.array([1.0, 2.0])},
            "constant in time",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(MarketDataError, match=message):
        replace(basket(), **change)  # type: ignore[arg-type]


def test_other_currencies_are_refused() -> None:
    model = basket()
    observer = model.observe(np.zeros(1), [torch.zeros(3, 2, dtype=torch.float64)])
    with pytest.raises(DomainError, match="USD"):
        observer.fx("EUR", "USD", 0.0)
    with pytest.raises(DomainError, match="FX/EUR/USD"):
        observer.log_variance("FX/EUR/USD", 0.0, 1.0)
