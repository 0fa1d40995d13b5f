"""Labelled Greeks of any differentiable price."""

from xva.pricing.greeks.labelled import Greeks, greeks
from xva.pricing.greeks.naming import Component, Label

__all__ = ["Component", "Greeks", "Label", "greeks"]
