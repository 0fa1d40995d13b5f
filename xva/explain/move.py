"""One move of the market in terms: first order, second order within and across risk factor groups, and the rest.

With gradients ``g0`` and ``g1`` at both ends of a move ``d`` of the quotes, ``(g0 + g1) d / 2`` is the change up to ``-1/12``
of its third derivative along ``d``: the trapezoid rule. ``g0 d`` is the first order, ``(g1 - g0) d / 2`` the second, quote by
quote, and with ``g0`` at ``d_G``, one group moved alone, own gammas and cross-gammas come apart. One gradient in the middle
(Simpson's rule) estimates what is left, before anybody looks at the change itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from xva.adjustments.registry import MEASURES
from xva.errors import DomainError, XvaError
from xva.explain.groups import GroupOf
from xva.explain.points import Evaluate, MarketPoint
from xva.exposure import ExposureEngine
from xva.market import QuoteSet
from xva.numerics.types import Floats
from xva.sensitivities.by_quote import KINK_SHARE, with_totals
from xva.sensitivities.second_order.hessian import hessian_samples

Method = Literal["gradient", "hessian"]


@dataclass(frozen=True)
class MoveTerms:
    """A move's change and its parts, per scramble.

    Parameters
    ----------
    change, exercise, unexplained, third_order : ndarray
        ``(scramble, measure, netting_set)``. ``change`` is of the reported measures; ``exercise`` is what of it the soft
        exercise, which sensitivities differentiate, does not have; ``unexplained`` is the rest, ``third_order`` what was
        expected of it.
    first, second_own, second_cross : ndarray
        ``(scramble, measure, netting_set, group)``. ``change`` is exactly the sum over groups of these three, plus
        ``exercise`` plus ``unexplained``.
    pair : ndarray
        ``(scramble, measure, netting_set, group, other)`` the whole cross-gamma term of two groups, half of which is in each
        one's ``second_cross``; zero on the diagonal.
    """

    change: Floats
    exercise: Floats
    unexplained: Floats
    third_order: Floats
    first: Floats
    second_own: Floats
    second_cross: Floats
    pair: Floats


@dataclass(frozen=True)
class Explainer:
    """Explains moves from one market.

    Parameters
    ----------
    start : MarketPoint
    evaluate : callable
        Points on other quotes.
    group_of : callable
        Risk factor group of a quote id.
    groups : tuple of str
        All that may move.
    split : bool
        Whether own gammas and cross-gammas are told apart, where more than one group moves. Without, ``second_own`` holds
        own gammas and half of each cross-gamma.
    engine : ExposureEngine, optional
        Of the start: for second order by Hessian-vector products instead of differences of gradients.

    Notes
    -----
    Cost of a move in gradients: two, and one per group that moves if they are more than one. With ``engine``, one, and a
    Hessian-vector product per group, measure and netting set.
    """

    start: MarketPoint
    evaluate: Evaluate
    group_of: GroupOf
    groups: tuple[str, ...]
    split: bool = True
    engine: ExposureEngine | None = None

    def move(self, quotes: QuoteSet) -> MoveTerms:
        """Explain the move to ``quotes``.

        Raises
        ------
        DomainError
            Other quote ids than the start's; a group cannot be moved alone, or no market lies half way.
        """
        start = self.start
        if quotes.ids != start.ids:
            raise DomainError("a move: expected the same quote ids in the same order at both ends")
        move = quotes.values.detach().numpy() - start.quotes
        end = self._at(quotes, "the whole move")
        moved = [g for g in self.groups if self._part(move, g).any()]
        apart = moved if self.split and len(moved) > 1 else []
        if self.engine is None:
            whole, along = end.gradient - start.gradient, {g: self._difference(move, g) for g in apart}
            middle = self._on(start.quotes + 0.5 * move, "half of every move").gradient
            third = (2.0 * middle - start.gradient - end.gradient) @ move / 3.0
        else:
            along = {g: self._curvature(self._part(move, g)) for g in apart}
            parts = list(along.values()) or [self._curvature(move)]
            whole = np.sum(parts, axis=0)
            third = (end.gradient - start.gradient - whole) @ move / 3.0
        return self._terms(end, move, whole, along, third)

    def _terms(
        self, end: MarketPoint, move: Floats, whole: Floats, along: dict[str, Floats], third: Floats
    ) -> MoveTerms:
        """``whole`` is the Hessian times the move, ``along`` times each group's own part of it."""
        start, sums = self.start, self._members() * move[:, None]
        first, second = start.gradient @ sums, 0.5 * whole @ sums
        own, pair = second.copy(), np.zeros((*second.shape, len(self.groups)))
        for k, group in enumerate(self.groups):
            if group in along:
                pair[..., k, :] = along[group] @ sums
                own[..., k] = 0.5 * pair[..., k, k]
        pair[..., range(len(self.groups)), range(len(self.groups))] = 0.0
        soft = end.soft - start.soft
        change = end.hard - start.hard
        return MoveTerms(
            change,
            change - soft,
            soft - first.sum(-1) - second.sum(-1),
            third,
            first,
            own,
            second - own,
            0.5 * (pair + pair.swapaxes(-1, -2)),
        )

    def _members(self) -> Floats:
        """``(quote, group)`` ones where a quote belongs to a group."""
        names = [self.group_of(i) for i in self.start.ids]
        return np.array([[float(n == g) for g in self.groups] for n in names])

    def _part(self, move: Floats, group: str) -> Floats:
        mine = np.array([self.group_of(i) == group for i in self.start.ids])
        return np.where(mine, move, 0.0)

    def _difference(self, move: Floats, group: str) -> Floats:
        values = self.start.quotes + self._part(move, group)
        return self._on(values, f"the move of {group} alone").gradient - self.start.gradient

    def _curvature(self, move: Floats) -> Floats:
        """Hessian of every measure times a move ``(quote,)``: ``(scramble, measure, netting_set, quote)``."""
        assert self.engine is not None
        every = torch.eye(len(MEASURES), dtype=torch.float64)
        way = torch.from_numpy(np.asarray(move, dtype=np.float64))
        return with_totals(hessian_samples(self.engine, way, every, KINK_SHARE), axis=1)

    def _on(self, values: Floats, what: str) -> MarketPoint:
        return self._at(QuoteSet(self.start.ids, torch.from_numpy(values)), what)

    def _at(self, quotes: QuoteSet, what: str) -> MarketPoint:
        try:
            return self.evaluate(quotes)
        except XvaError as error:
            raise DomainError(
                f"attribution: expected a market after {what}, got: {error.message}", error.ids
            ) from error


def moving_groups(start: QuoteSet, ends: Sequence[QuoteSet], group_of: GroupOf) -> tuple[str, ...]:
    """Groups of the quotes that differ in any of ``ends``, in the order of the quotes."""
    moved = [any(bool(e.values[k] != start.values[k]) for e in ends) for k in range(len(start.ids))]
    return tuple(dict.fromkeys(group_of(i) for i, m in zip(start.ids, moved) if m))
