"""The generic engine on stages small enough to write down: against autograd on the whole thing at once."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.demo_bank import demo_engine
from xva.exposure.block.data import block_noise
from xva.exposure.block.plan import ExposurePlan
from xva.exposure.parts.netting_set import NettingSetInputs
from xva.numerics.smoothing import positive_part
from xva.sensitivities.second_order.exposure_chain import measure_chain, small_data, smoothing_widths
from xva.sensitivities.second_order.stage import ExposureInputs, ExposureStage, Stage, join_noise, kink_widths
from xva.sensitivities.second_order.sweep import BlockFunction, Chain, MapBlocks, Step, Sweep, Tensors, serial

PATHS, BLOCKS = 64, 6


def normals(block: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng([7, block]).standard_normal((2, PATHS)))


@dataclass(frozen=True)
class Means(Stage):
    """Sums of x and of x y, with x = a + b z and y = exp(c z')."""

    @property
    def n_blocks(self) -> int:
        return BLOCKS

    def sums(self, inputs: dict[str, Tensor], block: int) -> Tensor:
        z = normals(block)
        x, y = inputs["a"] + inputs["b"] * z[0], torch.exp(inputs["c"] * z[1])
        return torch.stack([x.sum(), (x * y).sum()])


@dataclass(frozen=True)
class Decision(Stage):
    """Sum of a smoothed ``max(x y - k, 0)`` where ``k`` comes from the stage before; ``idle`` is used nowhere."""

    @property
    def n_blocks(self) -> int:
        return BLOCKS

    def sums(self, inputs: dict[str, Tensor], block: int) -> Tensor:
        z = normals(block)
        value = (inputs["a"] + inputs["b"] * z[0]) * torch.exp(inputs["c"] * z[1]) - inputs["k"]
        return positive_part(value, 0.3).sum()[None]


def market(quotes: Tensor) -> dict[str, Tensor]:
    return {"a": quotes[0] ** 2, "b": torch.exp(quotes[1]), "c": quotes[2] * quotes[0], "idle": quotes.sum()}


def second_inputs(at: dict[str, Tensor], sums: Tensors) -> dict[str, Tensor]:
    mean, product = sums[0] / (PATHS * BLOCKS)
    return {**at, "k": product / mean}


def finish(at: dict[str, Tensor], sums: Tensors) -> Tensor:
    return torch.stack([at["b"] * sums[1][0], sums[0][1]]) / (PATHS * BLOCKS)


CHAIN = Chain(market, (Step(Means(), lambda at, _: at), Step(Decision(), second_inputs)), finish)
QUOTES = torch.tensor([1.1, -0.4, 0.3], dtype=torch.float64)
BAR = torch.tensor([1.0, -0.7], dtype=torch.float64)


def at_once(quotes: Tensor) -> Tensor:
    """The same results in one graph."""
    at = market(quotes)
    first = sum(Means().sums(at, b) for b in range(BLOCKS))
    assert isinstance(first, Tensor)
    then = second_inputs(at, (first,))
    second = sum(Decision().sums(then, b) for b in range(BLOCKS))
    assert isinstance(second, Tensor)
    return finish(at, (first, second))


def threads(function: BlockFunction, blocks: Sequence[int]) -> Iterator[Tensors]:
    with ThreadPoolExecutor(3) as pool:
        yield from pool.map(function, blocks)


def elsewhere(function: BlockFunction, blocks: Sequence[int]) -> Iterator[Tensors]:
    """What crosses to another process does so by pickle, there and back."""
    for block in blocks:
        there: Callable[[int], Tensors] = pickle.loads(pickle.dumps(function))
        found: Tensors = pickle.loads(pickle.dumps(there(block)))
        yield found


def test_value_gradient_and_hessian_product_are_those_of_one_graph() -> None:
    sweep, way = Sweep(), torch.tensor([0.3, -1.0, 0.5], dtype=torch.float64)
    torch.testing.assert_close(sweep.value(CHAIN, QUOTES), at_once(QUOTES), rtol=1e-14, atol=0.0)
    jacobian = torch.autograd.functional.jacobian(at_once, QUOTES)
    torch.testing.assert_close(sweep.gradient(CHAIN, QUOTES, BAR), BAR @ jacobian, rtol=1e-13, atol=1e-13)
    hessian = torch.autograd.functional.hessian(lambda q: BAR @ at_once(q), QUOTES)
    product = sweep.hessian_product(CHAIN, QUOTES, way, BAR)
    torch.testing.assert_close(product, hessian @ way, rtol=1e-12, atol=1e-12)


def test_bump_is_the_gradient_along_the_shift() -> None:
    shift = 1e-5 * torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
    found = Sweep().bump(CHAIN, QUOTES, shift)
    expected = torch.stack(
        [Sweep().gradient(CHAIN, QUOTES, one) @ shift for one in torch.eye(2, dtype=torch.float64)]
    )
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=0.0)


@pytest.mark.parametrize("map_blocks", [threads, elsewhere])
def test_the_same_bits_wherever_the_blocks_run(map_blocks: MapBlocks) -> None:
    way = torch.ones(3, dtype=torch.float64)
    here, there = Sweep(serial), Sweep(map_blocks)
    assert torch.equal(here.value(CHAIN, QUOTES), there.value(CHAIN, QUOTES))
    assert torch.equal(here.gradient(CHAIN, QUOTES, BAR), there.gradient(CHAIN, QUOTES, BAR))
    product = here.hessian_product(CHAIN, QUOTES, way, BAR)
    assert torch.equal(product, there.hessian_product(CHAIN, QUOTES, way, BAR))


def test_no_graph_leaves_a_block() -> None:
    def checked(function: BlockFunction, blocks: Sequence[int]) -> Iterator[Tensors]:
        for part in map(function, blocks):
            assert not any(t.requires_grad for t in part)
            yield part

    Sweep(checked).hessian_product(CHAIN, QUOTES, torch.ones(3, dtype=torch.float64), BAR)


def test_shares_of_the_blocks_add_up() -> None:
    one, inputs = Means(), market(QUOTES)
    shares = [Sweep(blocks=range(r, BLOCKS, 2)).sums(one, inputs) for r in range(2)]
    torch.testing.assert_close(shares[0] + shares[1], Sweep().sums(one, inputs), rtol=1e-14, atol=0.0)
    with pytest.raises(ValueError, match="at least one block"):
        Sweep(blocks=()).sums(one, inputs)


def test_smoothed_positive_part() -> None:
    value = torch.tensor([-1.0, 0.0, 2.0, 3.0], dtype=torch.float64)
    width = torch.tensor([0.5, 0.5, 0.0, 0.0], dtype=torch.float64)
    found = positive_part(value, width)
    assert found[1].item() == pytest.approx(0.5 / math.sqrt(2.0 * math.pi), rel=1e-15)
    assert found[2:].tolist() == [2.0, 3.0]
    assert 0.0 < found[0].item() < 0.01
    torch.testing.assert_close(found - positive_part(-value, width), value, rtol=1e-15, atol=1e-16)


def test_widths_are_a_share_of_the_standard_deviation() -> None:
    sample = torch.from_numpy(np.random.default_rng(3).normal(5.0, 2.0, (4, 3, 1000)))
    sample[0] = 7.0
    moments = torch.stack([sample.sum(-1), (sample * sample).sum(-1)])
    found = kink_widths(moments, 1000, 0.02)
    torch.testing.assert_close(found[1:], 0.02 * sample[1:].std(-1, correction=0), rtol=1e-12, atol=0.0)
    assert torch.equal(found[0], torch.zeros(3, dtype=torch.float64))


def test_exposure_stage_is_the_plan() -> None:
    engine = demo_engine(128, 32, 2, every=4)
    data = engine.data(adjoint=False)
    plan, stage = ExposurePlan(data), ExposureStage(data)
    inputs = ExposureInputs(data.grid, data.events, data.sets)
    for block in range(data.n_blocks):
        sums = plan.run(block).sums
        expected = np.stack([sums["epe_soft"], sums["ene_soft"]])
        np.testing.assert_allclose(stage.sums(inputs, block).numpy(), expected, rtol=1e-13)
    together = stage.profiles(inputs, join_noise([block_noise(data, b) for b in range(4)]), 4)
    alone = torch.stack([stage.sums(inputs, b) for b in range(4)])
    torch.testing.assert_close(together, alone, rtol=1e-13, atol=1e-9)


def test_measures_of_some_netting_sets_are_their_rows_of_all() -> None:
    engine = demo_engine(32, 16, 2, every=8)
    data = engine.data(adjoint=False)
    numbers = range(len(data.sets))
    quotes = engine.quotes.values
    every = Sweep().value(measure_chain(engine, data, numbers), quotes)
    one = Sweep().value(measure_chain(engine, data, [2]), quotes)
    torch.testing.assert_close(one[:, 0], every[:, 2], rtol=1e-13, atol=0.0)
    weights = data.weights.numpy()
    means = sum(np.stack([s["epe_soft"], s["ene_soft"]]) for s in _sums(ExposurePlan(data))) / 32
    expected = np.stack([(weights[m] * means[side]).sum(-1) for m, side in enumerate((0, 1, 0, 1))])
    np.testing.assert_allclose(every.numpy(), expected, rtol=1e-12)


def test_smoothing_widths_of_the_bank() -> None:
    """Per unit and date: none on the valuation date, where a value has no spread."""
    engine = demo_engine(32, 16, 2, every=8)
    data = engine.data(adjoint=False)
    found = smoothing_widths(data, [1, 2], 0.02)
    units = [len(s.units) for s in data.sets[1:3] if isinstance(s, NettingSetInputs)]
    assert found.shape == (sum(units), len(data.days))
    assert bool((found[:, 0] == 0.0).all())
    values = np.concatenate(
        [ExposurePlan(small_data(data, [1])).run(b).cube["value"][:, :, 0] for b in range(2)]
    )
    np.testing.assert_allclose(found[0, 1:4].numpy(), 0.02 * values[:, 1:4].std(0), rtol=0.05)


def _sums(plan: ExposurePlan) -> list[dict[str, np.ndarray]]:
    return [plan.run(b).sums for b in range(plan.n_blocks)]
