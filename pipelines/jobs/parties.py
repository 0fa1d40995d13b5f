"""Netting sets and counterparties, and past fixings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.jobs.problems import Problems
from pipelines.jobs.tables import convert, read_table, shown
from xva.market.indices import RateIndex
from xva.trades.netting import NettingSet

_CURRENCY = re.compile(r"[A-Z]{3}")
_CODE = re.compile(r"[A-Z0-9_]+")
_FX = re.compile(r"FX/[A-Z]{3}/[A-Z]{3}")
_EQUITY = re.compile(r"EQ/[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Party:
    """A row of the counterparty table; ``credit_curve`` is empty for a name without CDS of its own."""

    name: str
    credit_curve: str
    sector: str
    rating: str
    region: str

    @property
    def proxy(self) -> str:
        """Name of the sector/rating/region proxy, empty if one of them is not known."""
        parts = (self.sector, self.rating, self.region)
        return "_".join(("PROXY", *parts)) if all(parts) else ""

    @property
    def curve(self) -> str:
        """The curve that stands for the name: its own, else its proxy."""
        return self.credit_curve or self.proxy


def closest(text: str, known: Collection[str]) -> str:
    """A guess at what was meant, as a sentence, or nothing."""
    found = difflib.get_close_matches(text, list(known), 1)
    return f"did you mean {found[0]}?" if found else ""


def read_netting_sets(path: Path, name: str, problems: Problems) -> dict[str, NettingSet] | None:
    """Netting sets, in order of their names; columns netting_set, counterparty, currency and netted (default true)."""
    table = read_table(path, name, problems, ("netting_set", "counterparty", "currency"), ("netted",))
    if table is None or not table.has_rows(problems):
        return None
    found: dict[str, NettingSet] = {}
    for row, cells in table.rows():
        key, currency = cells["netting_set"], cells["currency"]
        fine = problems.name(table.where(row, "netting_set"), key)
        fine &= problems.name(table.where(row, "counterparty"), cells["counterparty"])
        if key in found:
            problems.add(
                table.where(row, "netting_set"), "each netting set once", f"{key} again", "remove one"
            )
            continue
        if not _CURRENCY.fullmatch(currency):
            problems.add(table.where(row, "currency"), "a currency of three capital letters", shown(currency))
            fine = False
        try:
            netted = bool(convert(cells.get("netted", "") or "true", bool))
        except ValueError as error:
            problems.add(table.where(row, "netted"), str(error), shown(cells["netted"]))
            fine = False
        if fine:
            found[key] = NettingSet(key, cells["counterparty"], currency, netted)
    return dict(sorted(found.items()))


def read_parties(path: Path, name: str, problems: Problems) -> dict[str, Party] | None:
    """Counterparties by name; columns counterparty, credit_curve, sector, rating, region (all but the first
    may be empty)."""
    table = read_table(
        path, name, problems, ("counterparty",), ("credit_curve", "sector", "rating", "region")
    )
    if table is None or not table.has_rows(problems):
        return None
    found: dict[str, Party] = {}
    for row, cells in table.rows():
        key = cells["counterparty"]
        if not problems.name(table.where(row, "counterparty"), key):
            continue
        if key in found:
            problems.add(
                table.where(row, "counterparty"), "each counterparty once", f"{key} again", "remove one"
            )
            continue
        for column in ("sector", "rating", "region"):
            if cells.get(column) and not _CODE.fullmatch(cells[column]):
                problems.add(table.where(row, column), "capital letters, digits and _", shown(cells[column]))
        if cells.get("credit_curve"):
            problems.name(table.where(row, "credit_curve"), cells["credit_curve"])
        rest = (cells.get(c, "") for c in ("credit_curve", "sector", "rating", "region"))
        found[key] = Party(key, *rest)
    return found


def read_fixings(
    path: Path, name: str, indices: Mapping[str, RateIndex], problems: Problems
) -> dict[tuple[str, str], float]:
    """Past fixings by (index, FX/BASE/QUOTE or EQ/NAME, ISO date); columns name, date, value."""
    table = read_table(path, name, problems, ("name", "date", "value"))
    found: dict[tuple[str, str], float] = {}
    for row, cells in table.rows() if table is not None else ():
        assert table is not None
        key = cells["name"]
        if key not in indices and not _FX.fullmatch(key) and not _EQUITY.fullmatch(key):
            expected = f"{', '.join(sorted(indices))}, FX/BASE/QUOTE or EQ/NAME"
            problems.add(table.where(row, "name"), expected, shown(key), closest(key, indices))
            continue
        column = "date"
        try:
            day = str(convert(cells[column], np.datetime64))
            column = "value"
            value = float(convert(cells[column], float))
        except ValueError as error:
            problems.add(table.where(row, column), str(error), shown(cells[column]))
            continue
        if key.startswith(("FX/", "EQ/")) and value <= 0.0:
            problems.add(table.where(row, "value"), "a positive price", cells["value"])
        elif key in indices and abs(value) > 1.0:
            expected = "a rate as a decimal (0.025 is 2.5 %) between -1 and 1"
            problems.add(table.where(row, "value"), expected, cells["value"])
        if (key, day) in found:
            problems.add(
                table.where(row), "one fixing per name and date", f"{key} on {day} again", "remove one"
            )
        found[key, day] = value
    return found
