"""200 stress scenarios on the demo bank against a full rerun of the job on each scenario's quotes.

    python benchmarks/stress.py              # 200 scenarios, two workers; 3 full reruns
    python benchmarks/stress.py --scenarios 26 --workers 0 --reruns 1

A full rerun is the same job, without sensitivities and cube, on a file of the shifted quotes: what somebody without the
command would do. Prints seconds per scenario and their ratio, and whether both have the same root hash. Ends with status 1 if
a root hash differs.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import pipelines
from pipelines import ExposureJob
from pipelines.jobs.scenarios import read_scenarios
from pipelines.results.run import Run
from xva.market.shocks import Scenario, ScenarioSet, Selector, Shift, parallel, shifted, twist

EXAMPLES = Path(__file__).parents[1] / "examples"
RATES = ("OIS", "IBOR swap", "deposit")
LIMIT = 60.0


def main() -> int:
    options = _options()
    scenarios = many(options.scenarios)
    with tempfile.TemporaryDirectory(prefix="xva-bench-stress-") as aside:
        folder = Path(aside)
        base = _job(folder / "base").run("serial")
        started, spent = time.perf_counter(), _processor()
        executor = "local" if options.workers else "serial"
        child = pipelines.stress(base, scenarios, executor, workers=options.workers or None)
        seconds, spent = time.perf_counter() - started, _processor() - spent
        reruns = [_rerun(base, child, s, folder) for s in _spread(scenarios, options.reruns)]
        return _report(child, seconds, spent, options.workers, reruns)


def many(count: int) -> ScenarioSet:
    """The ready set, then rates, FX, volatility, equity, credit and funding in turn, no two alike."""
    ready = read_scenarios(EXAMPLES / "scenarios/ready.toml").scenarios
    rng = np.random.default_rng(1)
    more = (_drawn(k, rng) for k in range(len(ready), count))
    return ScenarioSet("bench", (*ready[:count], *more))


def _drawn(number: int, rng: np.random.Generator) -> Scenario:
    size = float(rng.uniform(0.2, 1.0) * rng.choice([-1.0, 1.0]))
    rates = Selector(families=RATES)
    kinds: tuple[tuple[str, tuple[Shift, ...]], ...] = (
        ("rates", (parallel(rates, 0.01 * size),)),
        ("twist", (twist(rates, -0.004 * size, 0.006 * size, "1Y", "20Y"),)),
        ("usd_rates", (parallel(Selector(families=RATES, currencies=("USD",)), 0.01 * size),)),
        ("fx", (parallel(Selector(("FX/RATE/EUR/*",)), 0.15 * size, "relative"),)),
        ("rate_vol", (parallel(Selector(families=("swaption vol", "cap vol")), 0.25 * size, "relative"),)),
        ("fx_vol", (parallel(Selector(families=("FX vol",)), 0.25 * size, "relative"),)),
        ("equity", (parallel(Selector(families=("equity",)), 0.3 * size, "relative"),)),
        ("credit", (parallel(Selector(families=("CDS",)), abs(size), "relative"),)),
        ("funding", (parallel(Selector(families=("funding",)), 0.02 * size),)),
        (
            "all",
            (
                parallel(rates, 0.005 * size),
                parallel(Selector(("FX/RATE/EUR/*",)), -0.1 * size, "relative"),
                parallel(Selector(families=("CDS",)), abs(size), "relative"),
            ),
        ),
    )
    name, shifts = kinds[number % len(kinds)]
    return Scenario(f"{name}_{number}", shifts)


def _spread(scenarios: ScenarioSet, count: int) -> Iterator[Scenario]:
    """``count`` scenarios, evenly spread, that move paths."""
    paths = [s for s in scenarios.scenarios if not s.name.startswith(("credit", "funding", "recover"))]
    yield from (paths[k] for k in np.linspace(0, len(paths) - 1, count).astype(int))


def _job(folder: Path, quotes: str | None = None) -> ExposureJob:
    shutil.copytree(
        EXAMPLES / "bank", folder, ignore=shutil.ignore_patterns("runs", "*.py", "generator", "full")
    )
    text = (folder / "demo.toml").read_text().replace("sensitivities = true", "sensitivities = false")
    (folder / "demo.toml").write_text(text.replace("[exposure]", "[exposure]\nstore_cube = false"))
    if quotes is not None:
        (folder / "market/quotes.csv").write_text(quotes)
    return ExposureJob.from_toml(folder / "demo.toml")


def _rerun(base: Run, child: Run, scenario: Scenario, folder: Path) -> tuple[str, float, bool]:
    """Name, seconds and whether the root hash is the child's."""
    first = ExposureJob.from_toml(base.path.parents[1] / "demo.toml").loaded
    quotes = shifted(first.quotes, scenario, first.as_of)
    rows = (f"{i},{v!r}" for i, v in zip(quotes.ids, quotes.values.tolist()))
    file = "\n".join(["quote_id,value", *rows, ""])
    started = time.perf_counter()
    fresh = _job(folder / scenario.name, file).run("serial")
    seconds = time.perf_counter() - started
    assert fresh.completion is not None
    mine = str(child.xva["root_hash"].sel(scenario=scenario.name).values)
    return scenario.name, seconds, mine == fresh.completion.root_hash


def _report(
    child: Run, seconds: float, spent: float, workers: int, reruns: list[tuple[str, float, bool]]
) -> int:
    found = child.xva
    count, reached = found.sizes["scenario"], int((found["world"] >= 0).sum())
    each = seconds / count
    rerun = float(np.mean([s for _, s, _ in reruns]))
    kept = int(found["recomputed"].size - found["recomputed"].sum())
    print(
        f"demo bank, {found.attrs['paths']:,} paths, {found.sizes['time'] - 1} dates, {workers or 'no'} workers"
    )
    print(
        f"{count} scenarios, {reached} of which move paths; {kept} of {found['recomputed'].size} netting sets kept"
    )
    for name, alone, same in reruns:
        print(f"  full rerun of {name:<20} {alone:6.2f} s   root hash {'the same' if same else 'DIFFERS'}")
    print(f"all scenarios            {seconds:6.1f} s   (wanted: under {LIMIT:.0f} s for 200)")
    print(f"processor seconds        {spent:6.1f} s   of driver and workers, their start included")
    print(f"per scenario             {each:6.2f} s")
    print(f"full rerun, in process   {rerun:6.2f} s   {rerun / each:.1f}x")
    return 0 if all(same for _, _, same in reruns) else 1


def _processor() -> float:
    """Processor seconds of this process and of its children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scenarios", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2, help="0: in this process")
    parser.add_argument("--reruns", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
