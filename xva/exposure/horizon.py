"""Which zero bond is the numeraire: the one under which paths meet what is worth something."""

from __future__ import annotations

import numpy as np
import torch

from xva.models.rates_model import RatesModel

HORIZON = 0.75
"""Maturity of the numeraire's bond as a share of the last exposure date, where mean reversion is slow.

Under it a bond of T seen at t has its value ``|T - T*| sqrt(t) sigma`` standard deviations from where paths are (without mean
reversion): the largest over ``t <= T`` of the book's is smallest, for late flows early on and late, at three quarters. Paths
then meet what both sides of a long swap are worth. (*Measured*, 30-year payer at 100 bp of normal volatility, standard
deviation of CVA and DVA over 60 seeds: 215 and 7,026 with T* at 0; 188 and 691 at 0.5; 337 and 273 at 0.75; 691 and 205 at 1.)
"""
_SHARES = (0.8, 0.85, 0.9, 0.95, 1.0)
_FAR = 1.0  # standard deviations up to which three quarters are as good as any
_HALVED = 0.5  # another share has to do this much better
_POINTS = 60


def numeraire_years(rates: RatesModel, span: float) -> float:
    """Years to maturity of the numeraire's zero bond for a grid of ``span`` years.

    With a mean reversion kappa the distance grows as ``exp(kappa (t - T*))`` after T* and stays bounded before it: where that
    matters, the bond is a later one, up to the last date's.

    Parameters
    ----------
    rates : RatesModel
        Of the reporting currency, with any horizon.
    """
    here = HORIZON * span
    usual = furthest(rates.at_horizon(here), span)
    if usual <= _FAR:
        return here
    found = {share * span: furthest(rates.at_horizon(share * span), span) for share in _SHARES}
    best = min(found, key=found.__getitem__)
    return best if found[best] < _HALVED * usual else here


def furthest(rates: RatesModel, span: float) -> float:
    """Largest standard deviation of the logarithm of a deflated bond of T at t, over ``t <= T <= span``.

    As many standard deviations away from the middle of the paths lies what such a bond is worth. Infinite beyond floats.
    """
    times = span * np.arange(1, _POINTS + 1) / _POINTS
    with torch.no_grad():
        variance = 2.0 * rates.half_variance(rates.loadings(times)[None], times[:, None])
    later = torch.from_numpy(times[None] >= times[:, None])
    found = float(variance[later].clamp_min(0.0).max()) ** 0.5
    return found if found == found else float("inf")
