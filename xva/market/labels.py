"""What a quote id says: the family it belongs to, the curve it builds, its currency and tenor.

The one table of forms below is the grammar of quote ids; whoever reads an id reads it here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from xva import dates
from xva.errors import MarketDataError
from xva.market.conventions import STANDARD_INDICES
from xva.market.factors import CURRENCY, FACTOR, NAME

_PILLAR = rf"{dates.TENOR}|\d{{4}}-\d{{2}}-\d{{2}}"
_INDEX_TENOR = r"1D|\d{1,2}[WMY]"

# family, form; the form is the id with its varying parts in braces
_FORMS: tuple[tuple[str, str], ...] = (
    ("deposit", "MM/RATE/{currency}/{lag}/{index_tenor}"),
    ("OIS", "IR_SWAP/RATE/{currency}/{lag}/1D/{tenor}"),
    ("IBOR swap", "IR_SWAP/RATE/{currency}/{lag}/{index_tenor}/{tenor}"),
    ("FRA", "FRA/RATE/{currency}/{start}/{index_tenor}"),
    ("future", "MM_FUTURE/PRICE/{currency}/{month}/{name}/{index_tenor}"),
    ("future convexity", "MM_FUTURE/CONVEXITY/{currency}/{month}/{name}/{index_tenor}"),
    ("tenor basis", "BASIS_SWAP/BASIS_SPREAD/{other_tenor}/{index_tenor}/{currency}/{tenor}"),
    ("XCCY basis", "CC_BASIS_SWAP/BASIS_SPREAD/{flat_currency}/1D/{currency}/1D/{tenor}"),
    ("FX forward", "FXFWD/RATE/{base}/{currency}/{tenor}"),
    ("FX outright", "FXFWD/PRICE/{base}/{currency}/{tenor}"),
    ("zero rate", "ZERO/RATE/{currency}/{name}/A365/{pillar}"),
    ("funding", "ZERO/YIELD_SPREAD/{currency}/{name}/A365/{pillar}"),
    ("FX", "FX/RATE/{base}/{currency}"),
    ("CDS", "CDS/CREDIT_SPREAD/{name}/SR/{currency}/{tenor}"),
    ("hazard rate", "HAZARD_RATE/RATE/{name}/SR/{currency}/{pillar}"),
    ("recovery", "RECOVERY_RATE/RATE/{name}/SR/{currency}"),
    ("swaption vol", "SWAPTION/RATE_NVOL/{currency}/{expiry}/{tenor}/ATM"),
    ("cap vol", "CAPFLOOR/RATE_NVOL/{currency}/{tenor}/{index_tenor}/ATM"),
    ("FX vol", "FX_OPTION/RATE_LNVOL/{base}/{currency}/{pillar}/ATM"),
    ("equity", "EQUITY/PRICE/{name}/{currency}"),
    ("equity vol", "EQUITY_OPTION/RATE_LNVOL/{name}/{currency}/{pillar}/ATMF"),
    ("dividend", "EQUITY_DIVIDEND/RATE/{name}/{currency}"),
    ("mean reversion", "MEAN_REVERSION/RATE/{currency}"),
    ("short-rate vol", "HULL_WHITE/VOLATILITY/{currency}/{pillar}"),
    ("rates parameter", "RATES_MODEL/{name}/{currency}/{parameter}"),
    ("correlation", "CORRELATION/{first}/{second}"),
)
_PARTS = {
    "currency": CURRENCY,
    "flat_currency": CURRENCY,
    "base": CURRENCY,
    "lag": r"\d+D",
    "tenor": dates.TENOR,
    "expiry": dates.TENOR,
    "index_tenor": _INDEX_TENOR,
    "other_tenor": _INDEX_TENOR,
    "start": r"[1-9]\d?M",
    "month": r"\d{4}-(?:0[1-9]|1[0-2])",
    "pillar": _PILLAR,
    "name": NAME,
    "parameter": NAME,
    "first": FACTOR,
    "second": FACTOR,
}


def _compile(form: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", form)
    return re.compile(
        "".join(f"(?P<{p}>{_PARTS[p]})" if k % 2 else re.escape(p) for k, p in enumerate(pieces))
    )


_ON_INDEX = ("OIS", "IBOR swap", "deposit", "FRA", "future", "future convexity", "tenor basis")
_PATTERNS = tuple((family, _compile(form)) for family, form in _FORMS)


@dataclass(frozen=True)
class QuoteInfo:
    """Labels of one quote.

    Parameters
    ----------
    quote_id : str
    family : str
        ``deposit``, ``OIS``, ``IBOR swap``, ``FRA``, ``future``, ``future convexity``, ``tenor basis``, ``XCCY basis``,
        ``FX forward`` (points), ``FX outright``, ``zero rate``, ``funding``, ``FX``, ``CDS``, ``hazard rate``, ``recovery``,
        ``swaption vol``, ``cap vol``, ``FX vol``, ``equity``, ``equity vol``, ``dividend``, ``mean reversion``,
        ``short-rate vol``, ``rates parameter`` or ``correlation``.
    curve : str
        Curve or object that the quote belongs to: ``EUR-ESTR``, ``CPTY_A``, ``EUR/USD``, ``IR:EUR/FX:USD`` …
    currency : str
        Currency of the quote; of the spread's leg for a basis; empty for a correlation.
    tenor : str
        ``10Y``; ``5Y/10Y`` (expiry, swap) for a swaption; empty for a quote without tenor.
    terms : mapping
        The varying parts of the id by name (``lag``, ``index_tenor``, ``name`` …).
    """

    quote_id: str
    family: str
    curve: str
    currency: str
    tenor: str
    terms: Mapping[str, str]


@lru_cache(maxsize=16384)
def quote_info(quote_id: str) -> QuoteInfo:
    """Labels of a quote.

    Raises
    ------
    MarketDataError
        The id has none of the known forms.
    """
    for family, pattern in _PATTERNS:
        match = pattern.fullmatch(quote_id)
        if match:
            terms = match.groupdict()
            tenor = terms.get("tenor") or terms.get("pillar") or ""
            if family == "swaption vol":
                tenor = f"{terms['expiry']}/{tenor}"
            if family == "deposit":
                tenor = terms["index_tenor"]
            elif family == "FRA":
                tenor = f"{int(terms['start'][:-1]) + round(12.0 * dates.tenor_years(terms['index_tenor']))}M"
            elif family in ("future", "future convexity"):
                tenor = str(dates.add_tenor(dates.third_wednesday(terms["month"]), terms["index_tenor"]))
            curve = _curve(family, terms)
            return QuoteInfo(quote_id, family, curve, terms.get("currency", ""), tenor, terms)
    raise MarketDataError.of(
        f"quote {quote_id}", expected_form(quote_id), "an id of no known form", ids=[quote_id]
    )


def expected_form(quote_id: str) -> str:
    """The forms that an id with this first part can have, for an error."""
    head = quote_id.split("/")[0]
    near = [form for _, form in _FORMS if form.split("/")[0] == head]
    return " or ".join(near) if near else "one of " + ", ".join(sorted({f.split("/")[0] for _, f in _FORMS}))


def _curve(family: str, terms: Mapping[str, str]) -> str:
    currency = terms.get("currency", "")
    if family in _ON_INDEX:
        return _index_name(currency, terms.get("index_tenor", "1D"))
    if family == "XCCY basis":
        return f"{terms['flat_currency']}/{currency}"
    if family in ("FX", "FX vol", "FX forward", "FX outright"):
        return f"{terms['base']}/{currency}"
    if family == "correlation":
        return f"{terms['first']}/{terms['second']}"
    if family == "cap vol":
        return f"{currency}/{terms['index_tenor']}"
    if family == "rates parameter":
        return f"{currency}/{terms['name']}"
    return terms.get("name") or currency


def _index_name(currency: str, tenor: str) -> str:
    for index in STANDARD_INDICES.values():
        if (index.currency, index.tenor) == (currency, tenor):
            return index.name
    return f"{currency}-{tenor}"
