"""The exchange formula: against Margrabe's, its by-products against AD, AD against central differences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import QuantLib as ql
import torch
from torch import Tensor

from xva.pricing.closed_form.margrabe import margrabe
from xva.pricing.exchange import SMALLEST_STDEV, AffineRows, exchange_node_values, exchange_value


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


CASES = [
    tensor(*column) for column in zip(*itertools.product((-0.5, 0.0, 0.7), (-0.4, 0.1), (0.02, 0.3, 1.2)))
]


def test_margrabe() -> None:
    log_r, log_d, stdev = CASES
    found = exchange_value(log_r, log_d, stdev)
    torch.testing.assert_close(
        found.value, margrabe(torch.exp(log_r), torch.exp(log_d), stdev), rtol=0, atol=1e-14
    )
    expected = [
        ql.blackFormula(ql.Option.Call, float(torch.exp(d)), float(torch.exp(r)), float(s))
        for r, d, s in zip(*CASES)
    ]
    np.testing.assert_allclose(found.value.numpy(), expected, rtol=0, atol=1e-14)


def test_parity_and_intrinsic_value() -> None:
    log_r, log_d, stdev = CASES
    there, back = exchange_value(log_r, log_d, stdev).value, exchange_value(log_d, log_r, stdev).value
    torch.testing.assert_close(there - back, torch.exp(log_r) - torch.exp(log_d), rtol=0, atol=1e-14)
    still = exchange_value(log_r, log_d, torch.full_like(stdev, SMALLEST_STDEV)).value
    torch.testing.assert_close(still, torch.relu(torch.exp(log_r) - torch.exp(log_d)), rtol=0, atol=1e-8)


def test_by_products_are_the_derivatives() -> None:
    inputs = [c.clone().requires_grad_(True) for c in CASES]
    found = exchange_value(*inputs)
    by_r, by_d, by_stdev = torch.autograd.grad(found.value.sum(), inputs)
    torch.testing.assert_close(found.received, by_r, rtol=0, atol=1e-13)
    torch.testing.assert_close(found.delivered, -by_d, rtol=0, atol=1e-13)
    torch.testing.assert_close(found.vega, by_stdev, rtol=0, atol=1e-13)
    assert torch.autograd.gradcheck(lambda *a: exchange_value(*a).value, inputs)


def _rows() -> tuple[np.ndarray, list[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(5)
    date = np.array([0, 0, 2, 2, 2])

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(5, generator=generator, dtype=torch.float64)

    position = tensor(1, -1, 1, 1, -1)
    columns = [draw(-0.2, 0.2), draw(0, 3), draw(-0.2, 0.2), draw(0, 3), draw(0.05, 0.4)]
    x = 0.1 * torch.randn(3, 4, generator=generator, dtype=torch.float64)
    return date, [position, *columns], x


def test_node_sums_are_the_rows_added_up() -> None:
    date, columns, x = _rows()
    found = exchange_node_values(AffineRows(date, *columns), x)
    position, log_r, h_r, log_d, h_d, stdev = columns
    expected = torch.zeros_like(x)
    for k, t in enumerate(date):
        expected[t] += (
            position[k] * exchange_value(log_r[k] - h_r[k] * x[t], log_d[k] - h_d[k] * x[t], stdev[k]).value
        )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)


def test_node_sums_first_and_second_derivatives() -> None:
    date, (position, *rest), x = _rows()
    leaves = [c.clone().requires_grad_(True) for c in rest]

    def function(*columns: Tensor) -> Tensor:
        return exchange_node_values(AffineRows(date, position, *columns), x)

    assert torch.autograd.gradcheck(function, leaves)
    assert torch.autograd.gradgradcheck(function, leaves)


@pytest.mark.parametrize("batch", [1, 3])
def test_node_sums_take_batches_of_cotangents(batch: int) -> None:
    date, (position, *rest), x = _rows()
    leaves = [c.clone().requires_grad_(True) for c in rest]
    value = exchange_node_values(AffineRows(date, position, *leaves), x)
    bars = torch.randn(batch, *x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    together = torch.autograd.grad(value, leaves, bars, is_grads_batched=True, retain_graph=True)
    for b in range(batch):
        one = torch.autograd.grad(value, leaves, bars[b], retain_graph=True)
        for whole, part in zip(together, one):
            torch.testing.assert_close(whole[b], part)
