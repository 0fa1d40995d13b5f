"""Runs in this process: create, open again, resume, damage, refusals."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipelines.execution.errors import MemoryPromiseError, QuarantineError
from pipelines.execution.events import BlockDiscarded, BlockDone, BlockFailed, RunFailed, read_events
from pipelines.execution.mapping import map_blocks
from pipelines.execution.runner import RunOutcome, RunSettings, execute, resume
from pipelines.execution.serial import SerialExecutor
from pipelines.execution.status import status, verify
from pipelines.storage.layout import RunLayout
from pipelines.storage.lock import LockedError, driver_lock
from pipelines.storage.manifest import ForeignRunError
from pipelines.storage.results import open_cube, open_results
from tests.support.drive import TRUST, identity
from tests.support.dummy_plan import DummyPlan, finish
from tests.support.places import ROOT
from xva.errors import StoreError
from xva.profiles.seal import sealed

SETTINGS = RunSettings(trusted_modules=TRUST)
PLAN = DummyPlan(blocks=5)


def run(folder: Path, plan: DummyPlan = PLAN, **options: object) -> RunOutcome:
    return execute(
        plan,
        folder,
        SerialExecutor(),
        finish,
        **{"identity": identity(plan), "settings": SETTINGS, **options},  # type: ignore[arg-type]
    )


def test_a_run_holds_the_numbers_of_the_plan(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    outcome = run(folder, attachments={"job.toml": b"name = 'dummy'"})
    assert outcome.computed == (0, 1, 2, 3, 4)
    assert (outcome.folder, outcome.run_id) == (folder, identity(PLAN).run_id)
    blocks = [PLAN.run(b) for b in range(5)]
    with open_cube(folder) as cube, open_results(folder) as results:
        expected = sealed(np.concatenate([b.cube["value"] for b in blocks]).astype(np.float32))
        np.testing.assert_array_equal(cube["value"], expected)
        epe = sum(b.sums["exposure"] for b in blocks) / 80.0
        np.testing.assert_allclose(results["epe"], epe, rtol=1e-15)
    assert verify(folder).ok
    assert verify(folder).root_hash == outcome.root_hash
    found = status(folder)
    assert (found.state, found.done, found.root_hash) == ("complete", 5, outcome.root_hash)
    assert not list(folder.glob(".*"))


def test_the_same_job_opens_the_finished_run(tmp_path: Path) -> None:
    first = run(tmp_path / "run")
    data = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file() and p.suffix != ".jsonl"}
    again = run(tmp_path / "run")
    assert again.computed == ()
    assert again.root_hash == first.root_hash
    assert all(p.read_bytes() == content for p, content in data.items())


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def test_only_what_is_damaged_is_computed_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    layout = RunLayout(folder)
    first = run(folder)
    tear(layout.shard("value", 0))
    flip(layout.shard("exposure", 2))
    layout.sums(3).unlink()
    flip(layout.marker(4))
    assert sorted({f.block for f in verify(folder).findings if f.block is not None}) == [0, 2, 3, 4]
    again = resume(folder, SerialExecutor(), finish, settings=SETTINGS)
    assert again.computed == (0, 2, 3, 4)
    assert again.root_hash == first.root_hash
    assert verify(folder).ok
    discarded = [e.block for e in read_events(layout.events) if isinstance(e, BlockDiscarded)]
    assert discarded == [0, 2, 3, 4]


def test_damaged_results_and_metadata_are_mended_without_computing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first = run(folder)
    flip(folder / "xva.zarr" / "epe" / "zarr.json")
    tear(folder / "cube.zarr" / "value" / "zarr.json")
    tear(folder / "COMPLETE.json")
    assert {f.file for f in verify(folder).findings} == {"cube.zarr/value/zarr.json", "COMPLETE.json"}
    again = run(folder)
    assert again.computed == ()
    assert again.root_hash == first.root_hash
    assert verify(folder).ok


def test_a_run_that_does_not_reproduce_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    layout = RunLayout(folder)
    root = run(folder).root_hash
    layout.complete_json.write_text(layout.complete_json.read_text().replace(root, "f" * 64))
    with pytest.raises(StoreError, match="did not give the same bits"):
        run(folder)


def test_a_poisoned_block_is_quarantined_and_the_rest_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(QuarantineError) as caught:
        run(folder, dataclasses.replace(PLAN, poisoned=(1, 3)))
    assert caught.value.ids == ("block 1", "block 3")
    assert "ZeroDivisionError: block 3 is poisoned" in str(caught.value)
    found = status(folder)
    assert (found.state, found.done) == ("incomplete", 3)
    assert found.failed.keys() == {1, 3}
    assert found.last_error is not None
    assert "QuarantineError" in found.last_error
    failures = [e for e in read_events(RunLayout(folder).events) if isinstance(e, BlockFailed)]
    assert [(e.block, e.attempt) for e in failures if e.quarantined] == [(1, 3), (3, 3)]
    assert "in _misbehave" in failures[0].traceback
    assert not verify(folder).ok
    assert verify(folder).findings == ()


def test_a_transient_failure_leaves_no_trace_in_the_data(tmp_path: Path) -> None:
    plan = dataclasses.replace(PLAN, poisoned=(2,), once=str(tmp_path))
    assert run(tmp_path / "a", plan).root_hash == run(tmp_path / "b").root_hash


@pytest.mark.parametrize("change", ["seed", "job"])
def test_another_job_is_refused_naming_the_keys(tmp_path: Path, change: str) -> None:
    run(tmp_path / "run")
    before = sorted((p, p.stat().st_mtime_ns) for p in (tmp_path / "run").rglob("*"))
    other = dataclasses.replace(PLAN, seed=7) if change == "seed" else dataclasses.replace(PLAN, n_dates=4)
    with pytest.raises(
        ForeignRunError, match={"seed": "seed is 42 there, 7 here", "job": "job.dates is 13"}[change]
    ):
        run(tmp_path / "run", other)
    assert sorted((p, p.stat().st_mtime_ns) for p in (tmp_path / "run").rglob("*")) == before


def test_the_same_identity_with_another_plan_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "run")
    other = dataclasses.replace(PLAN, level=PLAN.level + 1e-12)
    with pytest.raises(StoreError, match="the same job gave another plan"):
        run(tmp_path / "run", other)


def test_a_second_driver_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "run")
    with driver_lock(tmp_path / "run" / "run.lock"):
        assert status(tmp_path / "run").state == "running"
        with pytest.raises(LockedError, match="another driver"):
            run(tmp_path / "run")
        with pytest.raises(LockedError):
            resume(tmp_path / "run", SerialExecutor(), finish, settings=SETTINGS)


def test_another_environment_is_refused_on_resume(tmp_path: Path) -> None:
    other = dataclasses.replace(identity(PLAN), environment={**identity(PLAN).environment, "torch": "1.0"})
    with pytest.raises(QuarantineError, match="cannot give the run's bits: torch is"):
        run(tmp_path / "run", identity=other)
    with pytest.raises(StoreError, match="bit for bit: torch is"):
        resume(tmp_path / "run", SerialExecutor(), finish, settings=SETTINGS)


def test_a_run_that_cannot_start_leaves_no_directory(tmp_path: Path) -> None:
    with pytest.raises(MemoryPromiseError, match="smaller blocks"):
        run(tmp_path / "run", dataclasses.replace(PLAN, promise=10**15))
    with pytest.raises(StoreError, match="trusted_modules"):
        run(tmp_path / "run", settings=RunSettings())
    with pytest.raises(StoreError, match="blocks of 99 paths"):
        run(tmp_path / "run", identity=dataclasses.replace(identity(PLAN), block_size=99))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_can_be_resumed(tmp_path: Path) -> None:
    def interrupt(event: object) -> None:
        if isinstance(event, BlockDone) and event.block == 1:
            raise KeyboardInterrupt

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(folder, settings=dataclasses.replace(SETTINGS, sinks=(interrupt,)))
    assert isinstance(read_events(folder / "events.jsonl")[-1], RunFailed)
    assert (status(folder).state, status(folder).done) == ("incomplete", 2)
    assert resume(folder, SerialExecutor(), finish, settings=SETTINGS).computed == (2, 3, 4)
    assert verify(folder).root_hash == run(tmp_path / "other").root_hash


def test_a_failing_finish_keeps_the_blocks(tmp_path: Path) -> None:
    def broken(sums: object) -> None:
        raise ValueError("no curve")

    with pytest.raises(ValueError, match="no curve"):
        execute(PLAN, tmp_path / "run", SerialExecutor(), broken, identity=identity(PLAN), settings=SETTINGS)  # type: ignore[arg-type]
    assert status(tmp_path / "run").done == 5
    assert run(tmp_path / "run").computed == ()


def test_sums_alone_can_be_kept(tmp_path: Path) -> None:
    outcome = run(tmp_path / "run", store_cube=False)
    assert verify(tmp_path / "run").ok
    with open_cube(tmp_path / "run") as cube:
        assert not cube.data_vars
    assert run(tmp_path / "run", store_cube=False).root_hash == outcome.root_hash


def test_blocks_can_be_mapped_in_memory() -> None:
    sums = map_blocks(PLAN, blocks=[3, 0, 3])
    for block, found in zip((3, 0, 3), sums):
        np.testing.assert_array_equal(found["value"], PLAN.run(block).sums["value"])
    with pytest.raises(QuarantineError, match="block 2"):
        map_blocks(dataclasses.replace(PLAN, poisoned=(2,)))


def test_the_callers_torch_threads_are_given_back() -> None:
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        map_blocks(PLAN, blocks=[0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_serial_never_imports_distributed_and_prints_nothing(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        f"from tests.support import drive; drive.main({str(tmp_path / 'run')!r}, 'serial', '0')\n"
        "assert 'distributed' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def lose_inputs(folder: Path) -> None:
    shutil.rmtree(folder / "inputs")


def lose_manifest(folder: Path) -> None:
    (folder / "run.json").unlink()


def tear_job(folder: Path) -> None:
    (path,) = (folder / "inputs").glob("*.toml")
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [lose_inputs, lose_manifest, tear_job])
def test_the_same_job_mends_what_its_finished_run_has_lost(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder, files = tmp_path / "run", {"job.toml": b"name = 'dummy'"}
    first = run(folder, attachments=files)
    damage(folder)
    assert not damaged_or_ok(folder)
    again = run(folder, attachments=files)
    assert (again.computed, again.root_hash) == ((), first.root_hash)
    assert verify(folder).ok


def damaged_or_ok(folder: Path) -> bool:
    try:
        return verify(folder).ok
    except StoreError:
        return False


def test_other_files_that_say_the_same_take_the_place_of_lost_ones(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(folder, attachments={"job.toml": b"name = 'dummy'"})
    lose_inputs(folder)
    run(folder, attachments={"job.toml": b"name   =   'dummy'"})
    assert verify(folder).ok
    assert [p.read_bytes() for p in (folder / "inputs").glob("*.toml")] == [b"name   =   'dummy'"]


def test_a_full_disk_ends_in_a_named_error(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first = run(folder)
    (folder / "events.jsonl").unlink()
    (folder / "events.jsonl").symlink_to("/dev/full")
    (folder / "blocks" / "00000003.json").unlink()
    with pytest.raises(StoreError, match=r"events\.jsonl: cannot be written, No space left on device"):
        resume(folder, SerialExecutor(), finish, settings=SETTINGS)
    (folder / "events.jsonl").unlink()
    assert resume(folder, SerialExecutor(), finish, settings=SETTINGS).root_hash == first.root_hash


@pytest.mark.parametrize("name", ["blocks", "inputs", "cube.zarr", "cube.zarr/value", "cube.zarr/value/c/3"])
def test_nothing_is_written_through_a_link(tmp_path: Path, name: str) -> None:
    folder, outside = tmp_path / "run", tmp_path / "outside"
    run(folder)
    shutil.move(folder / name, outside)
    (folder / name).symlink_to(outside)
    (folder / "blocks" / "00000003.json").unlink()
    before = {p: p.read_bytes() for p in outside.rglob("*") if p.is_file()}
    for again in (lambda: run(folder), lambda: resume(folder, SerialExecutor(), finish, settings=SETTINGS)):
        with pytest.raises(StoreError, match="expected a folder of the run's own, got a link to"):
            again()
    assert {p: p.read_bytes() for p in outside.rglob("*") if p.is_file()} == before


def test_a_marker_in_other_bytes_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first = run(folder)
    marker = RunLayout(folder).marker(2)
    marker.write_bytes(marker.read_bytes()[:-1])
    assert [f.block for f in verify(folder).findings if f.block is not None] == [2]
    assert run(folder).root_hash == first.root_hash
    assert verify(folder).ok


@pytest.mark.parametrize(
    "edit", [{"finished": 7}, {"format": 9}, {"results": {}}, {"n_blocks": 4}, {"more": 1}, {"run_id": "x"}]
)
def test_an_edited_completion_is_found_and_written_again(tmp_path: Path, edit: dict[str, object]) -> None:
    folder = tmp_path / "run"
    first = run(folder)
    path = RunLayout(folder).complete_json
    path.write_text(json.dumps(json.loads(path.read_text()) | edit))
    assert {f.file for f in verify(folder).findings} == {"COMPLETE.json"}
    assert run(folder).root_hash == first.root_hash
    assert verify(folder).ok


@pytest.mark.parametrize("variables", ["x", ["value"], ["value", "exposure", "more"]])
def test_a_manifest_of_other_values_discards_no_block(tmp_path: Path, variables: object) -> None:
    folder = tmp_path / "run"
    first = run(folder)
    document = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(document | {"variables": variables}))
    with pytest.raises(StoreError, match=r"run\.json: .*(values|variables)"):
        run(folder)
    (folder / "run.json").unlink()
    again = run(folder)
    assert (again.computed, again.root_hash) == ((), first.root_hash)


def test_a_manifest_of_more_blocks_than_there_can_be(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(folder)
    document = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(document | {"n_blocks": 10_000_000}))
    for look in (status, verify):
        with pytest.raises(StoreError, match=r"run\.json: expected 1 to 1,000,000 blocks, got 10,000,000"):
            look(folder)


def test_many_lost_blocks_are_told_in_short(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(folder)
    document = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(document | {"n_blocks": 1_000_000}))
    started = time.monotonic()
    found = verify(folder)
    assert not found.ok
    assert len(found.findings) < 200
    assert "the markers of 999,895 more are missing" in "\n".join(map(str, found.findings))
    assert status(folder).n_blocks == 1_000_000
    assert time.monotonic() - started < 20.0
