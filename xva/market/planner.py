"""Which curves a market needs and from which quotes: quote ids and configuration to recipes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xva.errors import InputErrors, Problem
from xva.market.basis import basis_recipe
from xva.market.cds import cds_recipe
from xva.market.config import MarketConfig
from xva.market.credit import SurvivalCurve
from xva.market.curves import DiscountCurve
from xva.market.fx_forwards import SpotPath, spot_path
from xva.market.index_quotes import IndexQuotes
from xva.market.indices import RateIndex
from xva.market.labels import QuoteInfo
from xva.market.recipes import HazardRecipe, Recipe, SpreadRecipe, ZeroRecipe, order_by_date, pillar_date
from xva.market.swaps import swap_recipe

Rates = Recipe[DiscountCurve]
Credit = Recipe[SurvivalCurve]
Made = TypeVar("Made")


@dataclass
class CurvePlanner:
    """Collects recipes, dependencies first, and everything that is wrong with the quotes they stand on.

    Parameters
    ----------
    config : MarketConfig
    quotes : mapping
        Family to its quotes.
    """

    config: MarketConfig
    quotes: Mapping[str, Sequence[QuoteInfo]]
    recipes: dict[str, Rates] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _failed: set[str] = field(default_factory=set)

    @property
    def on(self) -> IndexQuotes:
        """What is quoted on indices."""
        return IndexQuotes(self.config, self.quotes)

    def discount(self, currency: str) -> str | None:
        """Plan the currency's discount curve; its name, or None (and a problem) if it cannot be built."""
        name = self.config.discount.get(currency, f"{currency}-IN-{self.config.reporting_currency}")
        if name in self.config.indices:
            return self._index_curve(name, self.config.indices[name])
        return self._curve(name, lambda: self._zero(name) or self._basis(name, currency))

    def projection(self, index: str) -> None:
        """Plan the projection curve of an index; left out without a problem if nothing quotes it."""
        name = self.config.projection[index]
        if name in self.config.discount.values():
            return
        curve_index = self.config.indices.get(name, self.config.indices[index])
        if self.on.zero(name) or self.on.of(curve_index):
            self._index_curve(name, curve_index)

    def overnight(self, currency: str) -> str | None:
        """Plan the currency's own overnight curve, else (without quotes for it) its discount curve."""
        index = self.config.overnight_index(currency)
        if index is not None:
            name = self.config.projection.get(index.name, index.name)
            if self.on.zero(name) or self.on.of(index):
                return self._own_overnight(currency)
        return self.discount(currency)

    def funding(self) -> None:
        """Plan the borrowing and lending curves that are quoted."""
        for name in dict.fromkeys([self.config.borrow, self.config.lend]):
            found = [q for q in self._named("funding", name) if q.currency == self.config.reporting_currency]
            if found:
                self._curve(f"FUNDING-{name}", partial(self._funding, f"FUNDING-{name}", found))

    def credit(self) -> tuple[Credit, ...]:
        """Recipes of all survival curves."""
        found: list[Credit] = []
        credit = [*self.quotes.get("CDS", ()), *self.quotes.get("hazard rate", ())]
        for name in dict.fromkeys(q.terms["name"] for q in credit):
            recipe = self._guard(partial(self._survival, name))
            if recipe is not None:
                found.append(recipe)
        return tuple(found)

    def _own_overnight(self, currency: str) -> str | None:
        index = self.config.overnight_index(currency)
        if index is None:
            return None
        return self._index_curve(self.config.projection.get(index.name, index.name), index)

    def _index_curve(self, name: str, index: RateIndex) -> str | None:
        return self._curve(name, lambda: self._zero(name) or self._swaps(name, index))

    def _curve(self, name: str, make: Callable[[], Rates | None]) -> str | None:
        if name not in self.recipes and name not in self._failed:
            recipe = self._guard(make)
            if recipe is None:
                self._failed.add(name)
            else:
                self.recipes[name] = recipe
        return name if name in self.recipes else None

    def _guard(self, make: Callable[[], Made | None]) -> Made | None:
        """What ``make`` returns, or None with its input errors kept."""
        try:
            return make()
        except InputErrors as error:
            self.problems += error.problems
            return None

    def _zero(self, name: str) -> Rates | None:
        found = self.on.zero(name)
        index = self.config.indices.get(name)
        swaps = self.on.of(index) if index is not None else []
        if found and swaps:
            raise InputErrors(
                [
                    Problem(
                        f"curve {name}",
                        "zero rates or swaps",
                        f"both ({found[0].quote_id}, {swaps[0].quote_id})",
                        "leave one kind out",
                    )
                ]
            )
        return ZeroRecipe(name, *self._pillars(name, found)) if found else None

    def _swaps(self, name: str, index: RateIndex) -> Rates | None:
        found = self.on.of(index)
        if not found:
            form = f"IR_SWAP/RATE/{index.currency}/<lag>/{index.tenor}/<tenor>"
            raise _missing(f"curve {name} ({index.currency})", form, name, index.currency)
        discount = None if index.overnight else self.overnight(index.currency)
        if discount is None and not index.overnight:
            return None
        other = self._other_curve(name, index, found)
        if other is None and any(q.family == "tenor basis" for q in found):
            return None
        ids = [q.quote_id for q in found]
        given = self.on.convexities(found)
        return swap_recipe(self.config.as_of, name, index, ids, discount, given, other)

    def _basis(self, name: str, currency: str) -> Rates | None:
        reporting = self.config.reporting_currency
        other = self._towards_reporting(currency)
        self._refuse_outrights(currency, other)
        if currency == reporting or other is None:
            form = f"CC_BASIS_SWAP/BASIS_SPREAD/… or FXFWD/… linking {currency} to {reporting}"
            raise _missing(f"discount curve {name} ({currency})", form, name, currency)
        found = self._pair_quotes(currency, other)
        known = self.discount(other)
        overnight = {c: self.config.overnight_index(c) for c in (currency, other)}
        terms = {c: i for c, i in overnight.items() if i is not None}
        spot: SpotPath = ()
        needs: tuple[str | None, ...] = (known, known, known)
        if any(q.family == "XCCY basis" for q in found):
            needs = (known, self._own_overnight(other), self._own_overnight(currency))
            if len(terms) < 2:
                raise _missing(f"overnight index of {currency} and {other}", "terms", name, currency)
        forwards = [q for q in found if q.family == "FX forward"]
        if forwards:
            spot = self._forward_spot(name, forwards)
        curves = tuple(n for n in needs if n is not None)
        if len(curves) < 3:
            return None
        ids = [q.quote_id for q in found]
        return basis_recipe(
            self.config.as_of,
            name,
            currency,
            ids,
            (curves[0], curves[1], curves[2]),
            terms,
            spot,
            self.config.points_factors,
            self.config.conventions,
        )

    def _refuse_outrights(self, currency: str, other: str | None) -> None:
        """Outrights that have not become points would be left out of the curve."""
        near = {other} if other is not None else set(self.config.discount)
        found = [
            q
            for q in self.quotes.get("FX outright", ())
            if currency in (q.terms["base"], q.currency) and near & {q.terms["base"], q.currency} - {currency}
        ]
        if found:
            fix = "add the pair's FX rate; in Python read quotes through xva.market.fx_forwards.as_points"
            raise InputErrors(
                [
                    Problem(f"quote {q.quote_id}", f"points, or a spot of {q.curve}", "no spot", fix)
                    for q in found
                ]
            )

    def _forward_spot(self, name: str, forwards: Sequence[QuoteInfo]) -> SpotPath:
        pair = f"{forwards[0].terms['base']}/{forwards[0].currency}"
        path = spot_path(self.quotes.get("FX", ()), forwards[0].terms["base"], forwards[0].currency)
        problems = [
            Problem(f"quote {q.quote_id}", f"a forward of {pair}", q.curve, "quote the pair one way round")
            for q in forwards
            if q.curve != pair
        ]
        if path is None:
            form = f"a quote FX/RATE/{pair} or a chain of FX quotes"
            problems.append(Problem(f"curve {name}", form, "none", "add it"))
        if path is None or problems:
            raise InputErrors(problems)
        return path

    def _survival(self, name: str) -> Credit | None:
        spreads, hazards = self._named("CDS", name), self._named("hazard rate", name)
        currencies = sorted({q.currency for q in (*spreads, *hazards)})
        recovery = [q.quote_id for q in self._named("recovery", name) if q.currency in currencies]
        problems = []
        if (spreads and hazards) or len(currencies) > 1:
            kinds = " and ".join(k for k, found in (("CDS", spreads), ("hazard rates", hazards)) if found)
            got, wanted = f"{kinds} in {', '.join(currencies)}", "one kind of quotes in one currency"
            problems.append(Problem(f"survival curve {name}", wanted, got, "leave the rest out"))
        if not recovery:
            form = f"a quote RECOVERY_RATE/RATE/{name}/SR/{currencies[0]}"
            problems.append(Problem(f"survival curve {name}", form, "none", "add it"))
        if problems:
            raise InputErrors(problems)
        if hazards:
            return HazardRecipe(name, *self._pillars(name, hazards))
        self._discounts_cds(name, currencies[0])
        discount = self.overnight(currencies[0])
        if discount is None:
            return None
        return cds_recipe(self.config.as_of, name, [q.quote_id for q in spreads], recovery[0], discount)

    def _discounts_cds(self, name: str, currency: str) -> None:
        """A problem where CDS are in a currency that has neither an overnight curve nor a place in the market."""
        index = self.config.overnight_index(currency)
        quoted = index is not None and (self.on.zero(index.name) or self.on.of(index))
        if not quoted and currency not in self.config.discount:
            form = f"quotes IR_SWAP/RATE/{currency}/<lag>/1D/<tenor>, which discount its CDS in {currency}"
            fix = "add them, or quote the name's CDS or hazard rates in another currency"
            raise InputErrors([Problem(f"survival curve {name}", form, "none", fix)])

    def _funding(self, name: str, found: Sequence[QuoteInfo]) -> Rates | None:
        base = self.discount(self.config.reporting_currency)
        return SpreadRecipe(name, *self._pillars(name, found, base)) if base is not None else None

    def _pillars(
        self, name: str, found: Sequence[QuoteInfo], *needs: str
    ) -> tuple[tuple[str, ...], tuple[str, ...], NDArray[np.float64]]:
        """Quotes in the order of their pillars, the curves needed, and the pillars' times."""
        ids = [q.quote_id for q in found]
        ends = [pillar_date(self.config.as_of, q.tenor) for q in found]
        order, times = order_by_date(f"curve {name}", self.config.as_of, ids, ends)
        return tuple(ids[k] for k in order), needs, times

    def _towards_reporting(self, currency: str) -> str | None:
        """The next currency on the shortest way to the reporting currency by basis swaps and forwards."""
        reporting = self.config.reporting_currency
        links: dict[str, list[str]] = {}
        for q in (*self.quotes.get("XCCY basis", ()), *self.quotes.get("FX forward", ())):
            a, b = q.terms.get("flat_currency") or q.terms["base"], q.currency
            links.setdefault(a, []).append(b)
            links.setdefault(b, []).append(a)
        towards: dict[str, str] = {reporting: reporting}
        queue = deque([reporting])
        while queue:
            here = queue.popleft()
            for there in links.get(here, ()):
                if there not in towards:
                    towards[there] = here
                    queue.append(there)
        return towards.get(currency)

    def _pair_quotes(self, a: str, b: str) -> list[QuoteInfo]:
        found = (*self.quotes.get("XCCY basis", ()), *self.quotes.get("FX forward", ()))
        return [q for q in found if {q.terms.get("flat_currency") or q.terms["base"], q.currency} == {a, b}]

    def _named(self, family: str, name: str) -> list[QuoteInfo]:
        return [q for q in self.quotes.get(family, ()) if q.terms["name"] == name]

    def _other_curve(
        self, name: str, index: RateIndex, found: Sequence[QuoteInfo]
    ) -> tuple[RateIndex, str] | None:
        """The other index of the curve's tenor basis swaps, with its curve planned; None where there are none."""
        others = {i.name: i for q in found if q.family == "tenor basis" and (i := self.on.other(index, q))}
        if not others:
            return None
        if len(others) > 1:
            fix = f'say quotes = ["…"] in [market.curves.{name}]'
            wanted = "tenor basis swaps against one other index"
            raise InputErrors([Problem(f"curve {name}", wanted, ", ".join(others), fix)])
        (other,) = others.values()
        curve = self._index_curve(self.config.projection.get(other.name, other.name), other)
        return (other, curve) if curve is not None else None


def _missing(where: str, form: str, name: str, currency: str) -> InputErrors:
    fix = f"add them, or leave {currency} out of the market configuration"
    wanted = f"quotes {form} or ZERO/RATE/{currency}/{name}/A365/<tenor>"
    return InputErrors([Problem(where, wanted, "none", fix)])
