"""From evidence to a certificate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from surrogates.certificate.certificate import (
    ENE,
    EPE,
    GRADIENT,
    INDICATOR_ENE,
    INDICATOR_EPE,
    NEAR_ZERO,
    OUTSIDE,
    VALUE,
    Certificate,
    Check,
    DateFigures,
    Tolerance,
)
from surrogates.certificate.evidence import NEAR, Comparison, Evidence, positive_part
from surrogates.certificate.intervals import Bootstrap, Interval, Spread, add, mean_interval
from xva.errors import DomainError
from xva.numerics.types import Floats

UNSEEN = 3.0  # rule of three: what happens on less than 3/n of the states may be on none of n
SIDES = ((EPE, INDICATOR_EPE, 1.0), (ENE, INDICATOR_ENE, -1.0))


def certify(
    evidence: Sequence[Evidence],
    tolerance: Tolerance | None = None,
    *,
    currency: str,
    cva_weights: Floats | None = None,
    dva_weights: Floats | None = None,
    paired: bool = False,
    level: float = 0.95,
    seed: int = 0,
) -> Certificate:
    """Measure a surrogate's errors on fresh nested values.

    Errors are unbiased: the nested noise is taken off squared errors and off positive parts. Intervals are bootstrapped
    over states, each check on its own (not simultaneously); those of the indicator estimator, whose error sits in the few
    states of the wrong sign, are widened by what so many states may not have met.

    Parameters
    ----------
    evidence : sequence of Evidence
        By date, on states and inner paths that no training has seen.
    tolerance : Tolerance, optional
    currency : str
        Reporting currency of all values.
    cva_weights, dva_weights : ndarray, optional
        ``(date,)`` LGD times default probability per unit of deflated EPE and ENE; without, the mean over the dates.
    paired : bool
        Whether state i of all dates lies on path i: errors of the dates then go together.

    Raises
    ------
    DomainError
        No dates, dates not in order, or weights that are not one per date.
    """
    days = [e.day for e in evidence]
    if not days or days != sorted(set(days)):
        raise DomainError(f"certificate: expected evidence in the order of its dates, got {days}")
    if paired and len({len(e.values) for e in evidence}) > 1:
        raise DomainError(
            "certificate: expected as many states on all dates, one per path, as they are paired"
        )
    judged = Tolerance() if tolerance is None else tolerance
    dates = [_Date(e, seed if paired else seed + k, level, currency) for k, e in enumerate(evidence)]
    widest = max(d.evidence.deviation for d in dates)
    largest = max(d.size for d in dates)
    checks = [c for d in dates for c in d.checks(judged, widest, largest)]
    weights = dict(zip((EPE, ENE), (_weights(w, days) for w in (cva_weights, dva_weights)), strict=True))
    names = {
        EPE: "mean EPE" if cva_weights is None else "CVA",
        ENE: "mean ENE" if dva_weights is None else "DVA",
    }
    for plug_in, indicator, _ in SIDES:
        for measure, name in ((plug_in, names[plug_in]), (indicator, f"indicator {names[plug_in]}")):
            checks.append(_overall(name, measure, plug_in, weights[plug_in], dates, judged, level, paired))
    figures = tuple(d.figures() for d in dates)
    return Certificate(currency, level, judged, figures, tuple(checks))


def _weights(given: Floats | None, days: Sequence[str]) -> Floats:
    found = np.full(len(days), 1.0 / len(days)) if given is None else np.asarray(given, dtype=np.float64)
    if found.shape != (len(days),) or not np.isfinite(found).all():
        raise DomainError(f"certificate: expected {len(days)} finite weights, got {found}")
    return found


def _overall(
    name: str,
    measure: str,
    side: str,
    weights: Floats,
    dates: Sequence[_Date],
    tolerance: Tolerance,
    level: float,
    paired: bool,
) -> Check:
    """An adjustment's error: dates weighted, draw by draw."""
    spread = add([(float(w), d.exposure[measure]) for w, d in zip(weights, dates)], paired)
    true = float(weights @ [d.nested[side].estimate for d in dates])
    scale = max(abs(true), tolerance.floor * float(np.abs(weights) @ [d.size for d in dates]))
    states = sum(len(d.evidence.values) for d in dates)
    noise = np.linalg.norm([w * d.mean_noise for w, d in zip(weights, dates)])
    interval = spread.interval(level)
    if measure != side:
        parts = np.abs(weights)
        unseen = (
            UNSEEN
            * (parts**2 @ [1.0 / len(d.evidence.values) for d in dates])
            / max(parts.sum(), 1e-300) ** 2
        )
        interval = interval.widened(float(unseen * (parts @ [d.error.high for d in dates])))
    bound = tolerance.bound(tolerance.adjustment, scale)
    return Check(name, "", interval, scale, bound, dates[0].currency, states, float(noise))


class _Date:
    """One date's errors."""

    def __init__(self, evidence: Evidence, seed: int, level: float, currency: str) -> None:
        self.evidence, self.level, self.currency = evidence, level, currency
        self._bootstrap = Bootstrap(len(evidence.values), seed)
        values = evidence.values
        self.noise = _root_mean_square(values.error)
        self.mean_noise = self.noise / len(values) ** 0.5
        self.error = self._bootstrap.mean(values.square).interval(level).root()
        self.exposure: dict[str, Spread] = {}
        self.nested: dict[str, Interval] = {}
        self.found: dict[str, float] = {}
        for (plug_in, indicator, side), drawn in zip(
            SIDES, (evidence.drawn_epe, evidence.drawn_ene), strict=True
        ):
            self._side(plug_in, indicator, side, drawn)
        self.size = self.nested[EPE].estimate + self.nested[ENE].estimate
        self.near = evidence.near_zero(NEAR * evidence.deviation)

    def _side(self, plug_in: str, indicator: str, side: float, drawn: float | None) -> None:
        """EPE or ENE: errors on the nested states, and levels, for which all drawn states serve as control variate."""
        values = self.evidence.values
        true, learned = positive_part(values, side), torch.relu(side * values.learned)
        signed = side * values.nested * (side * values.learned > 0)
        self.exposure[plug_in] = self._bootstrap.mean(learned - true)
        self.exposure[indicator] = self._bootstrap.mean(signed - true)
        level = float(learned.mean()) if drawn is None else drawn
        error = self.exposure[plug_in].interval(self.level)
        self.nested[plug_in] = Interval(level - error.estimate, level - error.high, level - error.low)
        self.found[plug_in] = level
        self.found[indicator] = level - error.estimate + float(self.exposure[indicator].full)

    def checks(self, tolerance: Tolerance, widest: float, largest: float) -> list[Check]:
        """All of the date's; scales are at least a share of the ``widest`` deviation and ``largest`` size of any date."""
        evidence, allowed = self.evidence, tolerance.bound
        deviation = max(evidence.deviation, tolerance.floor * widest)
        size = max(self.size, tolerance.floor * largest)
        checks = [self._check(VALUE, self.error, deviation, allowed(tolerance.value, deviation))]
        if len(evidence.gradients):
            checks.append(self._gradient(tolerance))
        if len(self.near):
            error = self._near_error()
            bound = allowed(tolerance.near_zero, deviation)
            noise = _root_mean_square(self.near.error) / len(self.near) ** 0.5
            checks.append(self._check(NEAR_ZERO, error, deviation, bound, len(self.near), noise))
        for measure in (EPE, INDICATOR_EPE, ENE):  # a wrong sign is the same error for EPE and ENE
            spread = self.exposure[measure]
            bound = allowed(tolerance.exposure, size)
            interval = spread.interval(self.level)
            if measure == INDICATOR_EPE:  # wrong signs are rare, and as large as the error
                interval = interval.widened(UNSEEN / len(evidence.values) * self.error.high)
            checks.append(self._check(measure, interval, size, bound, noise=self.mean_noise))
        share = evidence.outside / max(evidence.drawn, 1)
        counted = Interval(share, share, share)  # a count on these states, not an estimate
        checks.append(
            Check(OUTSIDE, evidence.day, counted, 1.0, tolerance.outside, "states", evidence.drawn, 0.0)
        )
        return checks

    def figures(self) -> DateFigures:
        """What the plots and tables show."""
        evidence = self.evidence
        band = NEAR * evidence.deviation
        share = evidence.near_share
        if share is None:
            share = float((evidence.values.learned.abs() <= band).double().mean())
        misplaced = (
            share / (2.0 * band) * abs(self._near_error().estimate) if len(self.near) and band else 0.0
        )
        return DateFigures(
            evidence.day,
            len(evidence.values),
            evidence.drawn,
            evidence.deviation,
            self.size,
            self.nested[EPE],
            self.nested[ENE],
            self.found[EPE],
            self.found[ENE],
            self.found[INDICATOR_EPE],
            self.found[INDICATOR_ENE],
            len(self.near),
            share,
            misplaced,
        )

    def _gradient(self, tolerance: Tolerance) -> Check:
        found: Comparison = self.evidence.gradients
        error = self._bootstrap.mean(found.square.sum(1)).interval(self.level).root()
        size = float((found.nested**2 - found.error**2).sum(1).mean().clamp_min(0.0).sqrt())
        noise = _root_mean_square(torch.linalg.vector_norm(found.error, dim=1))
        return self._check(GRADIENT, error, size, tolerance.bound(tolerance.gradient, size), noise=noise)

    def _near_error(self) -> Interval:
        return mean_interval(self.near.learned - self.near.nested, self.level)

    def _check(
        self,
        measure: str,
        error: Interval,
        scale: float,
        bound: float | None,
        states: int | None = None,
        noise: float | None = None,
    ) -> Check:
        return Check(
            measure,
            self.evidence.day,
            error,
            scale,
            bound,
            self.currency,
            len(self.evidence.values) if states is None else states,
            self.noise if noise is None else noise,
        )


def _root_mean_square(values: Tensor) -> float:
    return float((values**2).mean().sqrt())
