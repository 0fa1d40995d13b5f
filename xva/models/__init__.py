"""Models of the market's future: their calibration, and paths by exact steps where there are such."""

from xva.models.cross_asset import CrossAssetModel, LognormalAsset
from xva.models.equity_basket import EquityBasket
from xva.models.heston import HestonBasket
from xva.models.lgm import Lgm
from xva.models.path_model import PathModel, walk
from xva.models.random import PathNoise

__all__ = [
    "CrossAssetModel",
    "EquityBasket",
    "HestonBasket",
    "Lgm",
    "LognormalAsset",
    "PathModel",
    "PathNoise",
    "walk",
]
