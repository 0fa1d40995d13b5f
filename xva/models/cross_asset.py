"""Cross-asset model: Gaussian rates per currency, lognormal FX and equity, one correlation matrix, exact steps.

State under the domestic LGM measure: ``x_d``, ``x_f``, ``ln Y`` with ``Y = X N_f/N_d`` and ``ln Z``
with ``Z = S exp(q t) [X]/N_d``. All are Gaussian with independent increments, so a path is a cumulative sum of
``mu_k + L_k z_k`` and exact on any grid. Lichters, Stamm & Gallagher (2015), ch. 12-13.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from xva.errors import CalibrationError, DomainError, MarketDataError
from xva.market.factors import equity_factor, fx_factor
from xva.models.lgm import Lgm
from xva.models.rates_model import RatesModel
from xva.models.state_layout import StateLayout
from xva.numerics.quadrature import composite_rule


@dataclass(frozen=True)
class LognormalAsset:
    """Spot and piecewise-constant volatility of an FX rate (domestic per foreign) or an equity.

    ``sigmas[k]`` holds on ``(times[k-1], times[k]]``, the last one beyond; ``carry`` is an equity's dividend yield.
    """

    name: str
    currency: str
    spot: Tensor
    times: NDArray[np.float64]
    sigmas: Tensor
    carry: Tensor

    def sigma(self, time: NDArray[np.float64]) -> Tensor:
        """Volatility at ``time``, same shape (left-continuous)."""
        return self.sigmas[torch.from_numpy(np.searchsorted(self.times[:-1], time, side="left"))]


@dataclass(frozen=True)
class CrossAssetModel:
    """The joint model.

    Parameters
    ----------
    domestic : str
        Reporting currency; the measure of its numeraire is the pricing measure.
    rates : mapping of currency to RatesModel
        Domestic currency first.
    fx : dict of foreign currency to LognormalAsset
        In the order of ``rates``.
    equities : dict of name to LognormalAsset
    correlation : Tensor
        ``(factor, factor)`` of the Brownian motions, in the order of ``factors``.
    """

    domestic: str
    rates: Mapping[str, RatesModel]
    fx: dict[str, LognormalAsset]
    equities: dict[str, LognormalAsset]
    correlation: Tensor

    def __post_init__(self) -> None:
        n = len(self.factors)
        if next(iter(self.rates)) != self.domestic or list(self.rates)[1:] != list(self.fx):
            raise MarketDataError(
                "rates must list the domestic currency first, then fx's currencies in order"
            )
        if self.correlation.shape != (n, n):
            raise MarketDataError(f"correlation must be {n} x {n}, got {tuple(self.correlation.shape)}")

    @cached_property
    def factors(self) -> tuple[str, ...]:
        """Names of the Brownian motions, which are those of the states; state k is driven first by k."""
        return self.layout.labels

    @cached_property
    def layout(self) -> StateLayout:
        """Where everything is in the state."""
        return StateLayout(
            tuple(self.rates), tuple(m.n_factors for m in self.rates.values()), tuple(self.equities)
        )

    def lgm(self, currency: str) -> Lgm:
        """A currency's rates, for what is known of one factor only.

        Raises
        ------
        DomainError
            It has another model.
        """
        found = self.rates[currency]
        if not isinstance(found, Lgm):
            raise DomainError(
                f"{currency}: expected rates of one factor (LGM), got {type(found).__name__}; options, resets and trades "
                f"without closed form need LGM",
                [currency],
            )
        return found

    @cached_property
    def index(self) -> dict[str, int]:
        return self.layout.index

    @cached_property
    def breaks(self) -> NDArray[np.float64]:
        """All times at which a volatility jumps."""
        times = [a.times[:-1] for a in (*self.fx.values(), *self.equities.values())]
        times += [m.breaks for m in self.rates.values()]
        return np.unique(np.concatenate(times))

    def at_horizon(self, years: float) -> CrossAssetModel:
        """The same law of the market on other paths: every currency's numeraire is its zero bond of ``years``."""
        return replace(self, rates={c: rates.at_horizon(years) for c, rates in self.rates.items()})

    def leading(self, count: int) -> CrossAssetModel:
        """The same model with its first ``count`` factors only, all rates and FX among them.

        A Cholesky factor's leading rows do not change, so neither do the paths of the states kept.
        """
        names = list(self.equities)[: count - self.layout.equity_rows.start]
        if len(names) == len(self.equities):
            return self
        kept = {name: self.equities[name] for name in names}
        return replace(self, equities=kept, correlation=self.correlation[:count, :count])

    def initial_state(self) -> Tensor:
        """``(factor,)`` state at ``as_of``."""
        zero = self.correlation.new_zeros(())
        fx = [torch.log(a.spot) for a in self.fx.values()]
        equity = [torch.log(a.spot * self._to_domestic(a.currency)) for a in self.equities.values()]
        return torch.stack([zero] * self.layout.n_rates + fx + equity)

    def bond_load(self, currency: str, h: Tensor) -> Tensor:
        """``(..., state)`` load of deflated bonds of ``currency``: 1 on ln Y if foreign, ``-h`` ``(..., factor)`` on x."""
        load, fx = self.rates_load(currency, -h), self.layout.fx(currency)
        return load if fx is None else load + self._unit(fx)

    def rates_load(self, currency: str, load: Tensor) -> Tensor:
        """``(..., state)``: a ``load`` ``(..., factor)`` on a currency's rates."""
        first = self.layout.rates(currency).start
        each = [own[..., None] * self._unit(first + k) for k, own in enumerate(load.unbind(-1))]
        return sum(each[1:], each[0])

    def equity_load(self, name: str) -> Tensor:
        """``(state,)`` load of an equity: 1 on ln Z."""
        return self._unit(self.layout.equity(name))

    def _unit(self, row: int) -> Tensor:
        unit = torch.zeros(self.layout.n_states, dtype=torch.float64)
        unit[row] = 1.0
        return unit

    def _to_domestic(self, currency: str) -> Tensor | float:
        return 1.0 if currency == self.domestic else self.fx[currency].spot

    @cached_property
    def _terms(self) -> tuple[tuple[tuple[str, str], ...], Tensor, Tensor]:
        """Volatility functions ``(kind, driver)``, their drivers' numbers, and how states combine them.

        Every loading of a state is plus or minus one of few functions of time: ``alpha``, ``H alpha`` or ``sigma`` of one
        driver. ``combine`` ``(state, function)`` holds the signs.
        """
        rates = {c: self.factors[self.layout.rates(c)] for c in self.rates}
        home = {("bond", label): -1.0 for label in rates[self.domestic]}
        rows: list[dict[tuple[str, str], float]] = [
            {("alpha", label): 1.0} for own in rates.values() for label in own
        ]
        for c in self.fx:
            rows.append(home | {("bond", label): 1.0 for label in rates[c]} | {("sigma", fx_factor(c)): 1.0})
        for name, asset in self.equities.items():
            row = home | {("sigma", equity_factor(name)): 1.0}
            if asset.currency != self.domestic:
                row["sigma", fx_factor(asset.currency)] = 1.0
            rows.append(row)
        names = tuple(dict.fromkeys(key for row in rows for key in row))
        combine = torch.tensor([[row.get(key, 0.0) for key in names] for row in rows], dtype=torch.float64)
        driver = torch.tensor([self.index[driver] for _, driver in names])
        return names, driver, combine

    def _functions(self, time: NDArray[np.float64]) -> Tensor:
        """``(time, function)`` values of the volatility functions."""
        alpha: dict[str, Tensor] = {}
        h: dict[str, Tensor] = {}
        for c, m in self.rates.items():
            labels = self.factors[self.layout.rates(c)]
            alpha.update(zip(labels, m.volatilities(time).unbind(-1), strict=True))
            h.update(zip(labels, m.loadings(time).unbind(-1), strict=True))
        assets = {fx_factor(c): a for c, a in self.fx.items()}
        assets |= {equity_factor(e): a for e, a in self.equities.items()}
        columns = []
        for kind, driver in self._terms[0]:
            if kind == "sigma":
                columns.append(assets[driver].sigma(time))
            else:
                columns.append(alpha[driver] * h[driver] if kind == "bond" else alpha[driver])
        return torch.stack(columns, dim=1)

    def covariances(
        self, knots: ArrayLike, accruals: Sequence[str] = (), grid: NDArray[np.float64] | None = None
    ) -> Tensor:
        """``(interval, state, state)`` covariances of the increments between consecutive ``knots``.

        The states of ``accruals`` come after the model's: of each currency named ``int (H - H_k) dx``, H_k being its H at
        the date of ``grid`` before; all of the grid's dates are knots.
        """
        longest = min(m.smooth_years for m in self.rates.values())
        rule = composite_rule(knots, self.breaks, longest=longest)
        _, driver, combine = self._terms
        f = self._functions(rule.points)
        if accruals:
            assert grid is not None
            before = grid[np.searchsorted(grid, rule.points) - 1]
            f = torch.cat([f, *(self._accrual(c, rule.points, before) for c in accruals)], dim=1)
            driver = torch.cat([driver, torch.tensor([self.layout.rates(c).start for c in accruals])])
            combine = torch.block_diag(combine, torch.eye(len(accruals), dtype=torch.float64))  # type: ignore[no-untyped-call]
        products = rule.integrate_outer(f)
        rho = self.correlation.index_select(0, driver).index_select(1, driver)
        half = (products * rho) @ combine.T
        return (half.transpose(1, 2) @ combine.T).transpose(1, 2)

    def _accrual(self, currency: str, time: NDArray[np.float64], before: NDArray[np.float64]) -> Tensor:
        """``(time, 1)`` loading ``(H - H_k) alpha`` on the currency's own Brownian motion."""
        rates = self.rates[currency]
        return (rates.loadings(time) - rates.loadings(before)) * rates.volatilities(time)

    def step_factors(self, covariance: Tensor, knots: NDArray[np.float64]) -> Tensor:
        """Cholesky factors ``(interval, state, state)`` of the increments between ``knots``.

        Raises
        ------
        CalibrationError
            The factors are linearly dependent (a correlation of one, a volatility of zero).
        """
        factor: Tensor
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if bool(failed.any()):
            k = int(failed.nonzero()[0])
            name = self.factors[int(failed[k]) - 1]
            raise CalibrationError(
                f"the factors' covariance over step {k + 1} (to {knots[k + 1]:.3f}y) is not positive definite at factor "
                f"{name}: expected no volatility of zero and no correlation of one",
                [name],
            )
        return factor

    def drifts(self, covariance: Tensor) -> Tensor:
        """``(..., state)`` mean increments that belong to increments' covariances ``(..., state, state)``."""
        partner, factor = self.drift_rule()
        return torch.from_numpy(factor) * covariance[..., np.arange(len(partner)), partner]

    def drift_rule(self, accruals: Sequence[str] = ()) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """A state's mean increment is ``factor`` times its covariance with ``partner``, each ``(state,)``.

        A foreign currency's states (x, and its accrual behind the model's states, as `covariances` has them) move with its
        FX rate; a logarithm loses half its variance.
        """
        n = len(self.factors)
        partner = np.arange(n + len(accruals))
        factor = np.full(n + len(accruals), -0.5)
        rows = [(k, c) for c in self.rates for k in range(n)[self.layout.rates(c)]]
        for k, currency in [*rows, *enumerate(accruals, start=n)]:
            fx = self.layout.fx(currency)
            partner[k] = k if fx is None else fx
            factor[k] = 0.0 if fx is None else -1.0
        return partner, factor
