"""Scenario files: TOML to `ScenarioSet`, checked by pydantic, all problems at once."""

from __future__ import annotations

import difflib
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipelines.jobs.problems import NAME, NAME_IN_WORDS, Problems
from pipelines.jobs.toml import read_toml
from xva.errors import InputErrors, Problem
from xva.market import Scenario, ScenarioSet, Selector, Shift, twist
from xva.market.shocks import Kind

_AMOUNT = re.compile(r"\s*([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*(bp|%|)\s*")
_IN_WORDS = "a number, or text such as '25bp' or '-30%'"
_WAYS = ("absolute", "relative", "twist")


def _amount(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(_IN_WORDS)
    number, unit = match.groups()
    # "25bp" is the same number as 25e-4 written out, not 25 * 0.0001, which can differ in the last bit
    return float(number) if not unit else float(f"{number}e{-4 if unit == 'bp' else -2}")


def _amounts(value: Any) -> dict[str, float]:
    """By tenor; a parallel shift under an empty one."""
    if not isinstance(value, dict):
        return {"": _amount(value)}
    if not value:
        raise ValueError("at least one tenor with its amount")
    return {str(tenor): _amount(amount) for tenor, amount in value.items()}


def _texts(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Amount = Annotated[float, BeforeValidator(_amount)]
Amounts = Annotated[dict[str, float], BeforeValidator(_amounts)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Twist(_Table):
    short: Amount
    long: Amount
    first: str = Field(alias="from")
    last: str = Field(alias="to")
    relative: bool = False


class _Shift(_Table):
    quotes: Texts = ()
    families: Texts = ()
    curves: Texts = ()
    currencies: Texts = ()
    absolute: Amounts | None = None
    relative: Amounts | None = None
    twist: _Twist | None = None
    optional: bool | None = None


class _Scenario(_Table):
    name: str = Field(pattern=NAME.pattern)
    description: str = ""
    fx_forwards: Literal["points", "curve"] = "points"
    shifts: tuple[_Shift, ...] = Field(min_length=1)


class _File(_Table):
    name: str = Field(default="scenarios", pattern=NAME.pattern)
    description: str = ""
    optional: bool = False
    scenario: tuple[_Scenario, ...] = Field(min_length=1)


_MODELS: dict[str, type[BaseModel]] = {
    "": _File,
    "scenario": _Scenario,
    "shifts": _Shift,
    "twist": _Twist,
}


def read_scenarios(path: Path | str) -> ScenarioSet:
    """Read a scenario file.

    Raises
    ------
    InputErrors
        Everything that is wrong with it, at once; what does not fit a market shows when it is used on one.
    """
    path, problems = Path(path), Problems()
    raw = read_toml(path, "scenario", problems)
    problems.done()
    file = _checked(path.name, raw)
    scenarios = [_scenario(path.name, s, file.optional, problems) for s in file.scenario]
    problems.done()
    try:
        return ScenarioSet(file.name, tuple(scenarios), file.description)
    except InputErrors as error:
        told = [Problem(f"{path.name}, {p.where}", p.expected, p.got, p.fix) for p in error.problems]
        raise InputErrors(told) from None


def _checked(name: str, raw: Any) -> _File:
    try:
        return _File.model_validate(raw)
    except ValidationError as error:
        told = [_explained(name, fault, raw) for fault in error.errors()]
        raise InputErrors(told) from None


def scenario_document(scenarios: ScenarioSet) -> dict[str, Any]:
    """JSON-clean: what the set says, whatever file or code it came from."""
    return asdict(scenarios)


def _scenario(file: str, scenario: _Scenario, optional: bool, problems: Problems) -> Scenario:
    shifts = []
    for k, shift in enumerate(scenario.shifts, 1):
        where = f"{file}, scenario {scenario.name}, shift {k}"
        given = [way for way in _WAYS if getattr(shift, way) is not None]
        if len(given) != 1:
            problems.add(where, f"one of {', '.join(_WAYS)}", " and ".join(given) or "none of them")
            continue
        if not (shift.quotes or shift.families or shift.curves or shift.currencies):
            expected = "one of quotes, families, curves, currencies"
            problems.add(where, expected, "none of them", 'quotes = ["*"] for every quote there is')
            continue
        try:
            shifts.append(_shift(shift, optional if shift.optional is None else shift.optional))
        except InputErrors as error:
            problems.extend(
                Problem(p.where.replace("shift", where, 1), p.expected, p.got) for p in error.problems
            )
    return Scenario(scenario.name, tuple(shifts), scenario.description, scenario.fx_forwards)


def _shift(shift: _Shift, optional: bool) -> Shift:
    select = Selector(shift.quotes, shift.families, shift.curves, shift.currencies)
    if shift.twist is not None:
        t = shift.twist
        made = twist(select, t.short, t.long, t.first, t.last, "relative" if t.relative else "absolute")
        return Shift(select, made.kind, made.amounts, made.tenors, optional)
    kind: Kind = "absolute" if shift.absolute is not None else "relative"
    amounts = shift.absolute or shift.relative or {}
    tenors = () if set(amounts) == {""} else tuple(amounts)
    return Shift(select, kind, tuple(amounts.values()), tenors, optional)


def _explained(file: str, fault: Any, raw: Any) -> Problem:
    """One of pydantic's errors as ours: where, expected, got, fix."""
    where, table = _place(file, fault["loc"], raw)
    got = repr(fault["input"])
    match fault["type"]:
        case "extra_forbidden":
            known = [f.alias or name for name, f in _MODELS[table].model_fields.items()]
            key = str(fault["loc"][-1])
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]}?" if close else ""
            return Problem(where, f"one of {', '.join(known)}", key, hint)
        case "missing":
            return Problem(where, "a value", "nothing")
        case "string_pattern_mismatch":
            return Problem(where, NAME_IN_WORDS, got)
    message = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return Problem(where, message[:1].lower() + message[1:], got)


def _place(file: str, loc: tuple[int | str, ...], raw: Any) -> tuple[str, str]:
    """In words where a fault is, and the kind of table that it is in."""
    parts, table, here = [file], "", raw
    for k, part in enumerate(loc):
        here = _inside(here, part)
        if isinstance(part, int):
            named = here.get("name") if loc[k - 1] == "scenario" and isinstance(here, dict) else None
            parts[-1] = parts[-1].removesuffix("s") + f" {named or part + 1}"
            continue
        parts.append(part)
        if part in _MODELS and k + 1 < len(loc):
            table = part
    return ", ".join(parts), table


def _inside(here: Any, part: int | str) -> Any:
    try:
        return here[part]
    except (KeyError, IndexError, TypeError):
        return None
