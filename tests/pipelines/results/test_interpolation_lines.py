"""What the table says of interpolated values, and when it says not to use them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from pipelines.results.tables import interpolation_lines


def results(bound: list[float]) -> xr.Dataset:
    dims = ("netting_set", "time")
    ones = np.ones((2, 2))
    values = np.array([[0.0, bound[0]], [0.0, bound[1]]])
    variables = {"interpolation_bound": (dims, values), "epe": (dims, ones), "ene": (dims, 0.0 * ones)}
    return xr.Dataset(variables, {"netting_set": ["A", "B"]})


def test_the_largest_is_named() -> None:
    (line,) = interpolation_lines(results([1e-9, 3e-8]))
    assert line.plain == "Interpolation of values: off by at most 3e-08 of the exposure (B)"


@pytest.mark.parametrize("bad", [2e-3, 1e6, np.inf])
def test_numbers_that_are_none_are_refused_to_the_eye(bad: float) -> None:
    *_, line = interpolation_lines(results([1e-9, bad]))
    assert line.plain.startswith("Do not use the numbers of B:")
    assert line.style == "bold red"


def test_nothing_is_said_where_nothing_is_interpolated() -> None:
    assert not list(interpolation_lines(results([0.0, 0.0])))
