"""Making a run directory, and mending one whose fixed parts were damaged."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import PurePath

from pipelines.storage.identity import RunIdentity
from pipelines.storage.layout import RunLayout
from pipelines.storage.manifest import RunManifest, write_manifest
from pipelines.storage.plans import get_bytes, plan_address, put_bytes, save_plan
from pipelines.storage.shards import CubeTemplate, install_template
from pipelines.storage.verify import check_files
from xva.blocks import Plan
from xva.errors import StoreError


def create_run(
    layout: RunLayout,
    plan: Plan,
    identity: RunIdentity,
    variables: tuple[str, ...],
    trusted_modules: Collection[str] = (),
    attachments: Mapping[str, bytes] | None = None,
) -> RunManifest:
    """Write inputs and the empty cube, and ``run.json`` last: a directory without it is no run yet.

    Raises
    ------
    StoreError
        The plan's block size is not the identity's, or the plan cannot be stored.
    """
    if plan.block_size != identity.block_size:
        raise StoreError(
            f"job {identity.name}: expected blocks of {identity.block_size} paths, got {plan.block_size}"
        )
    layout.inputs.mkdir(exist_ok=True)
    layout.blocks.mkdir(exist_ok=True)
    manifest = RunManifest(
        identity,
        plan.n_blocks,
        variables,
        save_plan(layout.inputs, plan, trusted_modules),
        install_template(layout, _template(plan, identity, variables)),
        _stored(layout, attachments or {}),
    )
    write_manifest(layout, manifest)
    return manifest


def mend_run(
    layout: RunLayout,
    manifest: RunManifest,
    plan: Plan,
    trusted_modules: Collection[str] = (),
    attachments: Mapping[str, bytes] | None = None,
) -> RunManifest:
    """Bring damaged plan files and cube metadata back as they were, and files of the job where they are at hand.

    Returns the manifest, which names other files of the job where lost ones were replaced by others that say the same.

    Raises
    ------
    StoreError
        The plan is not the one that the run was started with.
    """
    address = plan_address(plan, trusted_modules)
    if address != manifest.plan or plan.n_blocks != manifest.n_blocks:
        raise StoreError(
            f"{layout.root}: the same job gave another plan ({address[:8]}, the run was started with "
            f"{manifest.plan[:8]}): something it depends on is not in its identity; start in a new folder"
        )
    if manifest.variables not in ((), plan.schema.variables):
        raise StoreError(
            f"{layout.run_json}: expected values {list(plan.schema.variables)} or none, got {list(manifest.variables)}: the "
            f"file was changed -> remove it and run the job again, which keeps the blocks"
        )
    layout.blocks.mkdir(exist_ok=True)
    layout.inputs.mkdir(exist_ok=True)
    save_plan(layout.inputs, plan, trusted_modules)
    if check_files(layout, manifest.template):
        rebuilt = install_template(layout, _template(plan, manifest.identity, manifest.variables))
        if rebuilt != dict(manifest.template):
            raise StoreError(f"{layout.cube}: its metadata were changed and cannot be rebuilt as they were")
    return manifest if not attachments else _with_files(layout, manifest, attachments)


def _with_files(layout: RunLayout, manifest: RunManifest, attachments: Mapping[str, bytes]) -> RunManifest:
    """The run's copies of the job's files made whole again, if one of them is not."""
    try:
        for file in manifest.attachments.values():
            get_bytes(layout.inputs, file)
    except StoreError:
        mended = replace(manifest, attachments=_stored(layout, attachments))
        if mended != manifest:
            write_manifest(layout, mended)
        return mended
    return manifest


def _stored(layout: RunLayout, attachments: Mapping[str, bytes]) -> dict[str, str]:
    return {name: put_bytes(layout.inputs, data, _suffix(name)) for name, data in attachments.items()}


def _template(plan: Plan, identity: RunIdentity, variables: tuple[str, ...]) -> CubeTemplate:
    return CubeTemplate(plan.schema, plan.n_blocks, plan.block_size, variables, identity.name, identity.seed)


def _suffix(name: str) -> str:
    suffix = PurePath(name).suffix
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 17 else ""
