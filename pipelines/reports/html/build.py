"""A finished run, and the stress runs made from it, as one self-contained page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, final

import jinja2
import xarray as xr

from pipelines.reports.certificates import uncovered
from pipelines.reports.html.figures import exposure, ladders, svg
from pipelines.reports.html.sourced import Source
from pipelines.results.run import Run
from pipelines.results.tables import SHOWN, TOTAL_MEASURE, truncated, value_errors
from pipelines.storage.manifest import Completion
from xva.errors import DomainError, StoreError

_SETS, _LADDERS, _QUOTES, _SCENARIOS = 12, 4, 15, 60
_LADDER_OF = "CVA"


@final
@dataclass(frozen=True)
class Ranked:
    """Labels in order of size, and how many more there are."""

    names: tuple[str, ...]
    more: int

    @classmethod
    def of(cls, sizes: xr.DataArray, most: int) -> Ranked:
        """The ``most`` largest labels of a one-dimensional array."""
        order = abs(sizes).to_series().sort_values(ascending=False, kind="stable").index
        return cls(tuple(str(name) for name in order[:most]), max(len(order) - most, 0))


def build_report(run: Run, stress: Sequence[Run] = ()) -> str:
    """The page.

    Parameters
    ----------
    run : Run
        Finished.
    stress : sequence of Run
        Stress runs made from it.

    Raises
    ------
    DomainError
        The run is a stress run, or one of ``stress`` has another parent or is none.
    StoreError
        A run is not finished.
    """
    completion = _finished(run)
    if run.is_stress:
        raise DomainError(
            f"{run.path}: expected a job's run, got a stress run; report its base run: 'xva report BASE --stress {run.path}'"
        )
    results = run.xva
    if "surrogate" in results.dims and "surrogate_finding" not in results:
        raise StoreError(f"{run.path}: made by an earlier version, which kept less -> run its job again")
    stressed = [_stress(run, child) for child in stress]
    source = Source("xva.zarr", results)
    sets = Ranked.of(results["xva"].sel(measure="CVA"), _SETS)
    quantile = results["pfe"].attrs.get("quantile", "") if "pfe" in results else ""
    told = f"{100.0 * float(quantile):g} %" if quantile != "" else ""
    page: dict[str, Any] = {
        "run": run,
        "results": results,
        "of": source,
        "measures": [m for m in SHOWN if m in results["measure"].values],
        "total": TOTAL_MEASURE,
        "sets": sets,
        "sampled": dict(zip(map(str, results["netting_set"].values), map(bool, value_errors(results)[0]))),
        "truncated": list(truncated(results)),
        "exposures": [(n, svg(exposure(results, n, told), f"Exposure of {n}")) for n in sets.names],
        "ladders": [
            svg(figure, f"{_LADDER_OF} ladder {family}")
            for family, figure in ladders(results, _LADDER_OF, _LADDERS).items()
        ],
        "ladder_of": _LADDER_OF,
        "quotes": _largest_quotes(results),
        "surrogates": [str(n) for n in results["surrogate"].values] if "surrogate" in results.dims else [],
        "uncovered": uncovered(results),
        "stress": stressed,
        "completion": completion,
        "identity": run.manifest.identity,
        "attributes": {str(k): v for k, v in results.attrs.items()},
    }
    return _template().render(page)


def write_report(run: Run, file: Path | None = None, stress: Sequence[Run] = ()) -> Path:
    """Write the page, into the run's directory by default, and return where it is; errors as `build_report`.

    Raises
    ------
    DomainError
        There is no folder to put it in.
    """
    target = run.path / "report.html" if file is None else file
    if target.is_dir() or not target.parent.is_dir():
        raise DomainError(f"report: expected a file in a folder that exists, got {target}")
    text = build_report(run, stress)
    draft = target.with_name(f".{target.name}.part")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, target)
    return target


def _largest_quotes(results: xr.Dataset) -> Ranked:
    if "total_sensitivity" not in results:
        return Ranked((), 0)
    per_shift = results["total_sensitivity"].sel(measure=_LADDER_OF) * results["shift"]
    return Ranked.of(per_shift.reset_coords(drop=True), _QUOTES)


def _finished(run: Run) -> Completion:
    if run.completion is None:
        raise StoreError(f"{run.path}: this run is not finished; finish it with 'xva resume {run.path}'")
    return run.completion


def _stress(run: Run, child: Run) -> dict[str, Any]:
    if not child.is_stress:
        raise DomainError(f"{child.path}: expected a stress run of {run.path}, got a job's run")
    _finished(child)
    results, mine = child.xva, _finished(run).root_hash
    if (parent := str(results.attrs["parent_root_hash"])) != mine:
        raise DomainError(
            f"{child.path}: expected a stress run of {run.path}, root hash {mine[:12]}…, got one of {parent[:12]}…"
        )
    change = results["total_change"].sel(measure=TOTAL_MEASURE)
    known = change.where(change.notnull(), 0.0).reset_coords(drop=True)
    store = os.path.relpath(child.path / "xva.zarr", run.path)
    return {
        "run": child,
        "of": Source(store, results),
        "results": results,
        "scenarios": Ranked.of(known, _SCENARIOS),
        "approximation": child.stress.approximation,
    }


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")
