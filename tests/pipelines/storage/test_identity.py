from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from pipelines.storage.identity import (
    RunIdentity,
    cpu_class,
    differing_keys,
    environment,
    mathematics,
    source_digest,
)
from pipelines.storage.layout import RunLayout
from pipelines.storage.lock import LockedError, driver_lock, lock_holder
from pipelines.storage.manifest import (
    ForeignRunError,
    RunManifest,
    read_manifest,
    refuse_foreign,
    write_manifest,
)
from xva.errors import StoreError


def manifest(identity: RunIdentity) -> RunManifest:
    return RunManifest(identity, 3, ("value",), "0" * 64, {}, {})


def test_run_id_is_the_sha256_of_canonical_json(identity: RunIdentity) -> None:
    text = json.dumps(identity.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert identity.run_id == hashlib.sha256(text.encode()).hexdigest()
    assert identity.folder("runs") == Path("runs") / f"demo-{identity.run_id[:8]}"


def test_execution_is_never_hashed(identity: RunIdentity) -> None:
    elsewhere = {**identity.job, "execution": {"workers": 64, "output": "/elsewhere"}}
    assert dataclasses.replace(identity, job=elsewhere).run_id == identity.run_id


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 43},
        {"job": {"name": "demo"}},
        {"block_size": 16},
        {"dtype": "float32"},
        {"device": "cuda"},
        {"threads_per_task": 2},
        {"environment": {"torch": "2.14.0", "cpu_class": "x86_64/AVX2"}},
    ],
)
def test_everything_that_touches_bits_is_hashed(identity: RunIdentity, change: dict[str, object]) -> None:
    assert dataclasses.replace(identity, **change).run_id != identity.run_id  # type: ignore[arg-type]


def test_identity_survives_its_document(identity: RunIdentity) -> None:
    assert RunIdentity.from_document(json.loads(json.dumps(identity.document()))).run_id == identity.run_id


def test_environment_names_versions_and_cpu() -> None:
    import torch

    found = environment()
    assert found["torch"] == torch.__version__
    assert found["cpu_class"] == cpu_class()
    assert {"python", "numpy", "QuantLib", "zarr", "xva-platform", "pipelines"} <= found.keys()


def test_a_change_of_a_source_file_is_another_program(tmp_path: Path) -> None:
    """A version number stays the same while somebody edits."""
    (tmp_path / "module.py").write_text("quantile = 0.95")
    before = source_digest({"pipelines": tmp_path})
    assert source_digest({"pipelines": tmp_path}) == before
    (tmp_path / "module.py").write_text("quantile = 0.99")
    assert source_digest({"pipelines": tmp_path}) != before


def test_how_results_are_written_is_part_of_a_run_and_not_of_its_paths(identity: RunIdentity) -> None:
    other = environment() | {"pipelines": "0" * 16}
    assert (
        dataclasses.replace(identity, environment=other).run_id
        != RunIdentity(**{**identity.document(), "environment": environment()}).run_id
    )
    assert mathematics(other) == mathematics()
    assert mathematics(environment() | {"xva-platform": "0" * 16}) != mathematics()


def test_identity_refuses_what_is_not_clean(identity: RunIdentity) -> None:
    with pytest.raises(StoreError, match="job name"):
        dataclasses.replace(identity, name="../demo")
    with pytest.raises(StoreError, match="not clean JSON"):
        dataclasses.replace(identity, job={"x": float("nan")})
    with pytest.raises(StoreError, match="block size"):
        dataclasses.replace(identity, block_size=0)


def test_differing_keys_are_dotted_and_show_both_values() -> None:
    there = {"job": {"paths": 24, "trades": [1, 2]}, "dtype": "float64"}
    here = {"job": {"paths": 48, "trades": [1, 3], "pfe": 0.9}, "dtype": "float64"}
    assert differing_keys(there, here) == (
        "job.paths is 24 there, 48 here",
        "job.pfe is absent there, 0.9 here",
        "job.trades[1] is 2 there, 3 here",
    )


def test_a_foreign_run_is_refused_naming_the_keys(layout: RunLayout, identity: RunIdentity) -> None:
    write_manifest(layout, manifest(identity))
    refuse_foreign(layout, identity)
    other = dataclasses.replace(
        identity, seed=43, job={**identity.job, "simulation": {"paths": 48, "seed": 43}}
    )
    with pytest.raises(ForeignRunError) as caught:
        refuse_foreign(layout, other)
    assert caught.value.ids == ("job.simulation.paths", "job.simulation.seed", "seed")
    assert "job.simulation.paths is 24 there, 48 here" in str(caught.value)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, identity: RunIdentity) -> None:
    (tmp_path / "thesis.docx").touch()
    with pytest.raises(ForeignRunError, match=r"thesis\.docx"):
        refuse_foreign(RunLayout(tmp_path), identity)
    with pytest.raises(ForeignRunError, match="got a file"):
        refuse_foreign(RunLayout(tmp_path / "thesis.docx"), identity)
    with pytest.raises(ForeignRunError, match="not a run directory"):
        read_manifest(RunLayout(tmp_path))


def test_a_changed_manifest_is_not_trusted(layout: RunLayout, identity: RunIdentity) -> None:
    write_manifest(layout, manifest(identity))
    assert read_manifest(layout) == manifest(identity)
    layout.run_json.write_text(layout.run_json.read_text().replace('"seed": 42', '"seed": 43'))
    with pytest.raises(StoreError, match="the file was changed"):
        read_manifest(layout)


def test_one_driver_per_run(layout: RunLayout) -> None:
    assert lock_holder(layout.lock) is None
    with driver_lock(layout.lock):
        assert "process" in str(lock_holder(layout.lock))
        with pytest.raises(LockedError, match="another driver is at work here"), driver_lock(layout.lock):
            pytest.fail("two drivers")
    assert lock_holder(layout.lock) is None
    with driver_lock(layout.lock):
        pass
