"""Black-Scholes (1973): European options on an asset with a continuous dividend yield."""

from __future__ import annotations

import torch
from torch import Tensor

from xva.pricing.closed_form.domain import require
from xva.pricing.closed_form.margrabe import margrabe


def black_scholes(
    spot: Tensor,
    strike: Tensor,
    expiry: Tensor,
    rate: Tensor,
    vol: Tensor,
    dividend: Tensor | float = 0.0,
    sign: int | Tensor = 1,
) -> Tensor:
    """Value today of a European option; its Greeks are its derivatives.

    Parameters
    ----------
    spot, strike : Tensor
        Positive, in the asset's currency.
    expiry : Tensor
        Actual/365 (Fixed) year fraction from the valuation date, >= 0.
    rate, dividend : Tensor
        Continuous rate and dividend yield per year.
    vol : Tensor
        Lognormal volatility per square root of a year, >= 0.
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
    F. Black and M. Scholes, The pricing of options and corporate liabilities, J. Political Economy 81 (1973).
    """
    require(
        positive=("strike",), degenerate=True, spot=spot, strike=strike, expiry=expiry, rate=rate, vol=vol
    )
    require(dividend=dividend)
    asset = spot * torch.exp(-dividend * expiry)
    cash = strike * torch.exp(-rate * expiry)
    return margrabe(asset, cash, vol * torch.sqrt(expiry), sign)
