"""Flow books valued on two rates factors: as `affine`, with loadings ``(term, 2)``.

In coordinates ``u = x_1``, ``v = x_2 - slope x_1`` a term ``weight exp(-h . x)`` is a product of one function of each, so that
values on a grid of both are one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import DomainError
from xva.models.lgm import at_unique
from xva.models.rates_model import RatesModel
from xva.numerics.types import Floats, Ints
from xva.pricing.affine import CurveSource, forward_weights
from xva.pricing.flow_book import FlowBook


@dataclass(frozen=True)
class PlaneTerms:
    """A book's terms on some dates: ``weight exp(-load . x)`` of the currency's numeraire.

    ``weight`` ``(date, term)``, of which those ``alive`` ``(date, term)`` count; ``load`` ``(term, 2)``. Coupons between
    fixing and payment are apart, one term per coupon and date: ``date``, ``running`` ``(row,)``, ``running_load``
    ``(row, 2)``.
    """

    weight: Tensor
    alive: NDArray[np.bool_]
    load: Tensor
    date: Ints
    running: Tensor
    running_load: Tensor

    def values(self, date: int, slope: float, u: Tensor, v: Tensor) -> Tensor:
        """``(u, v)`` values on one of the dates, on the grid of coordinates ``(u,)`` and ``(v,)``."""
        weight, load = self._on(date)
        along = torch.exp(-torch.outer(load[:, 0] + slope * load[:, 1], u))
        return (weight[:, None] * along).T @ torch.exp(-torch.outer(load[:, 1], v))

    def on_paths(self, date: int, x: Tensor) -> Tensor:
        """``(path,)`` values on one of the dates at states ``(2, path)``."""
        weight, load = self._on(date)
        return weight @ torch.exp(-load @ x)

    def _on(self, date: int) -> tuple[Tensor, Tensor]:
        """Weights and loads of what counts on a date; what is long over may be too large for a number."""
        first, last = np.searchsorted(self.date, [date, date + 1])
        pick = torch.from_numpy(np.flatnonzero(self.alive[date]))
        weight = torch.cat([self.weight[date, pick], self.running[first:last]])
        return weight, torch.cat([self.load[pick], self.running_load[first:last]])


def plane_terms(book: FlowBook, curves: CurveSource, rates: RatesModel, times: Floats) -> PlaneTerms:
    """Bonds, forwards until they fix, and then the conditional mean of coupons given the state, on ``times`` ``(date,)``.

    Raises
    ------
    DomainError
        A coupon's own fixing is to be simulated.
    """
    bonds, table = book.bonds, book.forwards
    if table.simulated.any():
        raise DomainError(
            f"{book.currency}: expected coupons whose fixing is projected where rates have two factors, got "
            f'{int(table.simulated.sum())} simulated ones; use fixing = "projected" or "auto"',
            [book.currency],
        )
    bond = torch.from_numpy(bonds.amount) * torch.exp(
        curves.discount_curve(book.currency).log_discount(bonds.pay)
    )
    forward = forward_weights(book, curves)
    weight = torch.cat([bond, forward])
    gap = rates.loadings(table.start) - rates.loadings(table.end)
    load = torch.cat([rates.loadings(bonds.pay), gap + rates.loadings(table.pay)])
    until = np.concatenate([bonds.until, np.minimum(table.fixing, table.until)])
    alive = times[:, None] < until
    spread = rates.half_variance(load[None], times[:, None])
    date, row = np.nonzero((times[:, None] >= table.fixing) & (times[:, None] < table.until))
    running, shift = _running(book, row, times[date], rates)
    pick = torch.from_numpy(row)
    return PlaneTerms(
        weight * torch.exp(-spread), alive, load, date, forward[pick] * torch.exp(shift), running
    )


def _running(book: FlowBook, row: Ints, time: Floats, rates: RatesModel) -> tuple[Tensor, Tensor]:
    """``(load, shift)`` of the conditional mean of coupons ``row`` seen at ``time``, as `affine.running_exponents`.

    ``E[x_F | x_t] = Z_F Z_t^-1 x_t``; a compounded coupon integrates ``x . dH`` the same way.
    """
    table = book.forwards
    start, end, pay = (at_unique(rates.loadings, t[row]) for t in (table.start, table.end, table.pay))
    seen = at_unique(rates.covariance, time)
    live = torch.from_numpy(time > 1e-9)[:, None]
    one = torch.eye(2, dtype=torch.float64)
    inverse = torch.linalg.inv(torch.where(live[..., None], seen, one))
    fixed = at_unique(rates.covariance, table.fixing[row]) @ (start - end)[..., None]
    # a coupon seen before it begins to accrue is still its forward
    accrued = np.clip(time, table.start[row], np.maximum(table.start[row], table.end[row]))
    grown = at_unique(rates.covariance_integral, accrued) - at_unique(
        rates.covariance_integral, table.start[row]
    )
    compounded = torch.from_numpy(table.compounded[row])[:, None]
    known = torch.where(compounded, -grown, fixed[..., 0])
    share = torch.where(live, (inverse @ known[..., None])[..., 0], torch.zeros_like(known))
    rest = torch.where(compounded, at_unique(rates.loadings, accrued) - end, torch.zeros_like(end))
    load = share + rest + pay
    return load, -rates.half_variance(load, time)
