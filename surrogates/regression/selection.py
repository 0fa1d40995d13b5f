"""Which fitter is best is measured on samples that none of them saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, final

import torch

from surrogates.regression.loss import gradient_weights, scores
from surrogates.regression.network import DifferentialNetwork
from surrogates.regression.polynomial_fit import PolynomialRegression
from surrogates.regression.ridge_features import RidgeFeatures
from surrogates.regression.samples import Samples
from surrogates.regression.scaling import Scaling
from surrogates.regression.surrogate import Surrogate
from surrogates.regression.training import DatesFitter, Progress, Report, silent
from xva.errors import DomainError


class Score(NamedTuple):
    """Hold-out error of one fitter: mean squares over those of a constant, the labels' noise in them.

    The noise is the same for every fitter, so differences count, not sizes.
    """

    fitter: str
    value: float
    gradient: float

    @property
    def total(self) -> float:
        return self.value + self.gradient


class Choice(NamedTuple):
    """The surrogate of one date, the number of its fitter, and every fitter's score."""

    surrogate: Surrogate
    best: int
    scores: tuple[Score, ...]


@final
@dataclass(frozen=True)
class Selection(DatesFitter):
    """Fits every fitter to a part of the samples, keeps the best on the rest and fits that one to all.

    Parameters
    ----------
    fitters : tuple of DatesFitter
        Candidates; ties go to the first.
    share : float
        Of the samples held out.
    seed : int
        Of the split.
    dropped : float
        Share of the mean squared gradient outside which gradients are not compared.
    """

    fitters: tuple[DatesFitter, ...] = field(
        default_factory=lambda: (RidgeFeatures(), PolynomialRegression(), DifferentialNetwork())
    )
    share: float = 0.2
    seed: int = 0
    dropped: float = 1e-6

    def __post_init__(self) -> None:
        if not self.fitters or not 0.0 < self.share < 1.0:
            raise DomainError(
                f"selection: expected a fitter and a share in (0, 1), got {len(self.fitters)} and {self.share}"
            )

    def fit_many(self, dates: Sequence[Samples], progress: Report = silent) -> list[Surrogate]:
        return [choice.surrogate for choice in self.choose(dates, progress)]

    def choose(self, dates: Sequence[Samples], progress: Report = silent) -> list[Choice]:
        """Surrogates with the scores they were chosen by."""
        splits = [self._split(samples) for samples in dates]
        table = []
        for fitter in self.fitters:
            fitted = fitter.fit_many([seen for seen, _ in splits], progress)
            name = type(fitter).__name__
            table.append([Score(name, *self._score(*split, one)) for split, one in zip(splits, fitted)])
        columns = list(zip(*table))
        totals = [[score.total for score in column] for column in columns]
        best = [total.index(min(total)) for total in totals]
        surrogates = self._refit(dates, best, progress)
        return [Choice(*one) for one in zip(surrogates, best, columns)]

    def _refit(self, dates: Sequence[Samples], best: list[int], progress: Report) -> list[Surrogate]:
        found: dict[int, Surrogate] = {}
        for number, fitter in enumerate(self.fitters):
            mine = [k for k, b in enumerate(best) if b == number]
            if mine:
                found.update(zip(mine, fitter.fit_many([dates[k] for k in mine], progress)))
        progress(Progress(type(self).__name__, len(dates), len(dates)))
        return [found[k] for k in range(len(dates))]

    def _split(self, samples: Samples) -> tuple[Samples, Samples]:
        draw = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(samples), generator=draw).to(samples.values.device)
        held = max(round(self.share * len(samples)), 1)
        return samples.rows(order[held:]), samples.rows(order[:held])

    def _score(self, seen: Samples, held: Samples, surrogate: Surrogate) -> tuple[float, float]:
        """In the scaling and with the weights of the samples seen, the same for every fitter."""
        scaling = Scaling.of(seen, self.dropped)
        values, gradients = surrogate.value_and_gradient(held.features)
        predicted = scaling.scaled(Samples(held.names, held.features, values, gradients, held.known_columns))
        weights = gradient_weights(scaling.scaled(seen).gradients)
        return scores(scaling.scaled(held), predicted.values, predicted.gradients, weights)
