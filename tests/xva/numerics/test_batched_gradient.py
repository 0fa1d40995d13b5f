"""Many cotangents in one pull-back: against one backward for each."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from xva.numerics.batched_gradient import batched_gradient


def graph() -> tuple[list[Tensor], list[Tensor]]:
    draw = torch.Generator().manual_seed(5)
    x = torch.rand(4, generator=draw, dtype=torch.float64, requires_grad=True)
    y = torch.rand(2, 3, generator=draw, dtype=torch.float64, requires_grad=True)
    unused = torch.ones(2, dtype=torch.float64, requires_grad=True)
    outputs = [torch.exp(x[:3]) * y, (x**3).sum(), torch.ones(5, dtype=torch.float64)]
    return outputs, [x, y, unused]


@pytest.mark.parametrize("batch", [1, 16, 17, 40])
def test_each_is_its_own_backward(batch: int) -> None:
    outputs, inputs = graph()
    draw = torch.Generator().manual_seed(7)
    bars = [torch.rand(batch, *o.shape, generator=draw, dtype=torch.float64) for o in outputs]
    found = batched_gradient(outputs, inputs, bars)
    for k in range(batch):
        again, leaves = graph()
        scalar = sum((o * b[k]).sum() for o, b in zip(again, bars))
        single = torch.autograd.grad(scalar, leaves[:2])
        for one, many in zip(single, found):
            torch.testing.assert_close(many[k], one, rtol=1e-14, atol=0.0)
    assert found[2].shape == (batch, 2)
    assert not found[2].any()


def test_no_cotangents_and_no_graph_give_zeros_of_the_right_shape() -> None:
    outputs, inputs = graph()
    empty = batched_gradient(outputs, inputs, [o.new_zeros(0, *o.shape) for o in outputs])
    assert [tuple(e.shape) for e in empty] == [(0, 4), (0, 2, 3), (0, 2)]
    constant = batched_gradient([outputs[2]], inputs, [torch.ones(3, 5, dtype=torch.float64)])
    assert [tuple(c.shape) for c in constant] == [(3, 4), (3, 2, 3), (3, 2)]
    assert not any(c.any() for c in constant)


def test_the_graph_lives_on_where_it_is_kept() -> None:
    outputs, inputs = graph()
    bars = [torch.ones(1, *o.shape, dtype=torch.float64) for o in outputs]
    first = batched_gradient(outputs, inputs, bars, keep=True)
    second = batched_gradient(outputs, inputs, bars)
    assert all(torch.equal(a, b) for a, b in zip(first, second))
    with pytest.raises(RuntimeError, match="second time"):
        batched_gradient(outputs, inputs, bars)
