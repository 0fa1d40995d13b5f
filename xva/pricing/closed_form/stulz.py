"""Stulz (1982): European options on the better or the worse of two assets."""

from __future__ import annotations

import torch
from torch import Tensor

from xva.numerics.normal import normal_cdf
from xva.pricing.closed_form.bivariate_normal import bivariate_normal_cdf
from xva.pricing.closed_form.domain import require


def stulz(
    spot_1: Tensor,
    spot_2: Tensor,
    strike: Tensor,
    expiry: Tensor,
    rate: Tensor,
    vol_1: Tensor,
    vol_2: Tensor,
    correlation: Tensor,
    dividend_1: Tensor | float = 0.0,
    dividend_2: Tensor | float = 0.0,
    sign: int | Tensor = 1,
    best: int | Tensor = 1,
) -> Tensor:
    """Value today of ``max(sign (M - K), 0)``, ``M`` the larger (``best`` 1) or smaller (-1) of two assets.

    Each asset is paid where it is the extreme one and in the money, and the probability of that with the asset as
    numeraire is one bivariate normal; the three add up without the cancellation of put-call parity.

    Parameters
    ----------
    spot_1, spot_2, strike : Tensor
        Positive, one currency.
    expiry : Tensor
        Years, > 0.
    rate, dividend_1, dividend_2 : Tensor
        Continuous, per year.
    vol_1, vol_2, correlation : Tensor
        Lognormal volatilities > 0, correlation of the returns inside (-1, 1).
    sign : {1, -1}
        1 a call, -1 a put.
    best : {1, -1}
        1 on the maximum (best-of), -1 on the minimum (worst-of).

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
    R. M. Stulz, Options on the minimum or the maximum of two risky assets, J. Financial Economics 10 (1982).
    """
    require(
        positive=("strike",),
        spot_1=spot_1,
        spot_2=spot_2,
        strike=strike,
        expiry=expiry,
        rate=rate,
        vol_1=vol_1,
        vol_2=vol_2,
        correlation=correlation,
        dividend_1=dividend_1,
        dividend_2=dividend_2,
    )
    root = torch.sqrt(expiry)
    dev_1, dev_2 = vol_1 * root, vol_2 * root
    spread_vol = torch.sqrt(vol_1 * vol_1 + vol_2 * vol_2 - 2.0 * correlation * vol_1 * vol_2)
    asset_1 = spot_1 * torch.exp(-dividend_1 * expiry)
    asset_2 = spot_2 * torch.exp(-dividend_2 * expiry)
    cash = strike * torch.exp(-rate * expiry)
    with_1 = (vol_1 - correlation * vol_2) / spread_vol  # of ln S1 with ln S1/S2
    with_2 = (vol_2 - correlation * vol_1) / spread_vol
    up_1 = torch.log(asset_1 / cash) / dev_1 + 0.5 * dev_1
    up_2 = torch.log(asset_2 / cash) / dev_2 + 0.5 * dev_2
    dev = spread_vol * root
    first = torch.log(asset_1 / asset_2) / dev + 0.5 * dev
    paid_1 = bivariate_normal_cdf(sign * up_1, best * first, sign * best * with_1)
    paid_2 = bivariate_normal_cdf(sign * up_2, best * (dev - first), sign * best * with_2)
    either, beyond_1, beyond_2 = sign * best, -best * (up_1 - dev_1), -best * (up_2 - dev_2)
    # "either asset beyond the strike" is 1 less "neither", but added up: far from the money nothing would be left
    exercised = bivariate_normal_cdf(beyond_1, -either * beyond_2, -either * correlation)
    exercised = exercised + 0.5 * (1 + either) * normal_cdf(-beyond_1)
    return sign * (asset_1 * paid_1 + asset_2 * paid_2 - cash * exercised)
