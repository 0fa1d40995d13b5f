"""Normals: what law they have, that they are addressed, and that options do what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xva.errors import DomainError
from xva.options.monte_carlo import Sampling, brownian_bridge
from xva.options.monte_carlo.sampling import Normals, philox

TIMES = np.array([0.0, 0.1, 0.35, 0.4, 1.0, 1.7])
SMALL = Sampling(paths=1 << 12, batches=4, block_size=256)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.floats(0.01, 3.0), min_size=1, max_size=40))
def test_a_bridge_is_orthogonal(steps: list[float]) -> None:
    bridge = brownian_bridge(np.cumsum(steps))
    identity = torch.eye(len(steps), dtype=torch.float64)
    torch.testing.assert_close(bridge @ bridge.T, identity, rtol=0.0, atol=1e-12)


def test_a_bridge_sets_the_end_first_and_then_the_middle() -> None:
    times = np.array([0.25, 0.5, 0.75, 1.0])
    motion = np.cumsum(np.sqrt(0.25) * brownian_bridge(times).numpy(), axis=0)  # of each date, by variate
    np.testing.assert_allclose(motion[:, 0], times, rtol=1e-12)
    np.testing.assert_allclose(motion[:, 1], [0.25, 0.5, 0.25, 0.0], atol=1e-12)
    np.testing.assert_allclose(motion[-1, 1:], 0.0, atol=1e-12)
    np.testing.assert_allclose(motion @ motion.T, np.minimum(times[:, None], times), atol=1e-12)


@pytest.mark.parametrize("points", ["sobol", "pseudo"])
@pytest.mark.parametrize("ordering", ["bridge", "components", "steps"])
@pytest.mark.parametrize("antithetic", [False, True])
def test_normals_are_standard_and_independent(points: Any, ordering: Any, antithetic: bool) -> None:
    sampling = replace(SMALL, points=points, ordering=ordering, antithetic=antithetic)
    normals = Normals(sampling, TIMES, 2, extra=1)
    every = torch.cat([normals.block(b) for b in range(sampling.n_blocks)], 2)
    assert every.shape == (6, 2, 1 << 12)
    rows = every.reshape(12, -1)
    error = 5.0 / 64.0
    assert float(rows.mean(1).abs().max()) < error
    torch.testing.assert_close(torch.cov(rows), torch.eye(12, dtype=torch.float64), rtol=0.0, atol=error)
    assert float((rows**4).mean(1).sub(3.0).abs().max()) < 12.0 * error


def test_a_block_is_a_function_of_seed_and_number() -> None:
    for points in ("sobol", "pseudo"):
        sampling = replace(SMALL, points=points)
        long = Normals(replace(sampling, paths=1 << 14), TIMES, 1)
        assert torch.equal(Normals(sampling, TIMES, 1).block(9), long.block(9))
        assert not torch.equal(long.block(9), long.block(13))
        assert not torch.equal(Normals(replace(sampling, seed=1), TIMES, 1).block(9), long.block(9))


def test_antithetic_halves_are_opposite() -> None:
    block = Normals(replace(SMALL, antithetic=True), TIMES, 3).block(2)
    assert torch.equal(block[..., :128], -block[..., 128:])


def test_philox_is_that_of_numpy() -> None:
    raw = np.random.Philox(key=[3, 5]).random_raw(4)
    expected = torch.special.ndtri(torch.from_numpy(((raw >> 11) + 0.5) / 2.0**53))
    assert torch.equal(philox(3, 5, 4), expected)


def test_paths_are_rounded_up_to_whole_blocks_of_every_batch() -> None:
    assert Sampling(paths=10_000_000).n_paths == 77 * 32 * 4096
    assert Sampling(paths=1).n_paths == 32 * 4096


BAD: list[tuple[dict[str, Any], str]] = [
    ({"paths": 0}, "expected paths, a whole number from 1 on, got 0"),
    ({"paths": 1e6}, "expected paths, a whole number"),
    ({"batches": 3}, "expected batches, a whole number from 4 on, got 3"),
    ({"block_size": 1000}, "expected a block_size that is a power of two for Sobol points, got 1000"),
    ({"block_size": 999, "points": "pseudo"}, "a block_size that is an even number"),
    ({"points": "halton"}, "expected points sobol or pseudo, got 'halton'"),
    ({"ordering": "pca"}, "expected ordering bridge or components or steps, got 'pca'"),
    ({"seed": -1}, "expected seed, a whole number from 0 on"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DomainError) as caught:
        Sampling(**changes)
    assert message in str(caught.value)
