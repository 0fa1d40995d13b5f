"""Means of blocks' sums by scramble."""

from __future__ import annotations

import numpy as np

from xva.blocks.sums import means_by_scramble


def test_each_scramble_has_the_mean_of_its_own_paths() -> None:
    values = np.random.default_rng(3).normal(size=(6, 5, 2))  # block, path, date
    blocks = [{"epe": block.sum(0), "count": np.array(5.0)} for block in values]
    found = means_by_scramble(blocks, scrambles=2, block_size=5)
    assert len(found) == 2
    for r in range(2):
        own = values[r::2].reshape(-1, 2)
        np.testing.assert_allclose(found[r]["epe"], own.mean(0), rtol=1e-14)
        assert found[r]["count"] == 1.0


def test_blocks_are_left_as_they_were() -> None:
    blocks = [{"epe": np.array([1.0, 2.0])} for _ in range(4)]
    means_by_scramble(blocks, scrambles=2, block_size=1)
    assert all(np.array_equal(block["epe"], [1.0, 2.0]) for block in blocks)


def test_sums_kept_in_single_precision_are_added_in_double() -> None:
    blocks = [{"epe": np.array([big], dtype=np.float32)} for big in (1.0, 2.0**-30, 2.0**-30)]
    (found,) = means_by_scramble(blocks, scrambles=1, block_size=1)
    assert found["epe"][0] * 3.0 == 1.0 + 2.0**-29
