"""Trades as JSON-clean documents and back, for terms that do not fit into a table's row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from xva import dates
from xva.errors import Problem, TradeError
from xva.market.indices import RateIndex, SwapConvention
from xva.trades import registry
from xva.trades.context import TradeContext
from xva.trades.kinds import TradeTypes
from xva.trades.path_trade import PathTrade
from xva.trades.trade import Trade

_WORDS = {
    float: "a finite number",
    int: "a whole number",
    bool: "true or false",
    str: "a text",
    np.datetime64: "a date as YYYY-MM-DD",
}


def to_document(trade: Trade) -> dict[str, Any]:
    """Kind and terms of a trade."""
    terms = {f.name: plain(getattr(trade, f.name)) for f in fields(trade) if f.init}
    return {"kind": trade.kind, "terms": terms}


def from_document(document: Mapping[str, Any], trades: TradeTypes = registry) -> Trade:
    """The trade that `to_document` wrote.

    Parameters
    ----------
    trades : mapping
        Classes by kind, the platform's by default; nothing else can be made, and nothing is imported.

    Raises
    ------
    TradeError
        An unknown kind, or terms that do not fit it.
    """
    name = str(document.get("kind", ""))
    kind = trades.get(name)
    if kind is None:
        got = repr(name) if name else f"a document of {', '.join(sorted(document)) or 'nothing'}"
        raise TradeError(
            f"stored trade: expected a kind among {', '.join(sorted(trades))}, got {got} -> name the module of a product "
            f"of your own under products, and store again what another version wrote",
            [name],
        )
    terms, problems = read_terms(kind, document["terms"], f"product {name}")
    if problems:
        raise TradeError("\n".join(str(p) for p in problems), [name])
    return kind(**terms)


def context_document(context: TradeContext) -> dict[str, Any]:
    """Valuation date, index definitions and fixings."""
    return {
        "as_of": str(context.as_of),
        "indices": [asdict(index) for index in context.indices.values()],
        "fixings": [[name, day, value] for (name, day), value in context.fixings.items()],
    }


def context_from(document: Mapping[str, Any]) -> TradeContext:
    """The context that `context_document` wrote."""
    indices = {item["name"]: _index(item) for item in document["indices"]}
    fixings = {(name, day): float(value) for name, day, value in document["fixings"]}
    return TradeContext(np.datetime64(document["as_of"], "D"), indices, fixings)


def _index(item: Mapping[str, Any]) -> RateIndex:
    swap = item.get("swap")
    return RateIndex(**{**item, "swap": SwapConvention(**swap) if swap is not None else None})


def path_trade_from(document: Mapping[str, Any], trades: TradeTypes = registry) -> PathTrade:
    """As `from_document`, for a path-dependent trade.

    Raises
    ------
    TradeError
        It is another kind of trade.
    """
    trade = from_document(document, trades)
    if not isinstance(trade, PathTrade):
        raise TradeError(f"trade {trade.trade_id}: expected a path-dependent trade, got {trade.kind}")
    return trade


def read_terms(
    kind: type[Trade], given: Mapping[str, Any], where: str
) -> tuple[dict[str, Any], list[Problem]]:
    """Fields of a trade from JSON values: what could be read, and what is wrong with the rest."""
    terms: dict[str, Any] = {}
    problems = [
        Problem(f"{where}, field {name}", f"one of {', '.join(field_names(kind))}", "an unknown field")
        for name in given
        if name not in field_names(kind)
    ]
    for name, wanted in field_names(kind).items():
        if name not in given:
            if name in required_fields(kind):
                problems.append(Problem(f"{where}, field {name}", words(wanted), "nothing"))
            continue
        try:
            terms[name] = read_value(given[name], wanted)
        except ValueError as error:
            problems.append(Problem(f"{where}, field {name}", str(error), repr(given[name])))
    return terms, problems


@cache
def field_names(kind: type[Trade]) -> dict[str, Any]:
    """Types of the fields that make a trade, by name."""
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind) if f.init}


@cache
def required_fields(kind: type[Trade]) -> tuple[str, ...]:
    """Names of the fields without default."""
    return tuple(
        f.name for f in fields(kind) if f.init and f.default is MISSING and f.default_factory is MISSING
    )


def read_value(value: Any, wanted: Any) -> Any:
    """A JSON value as the type ``wanted``: a plain type, a tuple of them, or one of them or None.

    Raises
    ------
    ValueError
        What was expected, in words.
    """
    if get_origin(wanted) in (Union, UnionType):
        kinds = [kind for kind in get_args(wanted) if kind is not type(None)]
        return None if value is None else read_value(value, kinds[0])
    if get_origin(wanted) is tuple:
        inner = get_args(wanted)
        repeated = inner[-1] is Ellipsis
        if not isinstance(value, list | tuple) or not (repeated or len(value) == len(inner)):
            raise ValueError(words(wanted))
        return tuple(read_value(v, inner[0] if repeated else inner[k]) for k, v in enumerate(value))
    return _scalar(value, wanted)


def _scalar(value: Any, wanted: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if wanted is float and number and math.isfinite(value):
        return float(value)
    if wanted is int and number and value == int(value):
        return int(value)
    if wanted in (str, bool) and isinstance(value, wanted):
        return value
    if wanted is np.datetime64 and isinstance(value, str):
        try:
            return dates.parse_date(value)
        except ValueError:
            pass
    raise ValueError(words(wanted))


def words(wanted: Any) -> str:
    """What a type asks for, for messages."""
    if get_origin(wanted) in (Union, UnionType):
        return " or ".join(words(k) for k in get_args(wanted) if k is not type(None))
    if get_origin(wanted) is tuple:
        inner = get_args(wanted)
        return f"a list, each {words(inner[0])}" if inner[-1] is Ellipsis else f"a list of {len(inner)}"
    return _WORDS.get(wanted, getattr(wanted, "__name__", str(wanted)))


def plain(value: Any) -> Any:
    """A term as JSON has it."""
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, np.datetime64) else value
