"""A job with trades added to its book: checked like the job's own, all problems at once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.jobs.books import read_trades
from pipelines.jobs.coverage import Needs, check_coverage, collect_needs, market_config, resolve_credit
from pipelines.jobs.grid import BookTerms, grid_dates, sees_cashflows, spot_prices, with_cashflows
from pipelines.jobs.inputs import LoadedJob
from pipelines.jobs.parties import closest, read_netting_sets, read_parties
from pipelines.jobs.problems import Problems
from pipelines.jobs.products import trade_types
from pipelines.jobs.rates import check_rates
from pipelines.jobs.trade_formats import TRADE_FORMATS
from xva.errors import InputErrors, TradeError
from xva.market import MarketConfig, quote_info
from xva.trades import Trade
from xva.trades.book_claims import book_claims
from xva.trades.kinds import TradeTypes
from xva.trades.netting import Counterparty, NettingSet
from xva.trades.path_trade import living

Places = Mapping[str, str]
_HERE = "new trades"


@dataclass(frozen=True)
class Additions:
    """Trades to add: ``trades``, or a ``path`` to read them from.

    Parameters
    ----------
    path : Path, optional
        A table or JSON file named as its trade type (``swaps.csv``), or a folder of such, in the job's format.
    kind : str, optional
        Trade type of a file with another name.
    """

    trades: tuple[Trade, ...] = ()
    path: Path | None = None
    kind: str | None = None


def extended(job: LoadedJob, additions: Additions, removed: Sequence[str]) -> tuple[LoadedJob, list[str]]:
    """The job with the new trades in its book, and their ids; ``removed`` are only checked, and stay in it.

    The files that the job names are read again. Its dates and factors are those of the longer book.

    Raises
    ------
    InputErrors
        Everything wrong with new trades, with what they need from the market, and with ``removed``.
    """
    problems, inputs = Problems(), job.spec.inputs
    types = trade_types(inputs.products, f"{job.path.name}, [inputs] products", problems)
    sets = read_netting_sets(job.base / inputs.netting_sets, inputs.netting_sets, problems) or {}
    read, places = _new_trades(additions, sets, types, problems)
    new = tuple(trade.following(job.spec.market.conventions) for trade in read)
    _check_ids(job, places, removed, problems)
    found = _fitted(job, new, places, sets, problems)
    problems.done()
    return found, [t.trade_id for t in new]


def _new_trades(
    additions: Additions, sets: Mapping[str, NettingSet], types: TradeTypes, problems: Problems
) -> tuple[tuple[Trade, ...], Places]:
    for trade in additions.trades:
        if trade.netting_set not in sets:
            where, expected = f"trade {trade.trade_id}", "a netting set of the run's netting set table"
            problems.add(where, expected, repr(trade.netting_set), closest(trade.netting_set, sets))
    ids = [t.trade_id for t in additions.trades]
    for name in sorted({i for i in ids if ids.count(i) > 1}):
        problems.add(f"trade {name}", "each trade id once", "it twice", "rename one")
    given = {i: f"trade {i}" for i in ids}
    if additions.path is None:
        return additions.trades, given
    read, places = _read(additions.path, additions.kind, sets, types, problems)
    return (*additions.trades, *read), {**given, **places}


def _read(
    path: Path, kind: str | None, sets: Mapping[str, NettingSet], types: TradeTypes, problems: Problems
) -> tuple[tuple[Trade, ...], Places]:
    """A folder as it is; a file as the only one of a folder, under the name of its type."""
    if path.is_dir():
        return read_trades(path, path.name, sets, problems, types)
    stem = kind or path.stem
    if not path.is_file() or path.suffix not in TRADE_FORMATS or stem not in types:
        got = path.suffix or "a name without ending"
        if not path.is_file():
            problems.add(str(path), "a file or folder of trades", "nothing there")
        elif path.suffix not in TRADE_FORMATS:
            problems.add(str(path), f"a file {', '.join(TRADE_FORMATS)}", got)
        else:
            fix = closest(stem, types) or "name the file as its trade type, or say --type"
            problems.add(str(path), f"a trade type of {', '.join(sorted(types))}", repr(stem), fix)
        return (), {}
    own, shown = Problems(), f"{_HERE}/{stem}{path.suffix}"
    with tempfile.TemporaryDirectory(prefix="xva-trades-") as aside:
        shutil.copyfile(path, Path(aside) / f"{stem}{path.suffix}")
        trades, places = read_trades(Path(aside), _HERE, sets, own, types)
    try:
        own.done()
    except InputErrors as error:
        problems.extend(replace(p, where=p.where.replace(shown, path.name)) for p in error.problems)
    return trades, {i: where.replace(shown, path.name) for i, where in places.items()}


def _check_ids(job: LoadedJob, places: Places, removed: Sequence[str], problems: Problems) -> None:
    known = {t.trade_id for t in job.trades}
    for name, where in places.items():
        if name in known:
            problems.add(where, "a trade id that the run's book does not have", name, "rename it")
    for name in removed:
        if name not in known:
            expected = "a trade of the run's book"
            problems.add(f"trade to remove {name}", expected, "none of that id", closest(name, known))
    if not places and not removed and not problems:
        problems.add("what-if", "trades to add or to remove", "none")


def _fitted(
    job: LoadedJob,
    new: Sequence[Trade],
    places: Places,
    sets: Mapping[str, NettingSet],
    problems: Problems,
) -> LoadedJob:
    """The job with a book of both, the market configuration that it needs, and its dates."""
    trades = (*job.trades, *new)
    used = {t.netting_set for t in trades}
    homes = tuple(s for s in sets.values() if s.name in used)
    needs = collect_needs(job.spec.reporting_currency, trades, homes, job.spec.model.terms_of)
    parties = _parties(job, homes, needs, problems)
    config = _market(job, needs, problems)
    found = replace(
        job,
        market_config=config or job.market_config,
        netting_sets=homes,
        counterparties=parties,
        trades=trades,
        factors=needs.factors,
        idle_netting_sets=tuple(name for name in sets if name not in used),
    )
    wrong: dict[int, TradeError] = {}
    claims = book_claims(new, found.context, wrong.setdefault)
    watched = [job.dates]
    for k, trade in enumerate(new):
        try:
            if k in wrong:
                raise wrong[k]
            watched += [t.observation_dates(found.context) for t in living([trade], job.as_of)]
        except TradeError as error:
            problems.add(places[trade.trade_id], "terms and fixings that fit together", error.message)
    taken = [(trade, claims[k]) for k, trade in enumerate(new) if k not in wrong]
    fixing = job.spec.simulation.fixing
    check_rates(
        job.path.name, job.spec.model.by_currency, fixing, needs.ordered_currencies, taken, places, problems
    )
    days = np.unique(np.concatenate([*watched, _steps(job, trades)]))
    if sees_cashflows(job.spec.simulation.grid) and not len(problems):
        prices = spot_prices(_values(job), job.spec.reporting_currency)
        breaks = job.spec.exposure.breaks
        days = with_cashflows(days, BookTerms(new, claims, found.context, prices, len(needs.factors), breaks))
    return replace(found, claims=job.claims.followed_by(claims), dates=days)


def _parties(
    job: LoadedJob, homes: Sequence[NettingSet], needs: Needs, problems: Problems
) -> tuple[Counterparty, ...]:
    file = job.spec.inputs.counterparties
    parties = read_parties(job.base / file, file, problems) or {}
    names = list(dict.fromkeys(home.counterparty for home in homes))
    resolve_credit(parties, [n for n in names if n in parties], job.spec.xva.own_name, needs, file, problems)
    return tuple(Counterparty(name, parties[name].curve) for name in names if name in parties)


def _market(job: LoadedJob, needs: Needs, problems: Problems) -> MarketConfig | None:
    where = job.spec.inputs.quotes
    config = market_config(job.as_of, needs, where, problems, job.spec.market)
    if config is not None:
        quotes = [quote_info(i) for i in job.quotes.ids]
        check_coverage(needs, config, quotes, where, problems)
    return config


def _steps(job: LoadedJob, trades: Sequence[Trade]) -> NDArray[np.datetime64]:
    """The grid's steps, up to the last payment of longer trades."""
    last = max(t.maturity for t in trades)
    return grid_dates(job.spec.simulation.grid, job.as_of, last)


def _values(job: LoadedJob) -> dict[str, float]:
    return dict(zip(job.quotes.ids, job.quotes.values.tolist()))
