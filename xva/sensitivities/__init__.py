"""Derivatives of adjustments to quotes: one reverse pass, bumps, second order; to zero rates by curve."""

from xva.sensitivities.bump import Revaluer, shift_size
from xva.sensitivities.by_quote import MEASURE_NAMES, hessian_product, sensitivities
from xva.sensitivities.by_zero_rate import ZeroRates, zero_rates
from xva.sensitivities.reverse_pass import quote_gradients, scramble_means

__all__ = [
    "MEASURE_NAMES",
    "Revaluer",
    "ZeroRates",
    "hessian_product",
    "quote_gradients",
    "scramble_means",
    "sensitivities",
    "shift_size",
    "zero_rates",
]
