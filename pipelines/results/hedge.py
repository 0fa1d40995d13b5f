"""Hedge suggestions: few quoted instruments that flatten a ladder, and the variance that they remove on the run's paths.

A ladder is flat or not in some measure of its rungs. Here a rung weighs what its quote does: its standard deviation on the
paths and, beside it, its readable shift (1 bp, 1 vol point), so that what the model holds constant counts too. The sum of
squares of these is the ladder's length, squared. ``objective="variance"`` also uses that quotes move together on the paths: a
few swaps then stand for a curve. The shifts stay in it, for the paths alone would call two quotes one that the model ties
together, and hedge one with absurd amounts of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from pipelines.results.sensitivities import Sensitivities
from xva.adjustments.registry import COSTS
from xva.errors import DomainError
from xva.hedging import Instruments, QuoteMoves, amounts, select
from xva.numerics.types import Floats


@dataclass(frozen=True, repr=False)
class Hedge:
    """A choice of instruments against one measure.

    Parameters
    ----------
    sensitivities : Sensitivities
        What is hedged: one measure, of one netting set or in total.
    instruments : Instruments
        Those chosen, the most useful first.
    moves : QuoteMoves
    objective : str
        What was minimised, ``ladder`` or ``variance``.
    """

    sensitivities: Sensitivities
    instruments: Instruments
    moves: QuoteMoves
    objective: str

    def to_frame(self) -> pd.DataFrame:
        """One row per instrument, in the order of choice.

        Returns
        -------
        DataFrame
            Index ``instrument`` (the quote's id): ``kind``; ``amount`` in ``unit``, negative for the other side;
            ``ladder_left`` and ``variance_left``, shares of the unhedged with this instrument and those above it, each
            time at the best amounts for so many.
        """
        chosen = self.instruments
        left = [self._left(self._amounts(k + 1)) for k in range(len(chosen.own))]
        return pd.DataFrame(
            {
                "kind": chosen.kinds,
                "amount": self._amounts(len(chosen.own)),
                "unit": chosen.units,
                "ladder_left": [share for share, _ in left],
                "variance_left": [share for _, share in left],
            },
            index=pd.Index(chosen.own, name="instrument"),
        )

    def ladder(self) -> pd.DataFrame:
        """The ladder before and after, per shift of each quote: labels, ``before``, ``hedge``, ``after``.

        They are derivatives of our result: a cost that rises counts as a loss.
        """
        frame = self.sensitivities.to_frame()
        shift = frame["shift"].to_numpy()
        hedge = self.instruments.ladder @ self._amounts(len(self.instruments.own))
        labels = frame[["family", "curve", "currency", "tenor", "shift_name"]]
        return labels.assign(
            before=self._exposed * shift, hedge=hedge * shift, after=(self._exposed + hedge) * shift
        )

    @property
    def variance_removed(self) -> float:
        """Share of the first-order variance on the paths that is gone; negative where the hedge adds some."""
        return 1.0 - self._left(self._amounts(len(self.instruments.own)))[1]

    @property
    def ladder_removed(self) -> float:
        """Share of the ladder's length that is gone."""
        return 1.0 - self._left(self._amounts(len(self.instruments.own)))[0]

    def results(self) -> pd.DataFrame:
        """``before`` and ``after`` ``(path,)``: our first-order result to the horizon, unhedged and hedged."""
        hedge = self.instruments.ladder @ self._amounts(len(self.instruments.own))
        before = self.moves.values @ self._exposed
        return pd.DataFrame({"before": before, "after": before + self.moves.values @ hedge})

    @cached_property
    def _exposed(self) -> Floats:
        return _exposed(self.sensitivities)

    def _amounts(self, count: int) -> Floats:
        """``(count,)`` of the first instruments."""
        weights = _weights(self.sensitivities, self.moves, self.objective)
        return -amounts(weights @ self._exposed, weights @ self.instruments.ladder, range(count))

    def _left(self, held: Floats) -> tuple[float, float]:
        """Shares of the ladder's length and of the variance that are left."""
        after = self._exposed + self.instruments.ladder[:, : len(held)] @ held
        rungs = _rungs(self.sensitivities, self.moves)
        lengths = [float(np.linalg.norm(rungs * ladder)) for ladder in (after, self._exposed)]
        variances = [self.moves.covariance(ladder, ladder) for ladder in (after, self._exposed)]
        return lengths[0] / lengths[1], variances[0] / variances[1] if variances[1] else np.nan

    def __repr__(self) -> str:
        named = f"{self.sensitivities.measure} of {self.sensitivities.netting_set}"
        count, removed = len(self.instruments.own), self.variance_removed
        return f"<Hedge of {named}: {count} instruments, {removed:.1%} of the variance removed>"

    def _repr_html_(self) -> str:
        shown = self.to_frame()
        formats = {
            "amount": "{:,.0f}".format,
            "ladder_left": "{:.1%}".format,
            "variance_left": "{:.1%}".format,
        }
        return shown.to_html(formatters=formats)


def suggest_hedge(
    sensitivities: Sensitivities,
    instruments: Instruments,
    moves: QuoteMoves,
    objective: Literal["ladder", "variance"] = "ladder",
    remaining: float = 0.1,
    at_most: int = 20,
) -> Hedge:
    """Choose few instruments against a measure.

    Parameters
    ----------
    sensitivities : Sensitivities
        Of one measure and one netting set (or the total), to all quotes.
    instruments : Instruments
        What may be used.
    moves : QuoteMoves
        Of the run: what the variance is taken on.
    objective : "ladder" or "variance"
        Whether rungs are taken one by one or as they move together.
    remaining : float
        Enough if at most this share is left of what is minimised: of the ladder's length, or of the root of its variance.
    at_most : int

    Returns
    -------
    Hedge
        The variance is that of the first-order change of the measure plus the hedges over the moves' horizon: gamma, time and
        what the model holds constant are not in it.

    Raises
    ------
    DomainError
        Several measures or netting sets, quotes that do not match, or nothing to hedge.
    """
    if sensitivities.data["sensitivity"].dims != ("quote",):
        raise DomainError(
            f"hedge: expected one measure of one netting set or in total, got {sensitivities.measure} of "
            f"{sensitivities.netting_set}"
        )
    ids = tuple(str(q) for q in sensitivities.data["quote"].values)
    if not ids == instruments.quotes == moves.quotes:
        raise DomainError(
            "hedge: expected sensitivities, instruments and moves of the same quotes, all of the market"
        )
    weights = _weights(sensitivities, moves, objective)
    chosen = select(weights @ _exposed(sensitivities), weights @ instruments.ladder, remaining, at_most)
    own = [instruments.own[k] for k in chosen]
    picked = Instruments(
        instruments.quotes,
        tuple(own),
        tuple(instruments.kinds[k] for k in chosen),
        tuple(instruments.units[k] for k in chosen),
        instruments.ladder[:, chosen],
    )
    return Hedge(sensitivities, picked, moves, objective)


def _exposed(sensitivities: Sensitivities) -> Floats:
    """Derivatives ``(quote,)`` of our result."""
    sign = -1.0 if sensitivities.measure in COSTS else 1.0
    return sign * np.asarray(sensitivities.data["sensitivity"].values, dtype=np.float64)


def _rungs(sensitivities: Sensitivities, moves: QuoteMoves) -> Floats:
    """``(quote,)`` what each rung weighs."""
    shift = np.asarray(sensitivities.data["shift"].values, dtype=np.float64)
    found: Floats = np.hypot(shift, moves.values.std(axis=0, ddof=1))
    return found


def _weights(sensitivities: Sensitivities, moves: QuoteMoves, objective: str) -> Floats:
    """``(row, quote)``: the rows whose squares are added up."""
    if objective == "ladder":
        return np.diag(_rungs(sensitivities, moves))
    if objective != "variance":
        raise DomainError(f"objective: expected ladder or variance, got {objective!r}", [objective])
    shift = np.asarray(sensitivities.data["shift"].values, dtype=np.float64)
    return np.concatenate([moves.values / np.sqrt(len(moves.values) - 1), np.diag(shift)])
