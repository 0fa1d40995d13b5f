"""Inputs and stored documents spoilt by hypothesis: whatever comes of it, only the project's own errors escape."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.execution.status import status, verify
from pipelines.jobs.inputs import load_job
from pipelines.results.run import open_run
from pipelines.runs.exposure import ExposureJob
from surrogates.registry.registry import Registry
from surrogates.regression.kinds import KINDS
from tests.chaos.figures import Figures, timed
from tests.support.small_job import BERMUDAN, swap_job, write_job
from xva.errors import XvaError

INPUTS, DOCUMENTS, CARDS = 60, 400, 400
LONGEST = 30.0
"""Seconds that reading a spoilt input of a few kilobytes may take."""
TEXTS = ("", "nan", "inf", "-1", "0", "1e308", "1e-320", "9" * 400, "2026-02-30", "2199-12-31", "\x00", "é", ";", ",", '"',
         "\n", "-" * 50, "[" * 3000, "{", "null", "true", "../../x", "EUR", "999Y", "' OR 1=1", "‮", "\ufeff")  # fmt: skip

_EDIT = st.tuples(
    st.sampled_from(("flip", "cut", "token", "line", "twice")), st.floats(0.0, 1.0), st.sampled_from(TEXTS)
)
EDITS = st.lists(_EDIT, min_size=1, max_size=3)


def fuzz() -> Iterator[Figures]:
    """Figures of spoilt inputs, documents of a run, cards of surrogates."""
    scratch = Path(tempfile.mkdtemp(prefix="xva-chaos-"))
    try:
        yield _inputs(scratch / "job")
        yield _parquet(scratch / "parquet")
        yield _documents(scratch)
        yield _cards(scratch)
    finally:
        shutil.rmtree(scratch)


def spoilt(data: bytes, edits: list[tuple[str, float, str]]) -> bytes:
    """The bytes after some edits, each at a fraction of their length."""
    for kind, at, text in edits:
        place = int(at * max(0, len(data) - 1))
        if kind == "flip":
            data = (
                data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :] if data else data
            )
        elif kind == "cut":
            data = data[:place]
        elif kind == "token":
            end = next((k for k in range(place, len(data)) if data[k : k + 1] in b",;\n]} "), len(data))
            start = next((k + 1 for k in range(place - 1, -1, -1) if data[k : k + 1] in b",;\n[{ "), 0)
            data = data[:start] + text.encode("utf-8", "surrogatepass") + data[end:]
        else:
            lines = data.split(b"\n")
            row = int(at * (len(lines) - 1))
            lines[row:row] = [lines[row]] if kind == "twice" else [text.encode("utf-8", "surrogatepass")]
            data = b"\n".join(lines)
    return data


def _attack(figures: Figures, path: Path, count: int, read: Callable[[], Any]) -> tuple[int, int]:
    """Spoil one file ``count`` times; how often it was read all the same, and how often refused."""
    sound, came = path.read_bytes(), [0, 0]
    read()  # what is whole is read

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(EDITS)
    def trial(edits: list[tuple[str, float, str]]) -> None:
        path.write_bytes(spoilt(sound, edits))
        _judge(figures, f"{path.name} {edits}", came, read)

    try:
        trial()
    finally:
        path.write_bytes(sound)
    return came[0], came[1]


def _judge(figures: Figures, what: str, came: list[int], read: Callable[[], Any]) -> None:
    started = time.monotonic()
    try:
        read()
        came[0] += 1
    except XvaError:
        came[1] += 1
    except BaseException as error:
        figures.expect(False, f"{what}: {type(error).__name__}: {str(error)[:200]}")
    figures.expect(time.monotonic() - started < LONGEST, f"{what}: took {time.monotonic() - started:.0f} s")


def _total(figures: Figures, parts: list[tuple[int, int]]) -> None:
    read, refused = (sum(p[k] for p in parts) for k in (0, 1))
    figures.came = f"{read + refused} tried: {refused} refused in words, {read} still made sense"


def _inputs(folder: Path) -> Figures:
    job = swap_job(folder)
    (folder / "trades" / "bermudan_swaptions.json").write_text(json.dumps([BERMUDAN]))
    files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    with timed(Figures(f"inputs fuzzed: {', '.join(p.name for p in files)}")) as figures:
        _total(figures, [_attack(figures, p, INPUTS, lambda: load_job(job)) for p in files])
    return figures


def _parquet(folder: Path) -> Figures:
    job = swap_job(folder)
    table = folder / "trades" / "swaps.csv"
    buffer = io.BytesIO()
    pd.read_csv(table).to_parquet(buffer)
    table.unlink()
    (folder / "trades" / "swaps.parquet").write_bytes(buffer.getvalue())
    with timed(Figures("Parquet fuzzed")) as figures:
        _total(figures, [_attack(figures, table.with_suffix(".parquet"), 3 * INPUTS, lambda: load_job(job))])
    return figures


def _documents(scratch: Path) -> Figures:
    run = ExposureJob.from_toml(swap_job(scratch / "run")).run()
    names = (
        "run.json",
        "COMPLETE.json",
        "blocks/00000003.json",
        "events.jsonl",
        "xva.zarr/zarr.json",
        "cube.zarr/zarr.json",
    )

    def look() -> None:
        status(run.path)
        found = open_run(run.path)
        _ = found.xva.load(), found.cube.isel(path=slice(40, 60)).load(), str(found)
        verify(run.path)

    with timed(Figures(f"a run's own documents fuzzed: {', '.join(names)}")) as figures:
        parts = [_attack(figures, run.path / name, DOCUMENTS // len(names), look) for name in names]
        _total(figures, parts)
    return figures


def _cards(scratch: Path) -> Figures:
    file = write_job(scratch / "cards", {"bermudan_swaptions": [BERMUDAN]})
    file.write_text(file.read_text().replace('products = ["my_products", "own_products"]\n', ""))
    job = ExposureJob.from_toml(file)
    job.train("serial")
    (asked,) = job.exposure.training_requests().values()
    folder = job.output / "surrogates"

    def look() -> None:
        registry = Registry(folder, KINDS)
        registry.find(asked.identity)
        for address in registry.addresses():
            registry.load(address)

    with timed(Figures("cards and tensors of surrogates fuzzed")) as figures:
        _total(
            figures, [_attack(figures, p, CARDS // 2, look) for p in sorted(folder.iterdir()) if p.is_file()]
        )
    return figures
