"""Grids, normals and starts of label paths."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from surrogates.labels import LabelProblem, Pathwise, label_normals, spread_start
from tests.support.label_worlds import (
    CONTEXT,
    MONTHS,
    VOL,
    asian,
    assert_unbiased,
    call,
    call_exact,
    days,
    one_equity,
)
from xva.errors import DomainError
from xva.trades.american_option import AmericanOption


def test_the_grid_has_report_observation_and_further_times() -> None:
    problem = LabelProblem(one_equity(), (asian(),), CONTEXT, days(0, 3), knots=np.array([0.3, 0.25]))
    expected = sorted({0.0, 0.25, 0.3, *(CONTEXT.time(day) for day in MONTHS[1:])})
    assert problem.times == pytest.approx(expected, abs=1e-12)
    assert problem.times[list(problem.places)] == pytest.approx([0.0, CONTEXT.time(MONTHS[3])])


def test_antithetic_normals_balance_all_odd_moments() -> None:
    normals = label_normals(one_equity(), np.array([0.0, 0.5, 1.0]), 512, 3)
    assert normals.shape == (2, 1, 512)
    assert torch.equal(normals[..., 256:], -normals[..., :256])
    assert float(normals.var(-1).sub(1.0).abs().max()) < 0.05
    with pytest.raises(DomainError, match="even number"):
        label_normals(one_equity(), np.array([0.0, 1.0]), 511, 3)


def test_spread_starts_widen_every_date_and_leave_labels_unbiased() -> None:
    problem = LabelProblem(one_equity(), (call(),), CONTEXT, days(0, 6))
    count = 16384
    start = spread_start(problem.model, count, 1.0, 1.5, 8)
    assert float(start.std()) == pytest.approx(1.5 * VOL, rel=0.01)
    normals = label_normals(problem.model, problem.times, count, 3)
    for day, samples in zip(
        problem.report, Pathwise().labels(problem, normals, problem.origin(count, start))
    ):
        time, x = CONTEXT.time(day), samples.features[:, 0].numpy()
        value, slope = call_exact(time, x)
        assert x.std() == pytest.approx(VOL * np.sqrt(1.5**2 + time), rel=0.02)
        assert samples.gradients is not None
        assert_unbiased(samples.values, value, x)
        assert_unbiased(samples.gradients[:, 0], slope, x)
    with pytest.raises(DomainError, match="positive horizon"):
        spread_start(problem.model, count, 0.0, 1.5, 8)


def test_what_does_not_fit_is_refused() -> None:
    model = one_equity()
    with pytest.raises(DomainError, match="at least one trade"):
        LabelProblem(model, (), CONTEXT, days(3))
    with pytest.raises(DomainError, match="increasing report dates"):
        LabelProblem(model, (call(),), CONTEXT, days(3, 3))
    with pytest.raises(DomainError, match="report dates from 2026-01-01"):
        LabelProblem(model, (call(),), CONTEXT, np.array(["2025-12-31"], dtype="datetime64[D]"))
    with pytest.raises(DomainError, match="not the model's"):
        LabelProblem(model, (call(),), CONTEXT, days(3), states=("EQ:T",))
    american = AmericanOption(
        "P",
        "N",
        underlying="EQ/S",
        currency="EUR",
        side="long",
        option_type="put",
        quantity=1.0,
        strike=1.0,
        expiry_date=MONTHS[12],
    )
    with pytest.raises(DomainError, match="no rule says when"):
        LabelProblem(model, (american,), CONTEXT, days(3))
