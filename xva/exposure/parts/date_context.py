"""What all netting sets see of one date: states, deflated FX, Chebyshev bases, events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xva.models.state_layout import StateLayout
from xva.numerics import chebyshev


@dataclass(frozen=True)
class DateContext:
    """What all netting sets see of one date.

    ``state`` ``(state, path)``, placed as in ``layout``; ``y`` ``(currency, path)`` deflated FX, 1 for the domestic currency;
    ``basis`` ``(degree, path)`` per rates row; ``scale`` ``(rates row,)`` of the Chebyshev intervals; ``events``
    ``(event, path)``.
    """

    date: int
    state: Tensor
    layout: StateLayout
    y: Tensor
    basis: tuple[Tensor, ...]
    scale: Tensor
    events: Tensor

    def rates_row(self, currency: int) -> int:
        """Row of a currency's first rates factor, in the state and among the bases and their scales."""
        return int(self.layout.rates_of[currency].start)

    def fx_row(self, currency: int) -> int | None:
        """Row of a currency's log deflated FX; None for the domestic one."""
        return self.layout.fx_of[currency]

    @property
    def equity_rows(self) -> slice:
        """Rows of the equities' log deflated prices."""
        return self.layout.equity_rows


def date_context(
    date: int,
    state: Tensor,
    layout: StateLayout,
    centre: Tensor,
    scale: Tensor,
    events: Tensor,
    degrees: Sequence[int],
) -> DateContext:
    """Deflated FX and Chebyshev bases of one date; ``degrees`` ``(rates row,)`` are the highest any set needs."""
    y = torch.cat([torch.ones_like(state[:1]), torch.exp(state[layout.fx_rows])])
    basis = tuple(
        chebyshev.basis((state[row] - centre[row]) / scale[row], max(degrees[row], 2))
        for row in range(layout.n_rates)
    )
    return DateContext(date, state, layout, y, basis, scale, events)
