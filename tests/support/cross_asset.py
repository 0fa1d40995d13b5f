"""A small cross-asset market for models on paths."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from xva.market.curves import DiscountCurve
from xva.market.indices import RateIndex
from xva.models.cross_asset import CrossAssetModel, LognormalAsset
from xva.models.cross_asset_paths import PathMarket
from xva.models.lgm import Lgm

RATES = {"EUR": 0.02, "USD": 0.04, "GBP": 0.035}


SPOTS = {"USD": 0.9, "GBP": 1.15}


SHARES = {"HOME": ("EUR", 50.0, 0.01), "ABROAD": ("USD", 120.0, 0.02)}


INDICES = {"EUR-6M": ("EUR", 0.025), "USD-3M": ("USD", 0.043)}


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def joint() -> CrossAssetModel:
    pillars = np.array([1.0, 3.0, 10.0])
    sigmas = torch.tensor([0.008, 0.011, 0.007], dtype=torch.float64)
    rates = {c: Lgm(c, number(0.02 + 0.02 * k), pillars, sigmas * (1 + 0.1 * k)) for k, c in enumerate(RATES)}
    vols = torch.tensor([0.09, 0.12], dtype=torch.float64)
    fx = {
        c: LognormalAsset(c, c, number(s), np.array([1.5, 5.0]), vols, number(0.0)) for c, s in SPOTS.items()
    }
    shares = {
        n: LognormalAsset(n, c, number(s), np.array([0.7, 5.0]), vols.flip(0) * 2, number(q))
        for n, (c, s, q) in SHARES.items()
    }
    a = np.random.default_rng(3).normal(size=(7, 7)) + 1.5 * np.eye(7)
    scale = np.sqrt(np.diag(a @ a.T))
    matrix = a @ a.T / np.outer(scale, scale)
    np.fill_diagonal(matrix, 1.0)
    return CrossAssetModel("EUR", rates, fx, shares, torch.from_numpy(matrix))


class Curves:
    def discount_curve(self, currency: str) -> DiscountCurve:
        return DiscountCurve.flat(currency, RATES[currency])

    def projection_curve(self, index: str) -> DiscountCurve:
        return DiscountCurve.flat(index, INDICES[index][1])


def rate_index(name: str) -> RateIndex:
    return RateIndex(name, INDICES[name][0], "6M", "NULL", "A365")


def bundle(equities: tuple[str, ...] = ("HOME", "ABROAD")) -> PathMarket:
    return PathMarket.select(Curves(), joint(), RATES, map(rate_index, INDICES), equities)
