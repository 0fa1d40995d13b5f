"""Labelled Greeks of any differentiable price."""

from xva.pricing.greeks.labelled import greeks
from xva.pricing.greeks.naming import Component, Label
from xva.pricing.greeks.result import Greeks

__all__ = ["Component", "Greeks", "Label", "greeks"]
