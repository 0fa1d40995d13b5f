"""Margrabe (1978): the option to exchange one asset for another."""

from __future__ import annotations

from torch import Tensor

from xva.pricing.closed_form.black76 import black76


def margrabe(receive: Tensor, deliver: Tensor, std_dev: Tensor, sign: int = 1) -> Tensor:
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
