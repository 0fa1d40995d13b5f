"""Which trades the adjustments come from, and what they would be with other trades."""

from xva.allocation.allocation import Portfolio, Portfolios, allocated
from xva.allocation.what_if import changed

__all__ = ["Portfolio", "Portfolios", "allocated", "changed"]
