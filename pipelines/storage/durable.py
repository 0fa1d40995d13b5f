"""Digests of files and trees, JSON for people, and what is flushed to the disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surrogates.durable import canonical_json, fsync, strict_json
from xva.errors import StoreError


@dataclass(frozen=True)
class Digest:
    """Size and sha256 of one file; ``size`` in bytes, ``sha256`` 64 hex digits."""

    size: int
    sha256: str

    def __post_init__(self) -> None:
        hexadecimal = isinstance(self.sha256, str) and len(self.sha256) == 64
        if not isinstance(self.size, int) or self.size < 0 or not hexadecimal:
            raise StoreError(f"not a digest: size {self.size!r}, sha256 {self.sha256!r}")

    def to_json(self) -> dict[str, Any]:
        """Return the digest as it stands in markers."""
        return {"bytes": self.size, "sha256": self.sha256}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Digest:
        """Read what `to_json` wrote; raises StoreError."""
        try:
            return cls(document["bytes"], document["sha256"])
        except (KeyError, TypeError) as error:
            raise StoreError(f"not a digest: {document!r}") from error


def readable_json(value: Any) -> bytes:
    """Encode like `canonical_json`, indented for people."""
    canonical_json(value)
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises StoreError naming the file when it is missing, torn or no object."""
    try:
        document = strict_json(path.read_bytes())
    except OSError as error:
        raise StoreError(f"{path}: expected a readable JSON file, got {error.strerror}") from error
    except ValueError as error:
        raise StoreError(f"{path}: expected JSON, got a torn or damaged file ({error})") from error
    if not isinstance(document, dict):
        raise StoreError(f"{path}: expected a JSON object, got {type(document).__name__}")
    return document


def digest_bytes(data: bytes) -> Digest:
    """Size and sha256 of ``data``."""
    return Digest(len(data), hashlib.sha256(data).hexdigest())


def digest_file(path: Path) -> Digest:
    """Size and sha256 of the file as it lies on disk."""
    with path.open("rb") as file:
        sha = hashlib.file_digest(file, "sha256").hexdigest()
        return Digest(file.tell(), sha)


def digest_tree(root: Path, relative_to: Path) -> dict[str, Digest]:
    """Digests of all files under ``root``, keyed by POSIX path under ``relative_to``."""
    files = sorted(p for p in root.rglob("*") if p.is_file())
    return {p.relative_to(relative_to).as_posix(): digest_file(p) for p in files}


def fsync_files(files: Iterable[Path], root: Path) -> None:
    """Flush files and every directory between them and ``root`` (included)."""
    directories: set[Path] = set()
    for file in files:
        fsync(file)
        parents = file.relative_to(root).parents
        directories.update(root / p for p in parents)
    for directory in sorted(directories, key=lambda p: -len(p.parts)):
        fsync(directory)
