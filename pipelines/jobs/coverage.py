"""Whether the quotes have everything that the trades, netting sets and counterparties ask for."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from itertools import combinations

import numpy as np

from pipelines.jobs.market_terms import Market
from pipelines.jobs.parties import Party
from pipelines.jobs.problems import Problems
from xva.errors import Problem
from xva.market import MarketConfig, QuoteInfo
from xva.market.indices import RateIndex
from xva.market.layout import layout
from xva.market.scope import Scope
from xva.models.lgm_terms import LgmTerms
from xva.models.rates_terms import RatesTerms
from xva.models.state_layout import StateLayout
from xva.trades import CapFloor, FxOption, PathTrade, Trade
from xva.trades.netting import NettingSet

_BUILT_IN = Market()


@dataclass(frozen=True)
class Needs:
    """What must be in the market, each with the one who asked first (for messages)."""

    currencies: dict[str, str] = field(default_factory=dict)
    indices: dict[str, str] = field(default_factory=dict)
    equities: dict[tuple[str, str], str] = field(default_factory=dict)
    credit: dict[str, str] = field(default_factory=dict)
    caps: set[str] = field(default_factory=set)
    crosses: set[frozenset[str]] = field(default_factory=set)
    terms_of: Callable[[str], RatesTerms] = lambda currency: LgmTerms()

    @property
    def ordered_currencies(self) -> tuple[str, ...]:
        """The reporting currency, then the others by name (whatever the order of the trades)."""
        first, *foreign = self.currencies
        return (first, *sorted(foreign))

    @property
    def factors(self) -> tuple[str, ...]:
        """Brownian motions of the model."""
        currencies, equities = self.ordered_currencies, tuple(name for name, _ in sorted(self.equities))
        counts = tuple(self.terms_of(c).factors for c in currencies)
        return StateLayout(currencies, counts, equities).labels


def collect_needs(
    reporting_currency: str,
    trades: Iterable[Trade],
    netting_sets: Iterable[NettingSet],
    terms_of: Callable[[str], RatesTerms],
) -> Needs:
    """Currencies, indices and equities of a book (credit is added by `resolve_credit`)."""
    needs = Needs(terms_of=terms_of)
    needs.currencies[reporting_currency] = "the reporting currency"
    for home in netting_sets:
        needs.currencies.setdefault(home.currency, f"netting set {home.name}")
    for trade in trades:
        who = f"trade {trade.trade_id}"
        for currency in trade.currencies:
            needs.currencies.setdefault(currency, who)
        if isinstance(trade, PathTrade):
            indices, equities = trade.indices, trade.equities
        else:
            indices = tuple(_values(trade, "index"))
            equities = tuple((name, trade.currencies[0]) for name in _values(trade, "equity"))
        for name in indices:
            needs.indices.setdefault(name, who)
        if isinstance(trade, CapFloor):
            needs.caps.add(trade.currency)
        if isinstance(trade, FxOption):
            needs.crosses.add(frozenset({trade.base_currency, trade.quote_currency}))
        for pair in equities:
            needs.equities.setdefault(pair, who)
            needs.currencies.setdefault(pair[1], who)
    return needs


def _values(trade: Trade, suffix: str) -> list[str]:
    """Non-empty fields named ``suffix`` or ``…_suffix``."""
    return [value for value in (getattr(trade, name) for name in _named(type(trade), suffix)) if value]


@cache
def _named(kind: type[Trade], suffix: str) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.name == suffix or f.name.endswith(f"_{suffix}"))


def resolve_credit(
    parties: Mapping[str, Party],
    names: Iterable[str],
    own_name: str,
    needs: Needs,
    where: str,
    problems: Problems,
) -> None:
    """Put the credit curves of ``names`` and of ourselves among the needs."""
    needs.credit[own_name] = "the own name of the job ([xva] own_name)"
    for name in names:
        party = parties[name]
        if party.curve:
            proxied = "" if party.credit_curve else " by proxy"
            needs.credit.setdefault(party.curve, f"counterparty {name}{proxied}")
        else:
            problems.add(
                f"{where}, counterparty {name}", "a credit_curve, or sector, rating and region for a proxy",
                "neither", "fill in one of them",
            )  # fmt: skip


def market_config(
    as_of: np.datetime64,
    needs: Needs,
    where: str,
    problems: Problems,
    market: Market = _BUILT_IN,
) -> MarketConfig | None:
    """The standard curves of the currencies and indices needed; None without one for the reporting currency.

    What else is quoted is left alone (`xva.market.scope`).
    """
    reporting = next(iter(needs.currencies))
    conventions = market.conventions
    supported = conventions.rows
    for currency, who in needs.currencies.items():
        if currency not in supported:
            expected = (
                f"a currency of {', '.join(sorted(supported))}, or [market.currencies.{currency}] in the job"
            )
            problems.add(f"{where}, currency {currency}", expected, currency, f"needed by {who}")
    if reporting not in supported:
        return None
    currencies = [c for c in needs.ordered_currencies if c in supported]
    config = MarketConfig.standard(
        as_of, reporting, currencies, points_factors=market.points_factors, conventions=conventions
    )
    indices = {*needs.indices, *(conventions.of(c).swaption_index for c in currencies)}
    discount = {c: market.discount.get(c, name) for c, name in config.discount.items()}
    projection = {i: market.projection.get(i, c) for i, c in config.projection.items() if i in indices}
    scope = Scope(
        frozenset(n for n, _ in needs.equities),
        frozenset(needs.credit),
        frozenset(needs.caps),
        frozenset(needs.crosses),
    )
    return replace(config, discount=discount, projection=projection, curves=market.curve_terms, scope=scope)


def check_coverage(
    needs: Needs,
    config: MarketConfig,
    quotes: Sequence[QuoteInfo],
    where: str,
    problems: Problems,
) -> bool:
    """Every missing piece of market as a problem that says who needs it.

    Returns
    -------
    bool
        Whether the market itself can be built (something may still be missing for the model or the book).
    """
    shelf = _Shelf(quotes, where, problems)
    _check_curve_terms(shelf, config)
    told = _check_overnight(shelf, needs, config)
    if not told:
        found = layout(tuple(q.quote_id for q in quotes), config).problems
        problems.extend(Problem(f"{where}, {p.where}", p.expected, p.got, _needed(p, needs)) for p in found)
        told = [p.where for p in found]
    _check_volatilities(shelf, needs, config)
    for name, who in needs.indices.items():
        if name in config.projection and not any(name in place for place in told):
            _check_projection(shelf, config.indices[name], config.projection[name], who)
    _check_names(shelf, needs, config)
    return not told


def _check_curve_terms(shelf: _Shelf, config: MarketConfig) -> None:
    """Patterns that no quote has, and quotes that two curves would take."""
    ids = [q.quote_id for q in shelf.infos]
    for name, terms in config.curves.items():
        for pattern in terms.quotes:
            if name[:3] in config.discount and not fnmatch.filter(ids, pattern):
                shelf.problems.add(
                    f"[market.curves.{name}] quotes", f"a pattern of quotes in {shelf.where}", repr(pattern)
                )
    wide = {
        i: c for i, c in config.projection.items() if not (c in config.curves and config.curves[c].quotes)
    }
    for first, second in combinations(sorted(wide), 2):
        a, b = config.indices[first], config.indices[second]
        if (a.currency, a.tenor) == (b.currency, b.tenor) and wide[first] != wide[second]:
            fix = f'say quotes = ["…"] in [market.curves.{wide[first]}] or [market.curves.{wide[second]}]'
            got = f"{first} and {second}, both {a.tenor}"
            shelf.problems.add("[market.curves]", "one curve to take the quotes of a tenor", got, fix)


def _needed(problem: Problem, needs: Needs) -> str:
    """The market's own advice, and who needs the currency or name that it is about."""
    where = re.sub(r"-IN-[A-Z]{3}", "", problem.where)
    words = [word for word in re.split(r"[^A-Za-z0-9_]+", where) if word]
    asking = {**needs.currencies, **needs.credit}
    # what a problem is about comes last: USD of "discount curve USD-IN-EUR (USD)" or of "FX rate of USD"
    if problem.where.startswith("quote ") or not words or words[-1] not in asking:
        return problem.fix
    return f"needed by {asking[words[-1]]}"


@dataclass(frozen=True)
class _Shelf:
    """The quotes by what they say, and where missing ones are reported."""

    infos: Sequence[QuoteInfo]
    where: str
    problems: Problems

    def has(self, family: str, terms: Mapping[str, str]) -> bool:
        return any(
            info.family == family and all(info.terms.get(k) == v for k, v in terms.items())
            for info in self.infos
        )

    def want(self, item: str, who: str, form: str, *either: tuple[str, Mapping[str, str]]) -> None:
        """A problem unless quotes of one of the kinds are there."""
        if not any(self.has(family, terms) for family, terms in either):
            self.problems.add(f"{self.where}, {item}", f"quotes {form}", "none", f"needed by {who}")


def _check_overnight(shelf: _Shelf, needs: Needs, config: MarketConfig) -> list[str]:
    """Names of missing overnight curves that cross-currency basis swaps stand on, told first: no foreign
    curve can be planned without them."""
    foreign = config.discount.keys() - {config.reporting_currency}
    pairs = [(q, {q.terms["flat_currency"], q.currency}) for q in shelf.infos if q.family == "XCCY basis"]
    swaps = [q for q, pair in pairs if q.currency in config.discount and pair & foreign]
    through = {q.terms["flat_currency"]: f"the cross-currency basis of {q.currency}" for q in swaps}
    asking = {**through, **{q.currency: needs.currencies[q.currency] for q in swaps}}
    missing = []
    for currency, who in asking.items():
        index, zeros = config.overnight_index(currency), {"name": config.discount.get(currency, "")}
        if index is not None and currency != config.reporting_currency and not shelf.has("zero rate", zeros):
            before = len(shelf.problems)
            _check_projection(shelf, index, index.name, who)
            missing += [index.name] * (len(shelf.problems) > before)
    return missing


def _check_names(shelf: _Shelf, needs: Needs, config: MarketConfig) -> None:
    """Equities, credit names and the funding curves."""
    for (name, currency), who in needs.equities.items():
        mine, item, key = {"name": name, "currency": currency}, f"equity {name}", f"{name}/{currency}"
        shelf.want(item, who, f"EQUITY/PRICE/{key}", ("equity", mine))
        shelf.want(item, who, f"EQUITY_OPTION/RATE_LNVOL/{key}/<expiry>/ATMF", ("equity vol", mine))
    for name, who in needs.credit.items():
        form, kinds = f"CDS/CREDIT_SPREAD/{name}/SR/<currency>/<tenor>", ("CDS", "hazard rate")
        shelf.want(f"credit curve {name}", who, form, *((kind, {"name": name}) for kind in kinds))
    for name in (config.borrow, config.lend):
        mine = {"name": name, "currency": config.reporting_currency}
        form = f"ZERO/YIELD_SPREAD/{config.reporting_currency}/{name}/A365/<tenor>"
        shelf.want(f"funding curve {name}", "the funding adjustments", form, ("funding", mine))


def _check_volatilities(shelf: _Shelf, needs: Needs, config: MarketConfig) -> None:
    """What the model of each currency is calibrated to, or stated by."""
    reporting = config.reporting_currency
    for currency, who in needs.currencies.items():
        if currency not in config.discount:
            continue
        mine, item = {"currency": currency}, f"currency {currency}"
        for need in needs.terms_of(currency).needs(currency):
            shelf.want(item, who, need.form, (need.family, mine))
        if currency != reporting:
            pairs = ((reporting, currency), (currency, reporting))
            kinds = [("FX vol", {"base": base, "currency": quoted}) for base, quoted in pairs]
            shelf.want(item, who, f"FX_OPTION/RATE_LNVOL/{reporting}/{currency}/<expiry>/ATM", *kinds)


def _check_projection(shelf: _Shelf, index: RateIndex, curve: str, who: str) -> None:
    currency, tenor = index.currency, index.tenor
    form = f"IR_SWAP/RATE/{currency}/<lag>/{tenor}/<tenor> (or ZERO/RATE/{currency}/{curve}/A365/<tenor>)"
    swap = {"currency": currency} if index.overnight else {"currency": currency, "index_tenor": tenor}
    kinds = ("OIS",) if index.overnight else ("IBOR swap", "deposit", "FRA", "future", "tenor basis")
    zero = ("zero rate", {"name": curve, "currency": currency})
    turned = ("tenor basis", {"currency": currency, "other_tenor": tenor})
    shelf.want(f"curve {curve}", who, form, zero, *((kind, swap) for kind in kinds), turned)
