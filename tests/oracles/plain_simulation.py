"""An independent Monte Carlo for tests: two Hull-White currencies and one FX rate with the bank account as numeraire.

Plain numpy in another measure than the engine's and with other formulas: risk-neutral short rates ``r = x + phi``, exact
Gaussian steps of (x, integral of x, W), bonds from Hull & White (1990). Nothing of `xva` is used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


@dataclass(frozen=True)
class TwoCurrencies:
    """EUR (domestic) and USD; ``fx`` is EUR per USD. Correlations of the drivers: EUR/USD rates, EUR/FX, USD/FX."""

    r_d: float = 0.03
    r_f: float = 0.04
    kappa: float = 0.03
    sigma_d: float = 0.01
    sigma_f: float = 0.01
    fx: float = 1.0 / 1.10
    sigma_x: float = 0.10
    rho_df: float = 0.3
    rho_dx: float = 0.0
    rho_fx: float = 0.0

    def b(self, tau: Floats | float) -> Floats:
        return np.asarray(-np.expm1(-self.kappa * np.asarray(tau)) / self.kappa)

    def integrated_variance(self, sigma: float, t: float) -> float:
        """Variance of the integral of x over [0, t]."""
        u = 0.5 * t * (_NODES + 1.0)
        return float(0.5 * t * _WEIGHTS @ (sigma * self.b(u)) ** 2)

    def bond(self, domestic: bool, x: Floats, t: float, maturity: float) -> Floats:
        """``P(t, maturity)`` of either currency given its x."""
        rate, sigma = (self.r_d, self.sigma_d) if domestic else (self.r_f, self.sigma_f)
        v = [self.integrated_variance(sigma, s) for s in (maturity - t, maturity, t)]
        return np.asarray(
            np.exp(-rate * (maturity - t) - self.b(maturity - t) * x + 0.5 * (v[0] - v[1] + v[2]))
        )

    def simulate(self, times: list[float], paths: int, seed: int) -> list[State]:
        """States at increasing ``times``, antithetic."""
        rng = np.random.default_rng(seed)
        state = np.zeros((5, paths))  # x_d, int x_d, x_f, int x_f, W_X
        found, now = [], 0.0
        for t in times:
            state = self._step(state, t - now, rng)
            now = t
            found.append(self._state(t, state))
        return found

    def _step(self, state: Floats, h: float, rng: np.random.Generator) -> Floats:
        u = 0.5 * h * (_NODES + 1.0)  # time left in the step
        decay, one = np.exp(-self.kappa * u), np.ones_like(u)
        loads = np.array(
            [
                self.sigma_d * decay,
                self.sigma_d * self.b(u),
                self.sigma_f * decay,
                self.sigma_f * self.b(u),
                one,
            ]
        )
        driver = [0, 0, 1, 1, 2]
        rho = np.array(
            [[1, self.rho_df, self.rho_dx], [self.rho_df, 1, self.rho_fx], [self.rho_dx, self.rho_fx, 1]]
        )
        covariance = 0.5 * h * (loads * _WEIGHTS) @ loads.T * rho[np.ix_(driver, driver)]
        half = np.linalg.cholesky(covariance) @ rng.standard_normal((5, state.shape[1] // 2))
        noise = np.concatenate([half, -half], axis=1)
        quanto = -self.rho_fx * self.sigma_f * self.sigma_x  # drift of x_f under the domestic measure
        decay_h, b_h = math.exp(-self.kappa * h), float(self.b(h))
        moved = state.copy()
        for x in (0, 2):
            moved[x] = decay_h * state[x]
            moved[x + 1] = state[x + 1] + b_h * state[x]
        moved[2] += quanto * b_h
        moved[3] += quanto * (h - b_h) / self.kappa
        return np.asarray(moved + noise)

    def _state(self, t: float, state: Floats) -> State:
        x_d, int_d, x_f, int_f, w = state
        spent_d = self.r_d * t + 0.5 * self.integrated_variance(self.sigma_d, t) + int_d
        spent_f = self.r_f * t + 0.5 * self.integrated_variance(self.sigma_f, t) + int_f
        log_fx = math.log(self.fx) + spent_d - spent_f - 0.5 * self.sigma_x**2 * t + self.sigma_x * w
        return State(self, t, x_d, x_f, np.exp(log_fx), np.exp(-spent_d))


@dataclass(frozen=True)
class State:
    """One date: ``x_d``, ``x_f``, ``fx`` (EUR per USD) and the domestic discount factor, each ``(path,)``."""

    model: TwoCurrencies
    t: float
    x_d: Floats
    x_f: Floats
    fx: Floats
    discount: Floats

    def eur(self, maturity: float) -> Floats:
        return self.model.bond(True, self.x_d, self.t, maturity)

    def usd(self, maturity: float) -> Floats:
        return self.model.bond(False, self.x_f, self.t, maturity)


def exposure(deflated: Floats) -> tuple[float, float, float, float]:
    """EPE and ENE of deflated values with their standard errors, antithetic pairs averaged first."""
    found: list[float] = []
    for sign in (1.0, -1.0):
        positive = np.maximum(sign * deflated, 0.0)
        half = len(positive) // 2
        pairs = 0.5 * (positive[:half] + positive[half:])
        found += [float(pairs.mean()), float(pairs.std(ddof=1) / math.sqrt(half))]
    return found[0], found[2], found[1], found[3]
