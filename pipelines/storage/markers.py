"""The commit protocol: a block counts once its marker stands, and the marker vouches for every byte of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.storage.durable import Digest, digest_bytes, digest_file, read_json, readable_json
from pipelines.storage.layout import RunLayout
from pipelines.storage.shards import write_block
from pipelines.storage.tensors import decode_arrays, encode_arrays, require_finite
from surrogates.durable import canonical_json, write_whole
from xva.blocks import BlockResult
from xva.blocks.plan import Arrays
from xva.errors import StoreError

_FORMAT = 1


@dataclass(frozen=True)
class Marker:
    """What one committed block consists of: digests by path under the run directory."""

    run_id: str
    block: int
    files: tuple[tuple[str, Digest], ...]

    def to_json(self) -> dict[str, object]:
        """Return the document of ``blocks/<block>.json``; the same block has the same bytes in every run."""
        files = {name: digest.to_json() for name, digest in self.files}
        return {"format": _FORMAT, "run_id": self.run_id, "block": self.block, "files": files}

    @property
    def data_bytes(self) -> int:
        """Bytes on disk that the marker vouches for."""
        return sum(digest.size for _, digest in self.files)

    def digest(self, name: str) -> Digest:
        """Digest of one of the block's files; raises StoreError."""
        for file, digest in self.files:
            if file == name:
                return digest
        raise StoreError(f"block {self.block}: its marker does not name {name}")


def commit_block(
    layout: RunLayout, run_id: str, variables: tuple[str, ...], block: int, result: BlockResult
) -> Marker:
    """Store one block: shards, read back and flushed; sums; then the marker. Raises StoreError."""
    what = f"block {block}, sums"
    for name, array in result.sums.items():
        if array.dtype != "float64":
            raise StoreError(f"{what}: {name!r}: expected float64, got {array.dtype}")
    require_finite(result.sums, what)
    write_block(layout, variables, block, result.cube)
    write_whole(layout.sums(block), encode_arrays(result.sums, what))
    files = tuple((layout.relative(p), digest_file(p)) for p in layout.block_files(block, variables))
    marker = Marker(run_id, block, files)
    write_whole(layout.marker(block), readable_json(marker.to_json()))
    return marker


def read_marker(layout: RunLayout, run_id: str, variables: tuple[str, ...], block: int) -> Marker:
    """Read a block's marker and check what it says about itself; raises StoreError naming the file."""
    path = layout.marker(block)
    document = read_json(path)
    expected = [layout.relative(p) for p in layout.block_files(block, variables)]
    files = document.get("files")
    if (
        document.get("format") != _FORMAT
        or document.get("run_id") != run_id
        or document.get("block") != block
    ):
        raise StoreError(f"{path}: is not the marker of block {block} of run {run_id[:8]}")
    if not isinstance(files, dict) or sorted(files) != sorted(expected):
        raise StoreError(f"{path}: expected digests of {expected}, got {files}")
    marker = Marker(run_id, block, tuple((name, Digest.from_json(files[name])) for name in expected))
    if path.read_bytes() != readable_json(marker.to_json()):
        raise StoreError(
            f"{path}: says what the marker of block {block} says, in other bytes: it was changed"
        )
    return marker


def damage(path: Path, expected: Digest) -> str | None:
    """Say what is wrong with a file, or None; sizes first, they are cheap."""
    try:
        size = path.stat().st_size
    except OSError:
        return "missing"
    if size != expected.size:
        return f"torn: {size} bytes, expected {expected.size}"
    return None if digest_file(path) == expected else "its sha256 differs"


def read_sums(layout: RunLayout, marker: Marker) -> Arrays:
    """Read a block's partial sums, checked against the marker.

    Raises
    ------
    StoreError
        The file is missing or is not the one that was committed.
    """
    path = layout.sums(marker.block)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{path}: expected the sums of block {marker.block}, got {error.strerror}"
        ) from error
    if digest_bytes(data) != marker.digest(layout.relative(path)):
        raise StoreError(
            f"{path}: its sha256 differs from the marker's: run 'xva resume' to recompute the block"
        )
    return decode_arrays(data, str(path))


def root_hash(markers: Sequence[Marker]) -> str:
    """Sha256 over the data of all blocks in block order (paths, sizes, hashes): the run's fingerprint."""
    ordered = [m.to_json()["files"] for m in sorted(markers, key=lambda m: m.block)]
    return hashlib.sha256(canonical_json(ordered)).hexdigest()
