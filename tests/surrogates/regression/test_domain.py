"""The box of training states: who is outside is counted, told and moved to the edge."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates.regression.domain import Domain
from xva.errors import DomainError

BOX = Domain(
    ("EQ:A", "average"),
    torch.tensor([4.0, -1.0], dtype=torch.float64),
    torch.tensor([5.0, 1.0], dtype=torch.float64),
)


def rows(*points: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(points, dtype=torch.float64)


def test_box_of_training_states() -> None:
    found = Domain.of(BOX.names, rows((4.0, 1.0), (5.0, -1.0), (4.5, 0.0)))
    assert torch.equal(found.low, BOX.low)
    assert torch.equal(found.high, BOX.high)


def test_outside() -> None:
    asked = rows((4.0, 1.0), (5.0 + 1e-10, 0.0), (5.1, 0.0), (4.5, -1.1), (math.nan, 0.0), (math.inf, 0.0))
    assert BOX.outside(asked).tolist() == [False, False, True, True, True, True]


def test_check_names_the_first() -> None:
    BOX.check(rows((4.5, 0.5)))
    with pytest.raises(
        DomainError, match=r"2 of 3 states lie outside .* EQ:A = 5\.5 not in \[4, 5\], average = 2 "
    ):
        BOX.check(rows((4.5, 0.5), (5.5, 2.0), (0.0, 0.0)))


@given(st.floats(-10.0, 10.0), st.floats(-10.0, 10.0))
@settings(deadline=None, derandomize=True)
def test_nearest_is_inside_and_moves_nothing_else(x: float, y: float) -> None:
    asked = rows((x, y))
    moved = BOX.nearest(asked)
    assert not bool(BOX.outside(moved))
    if not bool(BOX.outside(asked)):
        torch.testing.assert_close(moved, asked, rtol=0.0, atol=1e-8)


def test_bounds_have_to_be_bounds() -> None:
    for low, high in ((BOX.high, BOX.low), (BOX.low[:1], BOX.high), (BOX.low * math.nan, BOX.high)):
        with pytest.raises(DomainError, match="low <= high"):
            Domain(BOX.names, low, high)
