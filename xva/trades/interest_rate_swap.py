"""Interest rate swap: a fixed rate against an ibor or an overnight index (compounded in arrears)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from xva.market.conventions import BUILT_IN, Conventions
from xva.trades.claims import Claim
from xva.trades.context import TradeContext
from xva.trades.flow_table import FlowTable
from xva.trades.leg_columns import SwapColumns, fixed_float_table
from xva.trades.legs import fixed_float_flows, last_payment
from xva.trades.terms import Terms
from xva.trades.trade import Trade


@final
@dataclass(frozen=True, kw_only=True)
class InterestRateSwap(Trade):
    """Fixed against floating, also amortising, forward starting or seasoned.

    Parameters
    ----------
    currency : str
    notional : float
        Positive; of the first period if the swap amortises.
    side : str
        ``payer`` or ``receiver`` of the fixed rate.
    fixed_rate, spread : float
        As fractions (0.025 is 2.5 %); the spread is on the floating leg, not compounded.
    index : str
        An ibor leg has the index's tenor, an overnight leg the fixed leg's frequency.
    start_date, maturity_date : datetime64[D]
        Unadjusted; rolled modified following in the index's calendar.
    fixed_frequency, fixed_day_count : str
        As the market quotes swaps on the index, if left empty.
    amortisation : str
        ``none``, or ``linear`` to zero over the floating periods; both legs use the notional by period start.
    """

    kind: ClassVar[str] = "swaps"

    currency: str
    notional: float
    side: str
    fixed_rate: float
    index: str
    spread: float = 0.0
    start_date: np.datetime64
    maturity_date: np.datetime64
    fixed_frequency: str = ""
    fixed_day_count: str = ""
    amortisation: str = "none"

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self.currency,)

    @property
    def maturity(self) -> np.datetime64:
        return last_payment(self.maturity_date, self.index)

    def _standard_terms(self, conventions: Conventions = BUILT_IN) -> Mapping[str, str]:
        standard = conventions.standard_swap(self.index, self.currency)
        return {"fixed_frequency": standard.fixed_frequency, "fixed_day_count": standard.fixed_day_count}

    def _check(self, terms: Terms) -> None:
        terms.currency("currency")
        terms.positive("notional")
        terms.choice("side", "payer", "receiver")
        terms.rate("fixed_rate", "spread")
        terms.text("index")
        terms.increasing("start_date", "maturity_date")
        terms.tenor("fixed_frequency")
        terms.day_count("fixed_day_count")
        terms.choice("amortisation", "none", "linear")

    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        index = context.index(self.index, self.currency)
        return fixed_float_flows(
            context,
            index,
            self.start_date,
            self.maturity_date,
            (self.fixed_rate, self.fixed_frequency, self.fixed_day_count),
            self.spread,
            self.notional if self.side == "payer" else -self.notional,
            self.amortisation == "linear",
        )

    @classmethod
    def claims_by_columns(
        cls, trades: Mapping[int, InterestRateSwap], context: TradeContext
    ) -> tuple[FlowTable, frozenset[int]]:
        """Of all whose notional is constant."""
        alike: dict[tuple[str, str, str, str], list[int]] = {}
        for number, t in trades.items():
            if t.amortisation == "none":
                terms = (t.index, t.currency, t.fixed_frequency, t.fixed_day_count)
                alike.setdefault(terms, []).append(number)
        tables: list[FlowTable] = []
        found: list[int] = []
        for (name, currency, *fixed), numbers in alike.items():
            index = context.indices.get(name)
            if index is None or index.currency != currency:
                continue
            columns = _columns(numbers, [trades[k] for k in numbers])
            table, made = fixed_float_table(context, index, (fixed[0], fixed[1]), columns)
            tables.append(table)
            found += columns.number[made].tolist()
        return FlowTable.joined(tables), frozenset(found)


def _columns(numbers: Sequence[int], swaps: Sequence[InterestRateSwap]) -> SwapColumns:
    return SwapColumns(
        np.array(numbers, dtype=np.int64),
        np.array([s.start_date for s in swaps], dtype="datetime64[D]"),
        np.array([s.maturity_date for s in swaps], dtype="datetime64[D]"),
        np.array([s.fixed_rate for s in swaps], dtype=np.float64),
        np.array([s.spread for s in swaps], dtype=np.float64),
        np.array([s.notional if s.side == "payer" else -s.notional for s in swaps], dtype=np.float64),
    )
