"""Tables such as ``[model.EUR]``: one currency's rates, by kind; and what of a book such rates cannot value."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import PlainSerializer, PlainValidator

from pipelines.jobs.problems import FieldError, Problems
from xva.errors import MarketDataError, Problem
from xva.models.rates_kinds import RATES_KINDS
from xva.models.rates_terms import RatesTerms
from xva.trades import PathTrade, Trade
from xva.trades.claims import Caplet, Claim, ResetPeriod, SwaptionClaim

_FIX = "take the currency's table out of [model], or the trade out of the book"


def rates_terms(raw: Any) -> RatesTerms:
    """The terms that a table states, of the kind that it names.

    Raises
    ------
    FieldError
        Everything wrong with its keys and values.
    """
    if isinstance(raw, RatesTerms):
        return raw
    table = dict(raw)
    kind = table.pop("kind", None)
    if kind not in RATES_KINDS:
        expected = " or ".join(repr(k) for k in RATES_KINDS)
        raise FieldError.of("kind", expected, "nothing" if kind is None else repr(kind))
    of = RATES_KINDS[kind]
    hints = get_type_hints(of)
    known = {f.name: hints[f.name] for f in fields(of)}  # type: ignore[arg-type]
    needed = {f.name for f in fields(of) if f.default is MISSING}  # type: ignore[arg-type]
    problems = [Problem(name, "a value", "nothing") for name in known if name in needed - table.keys()]
    for name, value in table.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            fix = f"did you mean {close[0]}?" if close else ""
            problems.append(Problem(name, f"one of {', '.join(('kind', *known))}", name, fix))
        elif not _fits(value, known[name]):
            problems.append(Problem(name, _wanted(known[name]), repr(value)))
    if problems:
        raise FieldError(*problems)
    try:
        return of(**{n: float(v) if known[n] is float else v for n, v in table.items()})
    except MarketDataError as error:
        raise FieldError(error.problem or Problem("kind", "options that fit", error.message)) from None


def _fits(value: Any, wanted: Any) -> bool:
    if get_origin(wanted) is Literal:
        return value in get_args(wanted)
    if wanted is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, wanted)


def _wanted(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(repr(choice) for choice in get_args(kind))
    return "a number" if kind is float else "a text"


def _plain(terms: RatesTerms) -> dict[str, Any]:
    return {"kind": terms.kind, **asdict(terms)}  # type: ignore[call-overload]


Terms = Annotated[RatesTerms, PlainValidator(rates_terms), PlainSerializer(_plain)]
"""A field of a job's model for `rates_terms`."""


def check_rates(
    file: str,
    own: Mapping[str, RatesTerms],
    fixing: str,
    currencies: Sequence[str],
    trades: Iterable[tuple[Trade, Sequence[Claim]]],
    places: Mapping[str, str],
    problems: Problems,
) -> None:
    """Tables of currencies that no trade has, and where rates are linear only, simulated fixings and trades that need more.

    Parameters
    ----------
    own : mapping of currency to RatesTerms
    fixing : str
        Whose fixing running coupons have by the job.
    currencies : sequence of str
        Of the book, the reporting currency first.
    """
    for currency in own:
        if currency not in currencies:
            known = ", ".join(currencies)
            problems.add(f"{file}, [model.{currency}]", f"a currency of the book ({known})", currency)
    linear = {currency: terms.title for currency, terms in own.items() if terms.linear_only}
    if not linear:
        return
    if fixing == "path":
        problems.add(
            f"{file}, [simulation] fixing",
            f'"auto" or "projected" with {" and ".join(dict.fromkeys(linear.values()))} rates ({", ".join(linear)})',
            '"path"', "coupons of these currencies have their mean given the state",
        )  # fmt: skip
    for trade, claims in trades:
        what, currency = _refused(trade, claims, linear, currencies[0])
        if what:
            can = f"what {linear[currency]} rates can value: linear flows, FX and equity options"
            problems.add(places[trade.trade_id], can, f"{what} (trade {trade.trade_id})", _FIX)


def _refused(trade: Trade, claims: Sequence[Claim], linear: Mapping[str, str], home: str) -> tuple[str, str]:
    """What of a trade rates that are linear only cannot value, and whose they are; empty where nothing is."""
    if isinstance(trade, PathTrade):
        found = [c for c in (*trade.currencies, home) if c in linear]
        return (f"a trade without closed form, whose paths need {found[0]}", found[0]) if found else ("", "")
    for claim in claims:
        match claim:
            case Caplet() if claim.currency in linear:
                return f"a cap or floor in {claim.currency}", claim.currency
            case SwaptionClaim() if claim.currency in linear:
                return f"a swaption in {claim.currency}", claim.currency
            case ResetPeriod() if claim.currency in linear or claim.base_currency in linear:
                of = claim.currency if claim.currency in linear else claim.base_currency
                return f"a notional that resets ({claim.base_currency}/{claim.currency})", of
            case _:
                pass
    return "", ""
