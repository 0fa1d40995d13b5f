"""Hagan's SABR volatilities (2002), lognormal and normal, smooth through the money."""

from __future__ import annotations

import torch
from torch import Tensor

from xva.pricing.closed_form.bachelier import bachelier
from xva.pricing.closed_form.black76 import black76
from xva.pricing.closed_form.domain import require

_SMALL = 0.1
# y / asinh(y) in powers of y^2
_SERIES = (
    1.0,
    1.0 / 6.0,
    -17.0 / 360.0,
    367.0 / 15120.0,
    -27859.0 / 1814400.0,
    1295803.0 / 119750400.0,
    -5329242827.0 / 653837184000.0,
    25198857127.0 / 3923023104000.0,
)


def sabr_lognormal_vol(
    forward: Tensor,
    strike: Tensor,
    expiry: Tensor,
    alpha: Tensor,
    beta: Tensor,
    nu: Tensor,
    correlation: Tensor,
    shift: Tensor | float = 0.0,
) -> Tensor:
    """Black volatility of ``forward + shift``, per square root of a year.

    Parameters
    ----------
    forward, strike : Tensor
        Above ``-shift``.
    expiry : Tensor
        Years, > 0.
    alpha, beta, nu : Tensor
        Of ``dF = alpha (F + shift)^beta dW``, ``d alpha = nu alpha dZ``: initial volatility > 0, elasticity in [0, 1],
        volatility of volatility >= 0 per square root of a year.
    correlation : Tensor
        Of dW and dZ, inside (-1, 1).
    shift : Tensor
        In the unit of the forward.

    Returns
    -------
    Tensor
        Broadcast shape; twice differentiable at the money too.

    Raises
    ------
    DomainError
        An argument outside its domain.

    References
    ----------
    P. Hagan, D. Kumar, A. Lesniewski and D. Woodward, Managing smile risk, Wilmott Magazine (2002), (2.17a).
    """
    require(expiry=expiry, alpha=alpha, beta=beta, nu=nu, correlation=correlation)
    f, k = _shifted(forward, strike, shift)
    log_moneyness, level = torch.log(f / k), (f * k) ** (0.5 * (1.0 - beta))
    stretch = _logs(((1.0 - beta) * log_moneyness) ** 2)
    term = ((1.0 - beta) * alpha / level) ** 2 / 24.0 + _common_terms(alpha, beta, nu, correlation, level)
    smile = _smile(nu / alpha * level * log_moneyness, correlation)
    return alpha / (level * stretch) * smile * (1.0 + term * expiry)


def sabr_normal_vol(
    forward: Tensor,
    strike: Tensor,
    expiry: Tensor,
    alpha: Tensor,
    beta: Tensor,
    nu: Tensor,
    correlation: Tensor,
    shift: Tensor | float = 0.0,
) -> Tensor:
    """Normal volatility, unit of the forward per square root of a year; arguments as `sabr_lognormal_vol`.

    Hagan et al. (2002), (B.69a).
    """
    require(expiry=expiry, alpha=alpha, beta=beta, nu=nu, correlation=correlation)
    f, k = _shifted(forward, strike, shift)
    log_moneyness, level = torch.log(f / k), (f * k) ** (0.5 * (1.0 - beta))
    stretch = _logs(log_moneyness**2) / _logs(((1.0 - beta) * log_moneyness) ** 2)
    term = -beta * (2.0 - beta) * (alpha / level) ** 2 / 24.0
    term = term + _common_terms(alpha, beta, nu, correlation, level)
    smile = _smile(nu / alpha * level * log_moneyness, correlation)
    return alpha * (f * k) ** (0.5 * beta) * stretch * smile * (1.0 + term * expiry)


def sabr_lognormal(
    forward: Tensor,
    strike: Tensor,
    expiry: Tensor,
    alpha: Tensor,
    beta: Tensor,
    nu: Tensor,
    correlation: Tensor,
    shift: Tensor | float = 0.0,
    sign: int | Tensor = 1,
) -> Tensor:
    """Undiscounted option value by `black76` at `sabr_lognormal_vol`.

    Its derivatives move the smile with the forward, as the model says (Hagan's delta with the backbone).

    Raises
    ------
    DomainError
        An argument outside its domain, or so long an expiry that the expansion's volatility is not positive.
    """
    vol = sabr_lognormal_vol(forward, strike, expiry, alpha, beta, nu, correlation, shift)
    require(vol=vol)
    return black76(forward + shift, strike + shift, vol * torch.sqrt(expiry), sign)


def sabr_normal(
    forward: Tensor,
    strike: Tensor,
    expiry: Tensor,
    alpha: Tensor,
    beta: Tensor,
    nu: Tensor,
    correlation: Tensor,
    shift: Tensor | float = 0.0,
    sign: int | Tensor = 1,
) -> Tensor:
    """Undiscounted option value by `bachelier` at `sabr_normal_vol`; otherwise as `sabr_lognormal`."""
    vol = sabr_normal_vol(forward, strike, expiry, alpha, beta, nu, correlation, shift)
    require(normal_vol=vol)
    return bachelier(forward, strike, vol * torch.sqrt(expiry), sign)


def _shifted(forward: Tensor, strike: Tensor, shift: Tensor | float) -> tuple[Tensor, Tensor]:
    f, k = forward + shift, strike + shift
    require(positive=("forward_plus_shift", "strike_plus_shift"), forward_plus_shift=f, strike_plus_shift=k)
    return f, k


def _logs(square: Tensor) -> Tensor:
    return 1.0 + square / 24.0 + square * square / 1920.0


def _common_terms(alpha: Tensor, beta: Tensor, nu: Tensor, correlation: Tensor, level: Tensor) -> Tensor:
    skew = 0.25 * correlation * beta * nu * alpha / level
    return skew + (2.0 - 3.0 * correlation * correlation) * nu * nu / 24.0


def _smile(z: Tensor, correlation: Tensor) -> Tensor:
    """``z / log((sqrt(1 - 2 rho z + z^2) + z - rho) / (1 - rho))``, 1 at the money.

    The logarithm is a difference of two asinh, hence one asinh of ``y = z q`` with ``q(0) = 1`` and no cancellation;
    what is left is ``y / asinh(y)``, a series near 0.
    """
    root = torch.sqrt(1.0 - 2.0 * correlation * z + z * z)
    q = (1.0 + correlation * (z - 2.0 * correlation) / (root + 1.0)) / (1.0 - correlation * correlation)
    y = z * q
    near = y * y < _SMALL * _SMALL
    far = torch.where(near, torch.ones_like(y), y)
    square = torch.where(near, y, torch.zeros_like(y)) ** 2
    series = torch.zeros_like(y)
    for coefficient in reversed(_SERIES):
        series = series * square + coefficient
    return torch.where(near, series, far / torch.asinh(far)) / q
