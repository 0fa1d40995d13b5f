"""The page of the job file names every key and every column, with its default, and no other."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipelines.jobs.spec import JobSpec
from tests.support.places import ROOT
from xva.trades import Trade, registry

PAGE = (ROOT / "docs" / "job-file.md").read_text()
SHARED = {"trade_id", "netting_set", "break_date", "booked_value"}
HOUSE = {name: kind for name, kind in registry.items() if kind.__module__.startswith("xva.")}


def keys() -> dict[tuple[str, str], FieldInfo]:
    found: dict[tuple[str, str], FieldInfo] = {}
    for section, field in JobSpec.model_fields.items():
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= {(section, key): inner for key, inner in kind.model_fields.items()}
    found.pop(("model", "by_currency"))  # [model.EUR]
    return found


def rows() -> dict[tuple[str, str], str]:
    """The default by section and key, as the page has it."""
    found = {}
    for section, names, default in re.findall(r"^\| `\[(\w+)\] ([^|]+) \|([^|]*)\|", PAGE, re.MULTILINE):
        for name in re.findall(r"\w+", names):
            found[section, name] = default.strip().strip("`")
    return found


def test_every_key_is_there_and_no_other() -> None:
    assert set(rows()) == set(keys())


@pytest.mark.parametrize(("section", "key"), sorted(keys()))
def test_defaults(section: str, key: str) -> None:
    field, told = keys()[section, key], rows()[section, key]
    if field.is_required():
        assert told == ""
    elif field.default in ({}, (), None):
        assert told in ("none", "the market's", "measured")
    else:
        assert told == (str(field.default).lower() if isinstance(field.default, bool) else str(field.default))


def terms(kind: str) -> tuple[set[str], set[str]]:
    """Columns that a type must have and those it may, as the page has them."""
    (row,) = re.findall(rf"^\| `{kind}` \| (.*) \|$", PAGE, re.MULTILINE)
    optional = " ".join(re.findall(r"\[([^]]*)\]", row))
    needed = re.sub(r"\[[^]]*\]|\([^)]*\)", "", row)
    return set(re.findall(r"`(\w+)`", needed)), set(re.findall(r"`(\w+)`", optional))


@pytest.mark.parametrize("kind", sorted(HOUSE))
def test_columns_of_trades(kind: str) -> None:
    own: type[Trade] = HOUSE[kind]
    every = {f.name: f for f in fields(own) if f.init and f.name not in SHARED}
    needed = {n for n, f in every.items() if f.default is MISSING and f.default_factory is MISSING}
    assert terms(kind) == (needed, set(every) - needed)


def test_every_type_is_there_and_no_other() -> None:
    told = re.findall(r"^\| `(\w+)` \| `", PAGE, re.MULTILINE)
    assert sorted(told) == sorted(HOUSE)
