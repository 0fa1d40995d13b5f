"""Where everything of a run lies, and which names may become paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from xva.errors import StoreError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

CUBE = "cube.zarr"
RESULTS = "xva.zarr"
BLOCKS = "blocks"
INPUTS = "inputs"


def safe_name(name: str, what: str) -> str:
    """Return ``name`` when it may become part of a path.

    Raises
    ------
    StoreError
        It is not 1-64 letters, digits, ``.``, ``_`` or ``-``, starting with a letter or digit.
    """
    if not _NAME.fullmatch(name):
        raise StoreError(
            f"{what}: expected 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit, "
            f"got {name!r}; it becomes part of a path"
        )
    return name


@dataclass(frozen=True)
class RunLayout:
    """Paths inside one run directory ``root``.

    A block's shard of variable ``v`` is the file ``cube.zarr/v/c/<block>/0/0``, its partial sums
    ``blocks/<block>.safetensors``, its marker ``blocks/<block>.json``.
    """

    root: Path

    @property
    def run_json(self) -> Path:
        return self.root / "run.json"

    @property
    def complete_json(self) -> Path:
        return self.root / "COMPLETE.json"

    @property
    def lock(self) -> Path:
        return self.root / "run.lock"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def inputs(self) -> Path:
        return self.root / INPUTS

    @property
    def blocks(self) -> Path:
        return self.root / BLOCKS

    @property
    def cube(self) -> Path:
        return self.root / CUBE

    @property
    def results(self) -> Path:
        return self.root / RESULTS

    def marker(self, block: int) -> Path:
        """Marker file of a block."""
        return self.blocks / f"{block:08d}.json"

    def committed(self, n_blocks: int) -> tuple[int, ...]:
        """Blocks below ``n_blocks`` that have a marker, in order; one look at the folder, however many there should be."""
        names = (path.stem for path in self.blocks.glob("[0-9]*.json"))
        return tuple(sorted(int(n) for n in names if len(n) == 8 and n.isdecimal() and int(n) < n_blocks))

    def require_own(self) -> None:
        """Raise StoreError where a folder that is written into is a link: files would land outside the run."""
        folders = [self.inputs, self.blocks, self.cube, self.results, self.root / "surrogates"]
        folders += [*self.cube.glob("*"), *self.cube.glob("*/c"), *self.cube.glob("*/c/*")]
        if links := [p for p in folders if p.is_symlink()]:
            raise StoreError(
                f"{links[0]}: expected a folder of the run's own, got a link to {links[0].readlink()}; put the folder itself "
                f"in its place",
                [str(p) for p in links],
            )

    def sums(self, block: int) -> Path:
        """Partial sums of a block (safetensors, float64)."""
        return self.blocks / f"{block:08d}.safetensors"

    def shard(self, variable: str, block: int) -> Path:
        """The one file that holds a block's part of a cube variable."""
        return self.cube / variable / "c" / str(block) / "0" / "0"

    def block_files(self, block: int, variables: tuple[str, ...]) -> tuple[Path, ...]:
        """All data files that a block's marker vouches for."""
        return (*(self.shard(v, block) for v in variables), self.sums(block))

    def relative(self, path: Path) -> str:
        """POSIX path under the run directory, as it stands in markers."""
        return path.relative_to(self.root).as_posix()

    def inside(self, name: str) -> Path:
        """Turn a path read from a file into one under the run directory; raises StoreError on any other."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise StoreError(f"{self.root}: expected a path under the run directory, got {name!r}")
        return self.root / path

    def strangers(self) -> tuple[str, ...]:
        """Names in the directory that a run never puts there."""
        ours = {CUBE, RESULTS, BLOCKS, INPUTS, "run.json", "run.lock", "events.jsonl", "COMPLETE.json"}
        ours |= {"surrogates", "report.html"}
        if not self.root.is_dir():
            return ()
        names = sorted(p.name for p in self.root.iterdir())
        return tuple(n for n in names if n not in ours and not n.startswith("."))
