"""Equity models of one currency under a deterministic rate: what their observers share.

The numeraire is the bank account, worth 1 at ``as_of``; every rate index grows on the one curve.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from xva.errors import DomainError, MarketDataError
from xva.market import DiscountCurve
from xva.market.curves import check_pillars, interpolation_matrix
from xva.models.path_model import Observer, place
from xva.numerics.types import Floats


@dataclass(frozen=True)
class RateCurve:
    """A deterministic rate, one for all paths or one per path.

    Parameters
    ----------
    times : ndarray
        ``(pillar,)`` years, > 0, increasing.
    log_discounts : Tensor
        ``(pillar,)`` or ``(pillar, path)``, log-linear between pillars, flat forward beyond.
    """

    times: Floats
    log_discounts: Tensor

    def __post_init__(self) -> None:
        first = self.log_discounts if self.log_discounts.ndim < 2 else self.log_discounts[:, 0]
        check_pillars("rate curve", self.times, first)

    @classmethod
    def of(cls, rate: DiscountCurve | Tensor | float) -> RateCurve:
        """From a discount curve, or a flat continuously compounded rate ``()`` or ``(path,)``."""
        if isinstance(rate, DiscountCurve):
            return cls(rate.times, rate.log_discounts)
        return cls(np.ones(1), -torch.as_tensor(rate, dtype=torch.float64)[None])

    def log_discount(self, times: Floats) -> Tensor:
        """``ln P(0, t)``: ``(time,)`` or ``(time, path)``."""
        return interpolation_matrix(self.times, times) @ self.log_discounts


class OneCurrencyObserver(Observer):
    """Equities ``ln S`` in the leading rows of the state, one currency, a deterministic rate."""

    def __init__(
        self, currency: str, names: tuple[str, ...], rate: RateCurve, times: Floats, states: Sequence[Tensor]
    ) -> None:
        self._currency, self._names, self._rate = currency, names, rate
        self._times, self._states = times, states

    def equity(self, name: str, time: float) -> Tensor:
        return torch.exp(self._state(time)[self._row(name)])

    def fx(self, base: str, quote: str, time: float) -> Tensor:
        self._check(base)
        self._check(quote)
        return self._ones

    def bond(self, currency: str, time: float, maturity: float) -> Tensor:
        self._check(currency)
        return torch.exp(self._log_growth(maturity, time)) * self._ones

    def growth(self, index: str, time: float, start: float, end: float) -> Tensor:
        return torch.exp(self._log_growth(start, end)) * self._ones

    def deflator(self, currency: str, time: float) -> Tensor:
        return self.bond(currency, 0.0, time)

    @abstractmethod
    def log_variance(self, name: str, early: float, late: float) -> Tensor: ...

    def _log_growth(self, over: float, under: float) -> Tensor:
        """``ln P(0, over) - ln P(0, under)``."""
        both = self._rate.log_discount(np.array([over, under]))
        return both[0] - both[1]

    def _state(self, time: float) -> Tensor:
        return self._states[place(self._times, time)]

    def _row(self, name: str) -> int:
        return equity_row(self._names, name)

    def _check(self, currency: str) -> None:
        if currency != self._currency:
            raise DomainError(
                f"currency: expected {self._currency}, the model's only one, got {currency}; use a cross-asset model",
                [currency],
            )

    @cached_property
    def _ones(self) -> Tensor:
        return torch.ones_like(self._states[0][0])


def equity_row(names: tuple[str, ...], name: str) -> int:
    """Number of an equity.

    Raises
    ------
    DomainError
        The model has no such equity (or the name is an FX rate).
    """
    if name not in names:
        raise DomainError(
            f"equity: expected one of {', '.join(names)}, got {name}; add it to the model", [name]
        )
    return names.index(name)


def correlation_factor(correlation: Tensor, names: tuple[str, ...]) -> Tensor:
    """Cholesky factor of a correlation matrix ``(name, name)``.

    Raises
    ------
    MarketDataError
        Not square of that size, no ones on the diagonal, not symmetric, or not positive definite.
    """
    n, plain = len(names), correlation.detach()
    if correlation.shape != (n, n):
        raise MarketDataError(f"correlation: expected {n} x {n}, got {tuple(correlation.shape)}", names)
    if not (torch.equal(plain, plain.T) and bool((torch.diagonal(plain) == 1.0).all())):
        raise MarketDataError("correlation: expected a symmetric matrix with ones on its diagonal", names)
    factor, failed = torch.linalg.cholesky_ex(correlation)
    if bool(failed):
        raise MarketDataError(
            f"correlation: expected a positive definite matrix, it fails at {names[int(failed) - 1]}",
            [names[int(failed) - 1]],
        )
    return factor  # type: ignore[no-any-return]
