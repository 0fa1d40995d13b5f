"""What a Gaussian rates model of one currency has to say: its loadings, its volatilities, its law.

Under the measure of the currency's own numeraire the states ``x`` ``(factor,)`` start at zero and have independent
increments ``dx_k = alpha_k(t) dW_k`` with covariance ``Z(t)``. With a loading ``H(t)`` the numeraire is
``N(t) = exp(H(t) x + H(t) Z(t) H(t)/2)/P(0,t)`` and a deflated bond ``P(0,T) exp(-H(T) x - H(T) Z(t) H(T)/2)``: a martingale,
since x is Gaussian. Lichters, Stamm & Gallagher (2015), ch. 11 and 12.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor


def as_tensor(value: ArrayLike | Tensor) -> Tensor:
    """Times as a tensor, float64 where they are none yet."""
    if isinstance(value, Tensor):
        return value
    return torch.as_tensor(np.asarray(value, dtype=np.float64))


def pillar_edges(times: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    """Ends ``(pillar,)`` of the intervals on which volatilities are constant; the last one has none."""
    lower, upper = np.append(0.0, times[:-1]), np.append(times[:-1], np.inf)
    return torch.from_numpy(lower), torch.from_numpy(upper)


class RatesModel(ABC):
    """Rates of one currency; implementations are frozen dataclasses of tensors connected to the market."""

    title: ClassVar[str]
    """In messages and descriptions."""
    currency: str

    @property
    @abstractmethod
    def n_factors(self) -> int:
        """Brownian motions, and states."""

    @property
    @abstractmethod
    def breaks(self) -> NDArray[np.float64]:
        """Times at which a volatility jumps."""

    @property
    def own_correlations(self) -> Tensor:
        """``(factor, factor)`` of its Brownian motions."""
        return torch.ones(1, 1, dtype=torch.float64)

    @property
    def smooth_years(self) -> float:
        """Years over which a quadrature of few points integrates its volatilities to machine precision."""
        return 0.5

    @abstractmethod
    def covariance(self, time: ArrayLike | Tensor) -> Tensor:
        """``Z``, ``(..., factor, factor)`` beside the shape of ``time``."""

    @abstractmethod
    def covariance_integral(self, time: ArrayLike | Tensor) -> Tensor:
        """``int_0^t Z dH``, ``(..., factor)``: covariance of x with ``int x . dH``, which running compounded coupons have."""

    @abstractmethod
    def at_horizon(self, years: float) -> Self:
        """The same rates, the numeraire being the zero bond of ``years``, where H is zero."""

    @abstractmethod
    def loadings(self, time: ArrayLike | Tensor) -> Tensor:
        """``H``, ``(..., factor)`` beside the shape of ``time``."""

    @abstractmethod
    def volatilities(self, time: ArrayLike | Tensor) -> Tensor:
        """``alpha``, ``(..., factor)`` beside the shape of ``time``."""

    @abstractmethod
    def half_variance(self, load: Tensor, time: ArrayLike | Tensor) -> Tensor:
        """Half the variance of ``load . x`` at ``time``: ``load`` ``(..., factor)``, ``time`` broadcast with ``(...)``."""

    def log_bond(self, time: float, maturity: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
        """``ln P(t,T) - ln P(0,T)/P(0,t) = constant - loadings . x``: ``(...)`` and ``(..., factor)``."""
        now, then = self.loadings(time), self.loadings(maturity)
        return self.half_variance(now, time) - self.half_variance(then, time), then - now
