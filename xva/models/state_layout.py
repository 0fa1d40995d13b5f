"""Where everything is in the state: every currency's rates factors, then log deflated FX, then log deflated equities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xva.errors import DomainError
from xva.market.factors import equity_factor, factor, fx_factor, rates_factor


@dataclass(frozen=True)
class StateLayout:
    """Rows of the state; states have the names of the Brownian motions that drive them first.

    Parameters
    ----------
    currencies : tuple of str
        The domestic one first; their numbers are the places here.
    factors : tuple of int
        How many rates factors each has.
    equities : tuple of str
    """

    currencies: tuple[str, ...]
    factors: tuple[int, ...]
    equities: tuple[str, ...]

    @classmethod
    def of(cls, labels: Sequence[str]) -> StateLayout:
        """The layout whose `labels` these are.

        Raises
        ------
        DomainError
            They are in another order, or something else's.
        """
        read = [factor(label) for label in labels]
        currencies = tuple(dict.fromkeys(f.name for f in read if f.kind == "IR"))
        counts = tuple(sum(f.kind == "IR" and f.name == c for f in read) for c in currencies)
        found = cls(currencies, counts, tuple(f.name for f in read if f.kind == "EQ"))
        if found.labels != tuple(labels):
            raise DomainError(
                f"states: expected rates, FX, equities ({', '.join(found.labels)}), got {', '.join(labels)}"
            )
        return found

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """``(state,)`` names."""
        return (
            *(
                rates_factor(c, k)
                for c, n in zip(self.currencies, self.factors, strict=True)
                for k in range(n)
            ),
            *(fx_factor(c) for c in self.currencies[1:]),
            *(equity_factor(e) for e in self.equities),
        )

    @cached_property
    def index(self) -> dict[str, int]:
        """Rows by name."""
        return {name: k for k, name in enumerate(self.labels)}

    @property
    def n_states(self) -> int:
        return len(self.labels)

    @property
    def n_rates(self) -> int:
        """Rates factors of all currencies: the leading rows."""
        return sum(self.factors)

    @cached_property
    def rates_of(self) -> tuple[slice, ...]:
        """By the number of a currency: the rows of its rates factors."""
        ends = np.cumsum((0, *self.factors)).tolist()
        return tuple(slice(a, b) for a, b in zip(ends[:-1], ends[1:]))

    @cached_property
    def fx_of(self) -> tuple[int | None, ...]:
        """By the number of a currency: the row of its log deflated FX; None for the domestic one, which has none."""
        return (None, *(self.n_rates + k for k in range(len(self.currencies) - 1)))

    @property
    def fx_rows(self) -> slice:
        """The foreign currencies' log deflated FX, in their order."""
        return slice(self.n_rates, self.n_rates + len(self.currencies) - 1)

    @property
    def equity_rows(self) -> slice:
        """The equities, in their order; everything before is currencies'."""
        return slice(self.fx_rows.stop, self.n_states)

    def rates(self, currency: str) -> slice:
        """Rows of a currency's rates factors."""
        return self.rates_of[self.currencies.index(currency)]

    def fx(self, currency: str) -> int | None:
        """Row of a currency's log deflated FX; None for the domestic one."""
        return self.fx_of[self.currencies.index(currency)]

    def equity(self, name: str) -> int:
        """Row of an equity's log deflated price."""
        return int(self.equity_rows.start) + self.equities.index(name)

    def currency_rows(self, currency: str) -> list[int]:
        """All rows that a currency has: its rates factors, then its FX."""
        rates, fx = self.rates(currency), self.fx(currency)
        return [*range(rates.start, rates.stop), *([] if fx is None else [fx])]
