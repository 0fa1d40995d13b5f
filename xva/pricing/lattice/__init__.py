"""Binomial trees: American and European options in batches, with Greeks that say where they come from."""

from xva.pricing.lattice.greeks import greeks
from xva.pricing.lattice.options import LatticeOptions
from xva.pricing.lattice.price import price
from xva.pricing.lattice.result import LatticeGreeks

__all__ = ["LatticeGreeks", "LatticeOptions", "greeks", "price"]
