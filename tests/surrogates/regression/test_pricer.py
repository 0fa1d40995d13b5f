"""Surrogates by date, as the engine asks for them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from surrogates.regression.domain import Domain
from surrogates.regression.pricer import SurrogatePricer
from tests.support.average_case import Cubic
from xva.errors import DomainError

NAMES = ("EQ:A", "VOL:A")
DAYS = np.array(["2027-01-15", "2028-01-15"], dtype="datetime64[D]")


def weights(constant: float, price: float, vol: float) -> torch.Tensor:
    return torch.tensor([constant, price, vol, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)


def box(low: float, high: float) -> Domain:
    return Domain(NAMES, *(torch.tensor([x, x], dtype=torch.float64) for x in (low, high)))


def pricer() -> SurrogatePricer:
    found = (Cubic(NAMES, weights(1.0, 2.0, 3.0)), Cubic(NAMES, weights(-1.0, 1.0, 0.0)))
    return SurrogatePricer(NAMES, DAYS, found, (box(-1.0, 1.0), box(-2.0, 2.0)))


def features(days: int) -> torch.Tensor:
    """``(time, feature, path)``."""
    return torch.tensor([[0.5, 1.5], [0.25, 0.0]], dtype=torch.float64).expand(days, 2, 2)


def test_values_and_who_is_outside() -> None:
    value, outside = pricer().values(DAYS, features(2))
    torch.testing.assert_close(
        value, torch.tensor([[2.75, 3.0], [-0.5, 0.5]], dtype=torch.float64)
    )  # 1.5 is asked at the edge, 1
    assert outside.tolist() == [[False, True], [False, False]]


def test_nothing_after_the_last_date_and_no_gaps_before() -> None:
    later = np.append(DAYS, np.datetime64("2029-01-15"))
    value, outside = pricer().values(later, features(3))
    assert not bool(value[2].any() | outside[2].any())
    for missing in ("2026-06-30", "2027-06-30"):
        with pytest.raises(DomainError, match=f"asked on {missing}, a date it was not trained for"):
            pricer().values(np.array([missing], dtype="datetime64[D]"), features(1))


def test_market_parameters_are_the_same_for_all() -> None:
    found = pricer().at_market({"VOL:A": 0.25})
    assert found.names == ("EQ:A",)
    value, _ = found.values(DAYS, features(2)[:, :1])
    expected, _ = pricer().values(
        DAYS, torch.cat([features(2)[:, :1], torch.full((2, 1, 2), 0.25, dtype=torch.float64)], 1)
    )
    assert torch.equal(value, expected)
    _, outside = pricer().at_market({"VOL:A": 1.5}).values(DAYS, features(2)[:, :1])
    assert outside[0].tolist() == [True, True]


def test_no_number_from_nan() -> None:
    with pytest.raises(DomainError, match="finite features"):
        pricer().values(DAYS, features(2) * math.nan)


def test_parts_have_to_fit() -> None:
    good = pricer()
    with pytest.raises(DomainError, match="one surrogate and one domain per date"):
        replace(good, domains=good.domains[:1])
    with pytest.raises(DomainError, match="increasing dates"):
        replace(good, days=DAYS[::-1])
    with pytest.raises(DomainError, match="needs features VOL:A, EQ:A"):
        replace(good, features=NAMES[::-1])
    with pytest.raises(DomainError, match="are not features"):
        good.at_market({"RATE": 0.1})
