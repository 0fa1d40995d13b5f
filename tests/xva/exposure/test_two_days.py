"""Two days' engines of one book, each on its own grid: they share their paths, and a day's difference has a small error."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.jobs.inputs import load_job
from pipelines.runs.computation import Exposure
from tests.support.flat_job import write_flat_job
from xva.exposure import ExposureEngine
from xva.models.random import PathNoise
from xva.sensitivities import MEASURE_NAMES, scramble_means
from xva.sensitivities.by_quote import standard_error
from xva.sensitivities.truncation import measure_samples, sides

FIRST = date(2026, 1, 15)
SWAPS = [
    {
        "trade_id": start, "netting_set": "A", "currency": "EUR", "notional": notional, "side": side,
        "fixed_rate": 0.03, "index": "EUR-EURIBOR-6M", "start_date": start, "maturity_date": end,
        "fixed_day_count": "30/360",
    }
    for start, end, notional, side in (
        ("2026-05-12", "2030-06-18", 9e7, "payer"), ("2026-07-02", "2029-03-08", 8e7, "receiver"),
        ("2026-03-20", "2034-10-25", 2e7, "payer"), ("2026-08-25", "2033-02-14", 9e7, "receiver"),
        ("2026-11-05", "2035-04-30", 6e7, "payer"), ("2026-02-10", "2028-12-21", 4e7, "receiver"),
    )
]  # fmt: skip


def engine_of(folder: Path, grid: str, days: int) -> ExposureEngine:
    """The book's, so many days after the first on the same quotes."""
    job = write_flat_job(folder, {"swaps": SWAPS}, grid=f'grid = "{grid}"', paths=4096)
    job.write_text(job.read_text().replace(str(FIRST), str(FIRST + timedelta(days=days))))
    return Exposure(load_job(job)).engine


def brownian(engine: ExposureEngine) -> torch.Tensor:
    """``(date, path)`` of the first factor, per unit of variance a year."""
    normals = PathNoise(42, 8, 512, engine.rotation, 1).grid(0)[:, 0]
    return torch.cumsum(torch.from_numpy(np.sqrt(np.diff(engine.times)))[:, None] * normals, 0)


def cva(engine: ExposureEngine) -> np.ndarray:
    """``(scramble, 1)``"""
    plan = engine.plan(adjoint=False)
    means = scramble_means(plan.data, [plan.run(b).sums for b in range(plan.n_blocks)])
    return measure_samples(plan.data.weights.numpy(), sides(means))[:, MEASURE_NAMES.index("CVA")]


@pytest.mark.parametrize(
    ("grid", "days", "lost", "most"),
    [
        ("1M..2Y, 3M..10Y", (0, 1), 0, 0.15),
        ("1M..3M, 3M..2Y, 1Y..10Y + cashflows", (15, 16), 0, 0.05),
        ("1M..3M, 3M..2Y, 1Y..10Y + cashflows", (0, 1), 2, 0.2),
        ("3M..10Y + cashflows", (0, 4), 4, 0.3),
    ],
)
def test_two_days_share_their_paths(
    grid: str, days: tuple[int, int], lost: int, most: float, tmp_path: Path
) -> None:
    """Also where the book's own dates stay while the others move along, and where there are fewer of them the day after."""
    first, second = (engine_of(tmp_path / str(n), grid, n) for n in days)
    assert len(first.dates) - len(second.dates) == lost
    if not lost:
        pairs = zip(brownian(first), brownian(second), strict=True)
        correlation = np.array([np.corrcoef(a, b)[0, 1] for a, b in pairs])
        assert correlation.min() > 0.998
        assert np.median(correlation) > 0.9999
    before, after = cva(first), cva(second)
    assert standard_error(after - before)[0] < most * min(standard_error(before)[0], standard_error(after)[0])
