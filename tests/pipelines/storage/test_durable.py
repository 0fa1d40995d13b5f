from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import numpy as np
import pytest

from pipelines.storage.durable import Digest, digest_bytes, digest_file, read_json
from pipelines.storage.layout import RunLayout, safe_name
from pipelines.storage.tensors import decode_arrays, encode_arrays, require_finite
from surrogates.durable import canonical_json, write_whole
from xva.errors import StoreError


def test_canonical_json_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical_json({"b": 1.5, "a": ["é", None]}) == canonical_json({"a": ["é", None], "b": 1.5})
    assert canonical_json({"a": 0.1}) == b'{"a":0.1}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), dt.date(2026, 1, 15), np.float32(1.0), {1, 2}])
def test_canonical_json_refuses_what_json_does_not_hold(value: object) -> None:
    with pytest.raises(StoreError, match="not clean JSON"):
        canonical_json({"x": value})


def test_digest_is_size_and_sha256(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"abc")
    expected = Digest(3, hashlib.sha256(b"abc").hexdigest())
    assert digest_file(path) == digest_bytes(b"abc") == expected
    assert Digest.from_json(expected.to_json()) == expected


def test_write_whole_replaces_whole_files_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for data in (b"first", b"second"):
        write_whole(path, data)
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


def test_write_whole_cleans_up_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    write_whole(path, b"first")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ['{"a": 1', "[1]", ""])
def test_read_json_names_a_torn_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "torn.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=r"torn\.json"):
        read_json(path)


def test_arrays_come_back_bit_for_bit_whatever_their_memory_order() -> None:
    grid = np.arange(24.0).reshape(2, 3, 4)
    arrays = {
        "fortran": np.asfortranarray(grid),
        "strided": grid[:, ::-1, ::2],
        "scalar": np.array(0.1),
        "empty": np.zeros((0, 3)),
        "big_endian": np.array([1, 2, 300], dtype=">i4"),
        "flags": np.array([True, False]),
    }
    back = decode_arrays(encode_arrays(arrays, "test"), "test")
    for name, array in arrays.items():
        assert back[name].shape == array.shape
        np.testing.assert_array_equal(back[name], array)


def test_arrays_come_back_by_name() -> None:
    """Plans are written from what was read: safetensors gives names in another order each time."""
    data = encode_arrays({f"array {k}": np.zeros(1) for k in (3, 1, 2, 0, 5, 4)}, "test")
    assert {tuple(decode_arrays(data, "test")) for _ in range(20)} == {tuple(f"array {k}" for k in range(6))}


@pytest.mark.parametrize("array", [np.array(["x"]), np.array(["2026-01-15"], "M8[D]"), np.array([1j])])
def test_arrays_that_safetensors_does_not_hold_are_refused_by_name(array: np.ndarray) -> None:
    with pytest.raises(StoreError, match="plan: array 'dates'"):
        encode_arrays({"dates": array}, "plan")


def test_torn_safetensors_are_refused() -> None:
    data = encode_arrays({"x": np.ones(4)}, "x")
    with pytest.raises(StoreError, match="torn or damaged"):
        decode_arrays(data[:-1], "x")


def test_not_finite_numbers_are_named_with_their_place() -> None:
    array = np.ones((2, 3))
    array[1, 2] = np.nan
    with pytest.raises(StoreError, match=r"block 3: 'epe'.*nan at index \(1, 2\)"):
        require_finite({"epe": array}, "block 3")


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a b", "x" * 65, "ä"])
def test_names_that_become_paths_are_strict(name: str) -> None:
    with pytest.raises(StoreError, match="part of a path"):
        safe_name(name, "job name")


@pytest.mark.parametrize("name", ["/etc/passwd", "../other/file", "cube.zarr/../../x"])
def test_paths_read_from_files_stay_under_the_run(layout: RunLayout, name: str) -> None:
    with pytest.raises(StoreError, match="under the run directory"):
        layout.inside(name)
