"""Which quotes a book asks for. Others are left alone: nothing is built from them, so nothing they say can be wrong."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from xva.market.factors import factor as read
from xva.market.labels import QuoteInfo


@dataclass(frozen=True)
class Scope:
    """What a book asks for beside the currencies and indices of its market configuration.

    Parameters
    ----------
    equities, credit : frozenset of str
        Names.
    caps : frozenset of str
        Currencies with caps or floors.
    crosses : frozenset of frozenset of str
        Pairs with FX options; volatilities against the reporting currency are asked for in any case.
    """

    equities: frozenset[str]
    credit: frozenset[str]
    caps: frozenset[str] = frozenset()
    crosses: frozenset[frozenset[str]] = frozenset()

    def asks(self, info: QuoteInfo, currencies: Collection[str], reporting_currency: str) -> bool:
        """Whether a market of these currencies may need the quote.

        Of quotes that curves are planned from, from the curves that are wanted down to what those stand on, all may be.
        """
        match info.family:
            case "CDS" | "hazard rate" | "recovery":
                return info.terms["name"] in self.credit
            case "equity" | "equity vol" | "dividend":
                return info.terms["name"] in self.equities
            case "swaption vol" | "mean reversion" | "short-rate vol" | "rates parameter":
                return info.currency in currencies
            case "cap vol":
                return info.currency in self.caps
            case "FX vol":
                pair = frozenset({info.terms["base"], info.currency})
                return pair <= set(currencies) and (reporting_currency in pair or pair in self.crosses)
            case "correlation":
                first, second = info.terms["first"], info.terms["second"]
                a, b = read(first), read(second)
                if (a.kind, a.name) == (b.kind, b.name) and a.number != b.number:  # its rates model's own
                    return False
                return self._has(first, currencies) and self._has(second, currencies)
        return True

    def _has(self, factor: str, currencies: Collection[str]) -> bool:
        found = read(factor)
        return found.name in (self.equities if found.kind == "EQ" else currencies)
