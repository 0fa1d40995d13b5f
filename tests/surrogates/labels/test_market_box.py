"""One surrogate for a range of rates and volatilities, against Black and Scholes across the box."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from surrogates.labels import LabelProblem, MarketBox, box_labels, label_normals
from surrogates.regression.ridge_features import RidgeFeatures
from tests.support.label_worlds import (
    CONTEXT,
    MONTHS,
    assert_unbiased,
    call,
    call_exact,
    days,
    one_equity,
    real,
)
from xva.errors import DomainError
from xva.models.equity_basket import EquityBasket

BOX = MarketBox(("RATE", "VOL"), real([0.0, 0.15]), real([0.06, 0.35]))
PATHS = 16384


def model_of(parameters: Tensor) -> EquityBasket:
    rate, vol = parameters
    return EquityBasket.flat("EUR", ("S",), real([1.0]), vol[None], rate)


def problem() -> LabelProblem:
    return LabelProblem(one_equity(), (call(),), CONTEXT, days(3, 8))


def exact(month: int, features: np.ndarray) -> np.ndarray:
    x, rate, vol = features.T
    return call_exact(CONTEXT.time(MONTHS[month]), x, vol, rate)[0]


def test_labels_and_their_derivatives_to_the_market() -> None:
    asked = problem()
    normals = label_normals(asked.model, asked.times, PATHS, 1)
    for month, samples in zip((3, 8), box_labels(asked, BOX, model_of, normals)):
        assert samples.names == ("EQ:S", "RATE", "VOL")
        assert samples.known_columns.all()
        at = samples.features.numpy()
        assert_unbiased(samples.values, exact(month, at), at[:, 0])
        assert samples.gradients is not None
        for column in range(3):
            up, down = at.copy(), at.copy()
            up[:, column] += 1e-5
            down[:, column] -= 1e-5
            slope = (exact(month, up) - exact(month, down)) / 2e-5
            for weight in range(3):
                assert_unbiased(samples.gradients[:, column], slope, at[:, weight])


def test_one_surrogate_serves_the_box() -> None:
    asked = problem()
    normals = label_normals(asked.model, asked.times, PATHS, 2)
    samples = box_labels(asked, BOX, model_of, normals)[1]
    fitted = RidgeFeatures().fit(samples)
    rng = np.random.default_rng(1)
    drawn = BOX.draw(2000, 77).T.numpy()
    at = np.column_stack([drawn[:, 1] * np.sqrt(8 / 12) * rng.normal(size=2000).clip(-2, 2), drawn])
    value = exact(8, at)
    found = fitted.value(torch.from_numpy(at)).numpy()
    assert np.sqrt(np.mean((found - value) ** 2)) < 0.012 * value.std()
    cheap, dear = (exact(8, np.array([[0.0, 0.03, vol]]))[0] for vol in (0.15, 0.35))
    assert dear > 2.0 * cheap, "the box is wide"


def test_bounds() -> None:
    with pytest.raises(DomainError, match="low < high"):
        MarketBox(("RATE",), real([0.1]), real([0.1]))
    BOX.check(real([0.01, 0.2]))
    with pytest.raises(DomainError, match=r"VOL = 0.5 not in \[0.15, 0.35\]"):
        BOX.check(real([0.01, 0.5]))
    drawn = BOX.draw(512, 3)
    assert bool(((drawn >= BOX.low[:, None]) & (drawn <= BOX.high[:, None])).all())
