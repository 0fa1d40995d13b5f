"""Allocation to buckets: sums, mean tenors, errors."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.results.buckets import STANDARD, bucketed, shares
from pipelines.results.sensitivities import Sensitivities
from pipelines.results.tenors import years
from xva.errors import DomainError

ENDS = np.array([years(b)[0] for b in STANDARD])


def sensitivities(tenors: list[str], values: list[float], family: str = "OIS") -> Sensitivities:
    n = len(tenors)
    data = xr.Dataset(
        {
            "sensitivity": (("quote",), np.array(values)),
            "standard_error": (("quote",), 0.1 * np.abs(values)),
        },
        {
            "quote": [f"Q{k}" for k in range(n)],
            "quote_family": ("quote", [family] * n),
            "quote_curve": ("quote", ["EUR-ESTR"] * n),
            "quote_currency": ("quote", ["EUR"] * n),
            "quote_tenor": ("quote", tenors),
            "shift": ("quote", [1e-4] * n),
            "shift_name": ("quote", ["1 bp"] * n),
        },
        {"as_of": "2026-01-15"},
    )
    return Sensitivities("CVA", "TOTAL", "EUR", data)


@settings(deadline=None, derandomize=True)
@given(st.floats(0.0, 60.0))
def test_shares_add_up_and_keep_the_mean(at: float) -> None:
    weights = shares(at, ENDS)
    assert (weights >= 0.0).all()
    assert weights.sum() == pytest.approx(1.0)
    assert weights @ ENDS == pytest.approx(np.clip(at, ENDS[0], ENDS[-1]))
    assert np.count_nonzero(weights) <= 2


def test_sums_and_mean_tenors_are_preserved() -> None:
    tenors, values = ["3M", "18M", "7Y", "12Y", "25Y"], [1.0, -2.0, 3.0, 4.0, 0.5]
    found = bucketed(sensitivities(tenors, values))
    assert found["value"].sum() == pytest.approx(1e-4 * sum(values))
    by_mean = (found["value"] * [years(str(b))[0] for b in found["bucket"]]).sum()
    assert by_mean == pytest.approx(1e-4 * sum(v * years(t)[0] for t, v in zip(tenors, values)))
    seven = found.set_index("bucket")["value"]
    assert seven["5Y"] == pytest.approx(1e-4 * 3.0 * 0.6)
    assert list(found["bucket"]) == sorted(found["bucket"], key=lambda b: years(str(b)))


def test_the_error_of_a_single_quote_is_its_own() -> None:
    found = bucketed(sensitivities(["5Y", "10Y"], [2.0, -3.0])).set_index("bucket")
    assert found.loc["10Y", "standard_error"] == pytest.approx(3e-5)


def test_the_error_of_a_bucket_is_that_of_the_scrambles_sums() -> None:
    tenors, values = ["18M", "30M", "7Y"], np.array([1.0, -2.0, 3.0])
    samples = values + np.random.default_rng(6).standard_normal((8, 1)) * np.array([1.0, -0.8, 0.2])
    made = sensitivities(tenors, list(samples.mean(0)))
    data = made.data.assign(samples=(("scramble", "quote"), samples))
    found = bucketed(Sensitivities("CVA", "TOTAL", "EUR", data)).set_index("bucket")
    two = 1e-4 * (0.5 * samples[:, 0] + 0.5 * samples[:, 1])  # of 18M and of 30M, half to 2Y
    assert found.loc["2Y", "value"] == pytest.approx(two.mean())
    assert found.loc["2Y", "standard_error"] == pytest.approx(two.std(ddof=1) / np.sqrt(8))
    assert found.loc["10Y", "standard_error"] == pytest.approx(
        0.4e-4 * samples[:, 2].std(ddof=1) / np.sqrt(8)
    )


def test_quotes_without_tenor_stay_beside() -> None:
    found = bucketed(sensitivities(["", "1Y"], [5.0, 1.0])).set_index("bucket")
    assert found.loc["", "value"] == pytest.approx(5e-4)


def test_swaptions_go_by_expiry_or_by_length() -> None:
    one = sensitivities(["5Y/10Y"], [1.0], "swaption vol")
    assert list(bucketed(one)["bucket"]) == ["5Y"]
    assert list(bucketed(one, swaptions="length")["bucket"]) == ["10Y"]


def test_buckets_must_increase() -> None:
    with pytest.raises(DomainError, match="increasing tenors, got 5Y, 1Y"):
        bucketed(sensitivities(["1Y"], [1.0]), ["5Y", "1Y"])
