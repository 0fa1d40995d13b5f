"""This version beside an earlier one, in the same call: processor seconds of one thread, and their ratio.

    python benchmarks/versus_today.py [--commit c698b07] [--only bank run swaps read help] [--blocks 8] [--sizes 1000 10000]

The earlier version is checked out into a temporary folder and runs in an environment of its own: a `venv` whose packages
are those of this one where both pin the same versions (what differs is printed). Rows: ``bank`` (values, adjoints and
pull-back of the full bank), ``run`` (wall clock of ``xva run --workers 2`` and memory), ``swaps`` (ns per trade, path and
date), ``read`` (files to a reconciled book) and ``help`` (start-up). Both versions read the same files: the sample bank of
today without the two [xva] keys that the earlier one words differently.

Coupons that are running are simulated since then (``fixing = "auto"``): ``--fixing projected`` takes their mean as the
earlier version does, like for like, in rows ``bank`` and ``swaps``. Random numbers have changed since c698b07, so profiles
agree within standard errors only, which is what the table tells; numbers to the last bit are the tests' business.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent))
from swap_book import write_swap_job

ROOT = Path(__file__).resolve().parent.parent
MEASURE = ROOT / "benchmarks/versus_measure.py"
ROWS = ("bank", "run", "swaps", "read", "help")
_TO_20_YEARS = 20.0


@dataclass(frozen=True)
class Version:
    """A checkout and the interpreter it runs in."""

    name: str
    folder: Path
    python: Path

    def call(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a script or module in it, one thread."""
        found = subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        if found.returncode:
            raise SystemExit(f"{self.name}: {found.stderr[-2000:]}")
        return found

    def measure(self, *arguments: object) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.call(MEASURE, *arguments).stdout.splitlines()[-1])
        return found

    def command(self, *arguments: object) -> list[str]:
        return [str(self.python), *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        return {**os.environ, **threads, "PYTHONPATH": str(self.folder)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--commit", default="c698b07")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--blocks", type=int, default=8, help="of the bank's 8; fewer are scaled")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="books to read"
    )
    parser.add_argument("--fixing", choices=("auto", "projected"), default="auto", help="coupons, now")
    asked = parser.parse_args()
    console = Console(width=110)
    with tempfile.TemporaryDirectory(prefix="versus-") as name:
        folder = Path(name)
        before = checkout(asked.commit, folder, console)
        now = Version("now", ROOT, Path(sys.executable))
        rows: dict[str, Callable[[], Table]] = {
            "bank": lambda: bank_table(before, now, folder, asked.blocks, asked.fixing),
            "run": lambda: run_table(before, now, folder),
            "swaps": lambda: swaps_table(before, now, folder, asked.fixing),
            "read": lambda: read_table(before, now, folder, asked.sizes),
            "help": lambda: help_table(before, now),
        }
        for row in asked.only:
            console.print(rows[row]())


def checkout(commit: str, folder: Path, console: Console) -> Version:
    """The earlier version in an environment of its own."""
    there = folder / "before"
    git = ("git", "-c", "advice.detachedHead=false")
    subprocess.run([*git, "clone", "-q", "--shared", "--no-checkout", str(ROOT), str(there)], check=True)
    subprocess.run([*git, "-C", str(there), "checkout", "-q", commit], check=True)
    old, new = (_pins(home / "constraints.txt") for home in (there, ROOT))
    different = {k: (v, new.get(k)) for k, v in old.items() if new.get(k) != v}
    venv.create(folder / "venv", with_pip=bool(different))
    python = folder / "venv/bin/python"
    if different:
        console.print(f"packages of {commit} that differ: {different}; they are installed")
        constraints = there / "constraints.txt"
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(constraints)], check=True)
    else:
        console.print(
            f"all {len(old)} packages that {commit} pins have the versions of today, and are shared"
        )
        (site,) = (folder / "venv/lib").glob("python*/site-packages")
        shared = Path(np.__file__).parents[1]  # a bare path: what is installed there as editable stays out
        (site / "shared.pth").write_text(f"{shared}\n")
    return Version(commit, there, python)


def _pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE))


def bank_table(before: Version, now: Version, folder: Path, blocks: int, fixing: str) -> Table:
    job = _bank(folder)
    old, new = before.measure("bank", job, blocks), now.measure("bank", _fixed(job, fixing), blocks)
    for found in (old, new):
        found["values_all"] = found["prepare"] + found["inputs"] + found["values"]
        found["all"] = found["prepare"] + found["inputs"] + found["adjoints"] + found["pull"]
    table = _table("Full bank, processor seconds of one thread", before)
    names = {
        "prepare": "book, market and model", "inputs": "plan inputs", "noise": "of it noise", "values": "values",
        "adjoints": "values with adjoints", "pull": "pull-back to 364 quotes", "values_all": "values, all in",
        "all": "all sensitivities and standard errors, all in",
    }  # fmt: skip
    for key, told in names.items():
        _add(table, told, old[key], new[key])
    table.add_row("all sensitivities / values", *(f"{f['all'] / f['values_all']:.2f}x" for f in (old, new)))
    for side in ("epe", "ene"):
        table.add_row(f"{side.upper()} to 20 years", "", "", _apart(old, new, side))
    return table


def _apart(old: dict[str, Any], new: dict[str, Any], side: str) -> str:
    """How far profiles of different random numbers are apart, in standard errors of the difference."""
    if f"{side}_var" not in old or f"{side}_var" not in new:
        return "one block has no error"
    until = np.array(new["times"]) <= _TO_20_YEARS
    if len(old["times"]) != len(new["times"]):
        return "other dates"
    gap = (np.array(new[f"{side}_mean"]) - np.array(old[f"{side}_mean"]))[:, until]
    error = np.sqrt(np.array(new[f"{side}_var"]) + np.array(old[f"{side}_var"]))[:, until]
    apart = np.abs(gap[error > 0]) / error[error > 0]
    return f"root mean square {np.sqrt((apart**2).mean()):.2f} s.e."


def run_table(before: Version, now: Version, folder: Path) -> Table:
    job = _bank(folder)
    table = _table("xva run --workers 2, full bank", before)
    old, new = (_run(version, job, folder / f"runs-{version.name}") for version in (before, now))
    _add(table, "wall clock, s", old["wall"], new["wall"])
    _add(table, "processor seconds, driver", old["driver_s"], new["driver_s"])
    _add(table, "processor seconds, workers", old["workers_s"], new["workers_s"])
    _add(table, "peak memory of the driver, MB", old["driver"], new["driver"])
    _add(table, "peak memory of a worker, MB", old["worker"], new["worker"])
    return table


def _run(version: Version, job: Path, output: Path) -> dict[str, float]:
    command = version.command("-m", "pipelines.cli", "run", job, "--workers", 2, "--output", output)
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=version.folder,
        env=version.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    peak: dict[int, tuple[str, float, float]] = {}
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    _, errors = process.communicate()
    wall = time.perf_counter() - began
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{version.name}: {errors.decode()[-2000:]}")
    drivers, workers = ([v for v in peak.values() if v[0] == role] for role in ("driver", "worker"))
    return {
        "wall": wall,
        "driver": max(m for _, m, _ in drivers),
        "worker": max((m for _, m, _ in workers), default=0.0),
        "driver_s": sum(s for _, _, s in drivers),
        "workers_s": sum(s for _, _, s in workers),
    }


def _watch(process: subprocess.Popen[bytes], peak: dict[int, tuple[str, float, float]]) -> None:
    """Largest resident memory (MB) and processor seconds of the driver and of its workers."""
    me = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [(me, "driver"), *((p, "worker") for p in me.children(recursive=True))]
        except psutil.NoSuchProcess:
            return
        for member, role in family:
            try:
                memory, line = member.memory_info().rss / 2**20, " ".join(member.cmdline())
                spent = sum(member.cpu_times()[:2])
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if role == "worker" and "spawn_main" not in line:
                continue
            known = peak.get(member.pid, (role, 0.0, 0.0))
            peak[member.pid] = (role, max(known[1], memory), max(known[2], spent))
        time.sleep(0.1)


def swaps_table(before: Version, now: Version, folder: Path, fixing: str) -> Table:
    table = _table("EUR swaps in one netting set, 8,192 paths, ns per trade, path and date", before)
    small = write_swap_job(folder / "swaps-first", 10)
    for count in (100, 1_000):
        job = write_swap_job(folder / f"swaps-{count}", count)
        old = before.measure("swaps", job, small)
        new = now.measure("swaps", _fixed(job, fixing), small)
        for key, told in {"all_in": "all in from parsed inputs", "path_part": "path part"}.items():
            _add(table, f"{count:,} swaps, {new['dates']} dates, {told}", old[key], new[key], 4)
    return table


def read_table(before: Version, now: Version, folder: Path, sizes: Sequence[int]) -> Table:
    table = _table("From files to a checked, compiled and reconciled book, processor seconds", before)
    small = write_swap_job(folder / "read-first", 100)
    for count in sizes:
        job = write_swap_job(folder / f"read-{count}", count)
        old, new = (version.measure("read", job, small) for version in (before, now))
        for key in ("read", "compile", "reconcile"):
            _add(table, f"{count:,} swaps, {key}", old[key], new[key])
        whole = [sum(found[key] for key in ("read", "compile", "reconcile")) for found in (old, new)]
        _add(table, f"{count:,} swaps, all", *whole)
        _add(table, f"{count:,} swaps, peak memory, MB", old["peak"], new["peak"])
    return table


def help_table(before: Version, now: Version) -> Table:
    table = _table("xva --help, best of 7", before)
    found = []
    for version in (before, now):
        tries = []
        for _ in range(7):
            began, spent = time.perf_counter(), _children()
            version.call("-m", "pipelines.cli", "--help")
            tries.append((time.perf_counter() - began, _children() - spent))
        found.append([min(column) for column in zip(*tries)])
    for told, old, new in zip(("wall clock, s", "processor seconds"), *found):
        _add(table, told, old, new)
    return table


def _children() -> float:
    used = os.times()
    return used.children_user + used.children_system


def _bank(folder: Path) -> Path:
    """The sample bank as both versions read it."""
    there = folder / "bank"
    if not there.exists():
        shutil.copytree(ROOT / "examples/bank", there, ignore=shutil.ignore_patterns("runs"))
        job = there / "full.toml"
        lines = job.read_text().splitlines()
        job.write_text("\n".join(x for x in lines if not x.startswith(("funding", "variant"))) + "\n")
    return there / "full.toml"


def _fixed(job: Path, fixing: str) -> Path:
    """The job with a rule for running coupons, which the earlier version does not know: it takes their mean."""
    there = job.with_name(f"{fixing}.toml")
    there.write_text(job.read_text().replace("[simulation]\n", f'[simulation]\nfixing = "{fixing}"\n'))
    return there


def _table(title: str, before: Version) -> Table:
    table = Table(title=title)
    table.add_column("")
    for name in (before.name, "now", "ratio"):
        table.add_column(name, justify="right")
    return table


def _add(table: Table, told: str, old: float, new: float, digits: int = 2) -> None:
    table.add_row(told, f"{old:,.{digits}f}", f"{new:,.{digits}f}", f"1/{old / new:.2f}" if new else "")


if __name__ == "__main__":
    main()
