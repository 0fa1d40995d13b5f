"""Reading everything again: which blocks stand, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.storage.durable import Digest
from pipelines.storage.layout import INPUTS, RunLayout
from pipelines.storage.manifest import Completion, RunManifest, read_completion, read_manifest
from pipelines.storage.markers import Marker, damage, read_marker, root_hash
from pipelines.storage.plans import get_bytes, plan_files
from xva.errors import StoreError

_TOLD = 100
"""Lost blocks that are told one by one."""


@dataclass(frozen=True)
class Finding:
    """One thing wrong in a run directory; ``block`` is None for files of the run as a whole."""

    file: str
    reason: str
    block: int | None = None

    def __str__(self) -> str:
        where = f"block {self.block}: " if self.block is not None else ""
        return f"{where}{self.file}: {self.reason}"


@dataclass(frozen=True)
class Scan:
    """Markers of the blocks that stand, and findings on those that were committed and do not any more."""

    markers: Mapping[int, Marker]
    findings: tuple[Finding, ...]

    def missing(self, n_blocks: int) -> tuple[int, ...]:
        """Blocks to compute, in order."""
        return tuple(b for b in range(n_blocks) if b not in self.markers)


@dataclass(frozen=True)
class Verification:
    """Outcome of `verify`; ``root_hash`` only where all blocks stand."""

    run_id: str
    n_blocks: int
    done: int
    complete: bool
    root_hash: str | None
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the run is complete and nothing is wrong."""
        return self.complete and not self.findings


def scan(layout: RunLayout, manifest: RunManifest) -> Scan:
    """Check every committed block against its marker, byte by byte."""
    markers: dict[int, Marker] = {}
    findings: list[Finding] = []
    for block in layout.committed(manifest.n_blocks):
        try:
            marker = read_marker(layout, manifest.run_id, manifest.variables, block)
        except StoreError as error:
            findings.append(Finding(layout.relative(layout.marker(block)), error.message, block))
            continue
        wrong = check_files(layout, dict(marker.files), block)
        findings.extend(wrong)
        if not wrong:
            markers[block] = marker
    return Scan(markers, tuple(findings))


def check_files(
    layout: RunLayout, digests: Mapping[str, Digest], block: int | None = None
) -> tuple[Finding, ...]:
    """Compare files under the run directory with their digests."""
    reasons = ((name, damage(layout.inside(name), digest)) for name, digest in digests.items())
    return tuple(Finding(name, reason, block) for name, reason in reasons if reason)


def verify(layout: RunLayout) -> Verification:
    """Read everything of a run again and name every file that is missing, torn or changed.

    Raises
    ------
    StoreError
        The directory is no run, or its ``run.json`` cannot be trusted.
    """
    manifest = read_manifest(layout)
    found = scan(layout, manifest)
    root = root_hash(list(found.markers.values())) if len(found.markers) == manifest.n_blocks else None
    try:
        completion = read_completion(layout)
        completion_findings = _check_completion(layout, manifest, completion, root)
    except StoreError as error:
        completion, completion_findings = None, (Finding("COMPLETE.json", error.message),)
    findings = (
        *check_files(layout, manifest.template),
        *_check_inputs(layout, manifest),
        *found.findings,
        *completion_findings,
    )
    done = len(found.markers)
    complete = completion is not None and done == manifest.n_blocks
    return Verification(manifest.run_id, manifest.n_blocks, done, complete, root, findings)


def _check_inputs(layout: RunLayout, manifest: RunManifest) -> tuple[Finding, ...]:
    try:
        names = [*plan_files(layout.inputs, manifest.plan), *manifest.attachments.values()]
    except StoreError as error:
        return (Finding(f"{INPUTS}/{manifest.plan}.json", error.message),)
    findings = []
    for name in names:
        try:
            get_bytes(layout.inputs, name)
        except StoreError as error:
            findings.append(Finding(f"{INPUTS}/{name}", error.message))
    return tuple(findings)


def _check_completion(
    layout: RunLayout, manifest: RunManifest, completion: Completion | None, root: str | None
) -> tuple[Finding, ...]:
    if completion is None:
        return ()
    findings = list(check_files(layout, {**completion.results, "run.json": completion.run_json}))
    missing = sorted(set(range(manifest.n_blocks)).difference(layout.committed(manifest.n_blocks)))
    findings += [Finding(layout.relative(layout.marker(b)), "missing", b) for b in missing[:_TOLD]]
    if len(missing) > _TOLD:
        findings.append(Finding("blocks", f"the markers of {len(missing) - _TOLD:,} more are missing"))
    if completion.n_blocks != manifest.n_blocks:
        findings.append(
            Finding("COMPLETE.json", f"{completion.n_blocks} blocks, the run has {manifest.n_blocks}")
        )
    pairs = [("run id", completion.run_id, manifest.run_id), ("root hash", completion.root_hash, root)]
    findings += [
        Finding("COMPLETE.json", f"{what} {there[:8]}, the run has {here[:8]}")
        for what, there, here in pairs
        if here is not None and there != here
    ]
    return tuple(findings)
