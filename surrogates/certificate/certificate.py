"""How wrong a surrogate is, measured on fresh nested Monte Carlo, and whether that is within tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, final

import numpy as np
import pandas as pd

from surrogates.certificate.intervals import Interval
from xva.blocks.packing import pack, unpack
from xva.errors import DomainError

Verdict = Literal["pass", "fail", "undecided", "reported"]

VALUE, GRADIENT, NEAR_ZERO, OUTSIDE = "value", "gradient", "near zero", "outside"
EPE, ENE, INDICATOR_EPE, INDICATOR_ENE = "EPE", "ENE", "indicator EPE", "indicator ENE"

_MEANING = {
    VALUE: "of its sd",
    GRADIENT: "of its size",
    NEAR_ZERO: "of the value's sd, mean error within 0.1 sd of zero",
    OUTSIDE: "of the states",
}


@final
@dataclass(frozen=True)
class Tolerance:
    """What errors are accepted, on every date and overall; None: reported, not judged.

    Parameters
    ----------
    value : float, optional
        Root mean square error, of the value's standard deviation on the date.
    gradient : float, optional
        The same of derivatives to the features, each times its feature's standard deviation, of their size.
    near_zero : float, optional
        Mean error within ±0.1 sd of zero, of the value's standard deviation: the sensitivity bias of the indicator
        estimator is first order in it.
    exposure : float, optional
        Error of EPE and of ENE on a date, plug-in and by the indicator estimator, of the mean absolute value.
    adjustment : float, optional
        Error of CVA and DVA (of the mean EPE and ENE where there are no weights).
    outside : float, optional
        Share of states outside the domain.
    currency : float
        Errors up to this amount are accepted whatever they are relatively.
    floor : float
        Scales of a date are taken as at least this share of the largest over the dates: a trade that is about to end
        does not fail on cents.
    allow_undecided : bool
        Whether a certificate whose intervals reach across the tolerance passes.
    """

    value: float | None = 0.05
    gradient: float | None = 0.15
    near_zero: float | None = 0.02
    exposure: float | None = 0.02
    adjustment: float | None = 0.02
    outside: float | None = 0.01
    currency: float = 0.0
    floor: float = 0.05
    allow_undecided: bool = False

    def __post_init__(self) -> None:
        for f in fields(self):
            given = getattr(self, f.name)
            if given is not None and not (np.isfinite(given) and given >= 0.0):
                raise DomainError(f"tolerance {f.name}: expected a number >= 0, got {given!r}")

    def bound(self, relative: float | None, scale: float) -> float | None:
        """Largest error accepted, in the units of ``scale``."""
        return None if relative is None else max(relative * scale, self.currency)


@final
@dataclass(frozen=True)
class Check:
    """One error, its confidence interval and what is accepted.

    Parameters
    ----------
    measure : str
    day : str
        ISO date, empty for what covers all dates.
    error : Interval
        Learned less true, or the root mean square of it; in ``unit``.
    scale : float
        What a relative error is relative to.
    bound : float, optional
        Largest absolute error accepted; None where there is no tolerance.
    unit : str
    states : int
    noise : float
        Standard error of the nested values, root mean square.
    """

    measure: str
    day: str
    error: Interval
    scale: float
    bound: float | None
    unit: str
    states: int
    noise: float

    @property
    def verdict(self) -> Verdict:
        """Fails where the whole interval is beyond tolerance, passes where all of it is within."""
        if self.bound is None:
            return "reported"
        if max(abs(self.error.low), abs(self.error.high)) <= self.bound:
            return "pass"
        beyond = self.error.low > self.bound or self.error.high < -self.bound
        return "fail" if beyond else "undecided"

    @property
    def advice(self) -> str:
        """What would decide an undecided check."""
        if self.verdict != "undecided" or self.bound is None:
            return ""
        return "more inner paths" if self.noise > self.bound else "more states"

    @property
    def missed(self) -> float:
        """Error in units of what is accepted."""
        return abs(self.error.estimate) / self.bound if self.bound else float(self.error.estimate != 0.0)

    def __str__(self) -> str:
        when = f" at {self.day}" if self.day else ""
        judged = "not judged" if self.bound is None else f"tolerance {self._relative(self.bound)}"
        advice = f", {self.verdict}: {self.advice} needed" if self.advice else ""
        size = f"{self._relative(self.error.estimate)} ± {self._relative(self.error.half_width)}"
        meaning = _MEANING.get(self.measure, "of the exposure")
        return f"{self.measure} error {size}{when} ({meaning}), {judged}{advice}"

    def missed_by(self) -> str:
        """``tolerance 1 % missed, 3.2 % ± 0.4 % at 2028-01-15``."""
        when = f" at {self.day}" if self.day else ""
        size = f"{self._relative(self.error.estimate)} ± {self._relative(self.error.half_width)}"
        how = "not shown to be met" if self.verdict == "undecided" else "missed"
        return f"{self.measure} tolerance {self._relative(self.bound or 0.0)} {how}, {size}{when}"

    def _relative(self, amount: float) -> str:
        return f"{100.0 * amount / self.scale:.2g} %" if self.scale > 0.0 else f"{amount:.2g} {self.unit}"


@final
@dataclass(frozen=True)
class DateFigures:
    """What was found on one date, deflated in reporting currency.

    Parameters
    ----------
    states, drawn : int
        Nested states, and states that the domain and the share near zero were counted on.
    deviation, size : float
        Standard deviation and mean absolute value, nested, without the nested noise.
    epe, ene : Interval
        Nested, on all drawn states: the surrogate's less its error, with the error's confidence interval.
    epe_plug_in, ene_plug_in, epe_indicator, ene_indicator : float
        With the surrogate's value, and with its sign only.
    near_states : int
        States that the error near zero was measured on.
    near_share : float
        Share of states within ±0.1 sd of zero.
    misplaced : float
        Share of paths that the mean error near zero puts on the wrong side: times what a derivative is there, the bias
        of the indicator estimator's sensitivities.
    """

    day: str
    states: int
    drawn: int
    deviation: float
    size: float
    epe: Interval
    ene: Interval
    epe_plug_in: float
    ene_plug_in: float
    epe_indicator: float
    ene_indicator: float
    near_states: int
    near_share: float
    misplaced: float


@final
@dataclass(frozen=True)
class Certificate:
    """Errors of a surrogate on fresh nested states and the verdict.

    Parameters
    ----------
    currency : str
    level : float
        Confidence of every interval.
    tolerance : Tolerance
    dates : tuple of DateFigures
    checks : tuple of Check
        Date by date, then over all dates.
    """

    currency: str
    level: float
    tolerance: Tolerance
    dates: tuple[DateFigures, ...]
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all checks."""
        found = {check.verdict for check in self.checks}
        worst: tuple[Verdict, ...] = ("fail", "undecided", "pass")
        return next((v for v in worst if v in found), "reported")

    @property
    def passed(self) -> bool:
        """Whether the surrogate may be used."""
        return self.verdict in ("pass", "reported") or (
            self.verdict == "undecided" and self.tolerance.allow_undecided
        )

    @property
    def missed(self) -> tuple[Check, ...]:
        """Checks that failed or, where none did, that are undecided; the worst first."""
        hit = [c for c in self.checks if c.verdict == self.verdict]
        if self.verdict not in ("fail", "undecided"):
            return ()
        return tuple(sorted(hit, key=lambda c: -c.missed))

    def __str__(self) -> str:
        head = f"certificate: {self.verdict}, {len(self.checks)} checks on {len(self.dates)} dates"
        if self.verdict == "undecided":
            head += ", accepted" if self.passed else ", taken as failed"
        return "; ".join([head, *(str(check) for check in self.missed[:3])])

    def to_frame(self) -> pd.DataFrame:
        """One row per check; ``date`` is NaT for what covers all dates, relative columns are shares of ``scale``."""
        rows = []
        for c in self.checks:
            amounts = {"error": c.error.estimate, "low": c.error.low, "high": c.error.high}
            amounts["tolerance"] = np.nan if c.bound is None else c.bound
            shares = {f"relative_{k}": v / c.scale if c.scale > 0.0 else np.nan for k, v in amounts.items()}
            rows.append(
                {
                    "measure": c.measure,
                    "date": pd.NaT if not c.day else pd.Timestamp(c.day),
                    **amounts,
                    "unit": c.unit,
                    "scale": c.scale,
                    **shares,
                    "states": c.states,
                    "noise": c.noise,
                    "verdict": c.verdict,
                    "advice": c.advice,
                }
            )
        return pd.DataFrame(rows)

    def profiles(self) -> pd.DataFrame:
        """One row per date of what `DateFigures` holds; columns ``epe``, ``epe_low``, ``epe_high`` …."""
        rows = []
        for d in self.dates:
            row: dict[str, Any] = {}
            for f in fields(d):
                found = getattr(d, f.name)
                if isinstance(found, Interval):
                    row |= {f.name: found.estimate, f"{f.name}_low": found.low, f"{f.name}_high": found.high}
                else:
                    row[f.name] = found
            rows.append(row)
        frame = pd.DataFrame(rows).rename(columns={"day": "date"})
        frame["date"] = pd.to_datetime(frame["date"])
        return frame.set_index("date")

    def document(self) -> dict[str, Any]:
        """JSON-clean, for `from_document`; with the verdict, for readers."""
        found = {"verdict": self.verdict, "passed": self.passed, "summary": str(self)}
        return {**found, **pack(self)[1]}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Certificate:
        """What `document` wrote; raises StoreError."""
        return unpack(cls, {}, document)
