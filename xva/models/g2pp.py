"""Two-factor Gaussian rates of one currency (G2++), with the states of the linear Gauss-Markov form.

Brigo & Mercurio (2006), section 4.2: ``r = x + y + phi``, ``dx = -a x dt + sigma dW_1``, ``dy = -b y dt + eta dW_2``,
``dW_1 dW_2 = rho dt``. Here the states are the mean-reversion-free ``dx_k = sigma_k exp(kappa_k t) dW_k`` with the loadings
``H_k(t) = (exp(-kappa_k T*) - exp(-kappa_k t))/kappa_k``, kappa = (a, b): the same law of every bond, and with a foreign
exchange rate the same exact steps as one-factor rates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from xva.errors import MarketDataError
from xva.models.rates_model import RatesModel, as_tensor, pillar_edges

SMALLEST_REVERSION = 1e-6


@final
@dataclass(frozen=True)
class G2pp(RatesModel):
    """Parameters of one currency's G2++.

    Parameters
    ----------
    currency : str
    mean_reversions : Tensor
        ``(2,)`` a and b per year, neither zero nor their sum (absolute value >= 1e-6).
    times : ndarray
        ``(pillar,)`` increasing; ``sigmas[k]`` holds on ``(times[k-1], times[k]]``, the last one beyond.
    sigmas : Tensor
        ``(pillar, 2)`` sigma and eta, absolute volatilities per sqrt(year), >= 0.
    correlation : Tensor
        ``()`` rho, in (-1, 1).
    horizon : float
        Years to maturity of the zero bond that is the numeraire.
    """

    title: ClassVar[str] = "G2++"

    currency: str
    mean_reversions: Tensor
    times: NDArray[np.float64]
    sigmas: Tensor
    correlation: Tensor
    horizon: float = 0.0

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise MarketDataError(f"G2++ {self.currency}: {problem}", [self.currency])

    def _problem(self) -> str:
        a, b = self.mean_reversions.detach().tolist()
        rho = float(self.correlation.detach())
        if self.sigmas.shape != (len(self.times), 2):
            return f"expected volatilities (pillar, 2) for {len(self.times)} pillars, got {tuple(self.sigmas.shape)}"
        if min(abs(a), abs(b), abs(a + b)) < SMALLEST_REVERSION:
            return f"expected mean reversions that are not zero, nor their sum, got a = {a}, b = {b}"
        if not -1.0 < rho < 1.0:
            return f"expected a correlation in (-1, 1), got rho = {rho}"
        return ""

    @property
    def n_factors(self) -> int:
        return 2

    @property
    def breaks(self) -> NDArray[np.float64]:
        return self.times[:-1]

    @property
    def smooth_years(self) -> float:
        return min(0.5, 0.1 / float(self.mean_reversions.detach().abs().max()))

    def at_horizon(self, years: float) -> G2pp:
        return replace(self, horizon=years)

    def loadings(self, time: ArrayLike | Tensor) -> Tensor:
        kappa, t = self.mean_reversions, as_tensor(time)[..., None]
        return -torch.exp(-kappa * self.horizon) / kappa * torch.expm1(-kappa * (t - self.horizon))

    def volatilities(self, time: ArrayLike | Tensor) -> Tensor:
        t = as_tensor(time)
        pillar = torch.from_numpy(np.asarray(np.searchsorted(self.times[:-1], t.numpy(), side="left")))
        return self.sigmas[pillar] * torch.exp(self.mean_reversions * t[..., None])

    def covariance(self, time: ArrayLike | Tensor) -> Tensor:
        kappa = self.mean_reversions
        rate = kappa[:, None] + kappa[None, :]
        lower, upper = (x[:, None, None] for x in self._edges)
        t = as_tensor(time)[..., None, None, None]
        grown = torch.exp(rate * torch.minimum(t, upper)) - torch.exp(rate * torch.minimum(t, lower))
        return (
            self.own_correlations * (self.sigmas[:, :, None] * self.sigmas[:, None, :] * grown).sum(-3) / rate
        )

    def covariance_integral(self, time: ArrayLike | Tensor) -> Tensor:
        kappa, start = self.mean_reversions, self._edges[0]
        rate = kappa[:, None] + kappa[None, :]
        scale = self.own_correlations * self.sigmas[:, :, None] * self.sigmas[:, None, :] / rate
        offset = self.covariance(start) - scale * torch.exp(rate * start[:, None, None])
        d_h = self._pieces(time, lambda t: -torch.exp(-kappa * t) / kappa)[..., None, :]
        d_up = self._pieces(time, lambda t: torch.exp(kappa * t) / kappa)[..., :, None]
        return (offset * d_h + scale * d_up).sum((-3, -1))

    def _pieces(self, time: ArrayLike | Tensor, primitive: Callable[[Tensor], Tensor]) -> Tensor:
        """Increments of ``primitive`` over the part of each pillar interval before ``time``: ``(..., pillar, 2)``."""
        t = as_tensor(time)[..., None, None]
        lower, upper = (x[:, None] for x in self._edges)
        return primitive(torch.minimum(t, upper)) - primitive(torch.minimum(t, lower))

    @property
    def own_correlations(self) -> Tensor:
        one = torch.ones_like(self.correlation)
        return torch.stack([one, self.correlation])[torch.tensor([[0, 1], [1, 0]])]

    @property
    def _edges(self) -> tuple[Tensor, Tensor]:
        return pillar_edges(self.times)

    def half_variance(self, load: Tensor, time: ArrayLike | Tensor) -> Tensor:
        return 0.5 * torch.einsum("...i,...ij,...j->...", load, self.covariance(time), load)
