"""Which quotes the curve of a rate index is built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xva.market.config import MarketConfig
from xva.market.indices import RateIndex
from xva.market.labels import QuoteInfo


@dataclass(frozen=True)
class IndexQuotes:
    """Quotes by family, and the configuration that says which curves there are.

    Parameters
    ----------
    config : MarketConfig
    quotes : mapping
        Family to its quotes.
    """

    config: MarketConfig
    quotes: Mapping[str, Sequence[QuoteInfo]]

    def of(self, index: RateIndex) -> list[QuoteInfo]:
        """What is quoted on an index, or of that what the terms of its curve take."""
        terms = self.config.curves.get(self.config.projection.get(index.name, index.name))
        found = [q for q in self._outright(index) if terms is None or terms.takes(q.quote_id)]
        basis = [q for q in self.quotes.get("tenor basis", ()) if index.tenor in _tenors(q)]
        basis = [q for q in basis if q.currency == index.currency and self._basis_is_for(index, q)]
        return [*found, *(q for q in basis if terms is None or terms.takes(q.quote_id))]

    def zero(self, name: str) -> list[QuoteInfo]:
        """Zero rates of a curve."""
        return [q for q in self.quotes.get("zero rate", ()) if q.terms["name"] == name]

    def convexities(self, found: Sequence[QuoteInfo]) -> list[str]:
        """Quotes of the convexity of futures."""
        wanted = {q.quote_id.replace("PRICE", "CONVEXITY", 1) for q in found if q.family == "future"}
        return [q.quote_id for q in self.quotes.get("future convexity", ()) if q.quote_id in wanted]

    def _outright(self, index: RateIndex) -> list[QuoteInfo]:
        kinds = ("OIS", "deposit") if index.overnight else ("IBOR swap", "deposit", "FRA", "future")
        found = [q for kind in kinds for q in self.quotes.get(kind, ()) if q.currency == index.currency]
        return [q for q in found if q.terms.get("index_tenor", "1D") == index.tenor]

    def _basis_is_for(self, index: RateIndex, quote: QuoteInfo) -> bool:
        """Whether a tenor basis swap builds this index's curve: it has no swaps of its own, and the other index has.

        Or the terms of this index's curve name the quote.
        """
        other = self.other(index, quote)
        if other is None or index.overnight or not self.stands(other):
            return False
        terms = self.config.curves.get(self.config.projection.get(index.name, index.name))
        named = terms is not None and bool(terms.quotes) and terms.takes(quote.quote_id)
        return named or not self.stands(index)

    def stands(self, index: RateIndex) -> bool:
        """Whether swaps or zero rates are quoted on the index itself."""
        name = self.config.projection.get(index.name, index.name)
        swaps = [q for q in self._outright(index) if q.family in ("OIS", "IBOR swap")]
        return bool(swaps or self.zero(name))

    def other(self, index: RateIndex, quote: QuoteInfo) -> RateIndex | None:
        """The other index of a tenor basis swap."""
        (tenor,) = _tenors(quote) - {index.tenor} or {index.tenor}
        if tenor == "1D":
            return self.config.overnight_index(index.currency)
        found = [i for i in self.config.indices.values() if (i.currency, i.tenor) == (index.currency, tenor)]
        projected = [i for i in found if i.name in self.config.projection]
        return next(iter(projected or found), None)


def _tenors(quote: QuoteInfo) -> set[str]:
    return {quote.terms["index_tenor"], quote.terms["other_tenor"]}
