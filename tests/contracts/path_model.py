"""What every path model must do; a model's test class names one model and what it trades, and inherits the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.statistics import standard_error, three_sigma
from xva.errors import DomainError
from xva.models.path_model import Observer, PathModel, walk
from xva.models.random import PathNoise, brownian_rotation
from xva.numerics.tree import cut, map_tensors, tensors

GRID = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 3.0])
SCRAMBLES, PATHS = 32, 512
Make = Callable[[], PathModel]


def normals(model: PathModel, grid: np.ndarray, block: int, paths: int = PATHS, seed: int = 5) -> Tensor:
    return PathNoise(seed, SCRAMBLES, paths, brownian_rotation(grid[1:]), model.n_normals).grid(block)


def assert_mean(
    samples: Sequence[float] | np.ndarray, exact: float, allowed: float = 0.0, looks: int = 1
) -> None:
    """Mean over scrambles within its 99.73 % Student quantile of the truth, shared among ``looks``."""
    found = np.asarray(samples)
    error = standard_error(found)
    bound = three_sigma(len(found), looks) * error + 1e-12 * abs(exact) + allowed
    assert abs(found.mean() - exact) <= bound, (found.mean(), exact, error)


class PathModelContract(ABC):
    """Base of a model's tests."""

    grid = GRID
    idle: tuple[int, ...] = ()
    """Tensors, by number in walking order, that no price depends on."""

    @abstractmethod
    def model(self) -> PathModel:
        """The model, its parameters plain float64 leaves."""

    @property
    @abstractmethod
    def assets(self) -> dict[str, tuple[str, float, float]]:
        """Equities: currency, spot, dividend yield."""

    @property
    @abstractmethod
    def currencies(self) -> dict[str, tuple[float, float]]:
        """Currencies: units of reporting currency per unit today, zero rate."""

    @property
    def indices(self) -> dict[str, tuple[str, float]]:
        """Rate indices: currency, zero rate of the projection curve."""
        return {}

    @property
    def martingale_error(self) -> float:
        """Relative error that the scheme is allowed beyond the noise: 0 where steps are exact."""
        return 0.0

    def deflated(self, observer: Observer, time: float) -> dict[str, tuple[Tensor, float]]:
        """Deflated traded assets at ``time`` and their values today."""
        found = {}
        late = float(self.grid[-1]) + 4.0
        for c, (spot, rate) in self.currencies.items():
            money = observer.deflator(c, time)
            found[f"{c} at {time}"] = money, spot * np.exp(-rate * time)
            found[f"{c} bond at {time}"] = money * observer.bond(c, time, late), spot * np.exp(-rate * late)
        for name, (c, price, dividend) in self.assets.items():
            paid = observer.equity(name, time) * observer.deflator(c, time)
            found[f"{name} at {time}"] = paid, price * self.currencies[c][0] * np.exp(-dividend * time)
        for name, (c, rate) in self.indices.items():
            spot, own = self.currencies[c]
            bond = observer.deflator(c, time) * observer.bond(c, time, late)
            grown = observer.growth(name, time, late - 1.0, late) * bond
            found[f"{name} at {time}"] = grown, spot * np.exp(rate - own * late)
        return found

    def total(self, model: PathModel, noise: Tensor) -> Tensor:
        """A smooth number that everything of the model goes into."""
        path = walk(model, self.grid, noise)
        observer = model.observe(path.times, path.states)
        parts = [v.mean() / w for t in (1.0, 3.0) for v, w in self.deflated(observer, t).values()]
        parts += [observer.log_variance(name, 0.5, 2.0).mean() for name in self.assets]
        parts += [torch.tanh(state).mean() for state in path.states[-1]]
        total: Tensor = torch.stack(parts).sin().sum()
        return total

    def test_shapes_and_dtype(self) -> None:
        model = self.model()
        noise = normals(model, self.grid, 0, 8)
        path = walk(model, self.grid, noise)
        assert model.initial().shape == (len(model.states),)
        assert len(path.states) == len(self.grid)
        for state in path.states:
            assert state.shape == (len(model.states), 8)
            assert state.dtype == torch.float64
        observer = model.observe(path.times, path.states)
        for time in self.grid.tolist():
            for name, (value, _) in self.deflated(observer, time).items():
                assert value.shape == (8,), name
                assert value.dtype == torch.float64, name
        for name in self.assets:
            variance = observer.log_variance(name, 0.5, 2.0)
            assert variance.shape in ((), (8,))
            assert bool((variance >= 0).all())
            assert float(variance.mean()) > 0
            assert bool((observer.log_variance(name, 0.5, 0.5) == 0).all())

    def test_today_is_the_market(self) -> None:
        model = self.model()
        path = walk(model, self.grid, normals(model, self.grid, 0, 4))
        for name, (value, exact) in self.deflated(model.observe(path.times, path.states), 0.0).items():
            np.testing.assert_allclose(value, exact, rtol=1e-13, err_msg=name)

    def test_deflated_assets_are_martingales(self) -> None:
        model = self.model()
        means: dict[str, list[float]] = {}
        exact: dict[str, float] = {}
        for block in range(SCRAMBLES):
            path = walk(model, self.grid, normals(model, self.grid, block))
            observer = model.observe(path.times, path.states)
            for time in (self.grid[1], self.grid[3], self.grid[-1]):
                for name, (value, today) in self.deflated(observer, float(time)).items():
                    means.setdefault(name, []).append(float(value.mean()))
                    exact[name] = today
        for name, samples in means.items():
            assert_mean(samples, exact[name], self.martingale_error * abs(exact[name]), len(means))

    def test_restart_is_one_long_walk(self) -> None:
        model = self.model()
        noise = normals(model, self.grid, 1, 16)
        whole = walk(model, self.grid, noise)
        later = walk(model, self.grid[2:], noise[2:], start=whole.states[2])
        for a, b in zip(whole.states[2:], later.states):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)

    def test_same_state_same_price_of_the_future(self) -> None:
        """What is observed at a time depends on the state then, not on how the path came there."""
        model = self.model()
        noise = normals(model, self.grid, 2, 16)
        whole = walk(model, self.grid, noise)
        alone = model.observe(whole.times[3:4], whole.states[3:4])
        time = float(self.grid[3])
        for name, (value, _) in self.deflated(model.observe(whole.times, whole.states), time).items():
            torch.testing.assert_close(value, self.deflated(alone, time)[name][0], msg=name)

    def test_adjoint_is_a_bump(self) -> None:
        base = self.model()
        noise = normals(base, self.grid, 3, 16)
        model, leaves, _ = cut(base)
        adjoints = torch.autograd.grad(self.total(model, noise), leaves, allow_unused=True)
        rng = np.random.default_rng(1)
        for number, (leaf, adjoint) in enumerate(zip(leaves, adjoints)):
            assert (adjoint is None) is (number in self.idle), f"parameter {number} goes into nothing"
            if adjoint is None:
                continue
            direction = torch.from_numpy(rng.normal(size=tuple(leaf.shape)))
            if leaf.ndim == 2 and torch.equal(leaf.detach(), leaf.detach().T) and leaf.shape[0] > 1:
                direction = direction + direction.T - 2 * torch.diag(torch.diagonal(direction))
            size = 1e-6 * (1.0 + leaf.detach().abs())
            values = [
                self.total(_shifted(base, number, sign * size * direction), noise) for sign in (1.0, -1.0)
            ]
            slope = float(values[0] - values[1]) / 2.0
            assert float((adjoint * size * direction).sum()) == pytest.approx(slope, rel=2e-5, abs=1e-10), (
                number
            )

    def test_carries_give_the_derivative_to_a_state(self) -> None:
        """The derivative to ``carries[k]`` is that of the future to the state, the past held."""
        model = self.model()
        noise = normals(model, self.grid, 4, 8)
        path = walk(model, self.grid, noise)
        start = path.states[2].detach().requires_grad_(True)
        again = walk(model, self.grid[2:], noise[2:], start=start)
        leaf_total = again.states[-1].sin().sum()
        (expected,) = torch.autograd.grad(leaf_total, start)
        detached, leaves, _ = cut(model)
        path = walk(detached, self.grid, noise)
        (found,) = torch.autograd.grad(path.states[-1].sin().sum(), path.carries[2])
        torch.testing.assert_close(found, expected)
        assert leaves

    def test_unknown_names_are_refused(self) -> None:
        model = self.model()
        path = walk(model, self.grid, normals(model, self.grid, 0, 4))
        observer = model.observe(path.times, path.states)
        with pytest.raises(DomainError, match="NOBODY"):
            observer.equity("NOBODY", 1.0)
        with pytest.raises(DomainError, match="XXX"):
            observer.bond("XXX", 1.0, 2.0)
        with pytest.raises(DomainError, match="XXX"):
            observer.fx("XXX", model.domestic, 1.0)
        assert bool((observer.fx(model.domestic, model.domestic, 1.0) == 1.0).all())

    def test_bundle_maps(self) -> None:
        """Every tensor can be replaced: how a worker differentiates, how a bump is made."""
        model = self.model()
        copy: Any = map_tensors(model, lambda t: t.clone())
        assert type(copy) is type(model)
        assert len(tensors(copy)) == len(tensors(model)) > 0


def _shifted(model: PathModel, number: int, shift: Tensor) -> PathModel:
    counter = iter(range(10**6))
    return map_tensors(model, lambda t: t + shift if next(counter) == number else t)
