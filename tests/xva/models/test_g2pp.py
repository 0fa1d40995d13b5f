"""G2++ against QuantLib's bonds and swaptions, its martingales, its limit of one factor; correlations of second factors."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql
import torch
from torch import Tensor

from tests.support.two_factor_world import G2Terms
from xva.errors import MarketDataError
from xva.market.correlation import correlation_matrix
from xva.models.cross_asset import CrossAssetModel, LognormalAsset
from xva.models.factor_correlations import with_own_factors
from xva.models.g2pp import G2pp
from xva.models.g2pp_swaption import g2pp_swaption
from xva.models.lgm import Lgm
from xva.models.state_layout import StateLayout
from xva.numerics.quadrature import composite_rule

A, B, SIGMA, ETA, RHO = 0.6, 0.05, 0.012, 0.009, -0.75
RATE = 0.03


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def terms(**change: float) -> G2Terms:
    return G2Terms(**({"currency": "EUR", "a": A, "b": B, "sigma": SIGMA, "eta": ETA, "rho": RHO} | change))


def piecewise() -> G2pp:
    sigmas = torch.tensor([[0.01, 0.006], [0.014, 0.009], [0.008, 0.011]], dtype=torch.float64)
    kappa = torch.tensor([0.4, 0.03], dtype=torch.float64)
    return G2pp("EUR", kappa, np.array([1.0, 3.0, 4.0]), sigmas, number(-0.6))


def quantlib() -> tuple[ql.G2, ql.YieldTermStructureHandle]:
    day = ql.Date(15, 1, 2026)
    ql.Settings.instance().evaluationDate = day
    curve = ql.YieldTermStructureHandle(ql.FlatForward(day, RATE, ql.Actual365Fixed()))
    return ql.G2(curve, A, SIGMA, B, ETA, RHO), curve


@pytest.mark.parametrize("horizon", [0.0, 8.0])
def test_bonds_are_quantlibs(horizon: float) -> None:
    model, _ = quantlib()
    ours = terms().model().at_horizon(horizon)
    time, maturities = 3.0, np.array([4.0, 12.0, 5.0, 8.0, 20.0, 33.0])
    constant, loading = ours.log_bond(time, maturities)
    for x, y in [(0.0, 0.0), (0.02, -0.01), (-0.03, 0.015)]:
        theirs = np.log([model.discountBond(time, float(t), ql.Array([x, y])) for t in maturities])
        theirs += RATE * (maturities - time)
        # two bonds say which of our states theirs is; all others are then the same
        state = np.linalg.solve(loading[:2].numpy(), (constant.numpy() - theirs)[:2])
        np.testing.assert_allclose(constant.numpy() - loading.numpy() @ state, theirs, rtol=0, atol=1e-13)


def test_covariance_is_the_integral_of_volatilities() -> None:
    model = piecewise()
    rule = composite_rule(np.array([0.0, 0.7, 2.2, 6.0]), model.breaks, longest=0.1)
    alpha = model.volatilities(rule.points)
    rho = torch.tensor([[1.0, -0.6], [-0.6, 1.0]], dtype=torch.float64)
    expected = torch.cumsum(rule.integrate_outer(alpha) * rho, 0)
    torch.testing.assert_close(model.covariance(np.array([0.7, 2.2, 6.0])), expected, rtol=1e-12, atol=1e-18)
    assert float(model.covariance(0.0).abs().max()) == 0.0


def test_integral_of_the_covariance() -> None:
    model = piecewise()
    kappa = model.mean_reversions
    for time in (0.4, 2.2, 6.0):
        rule = composite_rule(np.array([0.0, time]), model.breaks, longest=0.05)
        slope = torch.exp(-kappa * torch.from_numpy(rule.points)[:, None])
        expected = rule.integrate((model.covariance(rule.points) @ slope[..., None])[..., 0])[0]
        torch.testing.assert_close(model.covariance_integral(time), expected, rtol=1e-10, atol=1e-18)


def test_one_factor_is_what_is_left_without_the_second_volatility() -> None:
    two = terms(eta=0.0).model().at_horizon(5.0)
    one = Lgm("EUR", number(A), np.ones(1), number(SIGMA)[None], 5.0)
    for k, maturity in enumerate((1.5, 4.0, 17.0)):
        (c2, h2), (c1, h1) = two.log_bond(1.0 + k, maturity + k), one.log_bond(1.0 + k, maturity + k)
        torch.testing.assert_close(c2, c1, rtol=1e-12, atol=1e-16)
        torch.testing.assert_close(h2[0], h1[0], rtol=1e-14, atol=0)


@pytest.mark.parametrize(("expiry", "tenor"), [(1, 5), (5, 10), (10, 20)])
@pytest.mark.parametrize("strike", [0.02, 0.031, 0.045])
@pytest.mark.parametrize("payer", [True, False])
def test_swaptions_are_quantlibs(expiry: int, tenor: int, strike: float, payer: bool) -> None:
    model, curve = quantlib()
    start = ql.Date(15, 1, 2026 + expiry)
    end = ql.Date(15, 1, 2026 + expiry + tenor)
    index = ql.IborIndex(
        "none", ql.Period(1, ql.Years), 0, ql.EURCurrency(), ql.NullCalendar(), ql.Unadjusted, False,
        ql.Actual365Fixed(), curve,
    )  # fmt: skip
    schedule = ql.Schedule(start, end, ql.Period(1, ql.Years), ql.NullCalendar(), ql.Unadjusted, ql.Unadjusted,
                           ql.DateGeneration.Forward, False)  # fmt: skip
    side = ql.VanillaSwap.Payer if payer else ql.VanillaSwap.Receiver
    swap = ql.VanillaSwap(
        side, 1.0, schedule, strike, ql.Actual365Fixed(), schedule, index, 0.0, ql.Actual365Fixed()
    )
    swap.setPricingEngine(ql.DiscountingSwapEngine(curve))
    swaption = ql.Swaption(swap, ql.EuropeanExercise(start))
    swaption.setPricingEngine(ql.G2SwaptionEngine(model, 8.0, 2000))

    def years(date: ql.Date) -> float:
        return (date - ql.Date(15, 1, 2026)) / 365.0

    days = [years(d) for d in schedule]
    pay = np.array([days[0], days[-1], *days[1:]])
    accrued = np.diff(days)
    weight = np.exp(-RATE * pay) * np.concatenate([[1.0, -1.0], -strike * accrued])
    ours = terms().model()
    value = g2pp_swaption(
        torch.from_numpy(weight if payer else -weight), ours.loadings(pay), ours, years(start)
    )
    assert float(value) == pytest.approx(swaption.NPV(), rel=2e-6, abs=2e-9)


def test_swaptions_derivatives_are_differences() -> None:
    pay = np.array([2.0, 7.0, *np.arange(3.0, 8.0)])
    size = np.concatenate([[1.0, -1.0], np.full(5, -0.03)])

    def price(values: Tensor) -> Tensor:
        sigma, eta, rho, rate = values.unbind()
        kappa = torch.tensor([A, B], dtype=torch.float64)
        model = G2pp("EUR", kappa, np.ones(1), torch.stack([sigma, eta])[None], rho)
        weight = torch.from_numpy(size) * torch.exp(-rate * torch.from_numpy(pay))
        return g2pp_swaption(weight, model.loadings(pay), model, 2.0)

    at = torch.tensor([SIGMA, ETA, RHO, RATE], dtype=torch.float64)
    assert torch.autograd.gradcheck(price, at.requires_grad_(True), eps=1e-6, atol=1e-7, rtol=1e-5)


def joint() -> CrossAssetModel:
    rates = {
        "EUR": terms().model().at_horizon(4.0),
        "USD": Lgm("USD", number(0.03), np.ones(1), number(0.01)[None], 4.0),
        "GBP": terms(currency="GBP", a=0.2, b=0.02, sigma=0.006, eta=0.007, rho=-0.5).model().at_horizon(4.0),
    }
    layout = StateLayout(tuple(rates), (2, 1, 2), ("S",))
    quoted = {
        ("IR:EUR", "IR:USD"): number(0.4), ("IR:EUR", "FX:USD"): number(-0.3), ("IR:USD", "FX:GBP"): number(0.2),
        ("IR:GBP", "FX:GBP"): number(0.35), ("FX:USD", "FX:GBP"): number(0.5), ("FX:USD", "EQ:S"): number(-0.4),
        ("IR:EUR", "IR:GBP"): number(0.6), ("IR:EUR", "EQ:S"): number(0.3),
    }  # fmt: skip
    vol, pillar, nothing = number(0.12)[None], np.ones(1), number(0.0)
    return CrossAssetModel(
        "EUR",
        rates,
        {
            "USD": LognormalAsset("USD", "USD", number(0.9), pillar, vol, nothing),
            "GBP": LognormalAsset("GBP", "GBP", number(1.15), pillar, 0.7 * vol, nothing),
        },
        {"S": LognormalAsset("S", "GBP", number(50.0), pillar, 2.0 * vol, number(0.02))},
        correlation_matrix(with_own_factors(quoted, layout, rates), layout.labels),
    )


def test_deflated_bonds_fx_and_equities_are_martingales() -> None:
    """In closed form of the Gaussian law of the joint state, to rounding: every currency's bonds, and the equity."""
    model, time = joint(), 6.5
    covariance = model.covariances(np.array([0.0, time]))[0]
    mean = model.initial_state() + model.drifts(covariance)

    def expected(constant: Tensor, load: Tensor) -> float:
        return float(constant + load @ mean + 0.5 * load @ covariance @ load)

    for currency, rates in model.rates.items():
        for maturity in (6.5, 9.0, 25.0):
            h = rates.loadings(maturity)
            load = torch.zeros(model.layout.n_states, dtype=torch.float64)
            load[model.layout.rates(currency)] = -h
            spot, fx = 0.0, model.layout.fx(currency)
            if fx is not None:
                load[fx], spot = 1.0, float(torch.log(model.fx[currency].spot))
            assert expected(-rates.half_variance(h, time), load) == pytest.approx(spot, abs=1e-12)
    share = model.equity_load("S")
    assert expected(number(0.0), share) == pytest.approx(float(torch.log(number(50.0 * 1.15))), abs=1e-12)


def test_second_factors_keep_a_quoted_matrix_positive_definite() -> None:
    matrix = joint().correlation
    assert float(torch.linalg.eigvalsh(matrix)[0]) > 1e-3
    at = joint().index
    assert float(matrix[at["IR:EUR"], at["IR:EUR:1"]]) == RHO
    assert float(matrix[at["IR:EUR:1"], at["FX:USD"]]) == pytest.approx(RHO * -0.3)
    assert float(matrix[at["IR:EUR:1"], at["IR:GBP:1"]]) == pytest.approx(RHO * -0.5 * 0.6)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"rho": -1.0}, r"correlation in \(-1, 1\), got rho = -1.0"), ({"a": 0.0}, "mean reversions that are not zero"),
     ({"a": 0.05, "b": -0.05}, "nor their sum")],
)  # fmt: skip
def test_parameters_out_of_range_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(MarketDataError, match=message):
        terms(**change).model()
