"""``run.json``, written once, and ``COMPLETE.json``, written last."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipelines.storage.durable import Digest, digest_file, read_json, readable_json
from pipelines.storage.identity import RunIdentity, differing_keys
from pipelines.storage.layout import RunLayout, safe_name
from surrogates.durable import write_whole
from xva.blocks.plan import MOST_BLOCKS
from xva.errors import StoreError

_FORMAT = 1


class ForeignRunError(StoreError):
    """The directory holds another job's run, or something that is no run."""


@dataclass(frozen=True)
class RunManifest:
    """What ``run.json`` says.

    Parameters
    ----------
    identity : RunIdentity
    n_blocks : int
    variables : tuple of str
        Cube variables kept.
    plan : str
        Address of the plan under ``inputs/``.
    template : mapping
        Digests of the cube's metadata and coordinates.
    attachments : mapping
        Files of the job by name, each the name of a file under ``inputs/``.
    """

    identity: RunIdentity
    n_blocks: int
    variables: tuple[str, ...]
    plan: str
    template: Mapping[str, Digest]
    attachments: Mapping[str, str]

    @property
    def run_id(self) -> str:
        """The identity's hash."""
        return self.identity.run_id

    def to_json(self) -> dict[str, Any]:
        """Return the document of ``run.json`` but for the clock."""
        return {
            "format": _FORMAT,
            "run_id": self.run_id,
            "identity": self.identity.document(),
            "n_blocks": self.n_blocks,
            "variables": list(self.variables),
            "plan": self.plan,
            "template": {name: digest.to_json() for name, digest in self.template.items()},
            "attachments": dict(self.attachments),
        }


def write_manifest(layout: RunLayout, manifest: RunManifest) -> None:
    """Write ``run.json``: from here on the directory is a run."""
    clock = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "host": socket.gethostname()}
    write_whole(layout.run_json, readable_json({**manifest.to_json(), "created": clock}))


def read_manifest(layout: RunLayout) -> RunManifest:
    """Read ``run.json``.

    Raises
    ------
    StoreError
        It is missing, torn, of another format, or its run id is not the hash of its identity.
    """
    if not layout.run_json.is_file():
        raise ForeignRunError(f"{layout.root}: is not a run directory: expected a file run.json in it")
    document = read_json(layout.run_json)
    if document.get("format") != _FORMAT:
        raise StoreError(f"{layout.run_json}: expected format {_FORMAT}, got {document.get('format')!r}")
    try:
        manifest = RunManifest(
            RunIdentity.from_document(document["identity"]),
            int(document["n_blocks"]),
            tuple(safe_name(v, "cube variable") for v in document["variables"]),
            str(document["plan"]),
            {name: Digest.from_json(d) for name, d in document["template"].items()},
            dict(document["attachments"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{layout.run_json}: expected the manifest of a run, got {error!r}") from error
    if not 1 <= manifest.n_blocks <= MOST_BLOCKS:
        raise StoreError(
            f"{layout.run_json}: expected 1 to {MOST_BLOCKS:,} blocks, got {manifest.n_blocks:,}"
        )
    if manifest.run_id != document.get("run_id"):
        raise StoreError(
            f"{layout.run_json}: its run id is not the hash of its identity: the file was changed"
        )
    return manifest


def refuse_foreign(layout: RunLayout, identity: RunIdentity) -> None:
    """Raise ForeignRunError unless the directory is absent, empty, half made by us, or this very run's."""
    if layout.run_json.is_file():
        there = read_manifest(layout).identity
        if there.run_id != identity.run_id:
            differences = differing_keys(there.document(), identity.document())
            raise ForeignRunError(
                f"{layout.root}: holds the run of another job ({there.run_id[:8]}, this one is "
                f"{identity.run_id[:8]}): {'; '.join(differences)}. Choose another output folder, or make "
                f"the job the same again",
                [d.split(" is ", 1)[0] for d in differences],
            )
    elif layout.root.exists() and not layout.root.is_dir():
        raise ForeignRunError(f"{layout.root}: expected a folder for the run, got a file")
    elif strangers := layout.strangers():
        raise ForeignRunError(
            f"{layout.root}: expected an empty folder or a run directory, got {', '.join(strangers[:5])} "
            f"and no run.json; choose another output folder",
            strangers,
        )


@dataclass(frozen=True)
class Completion:
    """What ``COMPLETE.json`` says: the fingerprint of all blocks and the digests of the results."""

    run_id: str
    root_hash: str
    n_blocks: int
    results: Mapping[str, Digest]
    run_json: Digest


_COMPLETE = {"format", "run_id", "root_hash", "n_blocks", "results", "run_json", "finished"}


def write_completion(
    layout: RunLayout, manifest: RunManifest, root: str, results: Mapping[str, Digest]
) -> None:
    """Write ``COMPLETE.json``: the last file of a run."""
    document = {
        "format": _FORMAT,
        "run_id": manifest.run_id,
        "root_hash": root,
        "n_blocks": manifest.n_blocks,
        "results": {name: digest.to_json() for name, digest in results.items()},
        "run_json": digest_file(layout.run_json).to_json(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_whole(layout.complete_json, readable_json(document))


def read_completion(layout: RunLayout) -> Completion | None:
    """Read ``COMPLETE.json``; None where the run is not complete. Raises StoreError when it is damaged."""
    if not layout.complete_json.is_file():
        return None
    document = read_json(layout.complete_json)
    try:
        if document.keys() != _COMPLETE or document["format"] != _FORMAT or not document["results"]:
            raise ValueError(f"keys {sorted(document)}, format {document.get('format')}")
        datetime.fromisoformat(document["finished"])
        return Completion(
            str(document["run_id"]),
            str(document["root_hash"]),
            int(document["n_blocks"]),
            {name: Digest.from_json(d) for name, d in document["results"].items()},
            Digest.from_json(document["run_json"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{layout.complete_json}: expected a completion record, got {error!r}") from error
