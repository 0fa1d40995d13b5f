"""Names of what a model moves: ``IR:EUR`` (``IR:EUR:1``: its second factor), ``FX:USD``, ``EQ:SPX``, ``VAR:SPX``.

Correlation quotes, states of models, features of surrogates and stored plans have these names; here they are made and read.
"""

from __future__ import annotations

from typing import NamedTuple

CURRENCY = "[A-Z]{3}"
NAME = r"[A-Z0-9][A-Z0-9_.&-]*"
FACTOR = rf"IR:{CURRENCY}(?::[1-9])?|FX:{CURRENCY}|EQ:{NAME}"
"""Pattern of the factors that correlations are quoted of."""


def rates_factor(currency: str, number: int = 0) -> str:
    """A currency's rates, by the number of the factor."""
    return f"IR:{currency}:{number}" if number else f"IR:{currency}"


def fx_factor(currency: str) -> str:
    """A foreign currency's price in the reporting currency."""
    return f"FX:{currency}"


def equity_factor(name: str) -> str:
    """An equity's price."""
    return f"EQ:{name}"


def variance_factor(name: str) -> str:
    """An equity's variance, where that is random."""
    return f"VAR:{name}"


class Factor(NamedTuple):
    """What a label says: ``kind`` is IR, FX, EQ or VAR, ``name`` a currency or an equity."""

    kind: str
    name: str
    number: int = 0


def factor(label: str) -> Factor:
    """Read a label.

    Raises
    ------
    ValueError
        It is none.
    """
    kind, _, name = label.partition(":")
    if kind not in ("IR", "FX", "EQ", "VAR") or not name:
        raise ValueError(f"factor: expected IR:…, FX:…, EQ:… or VAR:…, got {label!r}")
    if kind == "IR":
        name, _, number = name.partition(":")
        return Factor(kind, name, int(number or 0))
    return Factor(kind, name)


def is_equity(label: str) -> bool:
    """Whether a state is the logarithm of an equity's price."""
    return label.startswith("EQ:")


def is_log_price(label: str) -> bool:
    """Whether a state is the logarithm of a price, of an equity or a currency."""
    return label.startswith(("EQ:", "FX:"))


def equity_of(label: str) -> str | None:
    """The equity that a state belongs to, its variance too; None where it is of no single one."""
    return label.split(":", 1)[1] if label.startswith(("EQ:", "VAR:")) else None
