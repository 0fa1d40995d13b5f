"""Sums of rows of a sensitivity table, with the standard error of the sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xva.sensitivities.by_quote import standard_error


def sums_by(frame: pd.DataFrame, labels: Sequence[str], samples: NDArray[Any] | None) -> pd.DataFrame:
    """``value`` and ``standard_error`` of the rows that agree in ``labels`` (the index, sorted).

    Parameters
    ----------
    frame : DataFrame
        With columns ``value, standard_error`` and the labels.
    samples : array, optional
        ``(scramble, row)`` values of the rows by scramble. Errors of rows are correlated, so the error of a sum comes from the
        scrambles' sums; without samples it is the sum of the errors, an upper bound.
    """
    groups = frame.groupby(list(labels), observed=True, sort=True)
    found = groups[["value", "standard_error"]].sum()
    if samples is None:
        return found
    sums = np.zeros((len(found), len(samples)))
    np.add.at(sums, groups.ngroup().to_numpy(), samples.T)
    return found.assign(standard_error=standard_error(sums.T))
