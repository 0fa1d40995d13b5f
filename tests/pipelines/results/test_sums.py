"""Sums of rows of a table: their errors come from the scrambles' sums, since rows move together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipelines.results.sums import sums_by

FRAME = pd.DataFrame({"curve": ["A", "B", "A"], "value": [1.0, 2.0, -0.5], "standard_error": [0.1, 0.2, 0.3]})


def test_values_add_up_and_without_samples_errors_too() -> None:
    found = sums_by(FRAME, ["curve"], None)
    assert found["value"].to_dict() == {"A": 0.5, "B": 2.0}
    assert found["standard_error"].to_dict() == pytest.approx({"A": 0.4, "B": 0.2})


def test_rows_that_cancel_in_every_scramble_have_no_error() -> None:
    noise = np.random.default_rng(1).normal(size=16)
    samples = np.stack([noise, 3.0 * noise, 1.0 - noise], axis=1)
    found = sums_by(FRAME, ["curve"], samples)["standard_error"]
    assert found["A"] == pytest.approx(0.0, abs=1e-15)
    assert found["B"] == pytest.approx(3.0 * noise.std(ddof=1) / 4.0, rel=1e-12)
