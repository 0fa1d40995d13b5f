"""Margrabe (1978): the option to exchange one asset for another."""

from __future__ import annotations

import torch
from torch import Tensor

from xva.pricing.closed_form.black76 import black76
from xva.pricing.closed_form.domain import require


def margrabe(receive: Tensor, deliver: Tensor, std_dev: Tensor, sign: int | Tensor = 1) -> Tensor:
    """Value today of ``max(sign (A_T - B_T), 0)`` with ``A/B`` lognormal.

    Needs no rates: the asset delivered is the numeraire.

    Parameters
    ----------
    receive, deliver : Tensor
        Values today of the two assets delivered at expiry (discounted, dividends taken off), positive.
    std_dev : Tensor
        Standard deviation of ``ln(A_T / B_T)``.
    sign : {1, -1}

    Returns
    -------
    Tensor
        Broadcast shape of the arguments.

    References
    ----------
    W. Margrabe, The value of an option to exchange one asset for another, J. Finance 33 (1978).
    """
    return black76(receive, deliver, std_dev, sign)


def exchange_option(
    spot_1: Tensor,
    spot_2: Tensor,
    expiry: Tensor,
    vol_1: Tensor,
    vol_2: Tensor,
    correlation: Tensor,
    dividend_1: Tensor | float = 0.0,
    dividend_2: Tensor | float = 0.0,
    sign: int | Tensor = 1,
) -> Tensor:
    """Value today of ``max(sign (S_1 - S_2), 0)``: `margrabe` from spots, volatilities and correlation.

    Parameters
    ----------
    spot_1, spot_2 : Tensor
        Of the assets received and delivered (``sign`` 1), positive.
    expiry : Tensor
        Years, >= 0.
    vol_1, vol_2, correlation : Tensor
        Lognormal volatilities >= 0, correlation of the returns inside (-1, 1).
    dividend_1, dividend_2 : Tensor
        Continuous yields.
    sign : {1, -1}

    Raises
    ------
    DomainError
        An argument outside its domain.
    """
    require(degenerate=True, spot_1=spot_1, spot_2=spot_2, expiry=expiry, vol_1=vol_1, vol_2=vol_2)
    require(correlation=correlation, dividend_1=dividend_1, dividend_2=dividend_2)
    variance = vol_1 * vol_1 + vol_2 * vol_2 - 2.0 * correlation * vol_1 * vol_2
    receive, deliver = spot_1 * torch.exp(-dividend_1 * expiry), spot_2 * torch.exp(-dividend_2 * expiry)
    return margrabe(receive, deliver, torch.sqrt(variance * expiry), sign)
