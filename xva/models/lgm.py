"""Linear Gauss-Markov (one-factor Hull-White) model of one currency.

``dx = alpha(t) dW`` under the currency's own LGM measure, ``H(t) = (exp(-kappa T*) - exp(-kappa t))/kappa``,
``alpha(t) = sigma(t) exp(kappa t)``, ``zeta(t) = int alpha^2``; numeraire
``N(t) = exp(H x + H^2 zeta/2)/P(0,t)``. Prices do not depend on the horizon ``T*`` where H is zero: it says which zero
bond is the numeraire (``N(t) = P(t,T*)/P(0,T*)``) and so where paths are. Hagan, *Evaluating and hedging exotic swap
instruments via LGM*; Lichters, Stamm & Gallagher (2015), ch. 11.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from xva.errors import MarketDataError
from xva.models.rates_model import RatesModel, as_tensor, pillar_edges
from xva.numerics.quadrature import composite_rule


@final
@dataclass(frozen=True)
class Lgm(RatesModel):
    """Parameters of one currency's LGM.

    Parameters
    ----------
    currency : str
    mean_reversion : Tensor
        ``()`` per year, not zero (1e-6 or more in size).
    times : ndarray
        ``(pillar,)`` increasing; ``sigmas[k]`` holds on ``(times[k-1], times[k]]``, the last one beyond.
    sigmas : Tensor
        ``(pillar,)`` absolute Hull-White volatilities per sqrt(year), >= 0.
    horizon : float
        Years to maturity of the zero bond that is the numeraire.
    """

    title: ClassVar[str] = "LGM"

    currency: str
    mean_reversion: Tensor
    times: NDArray[np.float64]
    sigmas: Tensor
    horizon: float = 0.0

    def __post_init__(self) -> None:
        if self.sigmas.shape != (len(self.times),):
            raise MarketDataError(
                f"LGM {self.currency}: one volatility per pillar is needed", [self.currency]
            )
        if abs(float(self.mean_reversion.detach())) < 1e-6:
            raise MarketDataError(
                f"LGM {self.currency}: expected |mean reversion| >= 1e-6, got {float(self.mean_reversion)}; "
                f"set MEAN_REVERSION/RATE/{self.currency} to a small non-zero number",
                [f"MEAN_REVERSION/RATE/{self.currency}"],
            )

    @property
    def n_factors(self) -> int:
        return 1

    @property
    def breaks(self) -> NDArray[np.float64]:
        return self.times[:-1]

    def at_horizon(self, years: float) -> Lgm:
        return replace(self, horizon=years)

    def loadings(self, time: ArrayLike | Tensor) -> Tensor:
        return self.h(time)[..., None]

    def volatilities(self, time: ArrayLike | Tensor) -> Tensor:
        return self.alpha(time)[..., None]

    def covariance(self, time: ArrayLike | Tensor) -> Tensor:
        return self.zeta(time)[..., None, None]

    def covariance_integral(self, time: ArrayLike | Tensor) -> Tensor:
        return self.zeta_integral(time)[..., None]

    def half_variance(self, load: Tensor, time: ArrayLike | Tensor) -> Tensor:
        return 0.5 * load[..., 0] * load[..., 0] * self.zeta(time)

    @cached_property
    def _edges(self) -> tuple[Tensor, Tensor]:
        return pillar_edges(self.times)

    def h(self, time: ArrayLike | Tensor) -> Tensor:
        """``H(t)``, same shape as ``time``; zero at the horizon."""
        kappa = self.mean_reversion
        scale = torch.exp(-kappa * self.horizon) / kappa
        return -scale * torch.expm1(-kappa * (as_tensor(time) - self.horizon))

    def sigma(self, time: ArrayLike | Tensor) -> Tensor:
        """``sigma(t)`` (left-continuous), same shape as ``time``."""
        position = np.searchsorted(self.times[:-1], np.asarray(as_tensor(time)), side="left")
        return self.sigmas[torch.from_numpy(np.asarray(position))]

    def alpha(self, time: ArrayLike | Tensor) -> Tensor:
        """``alpha(t) = sigma(t) exp(kappa t)``, same shape as ``time``."""
        return self.sigma(time) * torch.exp(self.mean_reversion * as_tensor(time))

    def zeta(self, time: ArrayLike | Tensor) -> Tensor:
        """Variance of x at ``time``, same shape."""
        piece = self._pieces(time, lambda t: torch.exp(2.0 * self.mean_reversion * t))
        return (piece * self.sigmas**2).sum(-1) / (2.0 * self.mean_reversion)

    def zeta_integral(self, time: ArrayLike | Tensor) -> Tensor:
        """``int_0^t zeta dH``, closed form, same shape as ``time``: the covariance of ``int_0^t x dH`` with x.

        It gives the conditional law of a running compounded overnight rate.
        """
        kappa = self.mean_reversion
        start, _ = self._edges
        scale = self.sigmas**2 / (2.0 * kappa)
        offset = self.zeta(start) - scale * torch.exp(2.0 * kappa * start)
        d_h = self._pieces(time, lambda t: -torch.exp(-kappa * t) / kappa)
        d_up = self._pieces(time, lambda t: torch.exp(kappa * t) / kappa)
        return (offset * d_h + scale * d_up).sum(-1)

    def zeta_moments(self, time: ArrayLike | Tensor) -> Tensor:
        """``int_0^t H^n dzeta`` for n = 0, 1, 2, ``(..., 3)`` beside the shape of ``time``.

        By quadrature, whose moments belong to each other whatever the mean reversion and the level of H.
        """
        t = np.asarray(as_tensor(time))
        knots, position = np.unique(np.append(0.0, t.ravel()), return_inverse=True)
        if len(knots) == 1:
            return self.sigmas.new_zeros(*t.shape, 3)
        rule = composite_rule(knots, self.times[:-1])
        h, density = self.h(rule.points), self.alpha(rule.points) ** 2
        steps = rule.integrate(torch.stack([density, density * h, density * h**2], dim=-1))
        total = torch.cat([steps.new_zeros(1, 3), torch.cumsum(steps, 0)])
        return total[torch.from_numpy(position[1:].reshape(t.shape))]

    def _pieces(self, time: ArrayLike | Tensor, primitive) -> Tensor:  # type: ignore[no-untyped-def]
        """Increments of ``primitive`` over the part of each pillar interval before ``time``: (..., pillar)."""
        t = as_tensor(time).unsqueeze(-1)
        lower, upper = self._edges
        return primitive(torch.minimum(t, upper)) - primitive(torch.minimum(t, lower))  # type: ignore[no-any-return]

    def log_numeraire_terms(self, time: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
        """``(H, H^2 zeta/2)``: ``ln N = H x + H^2 zeta/2 - ln P(0,t)``."""
        h = self.h(time)
        return h, 0.5 * h * h * self.zeta(time)


def at_unique(function: Callable[[NDArray[np.float64]], Tensor], time: NDArray[np.float64]) -> Tensor:
    """``function(time)`` for many repeated times, computed (and differentiated) once for each distinct one."""
    distinct, inverse = np.unique(time, return_inverse=True)
    return function(distinct)[torch.from_numpy(inverse.reshape(np.shape(time)))]
