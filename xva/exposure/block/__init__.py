"""One block of paths: what it is given, its values and profiles, its adjoints."""

from xva.exposure.block.data import ExposureData
from xva.exposure.block.plan import ExposurePlan

__all__ = ["ExposureData", "ExposurePlan"]
