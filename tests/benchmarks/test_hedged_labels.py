"""Hedged labels: unbiased whatever the first pass, and much less noisy with a good one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from benchmarks.netting_set.hedged_labels import Hedged
from surrogates.labels import LabelProblem, Pathwise, label_normals
from surrogates.regression.ridge_features import RidgeFeatures
from surrogates.regression.samples import Samples
from surrogates.regression.surrogate import Surrogate
from tests.support.label_worlds import (
    CONTEXT,
    MONTHS,
    ExactCall,
    asian,
    assert_unbiased,
    call,
    call_exact,
    days,
    one_equity,
)
from xva.errors import DomainError

PATHS = 16384
DATES = range(1, 12)


def variance_ratio(
    plain: Sequence[Samples], hedged: Sequence[Samples], surrogates: Sequence[Surrogate]
) -> list[float]:
    """Per report date: how many times less variance the hedged value labels have around the surrogate.

    Above the truth by the surrogate's own error, so the true ratio is higher.
    """
    found = []
    for before, after, fitted in zip(plain, hedged, surrogates, strict=True):
        first = (before.values - fitted.value(before.features)).square().mean()
        second = (after.values - fitted.value(after.features)).square().mean()
        found.append(float(first / second))
    return found


def problem() -> LabelProblem:
    return LabelProblem(one_equity(), (call(),), CONTEXT, days(*DATES))


def first_pass(scale: float) -> tuple[ExactCall, ...]:
    return tuple(ExactCall(CONTEXT.time(MONTHS[m]), scale) for m in DATES)


@pytest.mark.parametrize("scale", [1.0, -2.0])
def test_unbiased_whatever_the_first_pass(scale: float) -> None:
    asked, paths = problem(), 4 * PATHS
    normals = label_normals(asked.model, asked.times, paths, 4, antithetic=False)
    found = Hedged(first_pass(scale)).labels(asked, normals, asked.origin(paths))
    for month in (1, 6, 11):
        samples = found[month - 1]
        x = samples.features[:, 0].numpy()
        value, slope = call_exact(CONTEXT.time(MONTHS[month]), x)
        assert samples.gradients is not None
        assert_unbiased(samples.values, value, x)
        assert_unbiased(samples.gradients[:, 0], slope, x)


def test_a_good_first_pass_cuts_the_noise_of_values_and_gradients() -> None:
    asked, exact = problem(), first_pass(1.0)
    normals = label_normals(asked.model, asked.times, PATHS, 4)
    plain = Pathwise().labels(asked, normals, asked.origin(PATHS))
    hedged = Hedged(exact).labels(asked, normals, asked.origin(PATHS))
    assert min(variance_ratio(plain[:9], hedged[:9], exact[:9])) > 15.0
    for month in (1, 6):
        slope = torch.from_numpy(
            call_exact(CONTEXT.time(MONTHS[month]), plain[month - 1].features[:, 0].numpy())[1]
        )
        before, after = (s[month - 1].gradients for s in (plain, hedged))
        assert before is not None
        assert after is not None
        assert float((before[:, 0] - slope).var()) > 4.0 * float((after[:, 0] - slope).var())


def test_trades_with_memory_and_a_fitted_first_pass() -> None:
    asked = LabelProblem(one_equity(), (asian(),), CONTEXT, days(3, 6, 9))
    first = Pathwise().labels(asked, label_normals(asked.model, asked.times, 4096, 1), asked.origin(4096))
    fitted = tuple(RidgeFeatures().fit(s) for s in first)
    normals = label_normals(asked.model, asked.times, 4096, 2)
    plain = Pathwise().labels(asked, normals, asked.origin(4096))
    hedged = Hedged(fitted).labels(asked, normals, asked.origin(4096))
    for before, after in zip(plain, hedged):
        assert torch.equal(before.features, after.features)
        gap = (after.values - before.values).numpy()
        assert abs(gap.mean()) < 3.5 * gap.std() / np.sqrt(len(gap))
    assert variance_ratio(plain, hedged, fitted)[0] > 4.0


def test_what_does_not_fit_is_refused() -> None:
    asked = problem()
    normals = label_normals(asked.model, asked.times, 64, 1)
    with pytest.raises(DomainError, match="one surrogate per report date"):
        Hedged(first_pass(1.0)[:3]).labels(asked, normals, asked.origin(64))
    remembers = LabelProblem(one_equity(), (asian(),), CONTEXT, days(3))
    with pytest.raises(DomainError, match="features"):
        Hedged(first_pass(1.0)[:1]).labels(
            remembers, label_normals(remembers.model, remembers.times, 64, 1), remembers.origin(64)
        )
