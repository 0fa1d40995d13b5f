"""Options to exchange one lognormal claim for another: the one option formula of the platform.

European FX and equity options, caplets and floorlets all pay ``max(R - D, 0)`` with ln R and ln D affine in the
Gaussian state. Margrabe (1978); in the deflated world there is no discounting left.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.numerics.normal import normal_cdf

_INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
SMALLEST_STDEV = 1e-9  # below it an option is its intrinsic value


class ExchangeValue(NamedTuple):
    """Value and the by-products that are its derivatives, all of one shape.

    ``received = dV/d ln R``, ``delivered = -dV/d ln D``, ``vega = dV/d stdev``; ``value = received - delivered``.
    """

    value: Tensor
    received: Tensor
    delivered: Tensor
    log_receive: Tensor
    d1: Tensor

    @property
    def vega(self) -> Tensor:
        return torch.exp(self.log_receive - 0.5 * self.d1**2) * _INV_SQRT_2PI


def exchange_value(log_receive: Tensor, log_deliver: Tensor, stdev: Tensor) -> ExchangeValue:
    """``E[max(R - D, 0)]`` for lognormal R, D with these conditional means; ``stdev`` of ln(R/D) > 0."""
    d1 = (log_receive - log_deliver) / stdev + 0.5 * stdev
    received = torch.exp(log_receive) * normal_cdf(d1)
    delivered = torch.exp(log_deliver) * normal_cdf(d1 - stdev)
    return ExchangeValue(received - delivered, received, delivered, log_receive, d1)


class AffineRows(NamedTuple):
    """Exchange options seen at one date each, as functions of one state x; all ``(row,)``, sorted by ``date``.

    ``ln R = log_receive - h_receive x``, likewise D; ``position`` is +1 held, -1 written.
    """

    date: NDArray[np.int64]
    position: Tensor
    log_receive: Tensor
    h_receive: Tensor
    log_deliver: Tensor
    h_deliver: Tensor
    stdev: Tensor


def exchange_node_values(rows: AffineRows, x: Tensor) -> Tensor:
    """Sum per date of exchange options at states ``x`` ``(date, node)``: ``(date, node)``."""
    edges = np.searchsorted(rows.date, np.arange(x.shape[0] + 1))
    return _ExchangeSum.apply(*rows[1:], x, edges)  # type: ignore[no-untyped-call,no-any-return]


def _by_products(args: tuple[Tensor, ...], x: Tensor, edges: Any) -> tuple[Tensor, Tensor, Tensor]:
    position, log_r, h_r, log_d, h_d, stdev = args
    row = torch.repeat_interleave(torch.arange(x.shape[0]), torch.from_numpy(np.diff(edges)))
    state = x[row]
    found = exchange_value(
        log_r[:, None] - h_r[:, None] * state, log_d[:, None] - h_d[:, None] * state, stdev[:, None]
    )
    sign = position[:, None]
    return sign * found.received, sign * found.delivered, sign * found.vega


class _ExchangeSum(torch.autograd.Function):
    """As `affine._TermSum`: batched cotangents cost matrix products, ``create_graph`` recomputes."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        *args, x, edges = inputs
        parts = _by_products(tuple(args), x, edges)
        ctx.save_for_backward(*args, x)
        ctx.edges, ctx.parts = edges, parts
        value = parts[0] - parts[1]
        return torch.stack([value[a:b].sum(0) for a, b in zip(edges[:-1], edges[1:])])

    @staticmethod
    def backward(ctx: Any, *bars: Tensor) -> tuple[Tensor | None, ...]:
        (bar,) = bars
        *args, x = ctx.saved_tensors
        parts = _by_products(tuple(args), x, ctx.edges) if torch.is_grad_enabled() else ctx.parts
        received, delivered, vega = parts
        pieces: list[tuple[Tensor, ...]] = []
        for t, (a, b) in enumerate(zip(ctx.edges[:-1], ctx.edges[1:])):
            if b > a:
                plain, tilted = bar[t], bar[t] * x[t]
                pieces.append(
                    (
                        received[a:b] @ plain,
                        -(received[a:b] @ tilted),
                        -(delivered[a:b] @ plain),
                        delivered[a:b] @ tilted,
                        vega[a:b] @ plain,
                    )
                )
        grads = tuple(torch.cat(column) for column in zip(*pieces))
        return (None, *grads, None, None)
