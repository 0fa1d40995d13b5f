"""Plans as content-addressed files: safetensors for arrays, JSON for the rest, and never any code.

A file names kinds of plans and trades, no class and no module (`catalog`): loading a run directory cannot be made to import
anything.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pipelines.storage.catalog import Catalog
from pipelines.storage.durable import digest_bytes, read_json
from pipelines.storage.tensors import decode_arrays, encode_arrays
from surrogates.durable import canonical_json, write_whole
from xva.blocks import Plan
from xva.errors import StoreError

FORMAT = 3

_SHA = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"[0-9a-f]{64}(\.[A-Za-z0-9]{1,16})?")


def put_bytes(inputs: Path, data: bytes, suffix: str) -> str:
    """Store ``data`` under its own sha256 and return the file's name; a damaged copy is replaced."""
    name = f"{digest_bytes(data).sha256}{suffix}"
    path = inputs / name
    if not path.is_file() or path.read_bytes() != data:
        write_whole(path, data)
    return name


def get_bytes(inputs: Path, name: str) -> bytes:
    """Read a content-addressed file; raises StoreError when it is missing or not what its name says."""
    path = inputs / name
    if not _ADDRESS.fullmatch(name):
        raise StoreError(f"{inputs}: expected a file named by its sha256, got {name!r}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{path}: expected an input of the run, got {error.strerror}; a worker must see the run "
            f"directory under the same path as the driver (shared file system)"
        ) from error
    if digest_bytes(data).sha256 != Path(name).stem:
        raise StoreError(f"{path}: its sha256 is not its name: the file is damaged")
    return data


def save_plan(inputs: Path, plan: Plan, trusted_modules: Collection[str] = ()) -> str:
    """Store a plan and return its address (sha256 of its JSON, which names the sha256 of its arrays)."""
    document, arrays = _encode(plan, trusted_modules)
    put_bytes(inputs, arrays, ".safetensors")
    return Path(put_bytes(inputs, document, ".json")).stem


def plan_address(plan: Plan, trusted_modules: Collection[str] = ()) -> str:
    """Address that `save_plan` would return; nothing is written."""
    return digest_bytes(_encode(plan, trusted_modules)[0]).sha256


def _encode(plan: Plan, trusted_modules: Collection[str]) -> tuple[bytes, bytes]:
    Catalog.of(trusted_modules).check(plan)
    arrays, meta = plan.payload()
    data = encode_arrays(arrays, f"plan {plan.kind}")
    document = {
        "format": FORMAT,
        "kind": plan.kind,
        "meta": meta,
        "arrays": f"{digest_bytes(data).sha256}.safetensors",
    }
    return canonical_json(document), data


def load_plan(inputs: Path, address: str, trusted_modules: Collection[str] = ()) -> Plan:
    """Rebuild a plan bit for bit.

    Raises
    ------
    StoreError
        A file is missing, damaged or of another format, or names a kind that neither the platform nor ``trusted_modules`` has.
    """
    if not _SHA.fullmatch(address):
        raise StoreError(f"plan address: expected 64 hex digits, got {address!r}")
    document = _read_plan(inputs, address)
    if document.get("format") != FORMAT:
        raise StoreError(
            f"{inputs / address}.json: expected a plan of format {FORMAT}, got {document.get('format')!r}: another version of "
            f"the platform wrote it -> finish the run with that version, or run its job again"
        )
    catalog = Catalog.of(trusted_modules)
    plan_class = catalog.plan(document["kind"])
    arrays = decode_arrays(get_bytes(inputs, document["arrays"]), document["arrays"])
    return plan_class.from_payload(arrays, document["meta"], catalog.kinds)


def plan_files(inputs: Path, address: str) -> tuple[str, str]:
    """Names of a plan's two files under ``inputs/``; raises StoreError when the first is damaged."""
    return f"{address}.json", _read_plan(inputs, address)["arrays"]


def _read_plan(inputs: Path, address: str) -> dict[str, Any]:
    name = f"{address}.json"
    get_bytes(inputs, name)
    document = read_json(inputs / name)
    missing = {"kind", "meta", "arrays"} - document.keys()
    if missing or not _SHA.fullmatch(str(document["arrays"]).removesuffix(".safetensors")):
        raise StoreError(f"{inputs / name}: expected a plan with its arrays, got {sorted(document)}")
    return document
