"""One surrogate for a range of curves and volatilities of the cross-asset model, against nested Monte Carlo in each."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from surrogates.labels.market_box import MarketBox, grouped_box_labels
from surrogates.labels.market_parameters import moved
from surrogates.labels.problem import LabelProblem, label_normals
from surrogates.regression.ridge_features import RidgeFeatures
from surrogates.regression.samples import Samples
from tests.support.flat_book import day, world
from xva.errors import DomainError
from xva.models.cross_asset_paths import PathMarket
from xva.models.path_model import walk
from xva.numerics import tree
from xva.pricing.nested import InnerPaths, NestedBook, nested_values
from xva.trades import AsianOption

NAMES = ("LEVEL/EUR", "SLOPE/EUR", "EQ_VOL/EQ1")
LOW, HIGH = ([-0.01, -0.005, 0.7], [0.01, 0.005, 1.3])
BOX = MarketBox(NAMES, torch.tensor(LOW, dtype=torch.float64), torch.tensor(HIGH, dtype=torch.float64))
REPORT = np.array(["2026-01-15"], dtype="datetime64[D]")


@cache
def market() -> PathMarket:
    built = world()(world().quotes())
    plain = tree.map_tensors(built, lambda t: t.detach())
    index = world().indices["EUR-FLAT-6M"]
    return PathMarket.select(plain.market, plain.model, ["EUR", "USD"], [index], ["EQ1"])


def model_of(values: Tensor) -> PathMarket:
    return moved(market(), NAMES, values)


@cache
def option() -> AsianOption:
    return AsianOption(
        trade_id="A", netting_set="N", underlying="EQ/EQ1", currency="EUR", side="long", quantity=1.0, strike=100.0,
        option_type="call", averaging_dates=(day("2028-01-17"),),
    )  # fmt: skip


def problem() -> LabelProblem:
    return LabelProblem(market(), (option(),), world().context(), REPORT)


@cache
def samples() -> Samples:
    asked = problem()
    normals = label_normals(asked.model, asked.times, 16384, 3)
    return grouped_box_labels(asked, BOX, model_of, normals, 256, seed=5)[0]


def test_curves_volatilities_and_spots_move_as_named() -> None:
    values = torch.tensor([0.01, 0.002, 1.5, 2.0], dtype=torch.float64)
    there = moved(market(), ("LEVEL/EUR", "SLOPE/EUR", "EQ_VOL/EQ1", "FX/USD"), values)
    for curve, before in (
        (there.discounts["EUR"], market().discounts["EUR"]),
        (there.projections["EUR-FLAT-6M"].curve, market().projections["EUR-FLAT-6M"].curve),
    ):
        rate = -(curve.log_discounts - before.log_discounts) / torch.from_numpy(curve.times)
        expected = 0.01 + 0.002 * (torch.from_numpy(curve.times) / 10.0 - 1.0)
        torch.testing.assert_close(rate, expected, rtol=0, atol=1e-14)
    assert torch.equal(there.discounts["USD"].log_discounts, market().discounts["USD"].log_discounts)
    assert torch.equal(there.equities["EQ1"].sigmas, 1.5 * market().equities["EQ1"].sigmas)
    assert torch.equal(there.fx["USD"].spot, 2.0 * market().fx["USD"].spot)


@pytest.mark.slow
def test_one_surrogate_serves_the_box() -> None:
    """In markets drawn afresh; refitting on the base market alone is several times worse there."""
    fitted, base = RidgeFeatures().fit(samples()), RidgeFeatures().fit(at_base())
    errors, plain, sizes = [], [], []
    for k, values in enumerate(BOX.draw(8, 91).T):
        asked = problem()
        model = model_of(values)
        outer = walk(model, asked.times, label_normals(model, asked.times, 64, 40 + k))
        book = NestedBook(model, (option(),), world().context())
        nested = nested_values(book, outer, REPORT[0], InnerPaths(seed=7, points=64)).value
        states = outer.states[asked.places[0]].T
        states = torch.cat([states, torch.zeros(len(states), 1)], dim=1)  # nothing is averaged yet
        columns = torch.cat([states, values[None].expand(len(states), -1)], dim=1)
        errors.append(fitted.value(columns) - nested)
        plain.append(base.value(states) - nested)
        sizes.append(nested)
    spread = float(torch.cat(sizes).std())
    error, without = (float(torch.cat(e).square().mean().sqrt()) for e in (errors, plain))
    assert error < 0.04 * spread
    assert without > 2.0 * error


def at_base() -> Samples:
    every = samples()
    names = every.names[: -len(NAMES)]
    asked = problem()
    normals = label_normals(asked.model, asked.times, 16384, 3)
    narrow = MarketBox(NAMES, BOX.low * 1e-9, BOX.low * 1e-9 + 1e-9)
    centre = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    found = grouped_box_labels(asked, narrow, lambda _: model_of(centre), normals, 2)[0]
    assert found.gradients is not None
    width = len(names)
    return Samples(names, found.features[:, :width], found.values, found.gradients[:, :width])


def test_refusals() -> None:
    with pytest.raises(DomainError, match=r"market parameter 'SPREAD/EUR': expected LEVEL/"):
        moved(market(), ("SPREAD/EUR",), torch.zeros(1).double())
    with pytest.raises(DomainError, match="market parameter of EQ9: expected one of EQ1"):
        moved(market(), ("EQ_VOL/EQ9",), torch.ones(1).double())
    asked = problem()
    normals = label_normals(asked.model, asked.times, 64, 3)
    with pytest.raises(DomainError, match="at least two groups"):
        grouped_box_labels(asked, BOX, model_of, normals, 3)
