"""FX forwards as the market quotes them: points, (forward - spot) x the pair's factor; outrights are read as points.

A spot that moves keeps the points, or keeps the curve built from them, for which points move in proportion. Outrights have no
such choice, so none are kept: with the spot they were quoted at they are points. ``FXFWD/RATE`` is ORE's key for points and
``FXFWD/PRICE`` its key for outrights. An FX rate is the price for delivery today, as ORE takes it, and points count from it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import InputErrors, MarketDataError, Problem
from xva.market.conventions import convention_of
from xva.market.labels import QuoteInfo, quote_info

SpotPath = tuple[tuple[str, float], ...]
"""FX quotes and powers (+1, -1) whose product is the price of one currency in another."""

POINTS_KEPT, CURVE_KEPT = "points kept", "curve kept"
"""What results say about sensitivities to FX rates."""
_NEAR = (0.7, 1.4)  # of the spot: points there look like outrights
_CARRY, _AT_ONCE = 0.5, 0.02  # log difference of forward and spot: a year, and in any case


def points_factor(base: str, quoted: str, stated: Mapping[str, float]) -> float:
    """Points to one unit of ``quoted`` in the pair; ``stated`` by ``EUR/USD`` goes first."""
    return stated.get(f"{base}/{quoted}", convention_of(quoted).points)


def spot_path(quotes: Sequence[QuoteInfo], base: str, quoted: str) -> SpotPath | None:
    """The shortest chain of FX quotes from one currency to another; None without."""
    links: dict[str, list[tuple[str, str, float]]] = {}
    for q in quotes:
        if q.family == "FX":
            first, second = q.terms["base"], q.currency
            links.setdefault(first, []).append((second, q.quote_id, 1.0))
            links.setdefault(second, []).append((first, q.quote_id, -1.0))
    paths: dict[str, SpotPath] = {base: ()}
    queue = deque([base])
    while queue and quoted not in paths:
        here = queue.popleft()
        for there, quote_id, power in links.get(here, ()):
            if there not in paths:
                paths[there] = (*paths[here], (quote_id, power))
                queue.append(there)
    return paths.get(quoted)


@dataclass(frozen=True)
class Outrights:
    """Quotes with outrights read as points.

    Parameters
    ----------
    values : dict
        Quote id to value; points in the place of each outright that has a spot.
    renamed : dict
        Id of each such outright to that of its points.
    problems : tuple of Problem
        Outrights that no spot can have, or tenors quoted both ways (the points are taken), by the outright's id.
    """

    values: dict[str, float]
    renamed: dict[str, str]
    problems: tuple[Problem, ...]


def read_outrights(values: Mapping[str, float], stated: Mapping[str, float] | None = None) -> Outrights:
    """Quotes with every outright that has a spot turned into points; what is wrong with it is kept.

    Parameters
    ----------
    values : mapping
        Quote id to value; ids of known forms.
    stated : mapping, optional
        Factors by pair.
    """
    infos = {i: quote_info(i) for i in values}
    rates = [info for i, info in infos.items() if info.family == "FX" and values[i] > 0.0]
    problems: list[Problem] = []
    found: dict[str, float] = {}
    renamed: dict[str, str] = {}
    for quote_id, info in infos.items():
        base, quoted = info.terms.get("base", ""), info.currency
        path = spot_path(rates, base, quoted) if info.family == "FX outright" else None
        if path is None:
            found[quote_id] = values[quote_id]
            continue
        spot, points = float(np.prod([values[i] ** p for i, p in path])), quote_id.replace("PRICE", "RATE", 1)
        renamed[quote_id] = points
        problems += _implausible(quote_id, values[quote_id], spot, _years(info.tenor), "an outright")
        if points in infos:
            fix = "leave one of the two out"
            problems.append(Problem(f"quote {quote_id}", "points or an outright", f"also {points}", fix))
        else:
            found[points] = (values[quote_id] - spot) * points_factor(base, quoted, stated or {})
    return Outrights(found, renamed, tuple(problems))


def as_points(values: Mapping[str, float], stated: Mapping[str, float] | None = None) -> dict[str, float]:
    """Quotes with outrights as points, as `read_outrights` has them.

    Raises
    ------
    InputErrors
        Outrights that no spot can have, or a tenor quoted both ways.
    """
    read = read_outrights(values, stated)
    if read.problems:
        raise InputErrors(read.problems)
    return read.values


@dataclass(frozen=True)
class PointsCheck:
    """Whether points of one pair can be points.

    Parameters
    ----------
    pair : str
    factor : float
    stated : bool
        The factor is the job's own: whoever states it knows that these are points.
    times : ndarray
        ``(forward,)`` years.
    """

    pair: str
    factor: float
    stated: bool
    times: NDArray[np.float64]

    def problems(self, ids: Sequence[str], points: NDArray[np.float64], spot: float) -> list[Problem]:
        """One per quote ``(forward,)``; none where the spot itself has a problem."""
        if not (spot > 0.0 and np.isfinite(spot)):
            return []
        near = (points >= _NEAR[0] * spot) & (points <= _NEAR[1] * spot)
        if len(points) and near.all() and not self.stated:
            fix = f"write FXFWD/PRICE/{self.pair}/… for outrights, or state [market] points_factor for {self.pair}"
            wanted = f"points, (forward - spot) x {self.factor:g}"
            return [
                Problem(f"quote {i}", wanted, f"{p:g}, like an outright on a spot of {spot:g}", fix)
                for i, p in zip(ids, points)
            ]
        return [
            problem
            for i, p, t in zip(ids, points, self.times)
            for problem in _implausible(i, spot + p / self.factor, spot, t, "points of a forward", p)
        ]


def curve_kept(infos: Sequence[QuoteInfo], before: Tensor, after: Tensor) -> Tensor:
    """Values ``(quote,)`` of ``after`` with points in proportion to their pair's spot, as it has moved since ``before``."""
    row = {info.quote_id: k for k, info in enumerate(infos)}
    scale = {}
    for k, info in enumerate(infos):
        if info.family == "FX forward":
            path = spot_path(infos, info.terms["base"], info.currency) or ()
            moves = [(after[row[i]] / before[row[i]]) ** power for i, power in path]
            ratio = torch.stack([after.new_ones(()), *moves]).prod()
            if bool(torch.isfinite(ratio)) and float(ratio) > 0.0 and float(ratio) != 1.0:
                scale[k] = ratio
    if not scale:
        return after
    values = list(after.unbind())
    for k, ratio in scale.items():
        values[k] = values[k] * ratio
    return torch.stack(values)


def curve_kept_jacobian(infos: Sequence[QuoteInfo], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(quote, quote)``: derivatives with points kept, times it, are derivatives with the curve kept."""
    row = {info.quote_id: k for k, info in enumerate(infos)}
    found = np.eye(len(infos))
    for k, info in enumerate(infos):
        if info.family == "FX forward":
            for i, power in spot_path(infos, info.terms["base"], info.currency) or ():
                found[k, row[i]] += power * values[k] / values[row[i]]
    return found


def _implausible(
    quote_id: str, forward: float, spot: float, years: float, what: str, points: float | None = None
) -> list[Problem]:
    limit = _AT_ONCE + _CARRY * years
    carry = float(np.log(forward / spot)) if forward > 0.0 else -np.inf
    if abs(carry) <= limit or not spot > 0.0:
        return []
    got = f"{forward:g} on a spot of {spot:g}"
    if points is not None:
        got = f"{points:g}, a forward of {got}"
    fix = "points, (forward - spot) x factor, go under FXFWD/RATE/…, outrights under FXFWD/PRICE/…"
    wanted = f"{what} within {_CARRY:.0%} a year of the spot"
    return [Problem(f"quote {quote_id}", wanted, got, fix)]


def _years(tenor: str) -> float:
    try:
        return int(tenor[:-1]) / {"D": 365.0, "W": 365.0 / 7.0, "M": 12.0, "Y": 1.0}[tenor[-1]]
    except (KeyError, ValueError):
        raise MarketDataError(f"tenor {tenor}: expected a number and D, W, M or Y", [tenor]) from None
