"""How one curve comes from its quotes. A recipe holds dates and matrices only: it is made once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from xva import dates
from xva.errors import InputErrors, Problem
from xva.market.credit import SurvivalCurve
from xva.market.curves import DiscountCurve, add_spread

Curve = TypeVar("Curve", DiscountCurve, SurvivalCurve)


@dataclass(frozen=True)
class Recipe(ABC, Generic[Curve]):
    """One curve's way from quotes.

    Parameters
    ----------
    name : str
        The curve's name.
    quote_ids : tuple of str
        Quotes it is built from directly.
    needs : tuple of str
        Names of the discount curves it depends on.
    times : ndarray
        ``(pillar,)`` years.
    """

    name: str
    quote_ids: tuple[str, ...]
    needs: tuple[str, ...]
    times: NDArray[np.float64]

    @property
    def pillars(self) -> dict[str, float]:
        """Years of the pillar that each quote brings; quotes without one are left out."""
        return dict(zip(self.quote_ids, self.times.tolist()))

    @abstractmethod
    def build(self, values: Tensor, curves: Mapping[str, DiscountCurve]) -> Curve:
        """The curve from the values ``(quote,)`` of `quote_ids` and the curves it `needs`."""

    def problems(self, values: NDArray[np.float64]) -> list[Problem]:
        """What is wrong with the values ``(quote,)`` together, before a curve is built from them."""
        return []


@dataclass(frozen=True)
class ZeroRecipe(Recipe[DiscountCurve]):
    """Continuous zero rates, or zero spreads, at the pillars."""

    def build(self, values: Tensor, curves: Mapping[str, DiscountCurve]) -> DiscountCurve:
        return DiscountCurve(self.name, self.times, -values * values.new_tensor(self.times))


@dataclass(frozen=True)
class SpreadRecipe(Recipe[DiscountCurve]):
    """Continuous zero spreads at the pillars over the one curve it needs."""

    def build(self, values: Tensor, curves: Mapping[str, DiscountCurve]) -> DiscountCurve:
        spread = DiscountCurve(self.name, self.times, -values * values.new_tensor(self.times))
        return add_spread(self.name, curves[self.needs[0]], spread)


@dataclass(frozen=True)
class HazardRecipe(Recipe[SurvivalCurve]):
    """Hazard rates, each on the interval that ends at its pillar."""

    def build(self, values: Tensor, curves: Mapping[str, DiscountCurve]) -> SurvivalCurve:
        return SurvivalCurve(self.name, self.times, values)


def pillar_date(as_of: np.datetime64, pillar: str) -> np.datetime64:
    """The date of a pillar given as a tenor (calendar-free from ``as_of``) or as a date."""
    return dates.add_tenor(as_of, pillar) if dates.is_tenor(pillar) else dates.parse_date(pillar)


def order_by_date(
    what: str, as_of: np.datetime64, quote_ids: Sequence[str], ends: Sequence[np.datetime64]
) -> tuple[list[int], NDArray[np.float64]]:
    """Order of quotes by the date they end on, and those dates' times, all different and after ``as_of``.

    Raises
    ------
    InputErrors
        Two quotes end on the same date, or one ends on or before the valuation date.
    """
    order = sorted(range(len(ends)), key=lambda k: ends[k])
    problems = [
        Problem(f"quote {quote_ids[k]}", f"a pillar after {as_of}", str(ends[k]))
        for k in order
        if ends[k] <= as_of
    ]
    problems += [
        Problem(
            f"quote {quote_ids[b]}",
            f"a pillar of its own in {what}",
            f"{ends[b]}, as {quote_ids[a]}",
            "leave one of the two out",
        )
        for a, b in pairwise(order)
        if ends[a] == ends[b]
    ]
    if problems:
        raise InputErrors(problems)
    return order, np.asarray(dates.years(as_of, np.array([ends[k] for k in order], dtype="datetime64[D]")))
