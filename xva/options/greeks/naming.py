"""The names of Greeks, from the names of a pricing function's arguments.

An argument plays the part its stem has (``spot``, ``spot_1`` and ``spot_eur`` are assets), the rest of its name, or its
position in a vector, qualifies the label: ``delta_1``, ``cross_gamma_1_2``, ``vanna[0][2]``. Whatever has no name of
its own is called what it is, ``d_value/d_x`` or ``d2_value/d_x d_y``, and is the plain derivative. Greeks with time in
them are derivatives as time passes: minus those by time to expiry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

_PARTS = {
    "spot": "asset",
    "forward": "asset",
    "receive": "asset",
    "deliver": "asset",
    "vol": "vol",
    "normal_vol": "vol",
    "expiry": "time",
    "rate": "rate",
    "dividend": "dividend",
    "strike": "strike",
}
_QUALIFIED_WHOLE = ("receive", "deliver")  # two assets told apart by the whole name
_FIRST = {
    "asset": "delta",
    "vol": "vega",
    "time": "theta",
    "rate": "rho",
    "dividend": "dividend_rho",
    "strike": "dual_delta",
}
_SECOND = {
    ("asset", "asset"): "gamma",
    ("asset", "vol"): "vanna",
    ("vol", "vol"): "volga",
    ("asset", "time"): "charm",
    ("vol", "time"): "veta",
    ("vol", "rate"): "vera",
    ("strike", "strike"): "dual_gamma",
}


class Component(NamedTuple):
    """An argument, or one entry of a vector argument."""

    argument: str
    position: int | None = None

    def __str__(self) -> str:
        return self.argument if self.position is None else f"{self.argument}[{self.position}]"


@dataclass(frozen=True)
class Label:
    """One number of a result: ``name``, what it differentiates by (``by``), and the sign convention."""

    name: str
    by: tuple[Component, ...]
    sign: float = 1.0


VALUE = Label("value", ())


def labels(components: Sequence[Component], order: int) -> tuple[Label, ...]:
    """Labels of the value, of all first and, for ``order`` 2, of all distinct second derivatives."""
    found = [VALUE, *(first_label(c) for c in components)]
    if order == 2:
        found += [second_label(a, b) for i, a in enumerate(components) for b in components[i:]]
    return tuple(found)


def first_label(component: Component) -> Label:
    """The label of one first derivative."""
    part, qualifier = _part(component)
    if part not in _FIRST:
        return Label(f"d_value/d_{component}", (component,))
    return Label(_FIRST[part] + qualifier, (component,), _sign(part))


def second_label(one: Component, other: Component) -> Label:
    """The label of one second derivative; of two names for the same pair, the one in the table's order."""
    (part_1, mark_1), (part_2, mark_2) = _part(one), _part(other)
    for pair, marks, by in (
        ((part_1, part_2), (mark_1, mark_2), (one, other)),
        ((part_2, part_1), (mark_2, mark_1), (other, one)),
    ):
        if pair in _SECOND:
            cross = "cross_" if pair[0] == pair[1] and one != other else ""
            mark = marks[0] if marks[0] == marks[1] else "".join(marks)
            return Label(cross + _SECOND[pair] + mark, by, _sign(*pair))
    below = f"d_{one}2" if one == other else f"d_{one} d_{other}"
    return Label(f"d2_value/{below}", (one, other))


def _part(component: Component) -> tuple[str, str]:
    name = component.argument
    index = "" if component.position is None else f"[{component.position}]"
    if name in _QUALIFIED_WHOLE:
        return _PARTS[name], f"_{name}{index}"
    if name in _PARTS:
        return _PARTS[name], index
    stem, _, rest = name.partition("_")
    if stem in _PARTS and (stem != "vol" or not rest.startswith("of_")):
        return _PARTS[stem], f"_{rest}{index}"
    return "", index


def _sign(*parts: str) -> float:
    return -1.0 if "time" in parts else 1.0
