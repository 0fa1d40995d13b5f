"""Cross-asset model: LGM per currency, lognormal FX and equity, one correlation matrix, exact steps.

State under the domestic LGM measure (DESIGN 4.1): ``x_d``, ``x_f``, ``ln Y`` with ``Y = X N_f/N_d`` and ``ln Z``
with ``Z = S exp(q t) [X]/N_d``. All are Gaussian with independent increments, so a path is a cumulative sum of
``mu_k + L_k z_k`` and exact on any grid. Lichters, Stamm & Gallagher (2015), ch. 12-13.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from xva.errors import MarketDataError
from xva.models.lgm import Lgm
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
        Reporting currency; its LGM measure is the pricing measure.
    rates : dict of currency to Lgm
        Domestic currency first.
    fx : dict of foreign currency to LognormalAsset
        In the order of ``rates``.
    equities : dict of name to LognormalAsset
    correlation : Tensor
        ``(factor, factor)`` of the Brownian motions, in the order of ``factors``.
    """

    domestic: str
    rates: dict[str, Lgm]
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
        """Names of the Brownian motions: ``IR:<ccy>``, ``FX:<ccy>``, ``EQ:<name>``; state k is driven first by k."""
        return (
            *(f"IR:{c}" for c in self.rates),
            *(f"FX:{c}" for c in self.fx),
            *(f"EQ:{e}" for e in self.equities),
        )

    @cached_property
    def index(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.factors)}

    @cached_property
    def breaks(self) -> NDArray[np.float64]:
        """All times at which a volatility jumps."""
        assets = [*self.fx.values(), *self.equities.values(), *self.rates.values()]
        return np.unique(np.concatenate([a.times[:-1] for a in assets] + [np.zeros(0)]))

    def leading(self, count: int) -> CrossAssetModel:
        """The same model with its first ``count`` factors only, all rates and FX among them.

        A Cholesky factor's leading rows do not change, so neither do the paths of the states kept.
        """
        names = list(self.equities)[: count - 2 * len(self.rates) + 1]
        if len(names) == len(self.equities):
            return self
        kept = {name: self.equities[name] for name in names}
        return replace(self, equities=kept, correlation=self.correlation[:count, :count])

    def initial_state(self) -> Tensor:
        """``(factor,)`` state at ``as_of``."""
        zero = self.correlation.new_zeros(())
        fx = [torch.log(a.spot) for a in self.fx.values()]
        equity = [torch.log(a.spot * self._to_domestic(a.currency)) for a in self.equities.values()]
        return torch.stack([zero] * len(self.rates) + fx + equity)

    def _to_domestic(self, currency: str) -> Tensor | float:
        return 1.0 if currency == self.domestic else self.fx[currency].spot

    def loadings(self, time: NDArray[np.float64]) -> Tensor:
        """``(time, state, factor)`` instantaneous loadings of the states on the Brownian motions."""
        n = len(self.factors)
        unit = torch.eye(n, dtype=self.correlation.dtype)
        alpha = {c: m.alpha(time) for c, m in self.rates.items()}
        bond = {c: m.h(time) * alpha[c] for c, m in self.rates.items()}
        domestic = -bond[self.domestic][:, None] * unit[self.index[f"IR:{self.domestic}"]]
        sigma_fx = {c: a.sigma(time)[:, None] * unit[self.index[f"FX:{c}"]] for c, a in self.fx.items()}
        rows = [alpha[c][:, None] * unit[self.index[f"IR:{c}"]] for c in self.rates]
        rows += [domestic + bond[c][:, None] * unit[self.index[f"IR:{c}"]] + sigma_fx[c] for c in self.fx]
        for name, asset in self.equities.items():
            row = domestic + asset.sigma(time)[:, None] * unit[self.index[f"EQ:{name}"]]
            rows.append(row if asset.currency == self.domestic else row + sigma_fx[asset.currency])
        return torch.stack(rows, dim=1)

    def covariances(self, knots: ArrayLike) -> Tensor:
        """``(interval, state, state)`` covariances of the increments between consecutive ``knots``."""
        rule = composite_rule(knots, self.breaks)
        load = self.loadings(rule.points)
        n = load.shape[-1]
        rate = load @ self.correlation @ load.transpose(-1, -2)
        weights = torch.from_numpy(rule.weights)
        return (weights @ rate.reshape(len(rule.points), n * n)).reshape(-1, n, n)

    def drifts(self, covariance: Tensor) -> Tensor:
        """``(..., state)`` mean increments that belong to increments' covariances ``(..., state, state)``."""
        n_rates, n_fx = len(self.rates), len(self.fx)
        variance = torch.diagonal(covariance, dim1=-2, dim2=-1)
        foreign = [-covariance[..., 1 + k, n_rates + k] for k in range(n_fx)]
        zero = torch.zeros_like(variance[..., 0])
        rates = torch.stack([zero, *foreign], dim=-1)
        return torch.cat([rates, -0.5 * variance[..., n_rates:]], dim=-1)
