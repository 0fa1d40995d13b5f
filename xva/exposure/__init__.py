"""The engine: netting sets compiled, the state on a grid, the parts that values are made of, blocks of paths.

A block is `block`, what it asks is `parts`, on the paths of `state`; `reconciliation` holds t = 0 against quotes.
"""

from xva.exposure.engine import Book, ExposureEngine, Simulation
from xva.exposure.world import World, WorldBuilder

__all__ = ["Book", "ExposureEngine", "Simulation", "World", "WorldBuilder"]
