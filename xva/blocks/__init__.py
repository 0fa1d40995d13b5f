"""What a run computes, in blocks that any worker may take: the protocol; records as named arrays are in `packing`.

Light to import: a scheduler in the worker's process cannot answer while torch is loaded.
"""

from xva.blocks.plan import BlockResult, CubeSchema, Plan, SumsPlan

__all__ = ["BlockResult", "CubeSchema", "Plan", "SumsPlan"]
