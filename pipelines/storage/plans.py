"""Plans as content-addressed files: safetensors for arrays, JSON for the rest, and never any code.

A file names its plan's class; the class is taken only from our own packages or from modules that the caller
lists, so that loading a run directory cannot be made to import anything else.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pipelines.storage.durable import canonical_json, digest_bytes, read_json, write_durably
from pipelines.storage.tensors import decode_arrays, encode_arrays
from xva.errors import StoreError
from xva.valuation.plan import Plan

OWN_PACKAGES = ("xva.", "surrogates.")

_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHA = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"[0-9a-f]{64}(\.[A-Za-z0-9]{1,16})?")


def put_bytes(inputs: Path, data: bytes, suffix: str) -> str:
    """Store ``data`` under its own sha256 and return the file's name; a damaged copy is replaced."""
    name = f"{digest_bytes(data).sha256}{suffix}"
    path = inputs / name
    if not path.is_file() or path.read_bytes() != data:
        write_durably(path, data)
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
    kind = type(plan)
    _require_trusted(kind.__module__, kind.__qualname__, trusted_modules)
    arrays, meta = plan.payload()
    for module in meta.get("modules", ()):
        _require_trusted(module, "products", trusted_modules)
    data = encode_arrays(arrays, f"plan {kind.kind}")
    document = {
        "format": 1,
        "kind": kind.kind,
        "module": kind.__module__,
        "class": kind.__qualname__,
        "meta": meta,
        "arrays": f"{digest_bytes(data).sha256}.safetensors",
    }
    return canonical_json(document), data


def load_plan(inputs: Path, address: str, trusted_modules: Collection[str] = ()) -> Plan:
    """Rebuild a plan bit for bit.

    Raises
    ------
    StoreError
        A file is missing or damaged, or names a class outside the allow-list.
    """
    if not _SHA.fullmatch(address):
        raise StoreError(f"plan address: expected 64 hex digits, got {address!r}")
    document = _read_plan(inputs, address)
    plan_class = _plan_class(document["module"], document["class"], document["kind"], trusted_modules)
    for module in document["meta"].get("modules", ()):  # of products that the plan will import
        _require_trusted(module, "products", trusted_modules)
    arrays = decode_arrays(get_bytes(inputs, document["arrays"]), document["arrays"])
    return plan_class.from_payload(arrays, document["meta"])


def plan_files(inputs: Path, address: str) -> tuple[str, str]:
    """Names of a plan's two files under ``inputs/``; raises StoreError when the first is damaged."""
    return f"{address}.json", _read_plan(inputs, address)["arrays"]


def _read_plan(inputs: Path, address: str) -> dict[str, Any]:
    name = f"{address}.json"
    get_bytes(inputs, name)
    document = read_json(inputs / name)
    missing = {"module", "class", "kind", "meta", "arrays"} - document.keys()
    if missing or not _SHA.fullmatch(str(document["arrays"]).removesuffix(".safetensors")):
        raise StoreError(f"{inputs / name}: expected a plan with its arrays, got {sorted(document)}")
    return document


def _plan_class(module: Any, name: Any, kind: Any, trusted_modules: Collection[str]) -> type[Plan]:
    _require_trusted(module, name, trusted_modules)
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise StoreError(f"plan {kind}: cannot import {module}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Plan) and getattr(found, "kind", None) == kind):
        raise StoreError(f"plan {kind}: {module}.{name} is not a plan of that kind")
    return found


def _require_trusted(module: Any, name: Any, trusted_modules: Collection[str]) -> None:
    clean = (
        isinstance(module, str)
        and _MODULE.fullmatch(module)
        and isinstance(name, str)
        and _CLASS.fullmatch(name)
    )
    if clean and (module in trusted_modules or module.startswith(OWN_PACKAGES)):
        return
    raise StoreError(
        f"plan class {module}.{name}: expected a top-level class of a module in {', '.join(OWN_PACKAGES)} "
        f"or in trusted_modules={tuple(sorted(trusted_modules))}"
    )
