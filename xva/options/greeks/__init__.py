"""Labelled Greeks of any differentiable price."""

from xva.options.greeks.labelled import greeks
from xva.options.greeks.naming import Component, Label
from xva.options.greeks.result import Greeks

__all__ = ["Component", "Greeks", "Label", "greeks"]
