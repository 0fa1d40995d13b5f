"""What makes two runs the same run: job, library versions, CPU class, dtype, device, block size, threads."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata, util
from pathlib import Path
from typing import Any

from pipelines.storage.layout import safe_name
from surrogates.durable import canonical_json
from xva.errors import StoreError

_LIBRARIES = ("numpy", "scipy", "torch", "QuantLib", "zarr", "numcodecs", "safetensors")
_OURS = {"xva-platform": ("xva", "surrogates"), "pipelines": ("pipelines",)}


@dataclass(frozen=True)
class RunIdentity:
    """Identity of a run; `run_id` is the sha256 of its canonical JSON.

    Parameters
    ----------
    name : str
        Name of the job; becomes part of the default folder.
    seed : int
        Seed of the random numbers, repeated in the cube's attributes.
    job : mapping
        JSON-clean resolved job with the hashes of its inputs. A key ``execution`` is dropped: workers,
        scheduler, output folder, log level and clock are never hashed.
    block_size : int
        Paths per block.
    dtype, device : str
        As in the job, ``float64`` and ``cpu`` by default.
    threads_per_task : int
        torch threads of one task.
    environment : mapping, optional
        Library versions and CPU class; by default of this process.
    """

    name: str
    seed: int
    job: Mapping[str, Any]
    block_size: int
    dtype: str = "float64"
    device: str = "cpu"
    threads_per_task: int = 1
    environment: Mapping[str, str] = field(default_factory=lambda: dict(environment()))

    def __post_init__(self) -> None:
        safe_name(self.name, "job name")
        if self.block_size < 1 or self.threads_per_task < 1:
            raise StoreError(
                f"job {self.name}: expected block size and threads per task >= 1, "
                f"got {self.block_size} and {self.threads_per_task}"
            )
        canonical_json(self.document())

    def document(self) -> dict[str, Any]:
        """Return the JSON object that is hashed."""
        return {
            "name": self.name,
            "seed": self.seed,
            "job": {k: v for k, v in self.job.items() if k != "execution"},
            "block_size": self.block_size,
            "dtype": self.dtype,
            "device": self.device,
            "threads_per_task": self.threads_per_task,
            "environment": dict(self.environment),
        }

    @property
    def run_id(self) -> str:
        """Sha256 of the canonical JSON, 64 hex digits."""
        return hashlib.sha256(canonical_json(self.document())).hexdigest()

    def folder(self, output: Path | str = "runs") -> Path:
        """Return the default run directory ``<output>/<name>-<first 8 digits of run_id>``."""
        return Path(output) / f"{self.name}-{self.run_id[:8]}"

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RunIdentity:
        """Rebuild from `document`; raises StoreError."""
        try:
            return cls(**document)
        except TypeError as error:
            raise StoreError(f"identity in run.json: {error}") from error


@lru_cache(maxsize=1)
def _environment() -> tuple[tuple[str, str], ...]:
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    versions["python"] = platform.python_version()
    versions |= {name: source_digest(_folders(packages)) for name, packages in _OURS.items()}
    versions["cpu_class"] = cpu_class()
    return tuple(sorted(versions.items()))


def environment() -> dict[str, str]:
    """Versions of every library that touches the numbers, and the CPU class, of this process."""
    return dict(_environment())


def mathematics(found: Mapping[str, str] | None = None) -> dict[str, str]:
    """The part of an environment, by default of this process's, that paths, sums and surrogates depend on.

    How files are read and results are written is left out: paths of an older run can be made again, and what was learned
    stays good.
    """
    return {k: v for k, v in (environment() if found is None else found).items() if k != "pipelines"}


def source_digest(folders: Mapping[str, Path]) -> str:
    """First 16 digits of the sha256 over packages' source files, which lie in ``folders`` by package.

    A version number stays the same while a developer edits; a resumed run must not mix two programs.
    """
    sha = hashlib.sha256()
    for package, folder in folders.items():
        for file in sorted(folder.rglob("*.py")):
            sha.update(f"{package}/{file.relative_to(folder).as_posix()}\0".encode())
            sha.update(hashlib.sha256(file.read_bytes()).digest())
    return sha.hexdigest()[:16]


def _folders(packages: Iterable[str]) -> dict[str, Path]:
    specs = {package: util.find_spec(package) for package in packages}
    return {
        package: Path(folder)
        for package, spec in specs.items()
        for folder in (spec.submodule_search_locations or [] if spec else [])
    }


def cpu_class() -> str:
    """Machine, vendor and vector capability: the CPUs on which the same program gives the same bits."""
    import torch

    return f"{platform.machine()}/{_vendor()}/{torch.backends.cpu.get_cpu_capability()}"


def _vendor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    vendors = (line for line in lines if line.startswith(("vendor_id", "CPU implementer")))
    return next(vendors, "unknown").split(":", 1)[-1].strip()


def differing_keys(there: Mapping[str, Any], here: Mapping[str, Any]) -> tuple[str, ...]:
    """Dotted keys at which two JSON objects differ, each with both values, sorted."""
    old, new = _flat(there, ""), _flat(here, "")
    keys = sorted(k for k in old.keys() | new.keys() if old.get(k, "absent") != new.get(k, "absent"))
    return tuple(f"{k} is {_short(old.get(k))} there, {_short(new.get(k))} here" for k in keys)


def _flat(value: Any, prefix: str) -> dict[str, str]:
    if isinstance(value, Mapping) and value:
        parts = {f"{prefix}.{key}" if prefix else str(key): item for key, item in value.items()}
    elif isinstance(value, (list, tuple)) and value:
        parts = {f"{prefix}[{i}]": item for i, item in enumerate(value)}
    else:
        return {prefix: canonical_json(value).decode()}
    return {name: text for path, item in parts.items() for name, text in _flat(item, path).items()}


def _short(text: str | None) -> str:
    if text is None:
        return "absent"
    return text if len(text) <= 48 else text[:45] + "..."
