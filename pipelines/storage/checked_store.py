"""A run's cube as a Zarr store that gives nothing back which is not what the run wrote.

Zarr reads a file that is not there as fill values, and a mean over paths then is one over the others.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore, WrapperStore

from pipelines.storage.layout import RunLayout
from pipelines.storage.markers import damage, read_marker
from xva.errors import StoreError

_SHARD = re.compile(r"(?P<variable>[^/]+)/c/(?P<block>\d+)/0/0")


class CommittedCube(WrapperStore[LocalStore]):
    """The shards of committed blocks, each held against its marker's hash before the first read; others as if never written.

    Parameters
    ----------
    store : LocalStore
        Of ``cube.zarr``, read only.
    layout : RunLayout
    run_id : str
    variables : tuple of str
        What the run keeps of a block, as markers list it.
    """

    def __init__(self, store: LocalStore, layout: RunLayout, run_id: str, variables: tuple[str, ...]) -> None:
        super().__init__(store)
        self._layout, self._run_id, self._variables = layout, run_id, variables
        self._committed: dict[str, bool] = {}

    @classmethod
    def of(cls, layout: RunLayout, run_id: str, variables: tuple[str, ...]) -> CommittedCube:
        """The store of a run's cube."""
        return cls(LocalStore(layout.cube, read_only=True), layout, run_id, variables)

    def _with_store(self, store: LocalStore) -> CommittedCube:
        return type(self)(store, self._layout, self._run_id, self._variables)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """A file or a part of it; None for the shard of a block that is not committed. Raises StoreError."""
        if not await self._readable(key):
            return None
        return await self._store.get(key, prototype, byte_range)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """As `get`, of many."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def _readable(self, key: str) -> bool:
        shard = _SHARD.fullmatch(key)
        if shard is None or shard["variable"] not in self._variables:
            return True
        if key not in self._committed:
            found = await asyncio.to_thread(self._checked, shard["variable"], int(shard["block"]))
            self._committed[key] = found
        return self._committed[key]

    def _checked(self, variable: str, block: int) -> bool:
        """Whether a block is committed. Raises StoreError where its shard is not what its marker says."""
        layout = self._layout
        if not layout.marker(block).exists():
            if layout.complete_json.exists():
                raise StoreError(
                    f"{layout.marker(block)}: expected the marker of a finished run, got none{_mend(layout)}"
                )
            return False
        marker, file = (
            read_marker(layout, self._run_id, self._variables, block),
            layout.shard(variable, block),
        )
        if reason := damage(file, marker.digest(layout.relative(file))):
            raise StoreError(
                f"{file}: expected block {block} as it was written, got one that is not ({reason}){_mend(layout)}"
            )
        return True


def _mend(layout: RunLayout) -> str:
    return f" -> compute it again with 'xva resume {layout.root}'"
