"""Many exposure plans that share most of their arrays, each array kept once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xva.blocks.plan import Arrays


@dataclass(frozen=True)
class PackedWorlds:
    """Plans as what their ``payload`` gave, arrays by content.

    Parameters
    ----------
    arrays : tuple of ndarray
        Different from one another.
    names : tuple of tuple of str
        The different lists of array names.
    documents : tuple of dict
        The different JSON parts.
    worlds : tuple of (int, int, tuple of int)
        Of each plan: which list of names, which document, and its arrays in the order of the names.
    """

    arrays: tuple[NDArray[Any], ...]
    names: tuple[tuple[str, ...], ...]
    documents: tuple[dict[str, Any], ...]
    worlds: tuple[tuple[int, int, tuple[int, ...]], ...]

    def __len__(self) -> int:
        return len(self.worlds)

    def payload(self, world: int) -> tuple[Arrays, dict[str, Any]]:
        """What the plan's own ``payload`` gave."""
        names, document, arrays = self.worlds[world]
        own = {name: self.arrays[k] for name, k in zip(self.names[names], arrays, strict=True)}
        return own, self.documents[document]

    def bytes(self, world: int) -> int:
        """Bytes of one plan's arrays."""
        return sum(self.arrays[k].nbytes for k in self.worlds[world][2])

    def store(self, prefix: str) -> tuple[Arrays, dict[str, Any]]:
        """Arrays and JSON for `load`."""
        arrays: Arrays = {f"{prefix}/{k}": array for k, array in enumerate(self.arrays)}
        meta = {
            "arrays": len(self.arrays),
            "names": [list(n) for n in self.names],
            "documents": list(self.documents),
            "worlds": [[n, d, list(a)] for n, d, a in self.worlds],
        }
        return arrays, meta

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], prefix: str) -> PackedWorlds:
        """Rebuild what `store` gave."""
        return cls(
            tuple(arrays[f"{prefix}/{k}"] for k in range(meta["arrays"])),
            tuple(tuple(n) for n in meta["names"]),
            tuple(meta["documents"]),
            tuple((int(n), int(d), tuple(a)) for n, d, a in meta["worlds"]),
        )


class Packer:
    """Takes plans' payloads one by one; what is there already is not kept again."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}
        self._place: dict[str, int] = {}
        self._names: dict[tuple[str, ...], int] = {}
        self._documents: dict[str, int] = {}
        self._worlds: dict[tuple[int, int, tuple[int, ...]], int] = {}

    def add(self, arrays: Arrays, meta: Mapping[str, Any]) -> int:
        """The number of the plan with this payload."""
        names = self._names.setdefault(tuple(arrays), len(self._names))
        text = json.dumps(meta, sort_keys=True)
        document = self._documents.setdefault(text, len(self._documents))
        own = tuple(self._array(array) for array in arrays.values())
        return self._worlds.setdefault((names, document, own), len(self._worlds))

    def packed(self) -> PackedWorlds:
        """All that was added."""
        return PackedWorlds(
            tuple(self._arrays.values()),
            tuple(self._names),
            tuple(json.loads(text) for text in self._documents),
            tuple(self._worlds),
        )

    def _array(self, array: NDArray[Any]) -> int:
        sha = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
        key = sha.hexdigest()
        if key not in self._place:
            self._place[key] = len(self._arrays)
            self._arrays[key] = array
        return self._place[key]
