"""What a job file says: TOML, checked by pydantic, all problems at once."""

from __future__ import annotations

import difflib
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError, model_validator

from pipelines.jobs.grid import check_grid
from pipelines.jobs.market_terms import Market, merged
from pipelines.jobs.problems import NAME, NAME_IN_WORDS, FieldError, Problems
from pipelines.jobs.rates import Terms
from pipelines.jobs.section import CURRENCY, INDEX, PAIR, Currency, Section
from pipelines.jobs.toml import read_toml
from xva import dates
from xva.adjustments import Funding, Quadrature, Variant
from xva.blocks.plan import MOST_BLOCKS
from xva.errors import Problem
from xva.exposure.fixing import Fixing, ProjectedIn
from xva.models.lgm_terms import LgmTerms
from xva.models.rates_terms import RatesTerms

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2090, 12, 31)
"""Valuation dates whose grids, up to a century long, end within the calendars."""
Name = Annotated[str, Field(pattern=NAME.pattern)]
_TENOR = rf"^{dates.LENGTH}$"
_DEVICE = r"^(cpu|cuda(:[0-9]+)?)$"
ADDRESS = r"(?:tcp|tls)://[^\s/]+:[0-9]+"
"""Pattern of a Dask scheduler's address."""
_EXECUTOR = rf"^(serial|local|{ADDRESS})$"
File = Annotated[str, Field(min_length=1)]
_MODULE = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
Module = Annotated[str, Field(pattern=_MODULE)]
Tenor = Annotated[str, Field(pattern=_TENOR)]


class Inputs(Section):
    """Files, relative to the job file; ``trades`` is a folder of one table (or JSON file) per trade type.

    ``market`` is a file with more of ``[market]``; ``products`` names Python modules with products of one's own.
    """

    quotes: File
    netting_sets: File
    counterparties: File
    trades: File
    fixings: File | None = None
    market: File | None = None
    products: tuple[Module, ...] = ()


class Simulation(Section):
    """How the paths are drawn. ``grid`` is steps like ``1M..5Y, 3M..10Y``, or a list of dates.

    ``+ cashflows`` behind the steps adds the book's own dates, and years up to its last payment. ``fixing`` is whose fixing
    coupons have between it (of overnight coupons, the start of their period) and their payment: the ``path``'s own, their
    mean given the state (``projected``), or the former only where a coupon is longer than a tenth of its trade's life
    (``auto``).
    """

    paths: int = Field(default=8192, ge=1)
    block_size: int = Field(default=1024, ge=1)
    scrambles: int = Field(default=8, ge=1)
    seed: int = Field(default=42, ge=0, lt=2**63)
    dtype: Literal["float64", "float32"] = "float64"
    device: str = Field(default="cpu", pattern=_DEVICE)
    fixing: Literal["auto", "path", "projected"] = "auto"
    grid: str | list[date] = "1M..1Y, 3M..10Y, 6M..30Y + cashflows"

    @model_validator(mode="after")
    def _whole_blocks(self) -> Self:
        check_grid(self.grid)
        block, scrambles = self.block_size, self.scrambles
        if self.paths // block > MOST_BLOCKS:
            up = -(-self.paths // MOST_BLOCKS)
            raise FieldError.of(
                "block_size",
                f"at most {MOST_BLOCKS:,} blocks, each of them files of its own",
                f"{self.paths:,} / {block} = {self.paths // block:,}",
                f"{up:,} or more",
            )
        if self.paths % block:
            up = -(-self.paths // block) * block
            whole = f"a whole number of blocks of {block}"
            raise FieldError.of("paths", whole, f"{self.paths} paths", f"{up} paths would do")
        blocks = self.paths // block
        if blocks % scrambles:
            raise FieldError.of(
                "block_size",
                f"a number of blocks that is a multiple of the {scrambles} scrambles",
                f"{self.paths} / {block} = {blocks} blocks",
                "change block_size, paths or scrambles",
            )
        return self


class Model(Section):
    """Where the rates' parameters come from; ``[model.EUR]`` states those of one currency, of whatever kind of model.

    The others have LGM, by `LgmTerms`: ``calibration`` and ``coterminal`` are its options.
    """

    calibration: Literal["coterminal", "stated"] = "coterminal"
    coterminal: Tenor = "20Y"
    by_currency: dict[Currency, Terms] = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _currencies(cls, raw: Any) -> Any:
        """``[model.EUR]`` is a table of its own currency."""
        if not isinstance(raw, dict):
            return raw
        own = {k: v for k, v in raw.items() if isinstance(v, dict) and re.fullmatch(CURRENCY, k)}
        rest = {k: v for k, v in raw.items() if k not in own}
        return rest | ({"by_currency": rest.get("by_currency", {}) | own} if own else {})

    @property
    def terms(self) -> RatesTerms:
        """Of the currencies without a table of their own."""
        return LgmTerms(self.calibration, self.coterminal)

    def terms_of(self, currency: str) -> RatesTerms:
        """What is stated of a currency's rates."""
        return self.by_currency.get(currency, self.terms)

    @property
    def quotes(self) -> dict[str, float]:
        """Parameters that the tables state, by quote id."""
        return {i: v for c, terms in self.by_currency.items() for i, v in terms.quotes(c).items()}


class Surrogates(Section):
    """How trades without closed form are learned, and how well they have to be.

    ``training_paths`` label the fits, ``policy_paths`` train exercise decisions; ``certificate_states`` fresh states on
    each of ``certificate_dates`` dates are valued by nested Monte Carlo with ``inner_paths``. ``tolerance`` is of the RMSE
    in standard deviations of the value; beyond it training is repeated with up to ``max_effort`` times the paths, and what
    has no certificate then is priced by nested Monte Carlo or refused (``fallback``).
    """

    training_paths: int = Field(default=8192, ge=256)
    policy_paths: int = Field(default=16384, ge=256)
    seed: int = Field(default=7, ge=0, lt=2**31)
    tolerance: float = Field(default=0.05, gt=0.0)
    certificate_states: int = Field(default=64, ge=8)
    certificate_dates: int = Field(default=6, ge=1)
    inner_paths: int = Field(default=1024, ge=64)
    max_effort: int = Field(default=4, ge=1, le=64)
    exercise_width: float = Field(default=0.05, gt=0.0, le=1.0)
    jump_width: float = Field(default=0.01, gt=0.0, le=0.05)
    fallback: Literal["nested", "refuse"] = "nested"


class Exposure(Section):
    """Profiles: the quantile of PFE, what a break does, whether the cube is kept."""

    pfe_quantile: float = Field(default=0.95, gt=0.0, lt=1.0)
    breaks: Literal["truncate", "ignore"] = "truncate"
    store_cube: bool = True


class Xva(Section):
    """Adjustments: our name, survival variants, quadrature, funding form."""

    own_name: Name = "BANK"
    variant: Variant = "unilateral"
    quadrature: Quadrature = "right"
    funding: Funding = "spread"
    sensitivities: bool = True


class Execution(Section):
    """Where and how it runs; never part of a run's identity. ``output`` is relative to the job file.

    ``block_timeout``: seconds after which a block on a worker is given up; measured where nothing is said.
    """

    executor: str = Field(default="serial", pattern=_EXECUTOR)
    workers: int = Field(default=2, ge=1)
    output: File = "runs"
    insecure: bool = False
    block_timeout: float | None = Field(default=None, gt=0.0)


class JobSpec(Section):
    """A whole job file."""

    name: Name
    as_of: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
    reporting_currency: Currency = "EUR"
    inputs: Inputs
    simulation: Simulation = Simulation()
    market: Market = Market()
    model: Model = Model()
    surrogates: Surrogates = Surrogates()
    exposure: Exposure = Exposure()
    xva: Xva = Xva()
    execution: Execution = Execution()

    @property
    def fixing(self) -> Fixing:
        """Whose fixing running coupons have: where a model has only that, their mean given the state."""
        projected = tuple(c for c, terms in sorted(self.model.by_currency.items()) if terms.linear_only)
        return ProjectedIn(self.simulation.fixing, projected) if projected else self.simulation.fixing


_NEEDED = ("as_of", "reporting_currency", "inputs")
_WORDS = {
    NAME.pattern: NAME_IN_WORDS,
    CURRENCY: "a currency of three capital letters",
    _TENOR: "a tenor such as 20Y",
    INDEX: "an index such as PLN-WIBOR-6M, its currency first",
    PAIR: "a pair of currencies such as EUR/JPY",
    _DEVICE: "cpu, cuda or cuda:0",
    _MODULE: "a Python module such as my_products",
    _EXECUTOR: "serial, local or an address such as tcp://127.0.0.1:8786",
}


def read_spec(path: Path, problems: Problems) -> JobSpec | None:
    """The job at ``path``; what is wrong goes to ``problems``.

    Where the faulty keys can be replaced by their defaults the rest is still returned, so that the inputs are
    checked in the same go; None where nothing more can be read.
    """
    raw = read_toml(path, "job", problems)
    if raw is None:
        return None
    market_file = _with_market_file(raw, path, problems)
    told: set[tuple[int | str, ...]] = set()
    while True:
        try:
            spec = JobSpec.model_validate(raw)
            problems.extend(
                Problem(f"{market_file}, {p.where}", p.expected, p.got, p.fix) for p in spec.market.problems
            )
            return spec
        except ValidationError as error:
            faults = error.errors()
        fresh = [fault for fault in faults if fault["loc"] not in told]
        for fault in fresh:
            _explain(market_file if fault["loc"][0] == "market" else path.name, fault, problems)
            _drop(raw, fault["loc"])
            told.add(fault["loc"])
        rates = any(
            "by_currency" in fault["loc"] for fault in faults
        )  # which quotes are asked for hangs on them
        if not fresh or rates or any(fault["loc"][0] in _NEEDED for fault in faults):
            return None


def _with_market_file(raw: dict[str, Any], path: Path, problems: Problems) -> str:
    """Add the market file to ``[market]``; the name of what holds that, for messages."""
    inputs, own = raw.get("inputs"), raw.get("market", {})
    name = inputs.get("market") if isinstance(inputs, dict) else None
    if not isinstance(name, str) or not name or not isinstance(own, dict):
        return path.name
    file = read_toml(path.parent / name, "market", problems) or {}
    raw["market"], both = merged(own, file.get("market", file))
    for key in both:
        problems.add(f"{path.name}, [market] {key}", "each key once", f"it in {name} too", "leave one out")
    return f"{path.name} or {name}" if own else name


def _explain(file: str, item: Any, problems: Problems) -> None:
    """Turn one of pydantic's errors into ours: where, expected, got, fix."""
    loc = [str(part) for part in item["loc"] if part not in ("str", "list[date]", "by_currency", "[key]")]
    where = f"{file}, [{'.'.join(loc[:-1])}] {loc[-1]}" if len(loc) > 1 else f"{file}, {loc[0]}"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        known = _fields(loc[:-1])
        close = difflib.get_close_matches(loc[-1], known, 1)
        fix = f"did you mean {close[0]}?" if close else ""
        problems.add(where, f"one of {', '.join(known)}", loc[-1], fix)
    elif item["type"] == "missing":
        problems.add(where, "a value", "nothing")
    elif item["type"] == "string_pattern_mismatch":
        problems.add(where, _WORDS[item["ctx"]["pattern"]], repr(item["input"]))
    elif isinstance(told := item.get("ctx", {}).get("error"), FieldError):
        for p in told.problems:
            problems.add(f"{file}, [{'.'.join(loc)}] {p.where}", p.expected, p.got, p.fix)
    else:
        expected = message.removeprefix("Input should be ")
        got = item["input"]
        problems.add(where, expected[:1].lower() + expected[1:], str(got) if type(got) is date else repr(got))


def _fields(section: list[str]) -> list[str]:
    model: type[BaseModel] = JobSpec
    parts = iter(section)
    for part in parts:
        annotation = model.model_fields[part].annotation
        if get_origin(annotation) is dict and isinstance(named := get_args(annotation)[-1], type):
            annotation = named  # [market.currencies.PLN]: its keys are those of any
            next(parts, None)
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model = annotation
    return list(model.model_fields)


def _drop(raw: dict[str, Any], loc: tuple[int | str, ...]) -> None:
    """Take the faulty key out; a fault of a whole section takes the section."""
    if not loc:
        return
    inner = raw.get(str(loc[0]))
    loc = tuple(part for part in loc if part != "by_currency")
    if len(loc) == 1 or not isinstance(inner, dict):
        raw.pop(str(loc[0]), None)
    else:
        inner.pop(str(loc[1]), None)
