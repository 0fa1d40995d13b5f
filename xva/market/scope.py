"""Which quotes a book asks for. Others are left alone: nothing is built from them, so nothing they say can be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xva.market.labels import QuoteInfo

if TYPE_CHECKING:
    from xva.market.config import MarketConfig


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


def asked(info: QuoteInfo, config: MarketConfig) -> bool:
    """Whether a market of this configuration may need the quote.

    Of quotes that curves are planned from, from the curves that are wanted down to what those stand on, all may be.
    """
    scope, name, currencies = config.scope, info.terms.get("name", ""), config.discount
    if scope is None:
        return True
    match info.family:
        case "CDS" | "hazard rate" | "recovery":
            return name in scope.credit
        case "equity" | "equity vol" | "dividend":
            return name in scope.equities
        case "swaption vol" | "mean reversion" | "short-rate vol":
            return info.currency in currencies
        case "cap vol":
            return info.currency in scope.caps
        case "FX vol":
            pair = frozenset({info.terms["base"], info.currency})
            return pair <= set(currencies) and (config.reporting_currency in pair or pair in scope.crosses)
        case "correlation":
            return all(_factor(info.terms[side], config, scope) for side in ("first", "second"))
    return True


def _factor(name: str, config: MarketConfig, scope: Scope) -> bool:
    kind, _, of = name.partition(":")
    return of in (scope.equities if kind == "EQ" else config.discount)
