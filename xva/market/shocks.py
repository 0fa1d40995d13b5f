"""Stress scenarios as data: named shifts of quotes, pure functions from one `QuoteSet` to another."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from xva import dates
from xva.errors import InputErrors, Problem
from xva.market.fx_forwards import curve_kept, spot_path
from xva.market.labels import QuoteInfo, quote_info
from xva.market.quotes import QuoteSet

Kind = Literal["absolute", "relative"]
FxForwards = Literal["points", "curve"]
_SHOWN = 5


@dataclass(frozen=True)
class Selector:
    """Which quotes: those whose id, family, curve and currency all fit; an empty tuple fits everything.

    Parameters
    ----------
    patterns : tuple of str
        Quote ids with ``*``, ``?`` and ``[...]``; one of them has to fit.
    families, curves, currencies : tuple of str
        As in `labels.QuoteInfo`.
    """

    patterns: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()

    def matches(self, info: QuoteInfo) -> bool:
        """Whether a quote is one of them."""
        wanted = (
            (info.family, self.families),
            (info.curve, self.curves),
            (info.currency, self.currencies),
        )
        if any(names and label not in names for label, names in wanted):
            return False
        return not self.patterns or any(fnmatchcase(info.quote_id, p) for p in self.patterns)

    def __str__(self) -> str:
        names = ("quotes", "families", "curves", "currencies")
        parts = zip(names, (self.patterns, self.families, self.curves, self.currencies))
        return "; ".join(f"{name} {', '.join(part)}" for name, part in parts if part) or "all quotes"


@dataclass(frozen=True)
class Shift:
    """One move of the quotes that ``select`` picks.

    Parameters
    ----------
    select : Selector
    kind : "absolute" or "relative"
        ``quote + amount``, in the quote's own unit, or ``quote (1 + amount)``.
    amounts : tuple of float
        One: a parallel shift. Several, one per tenor of ``tenors``: linear in between, flat outside (see `twist`).
    tenors : tuple of str
        Strictly increasing tenors (``6M``, ``10Y``), empty for a parallel shift. A quote's own tenor is its maturity, of a
        swaption its expiry.
    optional : bool
        Whether a market without such quotes is in order; `Scenario.missing` tells.

    Raises
    ------
    InputErrors
        Amounts that are not finite or do not fit the tenors.
    """

    select: Selector
    kind: Kind
    amounts: tuple[float, ...]
    tenors: tuple[str, ...] = ()
    optional: bool = False

    def __post_init__(self) -> None:
        problems = []
        if len(self.amounts) != max(len(self.tenors), 1) or not all(np.isfinite(self.amounts)):
            expected = f"{max(len(self.tenors), 1)} finite numbers"
            problems.append(Problem("shift, amounts", expected, ", ".join(map(str, self.amounts)) or "none"))
        unknown = [t for t in self.tenors if not dates.is_tenor(t)]
        if unknown:
            problems.append(Problem("shift, tenors", "tenors such as 6M or 10Y", ", ".join(unknown)))
        elif any(b <= a for a, b in zip(self._nodes, self._nodes[1:])):
            problems.append(Problem("shift, tenors", "increasing tenors", ", ".join(self.tenors)))
        if self.kind not in ("absolute", "relative"):
            problems.append(Problem("shift, kind", "absolute or relative", repr(self.kind)))
        if problems:
            raise InputErrors(problems)

    @property
    def _nodes(self) -> tuple[float, ...]:
        return tuple(dates.tenor_years(t) for t in self.tenors)

    def at(self, years: NDArray[np.float64]) -> NDArray[np.float64]:
        """Amounts ``(quote,)`` of quotes with these tenors; NaN where a quote has none and the shift needs one."""
        if not self.tenors:
            return np.full(len(years), self.amounts[0])
        return np.asarray(np.interp(years, self._nodes, self.amounts))


def parallel(select: Selector, amount: float, kind: Kind = "absolute") -> Shift:
    """The same amount for all quotes."""
    return Shift(select, kind, (amount,))


def twist(
    select: Selector, short: float, long: float, first: str, last: str, kind: Kind = "absolute"
) -> Shift:
    """``short`` up to the tenor ``first``, ``long`` from ``last`` on, linear in between."""
    return Shift(select, kind, (short, long), (first, last))


@dataclass(frozen=True)
class Scenario:
    """Shifts applied one after the other, each to what those before have left.

    Parameters
    ----------
    fx_forwards : "points" or "curve"
        What stays where a shift moves the spot of a pair that is quoted by FX forwards: the points, as quoted, or the curve
        that they build, for which points move in proportion to the spot. Curves from basis swaps or zero rates stay.
    """

    name: str
    shifts: tuple[Shift, ...]
    description: str = ""
    fx_forwards: FxForwards = "points"

    def __post_init__(self) -> None:
        if self.fx_forwards not in ("points", "curve"):
            where = f"scenario {self.name}, fx_forwards"
            raise InputErrors([Problem(where, "points or curve", repr(self.fx_forwards))])

    def kept(self, ids: Iterable[str]) -> FxForwards | Literal[""]:
        """What of FX forwards it keeps, empty where it moves none's spot."""
        infos = [quote_info(i) for i in ids]
        moved = {i.quote_id for i in infos for s in self.shifts if i.family == "FX" and s.select.matches(i)}
        paths = [spot_path(infos, i.terms["base"], i.currency) for i in infos if i.family == "FX forward"]
        return self.fx_forwards if any(i in moved for path in paths for i, _ in path or ()) else ""

    def missing(self, ids: Iterable[str]) -> str:
        """In words, the shifts that find no quote among these, those of a market that a book needs; empty if all do."""
        infos = [quote_info(i) for i in ids]
        lost = [
            f"shift {k} ({shift.select})"
            for k, shift in enumerate(self.shifts, 1)
            if not any(shift.select.matches(info) for info in infos)
        ]
        whole = "no quote that the book needs is shifted: " if lost and len(lost) == len(self.shifts) else ""
        return f"{whole}nothing to shift for {', '.join(lost)}" if lost else ""


@dataclass(frozen=True)
class ScenarioSet:
    """Scenarios that are run together.

    Raises
    ------
    InputErrors
        No scenario, or two of one name.
    """

    name: str
    scenarios: tuple[Scenario, ...]
    description: str = ""

    def __post_init__(self) -> None:
        names = [s.name for s in self.scenarios]
        twice = sorted({n for n in names if names.count(n) > 1})
        problems = [Problem(f"scenario {n}", "each name once", f"{names.count(n)} scenarios") for n in twice]
        if not names:
            problems.append(Problem(f"scenario set {self.name}", "at least one scenario", "none"))
        if problems:
            raise InputErrors(problems)

    def problems(self, ids: Sequence[str], as_of: np.datetime64) -> list[Problem]:
        """Everything in the set that does not fit a market with these quotes."""
        infos = [quote_info(i) for i in ids]
        return [
            problem
            for scenario in self.scenarios
            for k, shift in enumerate(scenario.shifts, 1)
            for problem in _problems(f"scenario {scenario.name}, shift {k}", shift, infos, as_of)
        ]


def shifted(quotes: QuoteSet, scenario: Scenario, as_of: np.datetime64) -> QuoteSet:
    """The quotes of a scenario; differentiable in ``quotes.values``, quotes that no shift picks keep every bit.

    Parameters
    ----------
    quotes : QuoteSet
    scenario : Scenario
    as_of : datetime64
        Valuation date, for quotes whose tenor is a date.

    Raises
    ------
    InputErrors
        A shift that finds no quote, or a tenor-wise one that finds a quote without tenor; all at once.
    """
    infos = [quote_info(i) for i in quotes.ids]
    problems: list[Problem] = []
    values = quotes.values
    for k, shift in enumerate(scenario.shifts, 1):
        problems += _problems(f"scenario {scenario.name}, shift {k}", shift, infos, as_of)
        rows = [k for k, info in enumerate(infos) if shift.select.matches(info)]
        amounts = np.zeros(len(infos))
        amounts[rows] = shift.at(np.array([_years(infos[k], as_of) for k in rows]))
        moved = torch.from_numpy(amounts)
        before = values
        values = values + moved if shift.kind == "absolute" else values * (1.0 + moved)
        if scenario.fx_forwards == "curve" and any(infos[k].family == "FX" for k in rows):
            values = curve_kept(infos, before, values)
    if problems:
        raise InputErrors(problems)
    return QuoteSet(quotes.ids, values)


def _years(info: QuoteInfo, as_of: np.datetime64) -> float:
    """Years to the quote's tenor (of a swaption: its expiry); NaN without one."""
    tenor = info.tenor.split("/")[0]
    if not tenor:
        return float("nan")
    if dates.is_tenor(tenor):
        return dates.tenor_years(tenor)
    return float((np.datetime64(tenor, "D") - as_of.astype("datetime64[D]")).astype(np.int64)) / 365.0


def _problems(
    where: str, shift: Shift, infos: Sequence[QuoteInfo], as_of: np.datetime64
) -> Iterable[Problem]:
    found = [info for info in infos if shift.select.matches(info)]
    if not found and not shift.optional:
        yield Problem(where, "quotes of the market", f"none that fits: {shift.select}", _hint(shift, infos))
    if shift.tenors:
        without = [i.quote_id for i in found if np.isnan(_years(i, as_of))]
        if without:
            some = ", ".join(without[:_SHOWN]) + (" …" if len(without) > _SHOWN else "")
            yield Problem(where, "quotes with a tenor, for a shift by tenor", some, "shift them in parallel")


def _hint(shift: Shift, infos: Sequence[QuoteInfo]) -> str:
    """What comes near to a selector that finds nothing."""
    for wanted, known in (
        (shift.select.patterns, [i.quote_id for i in infos]),
        (shift.select.families, [i.family for i in infos]),
        (shift.select.curves, [i.curve for i in infos]),
        (shift.select.currencies, [i.currency for i in infos]),
    ):
        for name in wanted:
            close = difflib.get_close_matches(name, dict.fromkeys(known), 1)
            if close and close[0] != name:
                return f"did you mean {close[0]}?"
    return ""
