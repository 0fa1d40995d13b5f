"""What a run computes, in blocks that any worker may take: the protocol, and records as named arrays."""

from xva.blocks.packing import pack, unpack
from xva.blocks.plan import BlockResult, CubeSchema, Plan, SumsPlan

__all__ = ["BlockResult", "CubeSchema", "Plan", "SumsPlan", "pack", "unpack"]
