"""Random numbers are addressed: a path is a function of the seed and its number, whatever is drawn around it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from xva.errors import DomainError
from xva.models.random import PathNoise, brownian_rotation, merged_rotation, scrambled_sobol

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


def test_coordinates_do_not_depend_on_how_many_there_are() -> None:
    many, few = scrambled_sobol(40, 7, 64, 64), scrambled_sobol(25, 7, 64, 64)
    torch.testing.assert_close(many[:, :25], few, rtol=0, atol=0)
    assert not torch.allclose(scrambled_sobol(25, 8, 64, 64), few)


@pytest.mark.parametrize(("count", "first"), [(64, 0), (64, 192), (50, 13), (1, 5), (100, 1000)])
def test_points_are_those_of_one_sequence(count: int, first: int) -> None:
    whole = scrambled_sobol(9, 3, 2048)
    torch.testing.assert_close(
        scrambled_sobol(9, 3, count, first), whole[first : first + count], rtol=0, atol=0
    )


@pytest.mark.parametrize("first", [0, 512])
def test_scrambling_keeps_the_net(first: int) -> None:
    """The first two coordinates of 256 points have one in every box of volume 1/256; others are spread evenly too."""
    points = scrambled_sobol(60, 11, 256, first)
    for bits in range(9):
        boxes = (points[:, 0] * 2**bits).floor() * 2 ** (8 - bits) + (points[:, 1] * 2 ** (8 - bits)).floor()
        assert sorted(boxes.int().tolist()) == list(range(256))
    for column in points.T:
        assert sorted((256 * column).int().tolist()) == list(range(256))


def test_scrambled_points_are_the_engines_apart_from_the_scramble() -> None:
    """Differences of points (by digits) are those of torch's unscrambled ones under a triangular matrix."""
    plain = torch.quasirandom.SobolEngine(5, scramble=False).draw(32, dtype=torch.float64)
    mine = scrambled_sobol(5, 3, 32)
    to_bits = [(p * 2**30).to(torch.int64) for p in (plain, mine)]
    one, two = (points ^ points[:1] for points in to_bits)
    leading = [torch.floor(torch.log2(points[1:].to(torch.float64))) for points in (one, two)]
    torch.testing.assert_close(*leading)


def test_a_mean_over_scrambles_is_unbiased() -> None:
    """Of a smooth function whose integral is known; the error of 256 points is far below that of random ones."""
    found = [float(torch.exp(scrambled_sobol(4, seed, 256).sum(1)).mean()) for seed in range(32)]
    error = np.std(found, ddof=1) / np.sqrt(32)
    assert abs(np.mean(found) - (np.e - 1.0) ** 4) < 3.3 * error
    assert error < 0.01


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


@pytest.mark.parametrize(
    "days",
    [
        np.concatenate([np.arange(1, 21) * 91, 1825 + np.arange(1, 11) * 182, 3650 + np.arange(1, 11) * 365]),
        np.concatenate(
            [np.arange(1, 41) * 365, 14_600 + np.arange(1, 31)]
        ),  # days at the end: tiny first entries
        np.sort(np.random.default_rng(1).choice(np.arange(3, 11_000), 60, replace=False)),
    ],
)
def test_grids_of_two_days_share_their_numbers(days: np.ndarray) -> None:
    """The last entries of components that live on the early dates have no sign in floating point."""
    today, tomorrow = (brownian_rotation(d / 365.0) for d in (days, days - 1))
    assert float((today * tomorrow).sum(0).min()) > 0.99


@pytest.mark.parametrize("first", [1, 5, 40])
def test_every_component_starts_upwards(first: int) -> None:
    """Where the first entry is large enough to be seen."""
    days = first + np.arange(25) * 30
    rotation = brownian_rotation(days / 365.0)
    assert float(rotation[0].min()) > 1e-6


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
