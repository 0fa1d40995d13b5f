"""Blocks' sums as labelled results, and what the grid's dates left out of them."""

from xva.results.labelled import results

__all__ = ["results"]
