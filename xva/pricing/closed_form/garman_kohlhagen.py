"""Garman-Kohlhagen (1983): European options on an exchange rate."""

from __future__ import annotations

from torch import Tensor

from xva.pricing.closed_form.black_scholes import black_scholes
from xva.pricing.closed_form.margrabe import margrabe


def garman_kohlhagen(
    spot: Tensor,
    strike: Tensor,
    std_dev: Tensor,
    discount_base: Tensor,
    discount_quote: Tensor,
    sign: int | Tensor = 1,
) -> Tensor:
    """Value today, in quote currency, of an option on one unit of base currency.

    Parameters
    ----------
    spot, strike : Tensor
        Units of quote currency per unit of base currency.
    std_dev : Tensor
        ``vol * sqrt(expiry)`` of the exchange rate's forward.
    discount_base, discount_quote : Tensor
        Discount factors to expiry of the two currencies.
    sign : {1, -1}
        1 a call on the base currency, -1 a put.

    Returns
    -------
    Tensor
        Broadcast shape of the arguments.

    References
    ----------
    M. Garman and S. Kohlhagen, Foreign currency option values, J. Int. Money and Finance 2 (1983).
    """
    return margrabe(spot * discount_base, strike * discount_quote, std_dev, sign)


def fx_option(
    spot: Tensor,
    strike: Tensor,
    expiry: Tensor,
    rate_quote: Tensor,
    rate_base: Tensor,
    vol: Tensor,
    sign: int | Tensor = 1,
) -> Tensor:
    """As `garman_kohlhagen`, from rates and volatility: the base currency's rate is the asset's dividend.

    Parameters
    ----------
    spot, strike : Tensor
        Units of quote currency per unit of base currency, positive.
    expiry : Tensor
        Years, >= 0.
    rate_quote, rate_base : Tensor
        Continuous rates of the two currencies.
    vol : Tensor
        Lognormal volatility of the exchange rate, >= 0.
    sign : {1, -1}
        1 a call on the base currency, -1 a put.

    Raises
    ------
    DomainError
        An argument outside its domain.
    """
    return black_scholes(spot, strike, expiry, rate_quote, vol, rate_base, sign)
