"""Flow books valued on the model's state: exponential-affine terms, differentiable in curves and volatilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.dates import SAME_TIME
from xva.models import Lgm
from xva.models.lgm import at_unique
from xva.numerics.types import Floats
from xva.pricing.flow_book import FlowBook, ForwardTable


class Discounting(Protocol):
    """A curve: ``log_discount(t)`` has the shape of ``t``."""

    def log_discount(self, time: Any) -> Tensor: ...


class CurveSource(Protocol):
    """Where curves come from; `xva.market.Market` is one."""

    def discount_curve(self, currency: str) -> Discounting: ...

    def projection_curve(self, index: str) -> Discounting: ...


@dataclass(frozen=True)
class AffineTerms:
    """Terms ``weight exp(-h x - q zeta(t)/2)``, counted while ``t < until``; all ``(term,)``."""

    weight: Tensor
    h: Tensor
    q: Tensor
    until: Floats


@dataclass(frozen=True)
class RunningTerms:
    """Terms ``weight exp(-h x + shift)`` of one date each; ``date`` ``(term,)`` indexes the valuation dates."""

    date: NDArray[np.int64]
    weight: Tensor
    h: Tensor
    shift: Tensor


def forward_weights(book: FlowBook, curves: CurveSource, rows: Any = slice(None)) -> Tensor:
    """``amount P_index(start)/P_index(end) P(pay)`` of the book's forwards ``(row,)``."""
    table = book.forwards
    ratio = torch.zeros(len(table.amount), dtype=torch.float64)
    for code, name in enumerate(book.indices):
        mine = np.flatnonzero(table.index == code)
        curve = curves.projection_curve(name)
        part = curve.log_discount(table.start[mine]) - curve.log_discount(table.end[mine])
        ratio = ratio.index_put((torch.from_numpy(mine),), part)
    logs = ratio + curves.discount_curve(book.currency).log_discount(table.pay)
    return (torch.from_numpy(table.amount) * torch.exp(logs))[rows]


def affine_terms(book: FlowBook, curves: CurveSource, lgm: Lgm) -> AffineTerms:
    """Bonds and forwards before their fixing."""
    bonds, table = book.bonds, book.forwards
    log_p = curves.discount_curve(book.currency).log_discount(bonds.pay)
    h_bond = lgm.h(bonds.pay)
    h_forward = lgm.h(table.start) - lgm.h(table.end) + lgm.h(table.pay)
    return AffineTerms(
        torch.cat([torch.from_numpy(bonds.amount) * torch.exp(log_p), forward_weights(book, curves)]),
        torch.cat([h_bond, h_forward]),
        torch.cat([h_bond**2, h_forward**2]),
        np.concatenate([bonds.until, np.minimum(forward_until(table), table.until)]),
    )


def forward_until(table: ForwardTable) -> Floats:
    """When each row stops being a forward: at its fixing; just after it where the path's own fixing takes over."""
    return np.where(table.simulated, table.fixing + SAME_TIME, table.fixing)


def running_terms(book: FlowBook, curves: CurveSource, lgm: Lgm, times: Floats) -> RunningTerms:
    """Forwards between fixing (or start of accrual) and payment that are not simulated, one term per coupon and date."""
    table = book.forwards
    inside = (times[:, None] >= table.fixing) & (times[:, None] < table.until) & ~table.simulated
    date, row = np.nonzero(inside)
    weight = forward_weights(book, curves, torch.from_numpy(row))
    h, shift = running_exponents(table, row, times[date], lgm)
    return RunningTerms(date, weight, h, shift)


def running_exponents(
    table: ForwardTable, row: NDArray[np.int64], time: Floats, lgm: Lgm
) -> tuple[Tensor, Tensor]:
    """``(h, shift)`` of the conditional mean of coupons ``row`` seen at ``time``, both ``(row,)``.

    Term: ``exp(-h x + shift)``, h being the regression of the coupon's exponent on x. A coupon fixed at F has
    ``E[x_F | x_t] = zeta(F)/zeta(t) x_t``; a compounded one integrates ``x dH`` over [S, min(t, E)] the same way. The
    conditional mean of a lognormal is lognormal, and a deflated value keeps its expectation: ``shift = -h^2 zeta/2``.
    """
    h = _regression(table, row, time, lgm, 0.0)
    return h, -0.5 * h**2 * at_unique(lgm.zeta, time)


def tied_exponents(
    table: ForwardTable, row: NDArray[np.int64], time: Floats, lgm: Lgm, anchor: float
) -> tuple[Tensor, Tensor, Tensor]:
    """``(h, tie, shift)`` of the conditional mean given the states at ``time`` and at ``anchor`` before it, each ``(row,)``.

    Term: ``exp(-h x_t - tie x_anchor + shift)``. Since the anchor the state is a process of its own, so h is the regression
    on its increment; seen at the anchor the coupon is the forward ``exp(-h_0 x - h_0^2 zeta/2)``, which fixes the rest.
    Coupons fix at or after the anchor.
    """
    zeta = lgm.zeta(anchor)
    h = _regression(table, row, time, lgm, anchor)
    forward = at_unique(lgm.h, table.start[row]) - at_unique(lgm.h, table.end[row])
    forward = forward + at_unique(lgm.h, table.pay[row])
    since = at_unique(lgm.zeta, time) - zeta
    return h, forward - h, -0.5 * forward**2 * zeta - 0.5 * h**2 * since


def path_exponents(
    table: ForwardTable, row: NDArray[np.int64], time: Floats, lgm: Lgm
) -> tuple[Tensor, Tensor, Tensor]:
    """``(h, fixed, shift)`` ``(row,)`` each: coupons seen at ``time``, after their fixing, with the path's own fixing.

    Seen from the currency's own numeraire a coupon is the martingale ``exp(-int g dx - int g^2 dzeta/2)``, with
    ``g = H_S - H_E + H_p`` until it fixes and ``H_p`` from then on; an overnight coupon fixes all along its period, where
    ``g(u) = H_u - H_E + H_p``. By parts the term is ``exp(-h x_t - fixed x_F + shift)`` for a rate fixed at F and
    ``exp(-h x_t + K_m - K_S + shift)`` for a compounded one (``fixed`` is then not used), ``K_t = int_0^t x dH`` and m the
    earlier of ``time`` and the period's end.
    """
    compounded = torch.from_numpy(table.compounded[row])
    accrued_to = np.minimum(time, table.end[row])
    since = np.where(table.compounded[row], table.start[row], table.fixing[row])
    h_s, h_e = at_unique(lgm.h, table.start[row]), at_unique(lgm.h, table.end[row])
    h_p, h_m = at_unique(lgm.h, table.pay[row]), at_unique(lgm.h, accrued_to)
    to_m, to_fix = at_unique(lgm.zeta_moments, accrued_to), at_unique(lgm.zeta_moments, since)
    zeta_t = at_unique(lgm.zeta_moments, time)[..., 0]
    until = torch.where(compounded, to_m[..., 0], to_fix[..., 0])
    centre = h_e - h_p
    powers = torch.stack([centre**2, -2.0 * centre, torch.ones_like(centre)], dim=-1)
    accrual = torch.where(compounded, ((to_m - to_fix) * powers).sum(-1), torch.zeros_like(h_p))
    variance = (h_s - centre) ** 2 * to_fix[..., 0] + accrual + h_p**2 * (zeta_t - until)
    h = torch.where(compounded, h_m - centre, h_p)
    return h, h_s - h_e, -0.5 * variance


def _regression(table: ForwardTable, row: NDArray[np.int64], time: Floats, lgm: Lgm, anchor: float) -> Tensor:
    """Regression ``(row,)`` of the coupons' exponents on the state's increment from ``anchor`` to ``time``."""
    before = lgm.zeta(anchor)
    live = torch.from_numpy(time > anchor + SAME_TIME)
    since = at_unique(lgm.zeta, time) - before
    safe = torch.where(live, since, torch.ones_like(since))
    h_s, h_e = at_unique(lgm.h, table.start[row]), at_unique(lgm.h, table.end[row])
    h_p = at_unique(lgm.h, table.pay[row])
    share = torch.where(
        live, (at_unique(lgm.zeta, table.fixing[row]) - before) / safe, torch.zeros_like(since)
    )
    h_fixed = (h_s - h_e) * share + h_p
    # a coupon seen before it begins to accrue is still its forward
    accrued_to = np.clip(time, table.start[row], np.maximum(table.start[row], table.end[row]))
    h_m = at_unique(lgm.h, accrued_to)
    integral = at_unique(lgm.zeta_integral, accrued_to) - at_unique(lgm.zeta_integral, table.start[row])
    covariance = torch.where(live, (integral - before * (h_m - h_s)) / safe, torch.zeros_like(since))
    h_compounded = -covariance - (h_e - h_m) + h_p
    return torch.where(torch.from_numpy(table.compounded[row]), h_compounded, h_fixed)


def node_values(
    book: FlowBook, curves: CurveSource, lgm: Lgm, times: Floats, x: Tensor, with_running: bool = True
) -> Tensor:
    """Deflated values ``(date, node)`` of the book, in its own currency, at states ``x`` ``(date, node)``.

    Without ``with_running`` coupons count until they fix or begin to accrue, as simulated ones always do.
    """
    terms = affine_terms(book, curves, lgm)
    alive = torch.from_numpy((times[:, None] < terms.until).astype(np.float64))
    total: Tensor = _TermSum.apply(terms.weight, terms.h, terms.q, lgm.zeta(times), x, alive)  # type: ignore[no-untyped-call]
    if not with_running:
        return total
    running = running_terms(book, curves, lgm, times)
    if len(running.date):
        row = torch.from_numpy(running.date)
        each = running.weight[:, None] * torch.exp(-running.h[:, None] * x[row] + running.shift[:, None])
        total = total.index_add(0, row, each)
    return total


class _TermSum(torch.autograd.Function):
    """``C[t,k] = sum_n alive[t,n] w_n exp(-h_n x[t,k] - q_n zeta_t/2)``, differentiated by matrix products.

    The backward is written so that a batch of cotangents (``is_grads_batched``) costs matrix-matrix products
    instead of as many passes over all (term, date, node). Under ``create_graph`` the terms are computed again from
    the inputs, so second derivatives are right too.
    """

    @staticmethod
    def forward(ctx: Any, w: Tensor, h: Tensor, q: Tensor, zeta: Tensor, x: Tensor, alive: Tensor) -> Tensor:
        each = _each_term(h, q, zeta, x, alive)
        ctx.save_for_backward(w, h, q, zeta, x, alive)
        ctx.each = each
        return (w @ each).reshape(x.shape)

    @staticmethod
    def backward(ctx: Any, *bars: Tensor) -> tuple[Tensor | None, ...]:
        (bar,) = bars
        w, h, q, zeta, x, alive = ctx.saved_tensors
        each = _each_term(h, q, zeta, x, alive) if torch.is_grad_enabled() else ctx.each
        plain = each @ bar.reshape(-1)
        by_x = each @ (bar * x).reshape(-1)
        by_zeta = each @ (bar * zeta[:, None]).reshape(-1)
        curvature = ((w * q) @ each).reshape(x.shape)
        return plain, -w * by_x, -0.5 * w * by_zeta, -0.5 * (curvature * bar).sum(-1), None, None


def _each_term(h: Tensor, q: Tensor, zeta: Tensor, x: Tensor, alive: Tensor) -> Tensor:
    """``(term, date * node)`` terms without their weights."""
    exponent = torch.outer(h, -x.reshape(-1)) - 0.5 * torch.outer(q, zeta).repeat_interleave(
        x.shape[1], dim=1
    )
    return torch.exp(exponent) * alive.T.repeat_interleave(x.shape[1], dim=1)
