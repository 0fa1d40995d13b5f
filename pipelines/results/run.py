"""A run directory, opened: finished or half-finished, read lazily, shown in a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import EllipsisType

import numpy as np
import pandas as pd
import xarray as xr
from rich.console import Console, ConsoleOptions, RenderResult

from pipelines.results.comparison import Comparison
from pipelines.results.sensitivities import Names, Sensitivities
from pipelines.results.stress import STRESS, Stress, stress_cube
from pipelines.results.tables import SHOWN, XvaTable, number, truncated_by_set, value_errors
from pipelines.storage.durable import Digest
from pipelines.storage.layout import RunLayout
from pipelines.storage.manifest import Completion, RunManifest, read_completion, read_manifest
from pipelines.storage.results import open_cube, open_results
from pipelines.storage.verify import check_files
from xva.errors import DomainError, StoreError
from xva.market.shocks import FxForwards
from xva.profiles import accessor as _accessor  # noqa: F401  registers ``ds.xva``
from xva.profiles.schema import PLUG_IN
from xva.sensitivities.fx_kept import curve_kept_sensitivities


def open_run(path: Path | str) -> Run:
    """Open a run directory.

    Parameters
    ----------
    path : path
        Folder with ``run.json``, as `xva run` prints it.

    Returns
    -------
    Run
        ``.cube``, ``.xva``, ``.profiles``, ``.sensitivities(measure, netting_set=None)``, ``.compare(before)``.

    Raises
    ------
    StoreError
        It is not a run directory, or its ``run.json`` was changed.
    """
    layout = RunLayout(Path(path).resolve())
    return Run(layout, read_manifest(layout))


@dataclass(frozen=True)
class Run:
    """One run. Arrays are read from disk when they are used."""

    layout: RunLayout
    manifest: RunManifest

    @property
    def path(self) -> Path:
        return self.layout.root

    @property
    def completion(self) -> Completion | None:
        """What ``COMPLETE.json`` says; None where the run is not finished."""
        return read_completion(self.layout)

    @property
    def blocks_done(self) -> int:
        """Blocks with a marker; `xva verify` also reads what the markers vouch for."""
        return len(self.layout.committed(self.manifest.n_blocks))

    @cached_property
    def xva(self) -> xr.Dataset:
        """Everything the run delivered: values, adjustments, profiles, sensitivities, standard errors.

        Raises
        ------
        StoreError
            The run is not finished yet, or the results are not those that it wrote.
        """
        completion = self.completion
        if completion is None or not self.layout.results.is_dir():
            raise StoreError(
                f"{self.path}: this run is not finished, {self._progress()}; "
                f"finish it with 'xva resume {self.path}'"
            )
        self._require_whole(completion.results)
        return open_results(self.path)

    @cached_property
    def cube(self) -> xr.Dataset:
        """Exposure cube ``(path, time, netting_set)``; NaN in blocks that are still to be computed.

        Raises
        ------
        StoreError
            The job did not keep its cube (``store_cube = false``), or its coordinates were changed; values carry checksums
            that are tested as they are read.
        """
        if not self.manifest.variables:
            raise StoreError(
                f"{self.path}: no cube was kept: set store_cube = true under [exposure] in the job"
            )
        self._require_whole(self.manifest.template)
        if self.is_stress:
            return stress_cube(open_cube(self.path, chunks={}), self.xva)
        cube = open_cube(self.path)
        finished = self.layout.results.is_dir()
        if finished and "discount" in self.xva.variables:
            cube = cube.assign_coords(discount=("time", self.xva["discount"].values))
        if finished and "surrogate_netting_set" in self.xva:
            learned = np.isin(cube["netting_set"].values, self.xva["surrogate_netting_set"].values)
            cube = cube.assign_coords({PLUG_IN: ("netting_set", learned)})
        return cube

    def _require_whole(self, files: Mapping[str, Digest]) -> None:
        """Compare files with their hashes before anything is read from them: a flipped bit may be another number."""
        if wrong := check_files(self.layout, files):
            told = "; ".join(map(str, wrong[:3])) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
            raise StoreError(
                f"{self.path}: expected the files that the run wrote, got others: {told} -> mend them with "
                f"'xva resume {self.path}'",
                [w.file for w in wrong],
            )

    @property
    def profiles(self) -> xr.Dataset:
        """EPE and ENE with standard errors, EE ``(netting_set, time)``; from the cube while unfinished."""
        if self.layout.results.is_dir():
            return self.xva[
                [n for n, v in self.xva.data_vars.items() if set(v.dims) == {"netting_set", "time"}]
            ]
        epe, ene = self.cube.xva.epe(), self.cube.xva.ene()
        return xr.Dataset({"epe": epe, "ene": ene}, attrs={"paths": epe.attrs["paths"]})

    @property
    def is_stress(self) -> bool:
        """Whether it is a set of scenarios on another run's paths."""
        return STRESS in self.manifest.identity.job

    @property
    def stress(self) -> Stress:
        """Base, stressed and change by scenario, of a stress run.

        Raises
        ------
        DomainError
            It is a job's own run.
        """
        if not self.is_stress:
            raise DomainError(
                f"{self.path}: expected a stress run, got a job's run; make one with 'xva stress'"
            )
        return Stress(self.xva)

    def sensitivities(
        self,
        measure: Names | EllipsisType,
        netting_set: Names | EllipsisType | None = None,
        *,
        family: Names | None = None,
        curve: Names | None = None,
        currency: Names | None = None,
        tenor: Names | None = None,
        fx_forwards: FxForwards = "points",
    ) -> Sensitivities:
        """Derivatives of measures to quotes, in total or by netting set; arguments as in `Sensitivities.select`.

        ``fx_forwards`` says what of quoted FX forwards stays where an FX rate moves: points or the curve they build.
        """
        chosen = {"family": family, "curve": curve, "currency": currency, "tenor": tenor}
        results = self.xva
        if fx_forwards == "curve" and "sensitivity" in results:
            results = curve_kept_sensitivities(results)
        return Sensitivities.select(results, measure, netting_set, **chosen)

    def compare(self, before: Run) -> Comparison:
        """What changed since another run, yesterday's say: measures, sensitivities, quotes."""
        return Comparison(self.xva, before.xva)

    def summary(self) -> pd.DataFrame:
        """Value, adjustments and their standard errors by netting set, with a row TOTAL; of a stress run by scenario.

        ``truncated at 0`` says which measures were below zero by noise, and what they were, where any was.
        """
        if self.is_stress:
            return self.stress.to_frame()
        results = self.xva
        frame = pd.DataFrame({"value": results["value0"].to_series()})
        frame["value s.e."], whole = value_errors(results)
        total: dict[str, float | str] = {"value": frame["value"].sum(), "value s.e.": whole}
        for measure in (m for m in SHOWN if m in results["measure"].values):
            one = results[["xva", "xva_se", "total", "total_se"]].sel(measure=measure)
            frame[measure], frame[f"{measure} s.e."] = one["xva"].values, one["xva_se"].values
            total |= {measure: float(one["total"]), f"{measure} s.e.": float(one["total_se"])}
        if cut := truncated_by_set(results):
            frame["truncated at 0"] = [cut.get(str(name), "") for name in frame.index]
            total |= {"truncated at 0": ""}
        if "left_out_share" in results:
            frame["left out of CVA, %"] = 100.0 * results["left_out_share"].values
        return pd.concat([frame, pd.DataFrame(total, index=pd.Index(["TOTAL"], name="netting_set"))])

    def _progress(self) -> str:
        return f"{self.blocks_done} of {self.manifest.n_blocks} blocks done"

    def _headline(self) -> str:
        identity = self.manifest.identity
        state = "finished" if self.completion is not None else f"unfinished, {self._progress()}"
        size = f"{self.manifest.n_blocks * identity.block_size:,} paths"
        if self.is_stress:
            size = f"{len(identity.job[STRESS]['scenarios'])} scenarios"
        return f"Run {identity.name}-{identity.run_id[:8]}: {state}, {size}, seed {identity.seed}"

    def __repr__(self) -> str:
        return f"<{self._headline()}, {self.path}>"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield f"[bold]{self._headline()}[/]"
        yield str(self.path)
        if self.layout.results.is_dir():
            yield ""
            yield self.stress if self.is_stress else XvaTable(self.xva)

    def _repr_html_(self) -> str:
        head = f"<p><b>{html.escape(self._headline())}</b><br><code>{html.escape(str(self.path))}</code></p>"
        if not self.layout.results.is_dir():
            return head
        return head + self.summary().to_html(float_format=number)
