"""Jobs between two jobs: the book of one on the other's date, with other trades or quotes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from pipelines.jobs.coverage import collect_needs, market_config
from pipelines.jobs.grid import BookTerms, grid_dates, sees_cashflows, spot_prices, with_cashflows
from pipelines.jobs.inputs import Fixings, LoadedJob
from pipelines.jobs.problems import Problems
from xva.errors import DomainError
from xva.market import QuoteSet
from xva.trades import Trade
from xva.trades.book_claims import book_claims
from xva.trades.netting import NettingSet
from xva.trades.path_trade import living

_HELD = ("simulation", "model", "surrogates", "exposure", "xva")
_FREE = {"grid", "sensitivities", "store_cube", "pfe_quantile"}
"""Settings that may differ: dates roll with the valuation date, the others change no measure."""


@dataclass(frozen=True)
class JobPair:
    """Two jobs of the same method and reporting currency, ``after`` on the same day or later.

    Raises
    ------
    DomainError
        They differ in currency or method, or are in the wrong order.
    """

    before: LoadedJob
    after: LoadedJob

    def __post_init__(self) -> None:
        a, b = self.before.spec, self.after.spec
        if a.reporting_currency != b.reporting_currency:
            raise DomainError(
                f"explain: expected runs in one reporting currency, got {a.reporting_currency} and {b.reporting_currency}"
            )
        if self.before.as_of > self.after.as_of:
            raise DomainError(
                f"explain: expected the earlier run first, got {a.as_of} and {b.as_of}; swap the two"
            )
        different = [
            f"[{section}] {name}: {mine!r} and {theirs!r}"
            for section in _HELD
            for name, mine, theirs in _fields(getattr(a, section), getattr(b, section))
            if mine != theirs and name not in _FREE
        ]
        if different:
            raise DomainError(
                f"explain: expected runs that differ in market, date and trades only, got other settings: "
                f"{'; '.join(different)} -> run one of the jobs again with the other's settings"
            )

    @cached_property
    def same(self) -> frozenset[str]:
        """Ids of trades that both books have with the same terms (booked values apart)."""
        mine = {t.trade_id: _terms(t) for t in self.before.trades}
        theirs = {t.trade_id: _terms(t) for t in self.after.trades}
        return frozenset(i for i in mine.keys() & theirs.keys() if mine[i] == theirs[i])

    @cached_property
    def matured(self) -> tuple[str, ...]:
        """Trades of the first book that ended in between."""
        return tuple(
            t.trade_id
            for t in self.before.trades
            if t.trade_id not in self.same and t.maturity <= self.after.as_of
        )

    @cached_property
    def dead(self) -> tuple[str, ...]:
        """Trades of the first book that are not in the second, amended ones among them."""
        gone = {*self.same, *self.matured}
        return tuple(t.trade_id for t in self.before.trades if t.trade_id not in gone)

    @cached_property
    def new(self) -> tuple[str, ...]:
        """Trades of the second book that are not in the first, amended ones among them."""
        return tuple(t.trade_id for t in self.after.trades if t.trade_id not in self.same)

    @property
    def amended(self) -> tuple[str, ...]:
        """Trades with other terms under the same id: dead with the old ones, new with the others."""
        return tuple(i for i in self.dead if i in self.new)

    @cached_property
    def changed_sets(self) -> tuple[str, ...]:
        """Netting sets with other terms, or whose counterparty has another credit curve; they count as new trades do."""
        mine, theirs = _homes(self.before), _homes(self.after)
        return tuple(name for name in mine if name in theirs and mine[name] != theirs[name])

    @property
    def lost_quotes(self) -> tuple[str, ...]:
        """Quotes of the first market only."""
        return tuple(i for i in self.before.quotes.ids if i not in self.after.quotes)

    @property
    def gained_quotes(self) -> tuple[str, ...]:
        """Quotes of the second market only."""
        return tuple(i for i in self.after.quotes.ids if i not in self.before.quotes)

    def old_quotes(self) -> QuoteSet:
        """The first market's values under the second's ids; those that it lacks have the second's."""
        old, new = self.before.quotes, self.after.quotes
        return QuoteSet(new.ids, torch.stack([(old if i in old else new)[i].detach() for i in new.ids]))

    def rolled(self, keep: Collection[str], quotes: QuoteSet, fixings: Fixings | None = None) -> LoadedJob:
        """The first book's trades ``keep`` on the second's date and grid, with the first's netting sets.

        Parameters
        ----------
        fixings : mapping, optional
            The second job's by default.
        """
        job = self.after
        trades = tuple(t for t in self.before.trades if t.trade_id in keep)
        used = {t.netting_set for t in trades}
        homes = tuple(n for n in self.before.netting_sets if n.name in used)
        parties = {n.counterparty for n in homes}
        known = job.fixings if fixings is None else fixings
        problems = Problems()
        needs = collect_needs(job.spec.reporting_currency, trades, homes, job.spec.model.terms_of)
        credit = {c.credit_curve for c in self.before.counterparties if c.name in parties}
        needs.credit.update(dict.fromkeys([*sorted(credit), job.spec.xva.own_name], "the first book"))
        config = market_config(job.as_of, needs, job.spec.inputs.quotes, problems, job.spec.market)
        problems.done()
        context = replace(job.context, fixings=known)
        last = max(t.maturity for t in (*trades, *job.trades))
        watched = [t.observation_dates(context) for t in living(trades, job.as_of)]
        claims, grid = book_claims(trades, context), job.spec.simulation.grid
        days = np.unique(np.concatenate([grid_dates(grid, job.as_of, last), *watched]))
        if sees_cashflows(grid):
            # what both books have is there already: then nothing is added, and the steps share their random numbers
            prices = spot_prices(dict(zip(quotes.ids, quotes.values.tolist())), job.spec.reporting_currency)
            terms = BookTerms(trades, claims, context, prices, len(needs.factors), job.spec.exposure.breaks)
            days = with_cashflows(np.union1d(days, job.dates), terms)
        return replace(
            job,
            quotes=quotes,
            market_config=config or job.market_config,
            netting_sets=homes,
            counterparties=tuple(c for c in self.before.counterparties if c.name in parties),
            trades=trades,
            claims=claims,
            fixings=known,
            dates=days,
            factors=needs.factors,
            idle_netting_sets=(),
        )


def _fields(mine: object, theirs: object) -> Sequence[tuple[str, object, object]]:
    left, right = vars(mine), vars(theirs)
    return [(name, left[name], right.get(name)) for name in left]


def _terms(trade: Trade) -> Trade:
    return replace(trade, booked_value=None)


def _homes(job: LoadedJob) -> Mapping[str, tuple[NettingSet, str]]:
    curves = {c.name: c.credit_curve for c in job.counterparties}
    return {n.name: (n, curves[n.counterparty]) for n in job.netting_sets}
