"""European options under Heston's stochastic variance (1993)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xva.numerics.quadrature import unit_rule
from xva.pricing.closed_form.black76 import black76
from xva.pricing.closed_form.domain import require

_RULE = unit_rule(256)
_DECAY = 42.0  # exp(-42) is below a double's rounding
_LOG_RANGE = (math.log(1e-2), math.log(1e8))
_HALVINGS = 9
_WIDEST = math.pi / 12.0  # Andersen and Lake: wider sectors make the exponential grow first


def heston(
    spot: Tensor,
    strike: Tensor,
    expiry: Tensor,
    rate: Tensor,
    variance: Tensor,
    mean_reversion: Tensor,
    long_variance: Tensor,
    vol_of_variance: Tensor,
    correlation: Tensor,
    dividend: Tensor | float = 0.0,
    sign: int | Tensor = 1,
) -> Tensor:
    """Value today of a European option under ``dv = kappa (theta - v) dt + xi sqrt(v) dZ``.

    Black's value at the expected variance plus Lewis's integral of the difference of the two characteristic
    functions, from Im u = -1/2 along a ray tilted so that far strikes decay instead of oscillating, by one
    Gauss-Legendre rule of 256 nodes in ``y``, ``|u| = sinh(y)/2``: the poles at ``u = +-i/2`` become
    ``y = +-i pi/2`` and every scale of u is resolved alike. Put-call parity is exact. Measured against 6,000 nodes on
    400 draws from T = 1 day … 16 years, variances 3e-4 … 1, kappa 0.01 … 10, xi 0.01 … 3, rho +-0.99, strikes 37 … 272
    and a spot of 100: all within 5e-12.

    Parameters
    ----------
    spot, strike : Tensor
        Positive.
    expiry : Tensor
        Years, > 0.
    rate, dividend : Tensor
        Continuous, per year.
    variance, long_variance : Tensor
        v today and theta, per year, >= 0, not both 0.
    mean_reversion, vol_of_variance : Tensor
        kappa > 0 per year, xi > 0; the Feller condition is not needed.
    correlation : Tensor
        Of the asset with its variance, inside (-1, 1).
    sign : {1, -1}
        1 a call, -1 a put.

    Returns
    -------
    Tensor
        Broadcast shape of the arguments.

    Raises
    ------
    DomainError
        An argument outside its domain.

    References
    ----------
    S. Heston, A closed-form solution for options with stochastic volatility, Rev. Financial Studies 6 (1993); A.
    Lewis, Option Valuation under Stochastic Volatility (2000), ch. 2; H. Albrecher et al., The little Heston trap,
    Wilmott Magazine (2007); L. Andersen and M. Lake, Robust high-precision option pricing by Fourier transforms
    (2018), for the control variate.
    """
    require(positive=("strike",), spot=spot, strike=strike, expiry=expiry, rate=rate, dividend=dividend)
    require(
        variance=variance,
        mean_reversion=mean_reversion,
        long_variance=long_variance,
        vol_of_variance=vol_of_variance,
        correlation=correlation,
    )
    mean = -torch.expm1(-mean_reversion * expiry) / mean_reversion
    total = long_variance * expiry + (variance - long_variance) * mean  # expected integrated variance
    forward = spot * torch.exp((rate - dividend) * expiry)
    shape = torch.broadcast_tensors(  # type: ignore[no-untyped-call]
        forward, strike, expiry, variance, mean_reversion, long_variance, vol_of_variance, correlation
    )
    log_moneyness = torch.log(shape[0] / shape[1])
    ray = _ray(log_moneyness, *shape[2:])
    top = _truncation(ray, log_moneyness, total, shape[2:])
    node, weight = _RULE.like(top)
    y = torch.asinh(2.0 * top)[..., None] * node
    u = ray[..., None] * (0.5 * torch.sinh(y))
    black, model = _transforms(
        u, log_moneyness[..., None], total[..., None], [x[..., None] for x in shape[2:]]
    )
    integrand = ((torch.exp(black) - torch.exp(model)) * ray[..., None] / (u * u + 0.25)).real * torch.cosh(y)
    integral = 0.5 * torch.asinh(2.0 * top) * (integrand @ weight)
    correction = torch.sqrt(forward * strike) * integral / math.pi
    return torch.exp(-rate * expiry) * (black76(forward, strike, torch.sqrt(total), sign) + correction)


def _transforms(
    u: Tensor, log_moneyness: Tensor, total: Tensor, parameters: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Logarithms of Black's and the model's integrands but for ``1/(u^2 + 1/4)``; ``u`` complex."""
    phase = 1j * u * log_moneyness
    return phase - 0.5 * total * (u * u + 0.25), phase + _log_characteristic(u, *parameters)


def _log_characteristic(
    u: Tensor,
    expiry: Tensor,
    variance: Tensor,
    mean_reversion: Tensor,
    long_variance: Tensor,
    vol_of_variance: Tensor,
    correlation: Tensor,
) -> Tensor:
    """``log E[exp(i (u - i/2) ln(S_T / F))]``, complex.

    The form with ``exp(-d T)`` only, whose logarithm never leaves its principal branch; differences of
    beta and d are written so that a small volatility of variance loses no digits.
    """
    cross = correlation * vol_of_variance
    damping = u * u + 0.25
    beta = mean_reversion - 0.5 * cross - 1j * cross * u
    square = vol_of_variance * vol_of_variance
    d = torch.sqrt(beta * beta + square * damping)
    gap = -damping / (beta + d)  # (beta - d) / xi^2
    fading = torch.exp(-d * expiry)
    ratio = square * gap * (1.0 - fading) / (2.0 * d)
    long_run = mean_reversion * long_variance * (gap * expiry - 2.0 * torch.log1p(ratio) / square)
    g = square * gap / (beta + d)
    return long_run + variance * gap * (1.0 - fading) / (1.0 - g * fading)


def _ray(
    log_moneyness: Tensor,
    expiry: Tensor,
    variance: Tensor,
    mean_reversion: Tensor,
    long_variance: Tensor,
    vol_of_variance: Tensor,
    correlation: Tensor,
) -> Tensor:
    """The direction ``e^{i phi}`` in which the integrand decays fastest far out, within a narrow sector.

    Straight on where that is not also the side on which ``e^{i u x}`` decays, or it would grow on the way. No derivative
    passes through it: the integral does not depend on it.
    """
    with torch.no_grad():
        far = (variance + mean_reversion * long_variance * expiry) / vol_of_variance
        side = torch.sqrt(1.0 - correlation * correlation)
        angle = torch.atan2(log_moneyness - far * correlation, far * side)
        widest = torch.full_like(angle, _WIDEST)
        angle = torch.where(angle > widest, widest, torch.where(angle < -widest, -widest, angle))
        angle = torch.where(angle * log_moneyness > 0.0, angle, torch.zeros_like(angle))
        return torch.polar(torch.ones_like(angle), angle)


def _truncation(ray: Tensor, log_moneyness: Tensor, total: Tensor, parameters: list[Tensor]) -> Tensor:
    """How far along the ray either integrand exceeds ``exp(-_DECAY)``, by halving in its logarithm; without derivative."""
    with torch.no_grad():
        low = torch.full_like(log_moneyness, _LOG_RANGE[0])
        high = torch.full_like(log_moneyness, _LOG_RANGE[1])
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            black, model = _transforms(ray * torch.exp(middle), log_moneyness, total, parameters)
            enough = (black.real < -_DECAY) & (model.real < -_DECAY)
            high = torch.where(enough, middle, high)
            low = torch.where(enough, low, middle)
        return torch.exp(high)
