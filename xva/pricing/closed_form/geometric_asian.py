"""Options on the geometric average of an asset: lognormal, hence Black's formula."""

from __future__ import annotations

import torch
from torch import Tensor

from xva.errors import DomainError
from xva.pricing.closed_form.black76 import black76
from xva.pricing.closed_form.domain import require, unreadable


def geometric_asian(
    spot: Tensor,
    strike: Tensor,
    expiry: Tensor,
    rate: Tensor,
    vol: Tensor,
    lags: Tensor,
    dividend: Tensor | float = 0.0,
    sign: int | Tensor = 1,
    fixed_count: int = 0,
    fixed_log_sum: Tensor | float = 0.0,
) -> Tensor:
    """Value today of ``max(sign (G - K), 0)``, ``G`` the geometric mean of an asset on given dates.

    Parameters
    ----------
    spot, strike : Tensor
        Positive.
    expiry : Tensor
        Years to the payment, > 0.
    rate, vol, dividend : Tensor
        Per year, as in `black_scholes`.
    lags : Tensor
        ``(..., date)``: years from each coming fixing to ``expiry``, in [0, expiry], in any order; the fixing at
        expiry has lag 0, today's has lag ``expiry``. Lags do not change as time passes, so that
        ``-d value/d expiry`` is the option's theta.
    sign : {1, -1}
        1 a call, -1 a put.
    fixed_count : int
        How many fixings are known already.
    fixed_log_sum : Tensor
        The sum of their logarithms.

    Returns
    -------
    Tensor
        Broadcast shape of the arguments, ``lags`` without its last dimension.

    Raises
    ------
    DomainError
        An argument outside its domain, a fixing before today, or no fixing to come.

    References
    ----------
    A. Kemna and A. Vorst, A pricing method for options based on average asset values, J. Banking and Finance 14
    (1990); the discrete moments as in E. Haug, The Complete Guide to Option Pricing Formulas, 2nd ed. (2007), 4.20.
    """
    coming = lags.shape[-1] if lags.ndim else 0
    if coming == 0:
        raise DomainError(
            "lags: expected (..., date) with at least one fixing, got none -> pass the lags", ["lags"]
        )
    require(positive=("strike",), spot=spot, strike=strike, expiry=expiry, rate=rate, vol=vol, lags=lags)
    require(dividend=dividend, fixed_log_sum=fixed_log_sum)
    times = expiry[..., None] - torch.sort(lags, dim=-1, descending=True).values
    _require_coming(times)
    count = coming + fixed_count
    # sum_ij min(t_i, t_j): the k-th shortest time is the minimum of 2 (n - k) + 1 pairs
    pairs = torch.arange(2 * coming - 1, 0, -2, dtype=times.dtype, device=times.device)
    variance = vol * vol * (times * pairs).sum(-1) / count**2
    drift = (rate - dividend - 0.5 * vol * vol) * times.sum(-1) / count
    mean = (coming * torch.log(spot) + fixed_log_sum) / count + drift
    forward = torch.exp(mean + 0.5 * variance)
    return torch.exp(-rate * expiry) * black76(forward, strike, torch.sqrt(variance), sign)


def geometric_asian_continuous(
    spot: Tensor,
    strike: Tensor,
    expiry: Tensor,
    rate: Tensor,
    vol: Tensor,
    dividend: Tensor | float = 0.0,
    sign: int | Tensor = 1,
) -> Tensor:
    """As `geometric_asian`, the average taken continuously from today to expiry (Kemna and Vorst 1990)."""
    require(
        positive=("strike",), spot=spot, strike=strike, expiry=expiry, rate=rate, vol=vol, dividend=dividend
    )
    forward = spot * torch.exp(0.5 * (rate - dividend - vol * vol / 6.0) * expiry)
    return torch.exp(-rate * expiry) * black76(forward, strike, vol * torch.sqrt(expiry / 3.0), sign)


def _require_coming(times: Tensor) -> None:
    """No fixing before today (to rounding); a fixing today is known but may stand here."""
    if torch.compiler.is_compiling():
        return
    earliest = times.detach().min()
    try:
        late = bool(earliest < -1e-12)
    except RuntimeError as problem:
        if not unreadable(problem):
            raise
        return
    if late:
        raise DomainError(
            f"lags: expected at most expiry, got a fixing {-float(earliest):g} years before today"
            " -> count it in fixed_count and fixed_log_sum",
            ["lags"],
        )
