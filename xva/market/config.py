"""Which curve does what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import numpy as np

from xva.errors import MarketDataError
from xva.market.conventions import BUILT_IN, STANDARD_INDICES, Conventions
from xva.market.indices import RateIndex
from xva.market.labels import QuoteInfo
from xva.market.scope import Scope


@dataclass(frozen=True)
class CurveTerms:
    """What a curve is built from, where that is not everything quoted on its index.

    Parameters
    ----------
    quotes : tuple of str
        Patterns of quote ids (``IR_SWAP/RATE/PLN/2D/6M/*``); empty: all on the index.
    """

    quotes: tuple[str, ...] = ()

    def takes(self, quote_id: str) -> bool:
        """Whether the curve may be built from the quote."""
        return not self.quotes or any(fnmatchcase(quote_id, pattern) for pattern in self.quotes)


@dataclass(frozen=True)
class MarketConfig:
    """Which curves a market has and what each is for.

    A curve is built from ``ZERO/RATE/<ccy>/<curve name>/…`` quotes if there are any. Otherwise one that bears
    the name of a rate index is bootstrapped from that index's deposits and swaps, and one named
    ``<ccy>-IN-<reporting currency>`` from cross-currency basis swaps and FX forwards.

    Parameters
    ----------
    as_of : datetime64[D]
    reporting_currency : str
    discount : mapping
        Currency to the name of its discount curve (under collateral in the reporting currency).
    projection : mapping
        Name of a rate index to the name of its projection curve.
    borrow, lend : str
        Names of the funding spreads in ``ZERO/YIELD_SPREAD`` quotes of the reporting currency.
    indices : mapping
        Terms of the rate indices by name.
    points_factors : mapping
        By pair (``EUR/JPY``), points to one unit of the second currency, where it is not the usual factor of
        `fx_forwards.points_factor`.
    scope : Scope, optional
        What else is asked for; everything that is quoted without one.
    conventions : Conventions
        By currency: calendars, FX spots, quoted swaps.
    curves : mapping of str to CurveTerms
        What curves are built from, by name, where it is not the usual.
    """

    as_of: np.datetime64
    reporting_currency: str
    discount: Mapping[str, str]
    projection: Mapping[str, str]
    borrow: str = "BORROW"
    lend: str = "LEND"
    indices: Mapping[str, RateIndex] = field(default_factory=lambda: STANDARD_INDICES)
    points_factors: Mapping[str, float] = field(default_factory=dict)
    scope: Scope | None = None
    conventions: Conventions = field(default=BUILT_IN, repr=False)
    curves: Mapping[str, CurveTerms] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.reporting_currency not in self.discount:
            raise MarketDataError(
                f"market configuration: expected a discount curve for the reporting currency "
                f"{self.reporting_currency}, got curves for {', '.join(self.discount) or 'none'}",
                [self.reporting_currency],
            )
        unknown = [name for name in self.projection if name not in self.indices]
        if unknown:
            raise MarketDataError(
                f"market configuration: expected terms for every projected index, none for "
                f"{', '.join(unknown)} -> add them to `indices`",
                unknown,
            )

    def __hash__(self) -> int:
        return hash(
            (
                self.as_of,
                self.reporting_currency,
                tuple(sorted(self.discount.items())),
                tuple(sorted(self.projection.items())),
                self.borrow,
                self.lend,
                frozenset(self.indices.items()),
                frozenset(self.points_factors.items()),
                self.scope,
                self.conventions,
                frozenset(self.curves.items()),
            )
        )

    @classmethod
    def standard(
        cls,
        as_of: np.datetime64,
        reporting_currency: str = "EUR",
        currencies: Iterable[str] = ("EUR", "USD", "GBP", "JPY"),
        cross_currency: bool = True,
        points_factors: Mapping[str, float] | None = None,
        conventions: Conventions = BUILT_IN,
    ) -> MarketConfig:
        """The usual curves: own overnight curve, foreign discounting through the cross-currency basis.

        Parameters
        ----------
        cross_currency : bool
            False: every currency is discounted on its own overnight curve, no basis quotes needed.
        points_factors : mapping, optional
            Of the configuration.
        conventions : Conventions
            A currency of theirs without an overnight index is discounted by the curve that bears its name (``XXX-IN-EUR``;
            of the reporting currency ``XXX``).
        """
        wanted = list(dict.fromkeys([reporting_currency, *currencies]))
        overnight = {i.currency: i.name for i in conventions.indices.values() if i.overnight}
        missing = [c for c in wanted if c not in conventions.rows]
        if missing:
            raise MarketDataError(
                f"market configuration: expected currencies of {', '.join(conventions.rows)}, got "
                f"{', '.join(missing)} -> give `discount` and `projection` yourself",
                missing,
            )
        return cls(
            as_of=as_of,
            reporting_currency=reporting_currency,
            discount={
                c: f"{c}-IN-{reporting_currency}"
                if cross_currency and c != reporting_currency
                else overnight.get(c, c)
                for c in wanted
            },
            projection={i.name: i.name for i in conventions.indices.values() if i.currency in wanted},
            indices=conventions.indices,
            points_factors=dict(points_factors or {}),
            conventions=conventions,
        )

    def asks(self, info: QuoteInfo) -> bool:
        """Whether this market may need the quote (`Scope.asks`); any, without a scope."""
        return self.scope is None or self.scope.asks(info, self.discount, self.reporting_currency)

    def overnight_index(self, currency: str) -> RateIndex | None:
        """The currency's projected overnight index, else its overnight index, else None."""
        found = [i for i in self.indices.values() if i.overnight and i.currency == currency]
        projected = [i for i in found if i.name in self.projection]
        return next(iter(projected or found), None)
