"""The joint model: covariances against quadrature, martingales on simulated grid and event dates."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from tests.support.statistics import standard_error, three_sigma
from xva.errors import MarketDataError
from xva.exposure.claim_groups import CompiledSwaption, Flows, Swaptions
from xva.exposure.compiled import CompiledSet
from xva.exposure.event_keys import reset_key, state_key
from xva.exposure.reset_groups import CompiledResets, Resets
from xva.exposure.state.event_scalars import event_scalars
from xva.exposure.state.event_state import event_state
from xva.exposure.state.state import (
    covariance_table,
    event_layout,
    event_paths,
    grid_state,
    state_paths,
)
from xva.market.curves import DiscountCurve
from xva.models.cross_asset import CrossAssetModel, LognormalAsset
from xva.models.lgm import Lgm
from xva.models.random import PathNoise, brownian_rotation
from xva.pricing.flow_book import BondTable, FlowBook, flow_book
from xva.trades.claims import CompoundedFlow, IborFlow
from xva.trades.netting import NettingSet

RATES = {"EUR": 0.02, "USD": 0.04, "GBP": 0.035}
SPOTS = {"USD": 0.9, "GBP": 1.15}
SHARES = {"HOME": ("EUR", 50.0, 0.01), "ABROAD": ("USD", 120.0, 0.02)}
GRID = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0])
EVENTS = np.array([91.0, 400.0, 730.0, 1000.0]) / 365.0  # the third one is a grid date
R, PATHS = 32, 512


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _model() -> CrossAssetModel:
    """Volatilities jump at different times, everything is correlated with everything."""
    pillars = np.array([1.0, 3.0, 10.0])
    rates, assets = {}, {}
    for k, c in enumerate(RATES):
        sigmas = torch.tensor([0.008, 0.011, 0.007], dtype=torch.float64) * (1 + 0.1 * k)
        rates[c] = Lgm(c, number(0.02 + 0.02 * k), pillars, sigmas)
    sigmas = torch.tensor([0.09, 0.12], dtype=torch.float64)
    fx = {
        c: LognormalAsset(c, c, number(s), np.array([1.5, 5.0]), sigmas, number(0.0))
        for c, s in SPOTS.items()
    }
    for name, (c, spot, carry) in SHARES.items():
        assets[name] = LognormalAsset(
            name, c, number(spot), np.array([0.7, 5.0]), sigmas.flip(0) * 2, number(carry)
        )
    n = 7
    a = np.random.default_rng(3).normal(size=(n, n)) + 1.5 * np.eye(n)
    covariance = a @ a.T
    scale = np.sqrt(np.diag(covariance))
    return CrossAssetModel("EUR", rates, fx, assets, torch.from_numpy(covariance / np.outer(scale, scale)))


@pytest.fixture(scope="module")
def model() -> CrossAssetModel:
    return _model()


class Curves:
    def discount_curve(self, currency: str) -> DiscountCurve:
        return DiscountCurve.flat(currency, RATES[currency])

    def projection_curve(self, index: str) -> DiscountCurve:
        raise KeyError(index)


def loadings(model: CrossAssetModel, t: float) -> np.ndarray:
    """``(state, driver)`` volatilities, written down again from the model's equations."""
    time = np.array([t])
    n = len(model.factors)
    load, at = np.zeros((n, n)), model.index
    home = at["IR:EUR"]
    alpha = {c: float(m.alpha(time)[0]) for c, m in model.rates.items()}
    h = {c: float(m.h(time)[0]) for c, m in model.rates.items()}
    for c in model.rates:
        load[at[f"IR:{c}"], at[f"IR:{c}"]] = alpha[c]
    for c, asset in model.fx.items():
        row = at[f"FX:{c}"]
        load[row, home] = -h["EUR"] * alpha["EUR"]
        load[row, at[f"IR:{c}"]] = h[c] * alpha[c]
        load[row, row] = float(asset.sigma(time)[0])
    for name, asset in model.equities.items():
        row = at[f"EQ:{name}"]
        load[row, home] = -h["EUR"] * alpha["EUR"]
        load[row, row] = float(asset.sigma(time)[0])
        if asset.currency != "EUR":
            load[row, at[f"FX:{asset.currency}"]] = float(model.fx[asset.currency].sigma(time)[0])
    return load


def test_covariances_against_quadrature(model: CrossAssetModel) -> None:
    knots = np.array([0.0, 0.6, 2.0, 6.0])
    found = model.covariances(knots).numpy()
    rho = model.correlation.numpy()
    names = [("IR:EUR", "IR:USD"), ("IR:USD", "FX:USD"), ("FX:USD", "FX:GBP"), ("FX:USD", "EQ:ABROAD"),
             ("EQ:HOME", "EQ:ABROAD"), ("IR:GBP", "EQ:HOME"), ("EQ:ABROAD", "EQ:ABROAD")]  # fmt: skip
    for k, (start, end) in enumerate(zip(knots[:-1], knots[1:])):
        edges = [start, *[b for b in (0.7, 1.0, 1.5, 3.0, 5.0) if start < b < end], end]
        for one, other in names:
            i, j = model.index[one], model.index[other]

            def rate(t: float, i: int = i, j: int = j) -> float:
                load = loadings(model, t)
                return float(load[i] @ rho @ load[j])

            exact = sum(quad(rate, a, b, epsabs=1e-15, epsrel=1e-10)[0] for a, b in zip(edges, edges[1:]))
            assert found[k, i, j] == pytest.approx(exact, rel=1e-9), (one, other)
        np.testing.assert_allclose(found[k], found[k].T, atol=1e-18)


def test_drifts_make_martingales_exactly(model: CrossAssetModel) -> None:
    """``E[exp(a . s)]`` of a Gaussian: FX deflated, equity deflated, foreign bonds deflated and converted."""
    covariance = covariance_table(model, [GRID]).at(GRID)
    mean = model.initial_state() + model.drifts(covariance)
    for t, time in enumerate(GRID):
        for load, constant, exact in _martingales(model, float(time), 12.0):
            moment = load @ mean[t] + 0.5 * load @ covariance[t] @ load + constant
            assert float(torch.exp(moment)) == pytest.approx(exact, rel=1e-12)


def _martingales(model: CrossAssetModel, time: float, maturity: float) -> list[tuple[Tensor, float, float]]:
    """``(load, constant, value today)`` of ``exp(constant + load . s_t)``, each a deflated traded asset."""
    unit = torch.eye(len(model.factors), dtype=torch.float64)
    found = []
    for c, lgm in model.rates.items():
        h, zeta = float(lgm.h(maturity)), float(lgm.zeta(time))
        load = -h * unit[model.index[f"IR:{c}"]]
        spot = 1.0
        if c != "EUR":
            load, spot = load + unit[model.index[f"FX:{c}"]], SPOTS[c]
        bond = np.exp(-RATES[c] * maturity)
        found.append((load, float(np.log(bond) - 0.5 * h * h * zeta), float(spot * bond)))
    for name, (c, spot, _) in SHARES.items():
        found.append((unit[model.index[f"EQ:{name}"]], 0.0, spot * SPOTS.get(c, 1.0)))
    return found


def _noise(model: CrossAssetModel) -> PathNoise:
    return PathNoise(11, R, PATHS, brownian_rotation(GRID[1:]), len(model.factors))


def assert_means(samples: np.ndarray, exact: float) -> None:
    """Means of R scrambles within the 99.73 % Student quantile of their spread."""
    error, quantile = standard_error(samples), three_sigma(len(samples))
    assert error > 0
    assert abs(samples.mean() - exact) <= quantile * error + 1e-12 * abs(exact), (
        samples.mean(),
        exact,
        error,
    )


def test_martingales_on_grid_dates(model: CrossAssetModel) -> None:
    state = grid_state(model, covariance_table(model, [GRID]), GRID)
    source = _noise(model)
    cases = [(t, *case) for t in (1, 3, 5) for case in _martingales(model, float(GRID[t]), 12.0)]
    means = np.empty((R, len(cases)))
    for r in range(R):
        paths = state_paths(state, source.grid(r))
        for k, (t, load, constant, _) in enumerate(cases):
            means[r, k] = float(torch.exp(load @ paths[t] + constant).mean())
    for k, case in enumerate(cases):
        assert_means(means[:, k], case[-1])


def _events() -> CompiledSet:
    """USD and GBP/USD resets and EUR exercises on every event date; only their dates and currencies matter here."""
    empty = np.zeros(0)
    one, n = np.ones(len(EVENTS)), len(EVENTS)
    growth = flow_book("EUR", []).forwards

    def resets(leg: str, base: str) -> CompiledResets:
        book = FlowBook(leg, (), BondTable(empty, empty, empty), growth)
        return CompiledResets(
            leg,
            base,
            np.zeros(n, dtype=np.int64),
            one,
            EVENTS,
            EVENTS + 0.25,
            EVENTS + 0.25,
            one,
            one > 2,
            book,
        )

    swaptions = tuple(
        CompiledSwaption("S", 0, "EUR", float(t), np.inf, 1, True, flow_book("EUR", []), None) for t in EVENTS
    )
    alone = NettingSet("N", "C", "EUR")
    return CompiledSet(
        alone, ("N",), (Swaptions(swaptions), Resets((resets("EUR", "USD"), resets("USD", "GBP"))))
    )


@pytest.fixture(scope="module")
def bridged(model: CrossAssetModel):  # type: ignore[no-untyped-def]
    scalars = event_scalars(Curves(), model, GRID, [_events()], 0)
    table = covariance_table(model, [GRID, scalars.time])
    state = grid_state(model, table, GRID)
    layout = event_layout(scalars, GRID)
    return scalars, table, state, layout, event_state(model, table, GRID, state, layout, scalars)


def test_event_states_have_the_right_joint_law(model: CrossAssetModel, bridged) -> None:  # type: ignore[no-untyped-def]
    """x at an exercise date: variance zeta(S), covariance zeta(S) with x later, zeta(earlier) with x before."""
    scalars, table, state, layout, events = bridged
    row = model.index["IR:EUR"]
    for time in EVENTS:
        j = scalars.keys.index(state_key("EUR", float(time), 0))
        k = int(layout.step[j])
        zeta = [float(model.rates["EUR"].zeta(t)) for t in (GRID[k], float(time))]
        before = events.load[j] @ table.at(GRID[k])
        variance = (
            before @ events.load[j] + events.mix[j] @ events.mix[j] + events.residual[j] @ events.residual[j]
        )
        assert float(variance) == pytest.approx(zeta[1], rel=1e-12)
        assert float(before[row]) == pytest.approx(zeta[0], rel=1e-12, abs=1e-18)
        after = before[row] + state.factor[k][row] @ events.mix[j]
        assert float(after) == pytest.approx(zeta[1], rel=1e-12)
        on_grid = bool(np.isclose(GRID, time).any())
        assert bool((events.residual[j] == 0).all()) is on_grid


def test_martingales_on_event_dates(model: CrossAssetModel, bridged) -> None:  # type: ignore[no-untyped-def]
    """``E[X(S)/N(S)] = X(0) P_f(0,S)``, and ``E[Z(S) X(S)/N(S)]`` of a cross in its leg's currency likewise."""
    scalars, _, state, layout, events = bridged
    source, names = _noise(model), model.factors
    means: dict[tuple[str, float], list[float]] = {}
    for r in range(R):
        normals = source.grid(r)
        states = state_paths(state, normals)
        residuals = [
            torch.stack([source.event(r, day, names[s]) for day, s in noise])
            if noise
            else torch.zeros(0, PATHS)
            for noise in layout.noises
        ]
        found = event_paths(events, layout, states, normals, residuals)
        for time in EVENTS.tolist():
            x = found[scalars.keys.index(state_key("EUR", time, 0))]
            dollar = found[scalars.keys.index(reset_key("USD", "EUR", time, 0))]
            cross = found[scalars.keys.index(reset_key("GBP", "USD", time, 0))]
            h, square = (float(v) for v in model.rates["EUR"].log_numeraire_terms(time))
            deflator = torch.exp(-h * x - square - RATES["EUR"] * time)
            for name, paid in (("EUR", deflator), ("USD", deflator * torch.exp(dollar))):
                means.setdefault((name, time), []).append(float(paid.mean()))
            sterling = deflator * torch.exp(dollar + cross)
            means.setdefault(("GBP", time), []).append(float(sterling.mean()))
    for (name, time), samples in means.items():
        assert_means(np.array(samples), SPOTS.get(name, 1.0) * np.exp(-RATES[name] * time))


def test_leading_factors_keep_their_paths(model: CrossAssetModel) -> None:
    small = model.leading(6)
    assert small.factors == model.factors[:6]
    torch.testing.assert_close(small.covariances(GRID), model.covariances(GRID)[:, :6, :6])


def test_derivatives_of_covariances_and_drifts() -> None:
    base = _model()

    def steps(sigmas: Tensor, vols: Tensor, kappa: Tensor) -> Tensor:
        rates = dict(base.rates, USD=Lgm("USD", kappa, base.rates["USD"].times, sigmas))
        usd = base.fx["USD"]
        fx = dict(base.fx, USD=LognormalAsset("USD", "USD", usd.spot, usd.times, vols, usd.carry))
        model = CrossAssetModel("EUR", rates, fx, base.equities, base.correlation)
        covariance = model.covariances(GRID[[0, 2, 4]])
        return torch.cat([covariance.flatten(), model.drifts(covariance).flatten()])

    leaves = [base.rates["USD"].sigmas.clone(), base.fx["USD"].sigmas.clone(), number(0.04)]
    for leaf in leaves:
        leaf.requires_grad_(True)
    assert torch.autograd.gradcheck(steps, leaves, eps=1e-6, atol=1e-8, rtol=1e-5)


def test_factors_must_fit_together(model: CrossAssetModel) -> None:
    with pytest.raises(MarketDataError, match="correlation must be 7 x 7"):
        CrossAssetModel("EUR", model.rates, model.fx, model.equities, torch.eye(6, dtype=torch.float64))
    with pytest.raises(MarketDataError, match="domestic currency first"):
        CrossAssetModel("USD", model.rates, model.fx, model.equities, model.correlation)


COUPONS = np.array([(36, 128), (128, 219), (219, 402), (402, 403), (403, 404), (404, 803)]) / 365.0


@pytest.mark.parametrize("currency", ["EUR", "USD"])
def test_what_coupons_accrue_has_the_right_joint_law(model: CrossAssetModel, currency: str) -> None:
    """Means, and covariances with one another and with x, of ``int x dH``: from the tensors, without a simulation."""
    flows = [CompoundedFlow(currency, "I", a, b, b + 1.0, 1.0, 1.0) for a, b in COUPONS.tolist()]
    flows += [IborFlow(currency, "I", a, a, b, b + 1.0, 1.0, b - a) for a, b in COUPONS[1:3].tolist()]
    book = flow_book(currency, [(f, np.inf) for f in flows], [True] * len(flows))
    only = CompiledSet(NettingSet("N", "C", "EUR"), ("N",), (Flows({(0, currency): book}),))
    scalars = event_scalars(Curves(), model, GRID, [only], 0)
    table = covariance_table(model, [GRID, scalars.time], GRID, scalars.accruals)
    state = grid_state(model, table, GRID)
    layout = event_layout(scalars, GRID)
    events = event_state(model, table, GRID, state, layout, scalars)
    rates, x, y = model.rates[currency], model.index[f"IR:{currency}"], model.index.get(f"FX:{currency}")
    means, loads = _linear(model, state, layout, events)
    kinds = np.array([key[0] for key in scalars.keys])
    accrued, fixed = np.flatnonzero(kinds == "accrual"), np.flatnonzero(kinds == "state")
    assert len(accrued) == 9
    assert len(fixed) == 2

    def covariance(s: float, t: float) -> tuple[float, float]:
        """``cov(x_s, x_t)`` and ``cov(x_s, ln Y_t)``."""
        at = covariance_table(model, [np.array([min(s, t)])]).values[-1]
        return float(at[x, x]), 0.0 if y is None else float(at[x, y])

    kappa = float(rates.mean_reversion)
    for j in fixed.tolist():
        np.testing.assert_allclose(loads[j] @ loads[j], covariance(scalars.time[j], 9.0)[0], rtol=1e-10)
    # what one coupon has accrued: a difference of two, whatever they were counted from
    pairs = [(a, b) for a, b in zip(accrued[:-1], accrued[1:]) if layout.base[b] in (a, layout.base[a])]
    assert len(pairs) > 5
    for a, b in pairs:
        start, end = float(scalars.time[a]), float(scalars.time[b])
        node, weight = np.polynomial.legendre.leggauss(12)
        inner = sorted({*model.breaks.tolist(), *scalars.time[fixed].tolist()})
        edges = [start, *[k for k in inner if start < k < end], end]
        u = np.concatenate([0.5 * (p + q) + 0.5 * (q - p) * node for p, q in zip(edges[:-1], edges[1:])])
        w = np.concatenate([0.5 * (q - p) * weight for p, q in zip(edges[:-1], edges[1:])])
        w = w * np.exp(-kappa * u)  # dH
        mean = -sum(wi * covariance(ui, ui)[1] for ui, wi in zip(u, w))
        found = loads[b] - loads[a]
        assert float(means[b] - means[a]) == pytest.approx(mean, rel=1e-6, abs=1e-15)
        # the double integral by parts: twice int (H_end - H_u) zeta_u dH_u
        rest = (np.exp(-kappa * u) - np.exp(-kappa * end)) / kappa
        variance = 2.0 * sum(wi * ri * covariance(ui, ui)[0] for ui, wi, ri in zip(u, w, rest))
        assert float(found @ found) == pytest.approx(variance, rel=1e-6)
        for j in fixed.tolist():
            t = float(scalars.time[j])
            cross = sum(wi * covariance(ui, t)[0] for ui, wi in zip(u, w))
            assert float(found @ loads[j]) == pytest.approx(cross, rel=1e-6, abs=1e-15)


def _linear(model, state, layout, events):  # type: ignore[no-untyped-def]
    """Every event as its mean ``(event,)`` and its loads ``(event, noise)`` on all normals of all intervals."""
    n_steps, n = state.drift.shape
    widths = [len(noise) for noise in layout.noises]
    first = n_steps * n + np.concatenate([[0], np.cumsum(widths)])
    means, loads = [], []
    for j, k in enumerate(layout.step.tolist()):
        load = torch.zeros(int(first[-1]), dtype=torch.float64)
        for i in range(k):
            load[i * n : (i + 1) * n] = state.factor[i].T @ events.load[j]
        load[k * n : (k + 1) * n] = events.mix[j]
        load[first[k] : first[k + 1]] = events.residual[j, : widths[k]]
        mean = events.constant[j] + events.load[j] @ (state.initial + state.drift[:k].sum(0))
        base = int(layout.base[j])
        means.append(mean if base < 0 else mean + means[base])
        loads.append(load if base < 0 else load + loads[base])
    return torch.stack(means), torch.stack(loads)
