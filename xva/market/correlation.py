"""Correlations of factors: ``IR:<ccy>``, ``FX:<ccy>`` (against the reporting currency), ``EQ:<name>``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from xva.errors import Problem

Correlations = Mapping[tuple[str, str], Tensor]

_TOLERANCE = 1e-10
_NAMED = 6


def correlation_matrix(correlations: Correlations, factors: Sequence[str]) -> Tensor:
    """Correlation matrix of factors, in their order; a pair without a quote has correlation 0.

    Parameters
    ----------
    correlations : mapping
        (factor, factor) to a 0-dim tensor; each pair in one order only.
    factors : sequence of str

    Returns
    -------
    Tensor
        ``(factor, factor)`` float64, symmetric, connected to the quotes.
    """
    row = {name: k for k, name in enumerate(factors)}
    pairs = [pair for pair in correlations if pair[0] in row and pair[1] in row]
    entries = np.zeros((len(factors), len(factors)), dtype=np.int64)
    np.fill_diagonal(entries, 1)
    for k, (a, b) in enumerate(pairs):
        entries[row[a], row[b]] = entries[row[b], row[a]] = k + 2
    fixed = torch.tensor([0.0, 1.0], dtype=torch.float64)
    values = torch.cat([fixed, torch.stack([correlations[p] for p in pairs])]) if pairs else fixed
    return values.index_select(0, torch.from_numpy(entries.ravel())).reshape(entries.shape)


def correlation_problems(correlations: Correlations) -> list[Problem]:
    """What is wrong with the quoted correlations as a whole: pairs quoted twice, a negative eigenvalue."""
    problems = [
        Problem(f"quote {_quote(a, b)}", "two different factors, quoted in one order only", got)
        for a, b in correlations
        if (
            got := "a factor with itself"
            if a == b
            else f"also {_quote(b, a)}"
            if (b, a) in correlations
            else ""
        )
    ]
    if problems or not correlations:
        return problems
    factors = sorted({name for pair in correlations for name in pair})
    with torch.no_grad():
        eigenvalues, vectors = torch.linalg.eigh(correlation_matrix(correlations, factors))
    lowest = float(eigenvalues[0])
    if lowest >= -_TOLERANCE:
        return []
    offending = _pulling(correlations, dict(zip(factors, vectors[:, 0].tolist())))
    return [
        Problem(
            "the correlation matrix",
            "no negative eigenvalue (positive semi-definite)",
            f"{lowest:.6g}",
            f"move towards 0: {', '.join(offending)}",
        )
    ]


def _pulling(correlations: Correlations, vector: Mapping[str, float]) -> list[str]:
    """The fewest quotes that already make the eigenvector's quadratic form negative, strongest first."""
    pulls = sorted(
        (2 * vector[a] * vector[b] * float(r.detach()), a, b) for (a, b), r in correlations.items()
    )
    form, named = 1.0, []
    for pull, a, b in pulls[:_NAMED]:
        form += pull
        named.append(_quote(a, b))
        if form < 0.0:
            break
    return named


def _quote(a: str, b: str) -> str:
    return f"CORRELATION/{a}/{b}"
