"""Penalised least squares from Gram matrices: against scipy's solution of the stacked system, and every penalty tried."""

from __future__ import annotations

import numpy as np
import torch

from surrogates.regression.normal_equations import PENALTIES, NormalEquations, solve_penalised

FOLDS, SAMPLES, TERMS = 4, 60, 5
GENERATOR = np.random.default_rng(9)
FEATURES = GENERATOR.normal(size=(FOLDS, SAMPLES // FOLDS, TERMS)) * np.array([1.0, 1.0, 0.3, 0.05, 2.0])
LABELS = FEATURES @ np.array([1.0, -2.0, 0.5, 0.0, 0.3]) + 2.0 * GENERATOR.normal(
    size=(FOLDS, SAMPLES // FOLDS)
)


def equations() -> NormalEquations:
    gram = np.einsum("fnt,fnu->ftu", FEATURES, FEATURES)
    moment = np.einsum("fnt,fn->ft", FEATURES, LABELS)
    return NormalEquations(torch.from_numpy(gram), torch.from_numpy(moment), SAMPLES)


def ridge(features: np.ndarray, labels: np.ndarray, penalty: float) -> np.ndarray:
    """Least squares with rows ``sqrt(penalty n)`` below, no Gram matrix anywhere."""
    rows = np.vstack([features, np.sqrt(penalty * len(features)) * np.eye(TERMS)])
    return np.linalg.lstsq(rows, np.append(labels, np.zeros(TERMS)), rcond=None)[0]


def left_out(penalty: float) -> float:
    """Mean square error on the folds left out, less the labels' mean square."""
    total = 0.0
    for k in range(FOLDS):
        others = [j for j in range(FOLDS) if j != k]
        fit = ridge(np.concatenate(FEATURES[others]), np.concatenate(LABELS[others]), penalty)
        total += ((FEATURES[k] @ fit - LABELS[k]) ** 2 - LABELS[k] ** 2).sum()
    return float(total / SAMPLES)


def test_the_penalty_is_the_best_of_all_tried_and_the_fit_is_its_ridge() -> None:
    found = solve_penalised(equations())
    errors = [left_out(p) for p in PENALTIES]
    assert found.penalty == PENALTIES[int(np.argmin(errors))]
    assert PENALTIES[0] < found.penalty < PENALTIES[-1], "the choice says something"
    np.testing.assert_allclose(found.error, min(errors), rtol=1e-10)
    whole = ridge(np.concatenate(FEATURES), np.concatenate(LABELS), found.penalty)
    np.testing.assert_allclose(found.coefficients.numpy(), whole, rtol=1e-10)


def test_a_term_that_never_moves_is_left_at_zero() -> None:
    gram, moment, samples = equations()
    gram[:, 3, :] = gram[:, :, 3] = moment[:, 3] = 0.0
    assert float(solve_penalised(NormalEquations(gram, moment, samples)).coefficients[3]) == 0.0
