"""What every trade is: terms, validated at birth, that turn into claims."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self, final

import numpy as np

from xva.errors import TradeError
from xva.market.conventions import BUILT_IN, Conventions
from xva.trades.claims import Claim
from xva.trades.context import TradeContext
from xva.trades.flow_table import FlowTable
from xva.trades.terms import Terms

MATURED, BROKEN = "matured", "broken off"
"""How `Trade.ended` begins."""


@dataclass(frozen=True)
class Trade(ABC):
    """Terms of one trade, seen from our side.

    Parameters
    ----------
    trade_id, netting_set : str
    break_date : datetime64[D], optional
        Mandatory break: stored here, applied by the valuer (exposure is cut at the break, by option).
    booked_value : float, optional
        The value in the books, in reporting currency, for the reconciliation at t = 0.

    Terms that are left empty follow the market's standard for the trade's index and currency (`_standard_terms`) and stand
    in the trade from birth on; ``filled`` names them.

    Raises
    ------
    TermsError
        All wrong fields at once, with trade id, field, expected and got.
    """

    kind: ClassVar[str]
    """The name of the trade's table, ``swaps`` for ``swaps.csv``."""

    trade_id: str
    netting_set: str
    break_date: np.datetime64 | None = field(default=None, kw_only=True)
    booked_value: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        empty = {name: value for name, value in self._standard_terms().items() if getattr(self, name) == ""}
        for name, value in (*empty.items(), *([("_filled", tuple(empty))] if empty else [])):
            object.__setattr__(self, name, value)
        terms = Terms(self)
        terms.text("trade_id", "netting_set")
        if self.break_date is not None:
            terms.date("break_date")
        if self.booked_value is not None:
            terms.finite("booked_value")
        self._check(terms)
        terms.done()

    @property
    def filled(self) -> tuple[str, ...]:
        """Fields that were left empty and follow the market's standard; nothing that makes the trade another one."""
        return tuple(self.__dict__.get("_filled", ()))

    @final
    def claims(self, context: TradeContext) -> tuple[Claim, ...]:
        """What the trade still promises after ``context.as_of``.

        Raises
        ------
        TradeError
            A past fixing or an index is missing, or the index does not fit the product.
        """
        try:
            return tuple(self._claims(context))
        except TradeError as error:
            raise error.within(f"trade {self.trade_id}", [self.trade_id]) from None

    @classmethod
    def claims_by_columns(
        cls, trades: Mapping[int, Self], context: TradeContext
    ) -> tuple[FlowTable, frozenset[int]]:
        """Claims of many trades of the class at once, where it knows how; the others are asked one by one.

        Parameters
        ----------
        trades : mapping
            By the number that is the table's ``owner``, increasing.

        Returns
        -------
        FlowTable
            The same flows in the same order as `claims` gives them.
        frozenset
            Numbers of the trades that are in it: none whose `claims` would raise.
        """
        return FlowTable.of(()), frozenset()

    @final
    def matured(self, as_of: np.datetime64) -> bool:
        """Whether the last payment was on or before ``as_of``: nothing is left of the trade, it is worth 0."""
        return bool(self.maturity <= as_of)

    @final
    def ended(self, promises: bool, as_of: np.datetime64, breaks: Literal["truncate", "ignore"]) -> str:
        """Why nothing is left of the trade, which counts as 0; empty where something is.

        ``promises``: whether it has any claims as of ``as_of``.
        """
        if not promises and self.matured(as_of):
            return f"{MATURED} on {self.maturity}"
        if breaks == "truncate" and self.break_date is not None and self.break_date <= as_of:
            return f"{BROKEN} on {self.break_date}"
        return ""

    @property
    @abstractmethod
    def currencies(self) -> tuple[str, ...]:
        """Currencies in which the trade pays, sorted."""

    @property
    @abstractmethod
    def maturity(self) -> np.datetime64:
        """Date of the last payment; for an index that is not a standard one before calendar and lag."""

    @final
    def following(self, conventions: Conventions) -> Self:
        """The trade with the terms that were left empty as these conventions have them."""
        standard = self._standard_terms(conventions)
        other: dict[str, Any] = {
            n: standard[n] for n in self.filled if standard.get(n, getattr(self, n)) != getattr(self, n)
        }
        if not other:
            return self
        made = replace(self, **other)
        object.__setattr__(made, "_filled", self.filled)
        return made

    def _standard_terms(self, conventions: Conventions = BUILT_IN) -> Mapping[str, str]:
        """The market's standard for fields that may be left empty, by name."""
        return {}

    @abstractmethod
    def _check(self, terms: Terms) -> None:
        """Note what is wrong with the fields of the product."""

    @abstractmethod
    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        """The claims; errors get the trade id from `claims`."""
