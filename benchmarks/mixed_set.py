"""CVA, DVA, FCA and FBA of mixed netting sets by surrogates, against nested Monte Carlo, with both times.

Swaps, Bermudan swaptions and an autocallable (``examples/exotics``). Nested Monte Carlo values every trade without closed
form afresh on every path and date, and takes the positive part of the netting set's nested value; the noise of the inner
paths, which would bias it upwards, is split: one half of the inner scrambles says on which side of zero the
set is, the other half how much it is worth. The same process runs both, one thread.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import t as student

from pipelines.jobs.inputs import LoadedJob, load_job
from pipelines.runs.computation import Exposure
from surrogates.certificate.nested_pricer import alive_book
from xva.adjustments.registry import MEASURES, SIDES
from xva.exposure.block.data import block_noise, date_view, noise_paths
from xva.exposure.parts.conditional import PathStates, Residual, positions
from xva.exposure.parts.kernel import date_values
from xva.models.path_model import Walk
from xva.pricing.nested import InnerPaths, nested_values

JOB = Path(__file__).resolve().parents[1] / "examples" / "exotics" / "exotics.toml"
Floats = NDArray[np.float64]


def main() -> int:
    """Run both and print them side by side."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--outer", type=int, default=1024, help="outer paths of nested Monte Carlo")
    options.add_argument("--inner", type=int, default=32, help="inner paths per state, half for the sign")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    job = load_job(JOB)
    started = time.process_time()
    exposure = Exposure(replace(job, spec=job.spec.model_copy(update={"xva": _values_only(job)})))
    learned = exposure.learned
    trained = time.process_time() - started
    plan = exposure.plan
    results = exposure.finish([plan.run(b).sums for b in range(plan.n_blocks)])
    ours = time.process_time() - started
    small = with_paths(exposure.job, chosen.outer)
    started = time.process_time()
    nested = nested_measures(Exposure(small), learned.residuals(), chosen.inner)
    theirs = time.process_time() - started
    inside = show(results, nested, (trained, ours, theirs), plan.n_blocks * plan.block_size, chosen)
    return 0 if inside else 1


def _values_only(job: LoadedJob) -> object:
    return job.spec.xva.model_copy(update={"sensitivities": False})


def with_paths(job: LoadedJob, paths: int) -> LoadedJob:
    """The job on fewer paths in as many scrambles."""
    small = job.spec.simulation.model_copy(
        update={"paths": paths, "block_size": paths // job.spec.simulation.scrambles}
    )
    return replace(job, spec=job.spec.model_copy(update={"simulation": small}))


def nested_measures(exposure: Exposure, residuals: dict[int, Residual], inner: int) -> Floats:
    """``(scramble, measure, netting_set)``."""
    data = exposure.engine.data(adjoint=False)
    paths = InnerPaths(seed=5, scrambles=4, points=max(1, inner // 4))
    profiles = np.zeros((data.noise.scrambles, 2, len(data.sets), len(data.days)))
    for block in range(data.n_blocks):
        with torch.no_grad():
            states, events = noise_paths(data, block_noise(data, block))
            at = PathStates(data.days.astype("datetime64[D]"), data.times, data.factors, states)
            sign, amount = (torch.zeros(len(data.sets), len(data.days), at.n_paths).double() for _ in "12")
            for i, residual in residuals.items():
                sign[i], amount[i] = nested_residual(residual, at, paths)
            for t in range(len(data.days)):
                view = date_view(data, t, states, events)
                for i, inputs in enumerate(data.sets):
                    closed = date_values(inputs, view).hard.sum(0)
                    positive = closed + sign[i, t] > 0
                    value = closed + amount[i, t]
                    scramble = block % data.noise.scrambles
                    profiles[scramble, 0, i, t] += float(value[positive].sum()) / at.n_paths
                    profiles[scramble, 1, i, t] -= float(value[~positive].sum()) / at.n_paths
    profiles /= data.n_blocks // data.noise.scrambles
    weights = data.weights.numpy()
    return np.stack([(weights[m][None] * profiles[:, side]).sum(-1) for m, side in enumerate(SIDES)], axis=1)


def nested_residual(
    residual: Residual, at: PathStates, inner: InnerPaths
) -> tuple[torch.Tensor, torch.Tensor]:
    """``(time, path)`` values of a netting set's residual by two independent halves of the inner paths."""
    halves = [torch.zeros(len(at.days), at.n_paths, dtype=torch.float64) for _ in range(2)]
    for item in residual.trades:
        model = item.market
        known = positions(item, residual.context, at, 0.0)
        rows = [at.factors.index(name) for name in model.states]
        states = tuple(s[rows] for s in at.states)
        for t, day in enumerate(at.days):
            outer = Walk(at.times[: t + 1], states[: t + 1], states[: t + 1])
            book = alive_book(model, item.trade, residual.context, day, item.policy)
            means = nested_values(book, outer, day, inner).means
            half = means.shape[0] // 2
            for k, part in enumerate((means[:half], means[half:])):
                halves[k][t] += known.exact[t] + known.alive[t] * part.mean(0)
    return halves[0], halves[1]


def show(results, nested: Floats, seconds: tuple[float, float, float], paths: int, chosen) -> bool:
    """Both results with their standard errors."""
    trained, ours, theirs = seconds
    count = len(nested)
    mean, error = nested.mean(0), nested.std(0, ddof=1) / np.sqrt(count)
    allowed = student.ppf(1.0 - 0.0027 / 2.0, count - 1)
    table = Table(title="Mixed netting sets, EUR: surrogates against nested Monte Carlo")
    for column in (
        "netting set",
        "measure",
        "surrogates",
        "± s.e.",
        "nested",
        "± s.e.",
        "difference in s.e.",
    ):
        table.add_column(column, justify="left" if column in ("netting set", "measure") else "right")
    inside = True
    for i, name in enumerate(results["netting_set"].values):
        for m, measure in enumerate(MEASURES):
            value, se = (float(results[v].sel(measure=measure, netting_set=name)) for v in ("xva", "xva_se"))
            gap = (value - mean[m, i]) / np.hypot(se, error[m, i])
            inside &= bool(abs(gap) <= allowed)
            table.add_row(
                str(name),
                measure,
                f"{value:,.0f}",
                f"{se:,.0f}",
                f"{mean[m, i]:,.0f}",
                f"{error[m, i]:,.0f}",
                f"{gap:+.2f}",
            )
    out = Console()
    out.print(table)
    scale = theirs * paths / chosen.outer
    out.print(f"all within the 99.73 % interval ({allowed:.2f} s.e.): {'yes' if inside else 'NO'}")
    out.print(
        f"surrogates: {ours:.1f} s of processor time, {trained:.1f} s of it training and certificates, {paths:,} paths"
    )
    out.print(
        f"nested: {theirs:.1f} s for {chosen.outer:,} outer x {chosen.inner} inner paths, "
        f"{scale:,.0f} s scaled to {paths:,} outer"
    )
    out.print(f"ratio at {paths:,} outer paths: {scale / ours:.1f}x, training included")
    return inside


if __name__ == "__main__":
    sys.exit(main())
