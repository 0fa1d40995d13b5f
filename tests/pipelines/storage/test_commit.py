from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pipelines.storage.durable import readable_json
from pipelines.storage.identity import RunIdentity
from pipelines.storage.layout import RunLayout
from pipelines.storage.manifest import RunManifest, write_completion, write_manifest
from pipelines.storage.markers import commit_block, read_marker, read_sums, root_hash
from pipelines.storage.plans import put_bytes
from pipelines.storage.results import StoredSums, open_results, write_results
from pipelines.storage.shards import CubeTemplate, install_template
from pipelines.storage.verify import scan, verify
from xva.blocks.plan import BlockResult
from xva.errors import StoreError

Make = Callable[[int], BlockResult]
Run = tuple[RunLayout, RunManifest]


@pytest.fixture
def run(layout: RunLayout, template: CubeTemplate, identity: RunIdentity, block_result: Make) -> Run:
    """A complete run of three blocks."""
    arrays = put_bytes(layout.inputs, b"arrays", ".safetensors")
    document = {"module": "m", "class": "C", "kind": "k", "meta": {}, "arrays": arrays}
    plan = put_bytes(layout.inputs, readable_json(document), ".json")
    attachments = {"job.toml": put_bytes(layout.inputs, b"name = 'demo'", ".toml")}
    digests = install_template(layout, template)
    manifest = RunManifest(identity, 3, ("value",), Path(plan).stem, digests, attachments)
    write_manifest(layout, manifest)
    markers = [commit_block(layout, manifest.run_id, ("value",), b, block_result(b)) for b in range(3)]
    results = write_results(layout, xr.Dataset({"x": ("q", np.ones(2))}, {"q": ["a", "b"]}))
    write_completion(layout, manifest, root_hash(markers), results)
    return layout, manifest


def test_a_complete_run_verifies(run: Run) -> None:
    found = verify(run[0])
    assert found.ok
    assert (found.done, found.n_blocks) == (3, 3)
    assert found.root_hash == root_hash([read_marker(*run_args(run), b) for b in (2, 0, 1)])


def run_args(run: Run) -> tuple[RunLayout, str, tuple[str, ...]]:
    return run[0], run[1].run_id, run[1].variables


def test_sums_come_back_in_block_order_bit_for_bit(run: Run, block_result: Make) -> None:
    markers = scan(*run).markers
    sums = StoredSums(run[0], markers)
    assert len(sums) == 3
    for block, stored in enumerate(sums):
        assert stored["value"].dtype == np.float64
        np.testing.assert_array_equal(stored["value"], block_result(block).sums["value"])
        assert stored["n"].shape == ()
    np.testing.assert_array_equal(sums[-1]["value"], sums[2]["value"])
    assert len(sums[1:]) == 2
    with pytest.raises(IndexError):
        sums[3]
    with pytest.raises(StoreError, match="expected markers of"):
        StoredSums(run[0], {2: markers[2]})


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 8
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "reason"), [(tear, "torn"), (flip, "sha256 differs"), (Path.unlink, "missing")]
)
@pytest.mark.parametrize("which", ["shard", "sums"])
def test_damaged_data_are_named_and_only_that_block_is_missing(
    run: Run, which: str, damage: Callable[[Path], None], reason: str
) -> None:
    layout, manifest = run
    path = layout.shard("value", 1) if which == "shard" else layout.sums(1)
    damage(path)
    found = verify(layout)
    assert not found.ok
    assert [(f.block, f.file) for f in found.findings] == [(1, layout.relative(path))]
    assert reason in found.findings[0].reason
    assert found.root_hash is None
    assert scan(layout, manifest).missing(3) == (1,)


@pytest.mark.parametrize(
    "text", ["", '{"format": 1}', '{"format": 1, "run_id": "other", "block": 1, "files": {}}']
)
def test_damaged_markers_are_named(run: Run, text: str) -> None:
    layout, manifest = run
    layout.marker(1).write_text(text)
    assert [(f.block, f.file) for f in verify(layout).findings] == [(1, "blocks/00000001.json")]
    assert scan(layout, manifest).missing(3) == (1,)


def test_a_marker_moved_from_another_block_does_not_count(run: Run) -> None:
    layout, manifest = run
    layout.marker(1).write_bytes(layout.marker(0).read_bytes())
    assert scan(layout, manifest).missing(3) == (1,)


@pytest.mark.parametrize(
    "file",
    ["cube.zarr/value/zarr.json", "cube.zarr/time/c/0", "xva.zarr/x/c/0", "xva.zarr/zarr.json", "run.json"],
)
def test_damage_outside_the_blocks_is_named(run: Run, file: str) -> None:
    path = run[0].root / file
    if file == "run.json":
        path.write_bytes(path.read_bytes() + b"\n")
    else:
        flip(path)
    assert [(f.block, f.file) for f in verify(run[0]).findings] == [(None, file)]


def test_damaged_inputs_are_named(run: Run) -> None:
    layout, manifest = run
    name = manifest.attachments["job.toml"]
    flip(layout.inputs / name)
    assert [f.file for f in verify(layout).findings] == [f"inputs/{name}"]


def test_data_and_markers_exchanged_together_show_in_the_root_hash(run: Run, block_result: Make) -> None:
    layout, manifest = run
    commit_block(layout, manifest.run_id, ("value",), 1, block_result(7))
    assert [f.file for f in verify(layout).findings] == ["COMPLETE.json"]


def test_sums_are_checked_when_they_are_read(run: Run) -> None:
    marker = read_marker(*run_args(run), 1)
    flip(run[0].sums(1))
    with pytest.raises(StoreError, match="sha256 differs"):
        read_sums(run[0], marker)


@pytest.mark.parametrize("bad", [np.array([np.nan]), np.ones(2, dtype=np.float32)])
def test_bad_sums_are_never_committed(run: Run, block_result: Make, bad: np.ndarray) -> None:
    layout, manifest = run
    layout.marker(1).unlink()
    with pytest.raises(StoreError, match="block 1, sums: 'bad'"):
        commit_block(layout, manifest.run_id, ("value",), 1, replace(block_result(1), sums={"bad": bad}))
    assert not layout.marker(1).exists()


def test_results_survive_and_need_no_package_of_ours(layout: RunLayout) -> None:
    dataset = xr.Dataset(
        {
            "xva": (("netting_set", "measure"), np.arange(6.0).reshape(2, 3)),
            "name": ("measure", ["c", "dd", "f"]),
        },
        {
            "netting_set": ["CP_A", "Größe"],
            "measure": np.array(["CVA", "DVA", "FVA"], dtype=object),
            "time": np.array(["2026-01-15", "2027-01-15"], "M8[s]"),
            "quote": np.array([], dtype=str),
        },
        {"units": "EUR"},
    )
    write_results(layout, dataset)
    write_results(layout, dataset)  # again, over the first
    with open_results(layout.root) as back:
        assert back["xva"].sel(netting_set="Größe", measure="DVA") == 4.0
        assert back["name"].values.tolist() == ["c", "dd", "f"]
        assert back.sizes["quote"] == 0
        assert back.attrs == {"units": "EUR"}
        np.testing.assert_array_equal(
            back["time"].values.astype("M8[D]"), dataset["time"].values.astype("M8[D]")
        )


def test_results_that_zarr_cannot_hold_are_refused(layout: RunLayout) -> None:
    with pytest.raises(StoreError, match="attributes of x"):
        write_results(layout, xr.Dataset({"x": ("q", np.ones(2), {"bad": np.float32(1.0)})}))
    stacked = xr.Dataset({"x": (("a", "b"), np.ones((2, 2)))}, {"a": [0, 1], "b": [0, 1]}).stack(
        ab=("a", "b")
    )
    with pytest.raises(StoreError, match="MultiIndex"):
        write_results(layout, stacked)
    assert not layout.results.exists()
