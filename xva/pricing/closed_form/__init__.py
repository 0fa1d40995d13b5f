"""Closed forms of single options, differentiable to any order; each refuses what it does not hold for."""

from xva.pricing.closed_form.bachelier import bachelier_option
from xva.pricing.closed_form.barrier import barrier_option
from xva.pricing.closed_form.black76 import black76_option
from xva.pricing.closed_form.black_scholes import black_scholes
from xva.pricing.closed_form.garman_kohlhagen import fx_option
from xva.pricing.closed_form.geometric_asian import geometric_asian, geometric_asian_continuous
from xva.pricing.closed_form.heston import heston
from xva.pricing.closed_form.margrabe import exchange_option
from xva.pricing.closed_form.sabr import sabr_lognormal, sabr_lognormal_vol, sabr_normal, sabr_normal_vol
from xva.pricing.closed_form.stulz import stulz

__all__ = [
    "bachelier_option",
    "barrier_option",
    "black76_option",
    "black_scholes",
    "exchange_option",
    "fx_option",
    "geometric_asian",
    "geometric_asian_continuous",
    "heston",
    "sabr_lognormal",
    "sabr_lognormal_vol",
    "sabr_normal",
    "sabr_normal_vol",
    "stulz",
]
