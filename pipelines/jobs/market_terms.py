"""``[market]`` of a job: currencies, indices and curves of its own, beside or in the place of the built-in ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Annotated, Any, TypeVar

from pydantic import Field

from pipelines.jobs.section import Currency, IndexName, Pair, Section
from xva.errors import InputErrors, Problem
from xva.market.config import CurveTerms
from xva.market.conventions import BUILT_IN, Conventions, CurrencyConvention
from xva.market.indices import RateIndex, SwapConvention

Made = TypeVar("Made")
CurveName = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9_.&-]*$")]


class SwapSection(Section):
    """The swap that quotes an index; what is not said is the currency's usual."""

    fixed_frequency: str | None = None
    fixed_day_count: str | None = None
    spot_lag: int | None = None


class CurrencySection(Section):
    """``[market.currencies.PLN]``; what is not said is the built-in row's, or the rule for a currency without one.

    ``discount`` is the name of the curve that discounts it; ``ibor_swap`` are swaps on an index that does not say its own.
    """

    calendar: str | None = None
    spot_lag: int | None = None
    points: float | None = Field(default=None, gt=0.0)
    swaption_index: IndexName | None = None
    discount: CurveName | None = None
    ibor_swap: SwapSection = SwapSection()


class IndexSection(Section):
    """``[market.indices.PLN-WIRON]``; a built-in index keeps what is not said, another has its currency's calendar.

    ``tenor = "1D"``: overnight, compounded in arrears; it takes the place of the currency's built-in one. ``curve`` projects.
    """

    tenor: str | None = None
    day_count: str | None = None
    calendar: str | None = None
    fixing_lag: int | None = None
    payment_lag: int | None = None
    swap: SwapSection = SwapSection()
    curve: CurveName | None = None


class CurveSection(Section):
    """``[market.curves.PLN-WIBOR-6M]``: patterns of the quotes that the curve is built from, ``IR_SWAP/RATE/PLN/2D/6M/*``."""

    quotes: tuple[Annotated[str, Field(min_length=1)], ...] = ()


class Market(Section):
    """``points_factor`` by pair (``"EUR/JPY" = 100``): FX points to one unit of the second currency, where not the usual."""

    points_factor: dict[Pair, Annotated[float, Field(gt=0.0)]] = Field(default={})
    currencies: dict[Currency, CurrencySection] = Field(default={})
    indices: dict[IndexName, IndexSection] = Field(default={})
    curves: dict[CurveName, CurveSection] = Field(default={})

    @property
    def conventions(self) -> Conventions:
        """The built-in conventions with the job's own in their places; only the built-in ones where there are `problems`."""
        return self.read[0]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the job's conventions, each place within ``[market]``."""
        return self.read[1]

    @property
    def points_factors(self) -> dict[str, float]:
        """By pair, with those of whole currencies."""
        rows, own = self.conventions.rows, self.currencies
        wide = {
            f"{base}/{c}": terms.points
            for c, terms in own.items()
            if terms.points
            for base in rows
            if base != c
        }
        return wide | self.points_factor

    @property
    def curve_terms(self) -> dict[str, CurveTerms]:
        return {name: CurveTerms(terms.quotes) for name, terms in self.curves.items()}

    @property
    def discount(self) -> dict[str, str]:
        """Discount curves that the job names, by currency."""
        return {c: terms.discount for c, terms in self.currencies.items() if terms.discount}

    @property
    def projection(self) -> dict[str, str]:
        """Projection curves that the job names, by index."""
        return {name: terms.curve for name, terms in self.indices.items() if terms.curve}

    @cached_property
    def read(self) -> tuple[Conventions, tuple[Problem, ...]]:
        """`conventions` and `problems`."""
        if not self.currencies and not self.indices:
            return BUILT_IN, ()
        problems: list[Problem] = []
        rows = {}
        for currency in dict.fromkeys([*self.currencies, *(name[:3] for name in self.indices)]):
            row = self._row(currency, problems)
            if row is not None:
                rows[currency] = row
        return (BUILT_IN, tuple(problems)) if problems else (BUILT_IN.with_rows(rows), ())

    def _row(self, currency: str, problems: list[Problem]) -> CurrencyConvention | None:
        own, before = self.currencies.get(currency, CurrencySection()), BUILT_IN.of(currency)
        where = f"currencies.{currency}"
        ibor = _or_problems(f"{where}.ibor_swap", problems, partial(_swap, own.ibor_swap, before.ibor_swap))
        calendar, indices = own.calendar or before.calendar, {i.name: i for i in before.indices}
        usual = ibor or before.ibor_swap
        for name, terms in self.indices.items():
            if name.startswith(currency):
                make = partial(_index, name, terms, calendar, usual)
                index = _or_problems(f"indices.{name}", problems, make)
                if index is None:
                    return None
                if index.overnight:  # a currency has one
                    indices = {n: i for n, i in indices.items() if not i.overnight}
                indices[name] = index
        swaption = own.swaption_index or before.swaption_index
        if own.swaption_index is None and swaption not in indices:
            swaption = next((n for n, i in indices.items() if i.overnight), "")
        made = partial(
            CurrencyConvention,
            currency=currency,
            calendar=calendar,
            spot_lag=before.spot_lag if own.spot_lag is None else own.spot_lag,
            points=own.points or before.points,
            ibor_swap=usual,
            indices=tuple(indices.values()),
            swaption_index=swaption,
        )
        return _or_problems(where, problems, made)


def _index(name: str, terms: IndexSection, calendar: str, ibor: SwapConvention) -> RateIndex:
    """The built-in index with what the job says, or one of the job's own, whose swap is the currency's usual one."""
    keys = ("tenor", "day_count", "calendar", "fixing_lag", "payment_lag")
    known = BUILT_IN.indices.get(name)
    said: dict[str, Any] = {"calendar": calendar}
    if known is not None:
        said = {k: getattr(known, k) for k in keys}
    said |= _given(terms, *keys)
    missing = [k for k in ("tenor", "day_count") if k not in said]
    if missing:
        fix = "an index that is not built in states both; the others have defaults"
        raise InputErrors([Problem(k, "a value", "nothing", fix) for k in missing])
    usual = known.swap if known is not None and known.swap is not None else ibor
    index = RateIndex(name=name, currency=name[:3], **said)
    if known is None and index.overnight:
        usual = SwapConvention("1Y", index.day_count, ibor.spot_lag)
    return replace(index, swap=_swap(terms.swap, usual))


def _given(section: Section, *keys: str) -> dict[str, Any]:
    return {k: getattr(section, k) for k in keys if getattr(section, k) is not None}


def _swap(own: SwapSection, usual: SwapConvention) -> SwapConvention:
    return replace(usual, **_given(own, "fixed_frequency", "fixed_day_count", "spot_lag"))


def _or_problems(where: str, problems: list[Problem], make: Callable[[], Made]) -> Made | None:
    """What ``make`` returns; None, with what is wrong, where it cannot."""
    try:
        return make()
    except InputErrors as error:
        for p in error.problems:
            key = p.where.rpartition(", ")[2]
            problems.append(Problem(f"[market.{where}] {key}", p.expected, p.got, p.fix))
        return None


def merged(job: Mapping[str, Any], file: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """``[market]`` of the job file and a market file together, and the keys that both have."""
    both: list[str] = []
    found: dict[str, Any] = dict(file)
    for key, value in job.items():
        if isinstance(value, dict) and isinstance(found.get(key), dict):
            both += [f"{key}.{inner}" for inner in value if inner in found[key]]
            found[key] = {**found[key], **value}
        else:
            both += [key] if key in found else []
            found[key] = value
    return found, both
