"""Quotes: ids and the one float64 leaf tensor that every sensitivity is taken to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from xva.errors import InputErrors, MarketDataError, Problem

# (id prefix, unit shift, its name). First match wins; the shift makes a sensitivity readable.
_UNITS: tuple[tuple[str, float, str], ...] = (
    ("FX/RATE/", 0.01, "1 % relative"),
    ("MM_FUTURE/PRICE/", 0.01, "0.01 of the price"),
    ("FXFWD/RATE/", 1.0, "1 point"),
    ("FXFWD/PRICE/", 1e-4, "1 bp relative"),
    ("EQUITY/PRICE/", 0.01, "1 % relative"),
    ("FX_OPTION/", 0.01, "1 vol point"),
    ("EQUITY_OPTION/", 0.01, "1 vol point"),
    ("SWAPTION/RATE_NVOL/", 1e-4, "1 bp of normal vol"),
    ("CAPFLOOR/RATE_NVOL/", 1e-4, "1 bp of normal vol"),
    ("HULL_WHITE/VOLATILITY/", 1e-4, "1 bp of short-rate vol"),
    ("RATES_MODEL/", 1e-4, "0.0001"),
    ("RECOVERY_RATE/", 0.01, "1 %"),
    ("CORRELATION/", 0.01, "0.01"),
)
_DEFAULT_UNIT = (1e-4, "1 bp")


@dataclass(frozen=True)
class QuoteSet:
    """Named market quotes of one moment.

    Parameters
    ----------
    ids : tuple of str
        Upper case, slash-separated, in the style of ORE's market keys; unique.
    values : Tensor
        ``(quote,)`` float64. Make it require grad (``as_leaf``) to differentiate to it.

    Raises
    ------
    InputErrors
        Duplicate ids or values that are not finite, all at once.
    """

    ids: tuple[str, ...]
    values: Tensor

    def __repr__(self) -> str:
        shown = ", ".join(self.ids[:3]) + (", …" if len(self.ids) > 3 else "")
        return f"QuoteSet({len(self.ids):,} quotes: {shown})"

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.ids),) or self.values.dtype != torch.float64:
            raise MarketDataError(
                f"a QuoteSet needs one float64 value per id: {len(self.ids)} ids, values "
                f"{tuple(self.values.shape)} {self.values.dtype}"
            )
        finite = torch.isfinite(self.values.detach()).tolist()
        problems = [
            Problem(f"quote {i}", "a finite number", str(float(v)))
            for i, v, ok in zip(self.ids, self.values.detach().tolist(), finite)
            if not ok
        ]
        if len(self.index) != len(self.ids):
            seen: set[str] = set()
            twice = {i for i in self.ids if i in seen or seen.add(i)}  # type: ignore[func-returns-value]
            problems += [Problem(f"quote {i}", "one value", "several") for i in sorted(twice)]
        if problems:
            raise InputErrors(problems)

    @classmethod
    def from_mapping(cls, quotes: Mapping[str, float]) -> QuoteSet:
        return cls(tuple(quotes), torch.tensor([float(v) for v in quotes.values()], dtype=torch.float64))

    @cached_property
    def index(self) -> dict[str, int]:
        return {quote_id: k for k, quote_id in enumerate(self.ids)}

    def __contains__(self, quote_id: object) -> bool:
        return quote_id in self.index

    def __getitem__(self, quote_id: str) -> Tensor:
        """The quote's value as a 0-dim tensor, connected to the leaf."""
        try:
            return self.values[self.index[quote_id]]
        except KeyError:
            raise MarketDataError(f"quote {quote_id} is missing from the market", [quote_id]) from None

    def select(self, ids: Iterable[str]) -> Tensor:
        """Values ``(len(ids),)`` in the order asked for, connected to the leaf."""
        wanted = list(ids)
        missing = [i for i in wanted if i not in self.index]
        if missing:
            raise MarketDataError(f"quotes missing from the market: {', '.join(missing)}", missing)
        return self.values[[self.index[i] for i in wanted]]

    def as_leaf(self) -> QuoteSet:
        """The same quotes on a fresh leaf that requires grad."""
        return QuoteSet(self.ids, self.values.detach().clone().requires_grad_(True))

    def shifted(self, quote_id: str, amount: float) -> QuoteSet:
        """The same quotes, detached, with ``amount`` added to one of them."""
        values = self.values.detach().clone()
        values[self.index[quote_id]] += amount
        return QuoteSet(self.ids, values)


def unit_shift(quote_id: str, value: float) -> tuple[float, str]:
    """The shift that makes a sensitivity readable, in the quote's own unit, and its name."""
    for prefix, shift, name in _UNITS:
        if quote_id.startswith(prefix):
            return (shift * abs(value) if "relative" in name else shift), name
    return _DEFAULT_UNIT
