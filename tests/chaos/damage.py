"""Every file of a finished run damaged in every way: found, never read as other numbers, mended by the job."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import xarray as xr

from pipelines.execution.status import verify
from pipelines.results.run import open_run
from pipelines.runs.exposure import ExposureJob
from tests.chaos.figures import Figures, timed
from tests.support.small_job import swap_job
from xva.errors import StoreError, XvaError

NOT_COVERED = ("run.lock", "events.jsonl")
FLIPS_PER_FILE = 2
ALL_BITS = 40
"""Of one file of each kind that fits on a screen, one bit in so many."""
WAYS_PER_FILE = 2
MENDED_ONE_IN = 20
_SEED = 5
Damage = Callable[[bytes], bytes | None]


def damage() -> Iterator[Figures]:
    """Figures of flipped bits, lost content, and files that are sound but lie elsewhere or say something else."""
    scratch = Path(tempfile.mkdtemp(prefix="xva-chaos-"))
    try:
        job = ExposureJob.from_toml(swap_job(scratch / "job"))
        victim = Victim(job, job.run(output=scratch / "runs").path)
        for part in (_flips, _lost, _moved):
            yield part(victim)
    finally:
        shutil.rmtree(scratch)


class Victim:
    """A finished run that is damaged and put right again, one file at a time."""

    def __init__(self, job: ExposureJob, folder: Path) -> None:
        self._job = job
        self._tried = 0
        self.folder = folder
        self.sound = {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
        covered = [p for p in self.sound if p.name not in NOT_COVERED]
        alike = [p for p in covered if p.is_relative_to(folder / "xva.zarr")]  # one like the other
        self.files = [p for p in covered if p not in alike[1::2]]
        self._read = self._reading()

    def name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def try_all(self, figures: Figures, what: str, changed: dict[Path, bytes | None]) -> None:
        """Damage some files, look, mend now and then, and put them right."""
        self._tried += 1
        for path, data in changed.items():
            path.unlink() if data is None else path.write_bytes(data)
        figures.expect(not self._verified(), f"{what}: not found by verify")
        if (told := self._misread(changed)) is not None:
            figures.expect(False, f"{what}: {told}")
        if self._tried % MENDED_ONE_IN == 0:
            figures.expect(self._mended(), f"{what}: not mended")
        for path in changed:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.sound[path])

    @property
    def mended(self) -> int:
        return self._tried // MENDED_ONE_IN

    def _verified(self) -> bool:
        try:
            return verify(self.folder).ok
        except StoreError:
            return False

    def _reading(self) -> tuple[xr.Dataset, xr.Dataset]:
        run = open_run(self.folder)
        return run.xva.load(), run.cube.load()

    def _misread(self, changed: Collection[Path]) -> str | None:
        """What was read, if it is something else; an error of ours is as good as the truth."""
        stores = {p.relative_to(self.folder).parts[0] for p in changed}
        for kind, other in ((0, {"cube.zarr", "blocks"}), (1, {"xva.zarr"})):
            if stores <= other:
                continue
            try:
                run = open_run(self.folder)
                found = (run.xva if kind == 0 else run.cube).load()
            except XvaError:
                continue
            except Exception as error:
                return f"{type(error).__name__} on reading: {error}"
            if not found.equals(self._read[kind]):
                return "read as other numbers"
        return None

    def _mended(self) -> bool:
        for _ in range(2):
            try:
                self._job.run(output=self.folder.parent)
                break
            except (
                StoreError
            ):  # run.json or COMPLETE.json cannot be trusted: who has the job takes it away and runs it again
                for name in ("run.json", "COMPLETE.json"):
                    (self.folder / name).unlink(missing_ok=True)
        found = open_run(self.folder)
        whole = verify(self.folder).ok and found.xva.load().equals(self._read[0])
        for path, data in self.sound.items():
            with contextlib.suppress(FileNotFoundError):
                if path.read_bytes() != data:
                    path.write_bytes(data)
        return whole and found.cube.load().equals(self._read[1])


def _flips(victim: Victim) -> Figures:
    chance = random.Random(_SEED)
    with timed(Figures("single bits flipped: two of every file, more of some")) as figures:
        tried = 0
        small = {p.suffix or p.name: p for p in victim.files if len(victim.sound[p]) < 700}
        for path in victim.files:
            size = 8 * len(victim.sound[path])
            bits = chance.sample(range(size), min(size, FLIPS_PER_FILE))
            if path in small.values():
                bits = list(range(0, size, ALL_BITS))
            for bit in bits:
                data = bytearray(victim.sound[path])
                data[bit // 8] ^= 1 << bit % 8
                victim.try_all(figures, f"{victim.name(path)} bit {bit}", {path: bytes(data)})
                tried += 1
        figures.came = _told(tried, figures, victim)
    return figures


def _lost(victim: Victim) -> Figures:
    ways: dict[str, Damage] = {
        "half": lambda data: data[: len(data) // 2],
        "without its last byte": lambda data: data[:-1],
        "empty": lambda data: b"",
        "zeros": lambda data: bytes(len(data)),
        "gone": lambda data: None,
    }
    chance = random.Random(_SEED)
    with timed(Figures("files cut, emptied, zeroed, removed")) as figures:
        tried = 0
        for path in victim.files:
            for way in chance.sample(sorted(ways), WAYS_PER_FILE):
                change = ways[way]
                victim.try_all(figures, f"{victim.name(path)} {way}", {path: change(victim.sound[path])})
                tried += 1
        figures.came = _told(tried, figures, victim)
    return figures


def _moved(victim: Victim) -> Figures:
    with timed(Figures("blocks swapped, markers and manifests edited")) as figures:
        tried = 0
        for what, changed in (*_swaps(victim), *_edits(victim)):
            victim.try_all(figures, what, changed)
            tried += 1
        figures.came = _told(tried, figures, victim)
    return figures


def _swaps(victim: Victim) -> Iterator[tuple[str, dict[Path, bytes | None]]]:
    pairs = [("blocks/00000000.json", "blocks/00000001.json")]
    pairs += [("blocks/00000002.safetensors", "blocks/00000005.safetensors")]
    pairs += [
        (f"cube.zarr/value/c/{a}/0/0", f"cube.zarr/value/c/{b}/0/0") for a, b in ((0, 1), (3, 7), (6, 2))
    ]
    for one, other in pairs:
        a, b = victim.folder / one, victim.folder / other
        yield f"{one} and {other} swapped", {a: victim.sound[b], b: victim.sound[a]}


def _edits(victim: Victim) -> Iterator[tuple[str, dict[Path, bytes | None]]]:
    for name in ("blocks/00000001.json", "COMPLETE.json", "run.json"):
        path = victim.folder / name
        document = json.loads(victim.sound[path])
        for key in document:
            for value in (None, [], {}, "x", -1, 10**9, "../../etc/passwd", [[]] * 3):
                if document[key] != value:
                    text = json.dumps(document | {key: value}, indent=2)
                    yield f"{name} {key} = {value!r}", {path: text.encode()}
        yield f"{name} with a key more", {path: json.dumps(document | {"more": 1}).encode()}
        yield f"{name} nested", {path: b"[" * 5000 + b"]" * 5000}


def _told(tried: int, figures: Figures, victim: Victim) -> str:
    return f"{tried - len(figures.lost)} of {tried} found by verify, none read as other numbers; one in {MENDED_ONE_IN} mended"
