"""European options under Heston's stochastic variance (1993)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xva.pricing.closed_form.bivariate_normal import unit_rule_like
from xva.pricing.closed_form.black76 import black76
from xva.pricing.closed_form.domain import require

_NODES = 192
_DECAY = 42.0  # exp(-42) is below a double's rounding
_LOG_RANGE = (math.log(1e-2), math.log(1e8))
_HALVINGS = 9


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
    nodes: int = _NODES,
) -> Tensor:
    """Value today of a European option under ``dv = kappa (theta - v) dt + xi sqrt(v) dZ``.

    Black's value at the expected variance plus Lewis's integral of the difference of the two characteristic
    functions on the line Im u = -1/2, by one Gauss-Legendre rule in ``y``, ``u = sinh(y)/2``: the poles at
    ``u = +-i/2`` become ``y = +-i pi/2`` and every scale of u is resolved alike. Put-call parity is exact.

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
    nodes : int
        Of the quadrature.

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
    top = _truncation(shape[2:])
    node, weight = unit_rule_like(nodes, top)
    y = torch.asinh(2.0 * top)[..., None] * node
    u = 0.5 * torch.sinh(y)
    damping = u * u + 0.25
    wide = [x[..., None] for x in shape]
    exponent = _log_characteristic(u, damping, *wide[2:])
    phase = u * torch.log(wide[0] / wide[1])
    heston_part = torch.exp(exponent.real) * torch.cos(exponent.imag + phase)
    black_part = torch.exp(-0.5 * total[..., None] * damping) * torch.cos(phase)
    integrand = (black_part - heston_part) * 2.0 / torch.cosh(y)  # du / (u^2 + 1/4) = 2 dy / cosh(y)
    integral = torch.asinh(2.0 * top) * (integrand @ weight)
    correction = torch.sqrt(forward * strike) * integral / math.pi
    return torch.exp(-rate * expiry) * (black76(forward, strike, torch.sqrt(total), sign) + correction)


def _log_characteristic(
    u: Tensor,
    damping: Tensor,
    expiry: Tensor,
    variance: Tensor,
    mean_reversion: Tensor,
    long_variance: Tensor,
    vol_of_variance: Tensor,
    correlation: Tensor,
) -> Tensor:
    """``log E[exp(i (u - i/2) ln(S_T / F))]``, complex, with ``damping = u^2 + 1/4``.

    The form with ``exp(-d T)`` only, whose logarithm never leaves its principal branch; differences of
    beta and d are written so that a small volatility of variance loses no digits.
    """
    cross = correlation * vol_of_variance
    beta = torch.complex((mean_reversion - 0.5 * cross).expand_as(u), -cross * u)
    square = vol_of_variance * vol_of_variance
    d = torch.sqrt(beta * beta + square * damping)
    gap = -damping / (beta + d)  # (beta - d) / xi^2
    fading = torch.exp(-d * expiry)
    ratio = square * gap * (1.0 - fading) / (2.0 * d)
    long_run = mean_reversion * long_variance * (gap * expiry - 2.0 * torch.log1p(ratio) / square)
    g = square * gap / (beta + d)
    return long_run + variance * gap * (1.0 - fading) / (1.0 - g * fading)


def _truncation(parameters: list[Tensor]) -> Tensor:
    """The u beyond which the characteristic function is below ``exp(-_DECAY)``, by halving in ``log u``.

    Piecewise constant in the parameters, so derivatives do not pass through it.
    """
    with torch.no_grad():
        low = torch.full_like(parameters[0], _LOG_RANGE[0])
        high = torch.full_like(parameters[0], _LOG_RANGE[1])
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            u = torch.exp(middle)
            enough = _log_characteristic(u, u * u + 0.25, *parameters).real < -_DECAY
            high = torch.where(enough, middle, high)
            low = torch.where(enough, low, middle)
        return torch.exp(high)
