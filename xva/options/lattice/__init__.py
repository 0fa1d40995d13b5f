"""Binomial trees: American and European options in batches, with Greeks that say where they come from."""

from xva.options.lattice.greeks import greeks
from xva.options.lattice.options import LatticeOptions
from xva.options.lattice.price import price
from xva.options.lattice.result import LatticeGreeks

__all__ = ["LatticeGreeks", "LatticeOptions", "greeks", "price"]
