"""Risk factor groups: which quotes' moves are explained together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from xva.exposure import ExposureEngine
from xva.market import quote_info

GroupOf = Callable[[str], str]
"""The group of a quote id."""

_GROUPS: Final = {
    "deposit": "IR",
    "OIS": "IR",
    "IBOR swap": "IR",
    "FRA": "IR",
    "future": "IR",
    "future convexity": "IR",
    "tenor basis": "IR",
    "zero rate": "IR",
    "XCCY basis": "FX basis",
    "FX forward": "FX basis",
    "FX outright": "FX basis",
    "FX": "FX",
    "equity": "EQ",
    "dividend": "EQ",
    "swaption vol": "IR vol",
    "short-rate vol": "IR vol",
    "cap vol": "IR vol",
    "FX vol": "FX vol",
    "equity vol": "EQ vol",
    "CDS": "credit",
    "hazard rate": "credit",
    "recovery": "credit",
    "funding": "funding",
    "mean reversion": "mean reversion",
    "rates parameter": "rates parameter",
    "correlation": "correlation",
}


def risk_group(quote_id: str, own_name: str = "", funding: tuple[str, ...] = ()) -> str:
    """``IR EUR``, ``FX``, ``FX basis``, ``EQ``, ``IR vol``, ``FX vol``, ``EQ vol``, ``credit``, ``own credit``, ``funding``,
    ``mean reversion``, ``rates parameter`` or ``correlation``.

    Parameters
    ----------
    own_name : str
        Our own credit name.
    funding : tuple of str
        Names of the funding curves, which may be quoted as zero rates.

    Raises
    ------
    MarketDataError
        The id has none of the known forms.
    """
    info = quote_info(quote_id)
    found = _GROUPS[info.family]
    name = info.terms.get("name", "")
    if found == "IR":
        return "funding" if name in funding else f"IR {info.currency}"
    return "own credit" if found == "credit" and name == own_name else found


def engine_groups(engine: ExposureEngine) -> GroupOf:
    """`risk_group` with an engine's own credit name and funding curves."""
    config = engine.world.market.config
    return lambda quote_id: risk_group(quote_id, engine.xva.own_name, (config.borrow, config.lend))
