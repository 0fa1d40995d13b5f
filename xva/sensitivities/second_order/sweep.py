"""Value, reverse pass, Hessian-vector product and bump of any chain of stages.

The client's part (quotes to inputs, sums to results) is ordinary torch code under autograd. Between them a stage stands
in its graph as one node: forward, backward and the backward's backward each run over the blocks, every block being
computed again from plain tensors, and add what they return in block order. So a graph never leaves a block, and what a
stage has to write is its forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from xva.numerics import tree
from xva.sensitivities.second_order.stage import Stage

Tensors = tuple[Tensor, ...]
BlockFunction = Callable[[int], Tensors]
MapBlocks = Callable[[BlockFunction, Sequence[int]], Iterable[Tensors]]


def serial(function: BlockFunction, blocks: Sequence[int]) -> Iterator[Tensors]:
    """One block after the other, here."""
    return map(function, blocks)


@dataclass(frozen=True)
class Step:
    """A stage, and how the client makes its inputs of the market and the sums of the stages before."""

    stage: Stage
    inputs: Callable[[Any, Tensors], Any]


@dataclass(frozen=True)
class Chain:
    """Quotes ``(quote,)`` through stages to results.

    Parameters
    ----------
    market : callable
        Quotes to whatever the steps and the end need of them, once per run of the chain.
    steps : tuple of Step
    finish : callable
        Market and all stages' sums to the results, any shape.
    """

    market: Callable[[Tensor], Any]
    steps: tuple[Step, ...]
    finish: Callable[[Any, Tensors], Tensor]


@dataclass(frozen=True)
class Sweep:
    """Runs chains over some blocks.

    Parameters
    ----------
    map_blocks : callable
        Calls a function of the block's number for each of some blocks and yields its tensors in the blocks' order, here or
        elsewhere; the function is picklable and so are the tensors, which carry no graph.
    blocks : sequence of int, optional
        By default all of a stage's. Those of one scramble give one sample of every result.
    """

    map_blocks: MapBlocks = serial
    blocks: Sequence[int] | None = None

    def value(self, chain: Chain, quotes: Tensor) -> Tensor:
        """Results at ``quotes``, without a graph."""
        with torch.no_grad():
            return self._run(chain, quotes)

    def gradient(self, chain: Chain, quotes: Tensor, cotangent: Tensor | None = None) -> Tensor:
        """Vector-Jacobian product ``(quote,)``: derivative of ``(cotangent * results).sum()``, of one result by default."""
        leaf = quotes.detach().clone().requires_grad_(True)
        results = self._run(chain, leaf)
        (found,) = torch.autograd.grad(results, leaf, cotangent)
        return found

    def hessian_product(
        self, chain: Chain, quotes: Tensor, direction: Tensor, cotangent: Tensor | None = None
    ) -> Tensor:
        """Hessian of ``(cotangent * results).sum()`` times ``direction``, ``(quote,)``."""
        leaf = quotes.detach().clone().requires_grad_(True)
        results = self._run(chain, leaf)
        (gradient,) = torch.autograd.grad(results, leaf, cotangent, create_graph=True)
        (found,) = torch.autograd.grad(gradient, leaf, direction)
        return found

    def bump(self, chain: Chain, quotes: Tensor, shift: Tensor) -> Tensor:
        """Central difference ``(results(quotes + shift) - results(quotes - shift))/2``, same noise."""
        return 0.5 * (self.value(chain, quotes + shift) - self.value(chain, quotes - shift))

    def sums(self, stage: Stage, inputs: Any) -> Tensor:
        """A stage's sums, differentiable in the inputs' tensors."""
        leaves = tree.tensors(inputs)
        found: Tensor = _Sums.apply(self, stage, inputs, *leaves)  # type: ignore[no-untyped-call]
        return found

    def add(self, stage: Stage, function: BlockFunction) -> Tensors:
        """Sum of a function over the blocks, in their order."""
        numbers = range(stage.n_blocks) if self.blocks is None else self.blocks
        total: list[Tensor] | None = None
        for part in self.map_blocks(function, numbers):
            total = list(part) if total is None else [a + b for a, b in zip(total, part, strict=True)]
        if total is None:
            raise ValueError("a sweep needs at least one block")
        return tuple(total)

    def _run(self, chain: Chain, quotes: Tensor) -> Tensor:
        market = chain.market(quotes)
        sums: Tensors = ()
        for step in chain.steps:
            sums = (*sums, self.sums(step.stage, step.inputs(market, sums)))
        return chain.finish(market, sums)


@dataclass(frozen=True)
class _Task:
    """What one block does: the forward, its vjp with ``bar``, or the vjp's own vjp with ``directions``.

    ``wanted`` says for each of the inputs' tensors whether its derivative is asked for.
    """

    stage: Stage
    inputs: Any
    wanted: tuple[bool, ...] = ()
    bar: Tensor | None = None
    directions: Tensors | None = None

    def __call__(self, block: int) -> Tensors:
        if self.bar is None:
            with torch.no_grad():
                return (self.stage.sums(self.inputs, block),)
        with torch.enable_grad():
            return self._pull(block, self.bar.detach())

    def _pull(self, block: int, bar: Tensor) -> Tensors:
        wanted = iter(self.wanted)
        fresh = tree.map_tensors(self.inputs, lambda t: t.detach().requires_grad_(next(wanted)))
        leaves = [x for x in tree.tensors(fresh) if x.requires_grad]
        second = self.directions is not None
        sums = self.stage.sums(fresh, block)
        found = _grad([sums], leaves, [bar.requires_grad_(second)], second)
        return found if self.directions is None else _grad(found, [bar, *leaves], self.directions, False)


def _grad(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], bars: Sequence[Tensor], again: bool
) -> Tensors:
    """Vector-Jacobian product, zero where an input is not reached."""
    live = [(o, b) for o, b in zip(outputs, bars, strict=True) if o.requires_grad]
    if not live:
        return tuple(torch.zeros_like(x) for x in inputs)
    return torch.autograd.grad(
        [o for o, _ in live],
        list(inputs),
        [b for _, b in live],
        create_graph=again,
        allow_unused=True,
        materialize_grads=True,
    )


class _Sums(torch.autograd.Function):
    """A stage's sums as one node of the client's graph; ``leaves`` are the inputs' tensors."""

    @staticmethod
    def forward(ctx: Any, sweep: Sweep, stage: Stage, inputs: Any, *leaves: Tensor) -> Tensor:
        plain = tree.map_tensors(inputs, lambda t: t.detach())
        ctx.sweep, ctx.stage, ctx.plain = sweep, stage, plain
        ctx.save_for_backward(*leaves)
        return sweep.add(stage, _Task(stage, plain))[0]

    @staticmethod
    def backward(ctx: Any, *bars: Tensor) -> tuple[Tensor | None, ...]:
        wanted = tuple(ctx.needs_input_grad[3:])
        pulled = _Pull.apply(ctx.sweep, ctx.stage, ctx.plain, wanted, bars[0], *ctx.saved_tensors)  # type: ignore[no-untyped-call]
        return (None, None, None, *_placed(pulled, wanted))


class _Pull(torch.autograd.Function):
    """The backward of `_Sums` as a node of its own, so that it can be differentiated once more."""

    @staticmethod
    def forward(
        ctx: Any,
        sweep: Sweep,
        stage: Stage,
        plain: Any,
        wanted: tuple[bool, ...],
        bar: Tensor,
        *leaves: Tensor,
    ) -> Tensors:
        ctx.sweep, ctx.stage, ctx.plain, ctx.wanted = sweep, stage, plain, wanted
        ctx.save_for_backward(bar)
        return sweep.add(stage, _Task(stage, plain, wanted, bar.detach()))

    @staticmethod
    def backward(ctx: Any, *directions: Tensor) -> tuple[Tensor | None, ...]:
        (bar,) = ctx.saved_tensors
        ways = tuple(d.detach() for d in directions)
        task = _Task(ctx.stage, ctx.plain, ctx.wanted, bar.detach(), ways)
        along, *curved = ctx.sweep.add(ctx.stage, task)
        return (None, None, None, None, along, *_placed(curved, ctx.wanted))


def _placed(found: Sequence[Tensor], wanted: tuple[bool, ...]) -> tuple[Tensor | None, ...]:
    rest = iter(found)
    return tuple(next(rest) if w else None for w in wanted)
