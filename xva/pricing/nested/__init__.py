"""Nested Monte Carlo: oracle and label maker."""

from __future__ import annotations

from xva.pricing.nested.book import Exercise, NestedBook
from xva.pricing.nested.noise import InnerPaths
from xva.pricing.nested.result import NestedCost, NestedValues
from xva.pricing.nested.values import nested_values

__all__ = ["Exercise", "InnerPaths", "NestedBook", "NestedCost", "NestedValues", "nested_values"]
