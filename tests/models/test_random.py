"""Random numbers are addressed: a path is a function of the seed and its number, whatever is drawn around it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from xva.errors import DomainError
from xva.models.random import PathNoise, brownian_rotation, merged_rotation

TIMES = np.array([0.25, 1.0, 1.5, 4.0])
FACTORS, SCRAMBLES = 3, 4
DAY = 20_500


def noise(block_size: int = 16, seed: int = 42, scrambles: int = SCRAMBLES) -> PathNoise:
    return PathNoise(seed, scrambles, block_size, brownian_rotation(TIMES), FACTORS)


def scramble_points(block_size: int, scramble: int, count: int) -> torch.Tensor:
    """The first paths of one scramble, from its blocks in order."""
    source = noise(block_size)
    blocks = range(scramble, scramble + SCRAMBLES * (count // block_size), SCRAMBLES)
    return torch.cat([source.grid(b) for b in blocks], dim=2)


def test_blocks_do_not_depend_on_each_other() -> None:
    source = noise()
    alone = source.grid(9)
    for block in (3, 9, 0):
        again = source.grid(block)
    torch.testing.assert_close(source.grid(9), alone, rtol=0, atol=0)
    torch.testing.assert_close(noise().grid(0), again, rtol=0, atol=0)
    assert alone.shape == (len(TIMES), FACTORS, 16)


@pytest.mark.parametrize("scramble", range(SCRAMBLES))
def test_more_paths_and_other_blocks_keep_the_first_ones(scramble: int) -> None:
    small, large = scramble_points(8, scramble, 16), scramble_points(32, scramble, 64)
    torch.testing.assert_close(large[:, :, :16], small, rtol=0, atol=0)


def test_scrambles_and_seeds_differ() -> None:
    source = noise()
    first = source.grid(0)
    for other in (source.grid(1), source.grid(SCRAMBLES), noise(seed=43).grid(0)):
        assert not torch.allclose(first, other)
    # more scrambles leave those there are as they were
    torch.testing.assert_close(noise(scrambles=8).grid(2), source.grid(2), rtol=0, atol=0)


def test_a_scramble_is_balanced() -> None:
    """Sobol points of one scramble fill every of 256 strata of the first coordinate once."""
    source = noise(256)
    rotated = source.grid(0)[:, 0]
    components = source.rotation.T @ rotated  # back to principal components
    uniform = torch.special.ndtr(components[0]).numpy()
    assert sorted(np.floor(256 * uniform).astype(int)) == list(range(256))


def test_normals_are_standard_and_independent() -> None:
    draws = torch.cat([noise(1024).grid(b) for b in range(8)], dim=2).flatten(0, 1)
    covariance = torch.cov(draws)
    torch.testing.assert_close(covariance, torch.eye(len(draws), dtype=torch.float64), rtol=0, atol=0.05)
    assert float(draws.mean(1).abs().max()) < 1e-3


def test_rotation_takes_principal_components_to_increments() -> None:
    rotation = brownian_rotation(TIMES)
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(4, dtype=torch.float64), rtol=0, atol=1e-14)
    steps = torch.from_numpy(np.sqrt(np.diff(TIMES, prepend=0.0)))
    paths = torch.cumsum(steps[:, None] * rotation, 0)  # columns: loadings of W(t_i) on the components
    covariance = torch.from_numpy(np.minimum.outer(TIMES, TIMES))
    torch.testing.assert_close(paths @ paths.T, covariance, rtol=0, atol=1e-13)
    sizes = (paths**2).sum(0)
    assert torch.all(sizes[:-1] >= sizes[1:])
    torch.testing.assert_close(sizes, torch.linalg.eigvalsh(covariance).flip(0), rtol=1e-12, atol=0)


def test_what_is_left_of_a_rotation() -> None:
    rotation, passed = brownian_rotation(TIMES), 2
    left = merged_rotation(rotation, TIMES, passed)
    torch.testing.assert_close(left @ left.T, torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-13)
    steps = torch.from_numpy(np.sqrt(np.diff(TIMES, prepend=0.0)))
    level = (steps[: passed + 1, None] * rotation[: passed + 1]).sum(0) / np.sqrt(TIMES[passed])
    torch.testing.assert_close(left[0], level)
    torch.testing.assert_close(left[1:], rotation[passed + 1 :])
    torch.testing.assert_close(merged_rotation(rotation, TIMES, 0), rotation)
    whole, part = PathNoise(1, 2, 8, rotation, 3).grid(1), PathNoise(1, 2, 8, left, 3).grid(1)
    torch.testing.assert_close(part[1:], whole[passed + 1 :])


@pytest.mark.parametrize("size", [1, 6, 7, 32])
def test_event_noise_does_not_depend_on_the_block_size(size: int) -> None:
    whole = noise(84 * 8).event(0, DAY, "FX:USD")
    parts = torch.cat([noise(size).event(b, DAY, "FX:USD") for b in range(len(whole) // size)])
    torch.testing.assert_close(parts, whole[: len(parts)], rtol=0, atol=0)
    assert len(parts) > len(whole) - size


def test_event_noise_by_date_factor_and_seed() -> None:
    source = noise(4096)
    draws = [
        source.event(0, DAY, "FX:USD"), source.event(0, DAY + 1, "FX:USD"), source.event(0, DAY, "IR:USD"),
        source.event(1, DAY, "FX:USD"), noise(4096, seed=7).event(0, DAY, "FX:USD"),
    ]  # fmt: skip
    for draw in draws:
        assert stats.kstest(draw.numpy(), "norm").pvalue > 1e-3
    correlation = torch.corrcoef(torch.stack(draws))
    assert float((correlation - torch.eye(5, dtype=torch.float64)).abs().max()) < 4.0 / np.sqrt(4096)


def test_event_noise_is_independent_of_the_grids() -> None:
    source = noise(4096)
    both = torch.cat([source.grid(0).flatten(0, 1), source.event(0, DAY, "FX:USD")[None]])
    assert float(torch.corrcoef(both)[-1, :-1].abs().max()) < 4.0 / np.sqrt(4096)


def test_too_many_dates_for_sobol() -> None:
    rotation = torch.eye(3000, dtype=torch.float64)
    with pytest.raises(DomainError, match="3000 x 8 = 24000; use fewer dates"):
        PathNoise(1, 1, 8, rotation, 8)
