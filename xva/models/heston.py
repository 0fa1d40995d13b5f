"""Correlated Heston equities under a deterministic rate, by Andersen's quadratic-exponential scheme.

``d ln S_i = (r - q_i - v_i/2) dt + sqrt(v_i) dW_i``, ``dv_i = kappa_i (theta_i - v_i) dt + xi_i sqrt(v_i) dB_i``,
``dW_i dB_i = rho_i dt``, ``dW_i dW_j = R_ij dt``; the rest follows from ``B_i = rho_i W_i + sqrt(1 - rho_i^2) B_i'`` with
independent ``B_i'``, which is valid for every R: as in Dimitroff, Lorenz & Szimayer (2011) only the spots' correlations
are added to models of one name. Variances are joined by a Gaussian copula of their steps (de Innocentis, Lichters &
Trahe, 2016).

Scheme: QE with martingale correction, psi_c = 1.5, central weights (Andersen, Simple and efficient simulation of the
Heston model, J. Computational Finance 11(3), 2008). The variance's first two conditional moments are exact, and so is
the mean of S on any grid; what is left is the law of ln S given the variances at a step's ends, of weak order 2 in the
step where the Feller condition holds (*measured*: a call worth 16.0702 is off by -1.35, -0.376, -0.101,
-0.030 and -0.006 with 1, 2, 4, 8 and 16 steps a year). Grids carry the step: `xva.models.grids.refined` adds knots.

Derivatives: the pathwise derivative is exact inside both branches, at the exponential one's atom in zero too (it is a
``relu``). At psi = 1.5 a path jumps from one branch to the other; they share two moments, so what the derivative misses
is of the order of the scheme's error. A variance that is zero at both ends of a step has no derivative there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from xva.errors import DomainError, MarketDataError
from xva.market.factors import equity_factor, variance_factor
from xva.models.deterministic_rates import OneCurrencyObserver, RateCurve, correlation_factor, equity_row
from xva.models.path_model import Observer, PathModel, Transition, place
from xva.numerics.types import Floats

_SWITCH = 1.5


@final
@dataclass(frozen=True)
class HestonBasket(PathModel):
    """Heston equities of one currency; all parameters are ``(name,)``.

    Parameters
    ----------
    currency : str
    names : tuple of str
    spots : Tensor
        Positive.
    variances : Tensor
        v today per year, >= 0.
    mean_reversions, long_variances, vols_of_variance : Tensor
        kappa, theta, xi > 0; the Feller condition is not needed.
    skews : Tensor
        rho of each name with its own variance, inside (-1, 1).
    dividends : Tensor
        Continuous yields per year.
    rate : RateCurve
    correlation : Tensor
        ``(name, name)`` of the spots' drivers, positive definite.

    Raises
    ------
    MarketDataError
        Shapes that do not fit, or a parameter outside its range.
    """

    currency: str
    names: tuple[str, ...]
    spots: Tensor
    variances: Tensor
    mean_reversions: Tensor
    long_variances: Tensor
    vols_of_variance: Tensor
    skews: Tensor
    dividends: Tensor
    rate: RateCurve
    correlation: Tensor

    def __post_init__(self) -> None:
        positive = ("spots", "mean_reversions", "long_variances", "vols_of_variance")
        for field in (*positive, "variances", "skews", "dividends"):
            value: Tensor = getattr(self, field).detach()
            if value.shape != (len(self.names),):
                raise MarketDataError(
                    f"Heston {field}: expected ({len(self.names)},), got {tuple(value.shape)}", self.names
                )
            lower, upper = 0.0, np.inf
            if field in ("skews", "dividends"):
                lower, upper = (-1.0, 1.0) if field == "skews" else (-np.inf, np.inf)
            inside = (value > lower) & (value < upper) | ((value == 0.0) if field == "variances" else False)
            if not bool(inside.all()):
                name = self.names[int((~inside).nonzero()[0])]
                raise MarketDataError(
                    f"Heston {field} of {name}: expected a number in ({lower}, {upper}), got {value.tolist()}",
                    [name],
                )
        correlation_factor(self.correlation, self.names)

    @property
    def domestic(self) -> str:
        return self.currency

    @property
    def states(self) -> tuple[str, ...]:
        return (*map(equity_factor, self.names), *map(variance_factor, self.names))

    @property
    def n_normals(self) -> int:
        return 2 * len(self.names)

    def initial(self) -> Tensor:
        return torch.cat([torch.log(self.spots), self.variances])

    def transition(self, knots: Floats) -> Transition:
        return _QuadraticExponential(self, knots)

    def observe(self, times: Floats, states: Sequence[Tensor]) -> Observer:
        return _HestonObserver(self, times, states)

    def drivers(self) -> Tensor:
        """``(2 name, 2 name)`` Cholesky factor of the variances' drivers and, below, what spots have beyond them."""
        own, rest = self.skews, torch.sqrt(1.0 - self.skews**2)
        unit = torch.eye(len(self.names), dtype=own.dtype)
        apart = self.correlation * (1.0 - unit)
        variance = apart * torch.outer(own, own) + unit
        cross = apart * torch.outer(rest, own)
        spot = apart * torch.outer(rest, rest) + unit
        joint = torch.cat([torch.cat([variance, cross.T], 1), torch.cat([cross, spot], 1)])
        return torch.linalg.cholesky(joint)  # type: ignore[no-any-return]


class _QuadraticExponential(Transition):
    """Constants ``(name, 1)`` per step; equation numbers are Andersen's."""

    def __init__(self, model: HestonBasket, knots: Floats) -> None:
        self._names = len(model.names)
        self._factor = model.drivers()
        self._kappa, self._theta, self._xi, self._rho = (
            p[:, None]
            for p in (model.mean_reversions, model.long_variances, model.vols_of_variance, model.skews)
        )
        self._length = np.diff(knots).tolist()
        growth = -torch.diff(model.rate.log_discount(knots), dim=0)
        self._growth = growth[:, None] if growth.ndim > 1 else growth[:, None, None]
        self._carry = model.dividends[:, None]

    def step(self, number: int, state: Tensor, normals: Tensor) -> Tensor:
        years = self._length[number]
        log_spot, variance = state[: self._names], state[self._names :]
        noise = self._factor @ normals
        mean, ratio = self._moments(variance, years)
        k1, k2, k34 = self._weights(years)
        calm, by_square, log_square = self._quadratic(mean, ratio, noise[: self._names], k2 + 0.5 * k34)
        by_tail, log_tail = self._exponential(mean, ratio, noise[: self._names], k2 + 0.5 * k34)
        after = torch.where(calm, by_square, by_tail)
        correction = -torch.where(calm, log_square, log_tail) - (k1 + 0.5 * k34) * variance
        moved = log_spot + self._growth[number] - self._carry * years
        moved = moved + correction + k1 * variance + k2 * after
        spread = _root(k34 * (variance + after))
        return torch.cat([moved + spread * noise[self._names :], after])

    def _moments(self, variance: Tensor, years: float) -> tuple[Tensor, Tensor]:
        """Conditional mean of the variance, and psi = variance / mean^2 (17-19)."""
        decay = torch.exp(-self._kappa * years)
        mean = self._theta + (variance - self._theta) * decay
        scale = self._xi**2 * (1.0 - decay) / self._kappa
        square = variance * scale * decay + 0.5 * self._theta * scale * (1.0 - decay)
        return mean, square / mean**2

    def _weights(self, years: float) -> tuple[Tensor, Tensor, Tensor]:
        """K1, K2 and K3 = K4 for central weights (33); the correction takes the place of K0."""
        drift = 0.5 * years * (self._kappa * self._rho / self._xi - 0.5)
        slope = self._rho / self._xi
        return drift - slope, drift + slope, 0.5 * years * (1.0 - self._rho**2)

    def _quadratic(
        self, mean: Tensor, ratio: Tensor, noise: Tensor, load: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Where psi <= 1.5: ``a (b + Z)^2`` (23, 27-28) and ``ln E[exp(load V)]`` (Prop. 7)."""
        calm = ratio <= _SWITCH
        twice = 2.0 / torch.where(calm, ratio, torch.full_like(ratio, _SWITCH))
        square = twice - 1.0 + torch.sqrt(twice * (twice - 1.0))
        scale = mean / (1.0 + square)
        room = 1.0 - 2.0 * load * scale
        _require(calm, room)
        room = torch.where(calm, room, torch.ones_like(room))
        log_moment = load * square * scale / room - 0.5 * torch.log(room)
        return calm, scale * (torch.sqrt(square) + noise) ** 2, log_moment

    def _exponential(self, mean: Tensor, ratio: Tensor, noise: Tensor, load: Tensor) -> tuple[Tensor, Tensor]:
        """Where psi > 1.5: an atom at zero and an exponential tail (25, 29-30), and ``ln E[exp(load V)]``."""
        wild = ratio > _SWITCH
        safe = torch.where(wild, ratio, torch.full_like(ratio, _SWITCH))
        atom = (safe - 1.0) / (safe + 1.0)
        beta = (1.0 - atom) / mean
        room = beta - load
        _require(wild, room)
        room = torch.where(wild, room, torch.ones_like(room))
        tail = torch.relu(torch.log1p(-atom) - torch.special.log_ndtr(-noise)) / beta
        return tail, torch.log(atom + beta * (1.0 - atom) / room)


def _require(where: Tensor, room: Tensor) -> None:
    if bool((where & (room <= 0.0)).any()):
        raise DomainError(
            "Heston step: the price has no mean in this scheme (a positive spot-variance correlation and a long step); "
            "expected shorter steps -> refine the grid"
        )


def _root(value: Tensor) -> Tensor:
    """Square root with derivative 0 at 0."""
    positive = value > 0.0
    return torch.where(positive, torch.sqrt(torch.where(positive, value, torch.ones_like(value))), value)


class _HestonObserver(OneCurrencyObserver):
    def __init__(self, model: HestonBasket, times: Floats, states: Sequence[Tensor]) -> None:
        super().__init__(model.currency, model.names, model.rate, times, states)
        self._first = len(model.names)

    def log_variance(self, name: str, early: float, late: float) -> Tensor:
        """``(path,)`` integral of the path's variance by the trapezoid rule on the grid."""
        row = self._first + equity_row(self._names, name)
        first, last = place(self._times, early), place(self._times, late)
        total = torch.zeros_like(self._states[0][0])
        for k in range(first, last):
            both = self._states[k][row] + self._states[k + 1][row]
            total = total + 0.5 * float(self._times[k + 1] - self._times[k]) * both
        return total
