"""Closed forms of single options, differentiable to any order; each refuses what it does not hold for."""

from xva.pricing.closed_form.bachelier import bachelier_option
from xva.pricing.closed_form.barrier import barrier_option
from xva.pricing.closed_form.black_scholes import black_scholes
from xva.pricing.closed_form.garman_kohlhagen import fx_option
from xva.pricing.closed_form.margrabe import exchange_option

__all__ = ["bachelier_option", "barrier_option", "black_scholes", "exchange_option", "fx_option"]
