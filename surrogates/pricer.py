"""A trade's surrogates on all exposure dates, as the engine asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surrogates.domain import Domain
from surrogates.surrogate import Surrogate
from xva.errors import DomainError
from xva.valuation.residual import ConditionalPricer


@final
@dataclass(frozen=True)
class SurrogatePricer(ConditionalPricer):
    """Surrogates by date.

    Parameters
    ----------
    features : tuple of str
        Of all dates, in the order of the columns.
    days : ndarray
        ``(date,)`` datetime64[D], sorted; of the exposure dates those on which the trade is worth something.
    surrogates, domains : tuple
        One per date. Beyond its domain a surrogate is asked at the domain's edge, and the state is counted.
    """

    features: tuple[str, ...]
    days: NDArray[np.datetime64]
    surrogates: tuple[Surrogate, ...]
    domains: tuple[Domain, ...]

    def __post_init__(self) -> None:
        if not len(self.days) == len(self.surrogates) == len(self.domains):
            raise DomainError("a surrogate pricer needs one surrogate and one domain per date")

    @property
    def names(self) -> tuple[str, ...]:
        return self.features

    def values(self, days: NDArray[np.datetime64], features: Tensor) -> tuple[Tensor, Tensor]:
        value = torch.zeros(len(days), features.shape[-1], dtype=torch.float64)
        beyond = torch.zeros(len(days), features.shape[-1], dtype=torch.bool)
        known = {day: k for k, day in enumerate(self.days.tolist())}
        missing = [d for d in days.tolist() if d not in known and d < max(known, default=d)]
        if missing:
            raise DomainError(
                f"a surrogate was asked on {missing[0]}, a date it was not trained for; train it again"
            )
        for t, day in enumerate(days.tolist()):
            if day in known:
                k = known[day]
                asked = features[t].T
                beyond[t] = self.domains[k].outside(asked)
                value[t] = self.surrogates[k].value(self.domains[k].nearest(asked))
        return value, beyond
