"""What can be simulated: a Markov state, its steps on any grid, and what can be observed of it.

Times are Actual/365 (Fixed) year fractions. A model is a bundle of tensors connected to the market; noise carries no
parameter, so a path differentiates to whatever the model was made from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xva.dates import SAME_TIME
from xva.numerics.normal import normal_cdf
from xva.numerics.types import Floats


@dataclass(frozen=True)
class Option:
    """The right to ``sign * (price - strike)`` of one unit.

    Parameters
    ----------
    name : str
        Of an equity, or ``FX/BASE/QUOTE``.
    currency : str
        Of price and strike.
    strike : float
        Positive.
    sign : int
        +1 a call, -1 a put.
    """

    name: str
    currency: str
    strike: float
    sign: int


@dataclass(frozen=True, eq=False)
class SwapFlows:
    """Payments of a swap none of whose rates is fixed.

    Parameters
    ----------
    currency, index : str
    sizes, starts, ends, pays : ndarray
        ``(period,)``: ``size * P(start)/P(end)`` on the index's curve is paid at ``pay``.
    amounts, paid : ndarray
        ``(payment,)`` fixed amounts, spreads and the ones of growth factors among them, and their times.
    """

    currency: str
    index: str
    sizes: Floats
    starts: Floats
    ends: Floats
    pays: Floats
    amounts: Floats
    paid: Floats


class Observer(ABC):
    """Reads a set of paths at times of its grid; all results are ``(path,)`` and differentiate to states and market."""

    @abstractmethod
    def equity(self, name: str, time: float) -> Tensor:
        """Price of an equity in its own currency."""

    @abstractmethod
    def fx(self, base: str, quote: str, time: float) -> Tensor:
        """Units of ``quote`` per one ``base``."""

    @abstractmethod
    def bond(self, currency: str, time: float, maturity: float) -> Tensor:
        """``P(time, maturity)`` on the currency's discount curve; 1 where they are the same."""

    def bonds(self, currency: str, time: float, maturities: Floats) -> Tensor:
        """``(maturity, path)`` of `bond`."""
        return torch.stack([self.bond(currency, time, float(m)) for m in maturities])

    def growths(self, index: str, time: float, starts: Floats, ends: Floats) -> Tensor:
        """``(period, path)`` of `growth`."""
        return torch.stack([self.growth(index, time, float(a), float(b)) for a, b in zip(starts, ends)])

    @abstractmethod
    def growth(self, index: str, time: float, start: float, end: float) -> Tensor:
        """``P(time, start)/P(time, end)`` on the index's projection curve: 1 + accrual * the forward rate."""

    @abstractmethod
    def deflator(self, currency: str, time: float) -> Tensor:
        """Value of one unit of ``currency``, paid at ``time``, in units of the reporting currency's numeraire."""

    @abstractmethod
    def log_variance(self, name: str, early: float, late: float) -> Tensor:
        """``()`` or ``(path,)`` variance of the log price of an equity (or, ``FX/BASE/QUOTE``, a rate) over ``(early, late]``.

        Given the path's ends where the model is not lognormal: what a Brownian bridge between them has.
        """

    def european(self, asset: Option, times: Floats, expiry: float, pay: float) -> Tensor | None:
        """``(time, path)`` deflated values, at ``times`` before ``expiry``, of an option on an asset, paid at ``pay``.

        None where the model has no closed form.
        """
        return None

    def swaption(self, swap: SwapFlows, times: Floats, expiry: float) -> Tensor | None:
        """``(time, path)`` deflated values, at ``times`` before ``expiry``, of the right to enter a swap then.

        None where the model has no closed form.
        """
        return None


class Transition(ABC):
    """A model's steps between consecutive knots of a grid, everything that no path changes computed once."""

    @abstractmethod
    def step(self, number: int, state: Tensor, normals: Tensor) -> Tensor:
        """``(state, path)`` at knot ``number + 1`` from the one at ``number`` and ``(normal, path)`` standard normals."""


class PathModel(ABC):
    """A Markov model of the market."""

    @property
    @abstractmethod
    def domestic(self) -> str:
        """Reporting currency."""

    @property
    @abstractmethod
    def states(self) -> tuple[str, ...]:
        """Names of the state's components: ``IR:EUR``, ``FX:USD``, ``EQ:SPX``, ``VAR:SPX``."""

    @property
    @abstractmethod
    def n_normals(self) -> int:
        """Standard normals per step."""

    @abstractmethod
    def initial(self) -> Tensor:
        """``(state,)`` at ``as_of``."""

    @abstractmethod
    def transition(self, knots: Floats) -> Transition:
        """Steps between ``knots`` ``(time,)``, increasing, the first where the walk starts."""

    @abstractmethod
    def observe(self, times: Floats, states: Sequence[Tensor]) -> Observer:
        """An observer of paths whose states ``(state, path)`` at ``times`` are given."""


@dataclass(frozen=True)
class Walk:
    """Simulated paths.

    Parameters
    ----------
    times : ndarray
        ``(time,)``, the start included.
    states : tuple of Tensor
        ``(state, path)`` per time, for observing.
    carries : tuple of Tensor
        The same numbers, as what the steps after start from. The derivative of anything to ``carries[k]`` is that to the
        state at ``times[k]`` with all that was observed up to then, that date included, held fixed: a differential label.
    """

    times: Floats
    states: tuple[Tensor, ...]
    carries: tuple[Tensor, ...]

    def place(self, time: float) -> int:
        """Number of a grid time."""
        return place(self.times, time)


def walk(model: PathModel, times: Floats, normals: Tensor, start: Tensor | None = None) -> Walk:
    """Simulate along ``times`` ``(time,)`` from the first of them on.

    Parameters
    ----------
    normals : Tensor
        ``(step, normal, path)``, one step fewer than times.
    start : Tensor, optional
        ``(state, path)`` at ``times[0]``; the model's initial state by default.
    """
    paths = normals.shape[-1]
    state = model.initial()[:, None].expand(-1, paths) if start is None else start
    transition = model.transition(times)
    states, carries = [state], [state.clone()]
    for k in range(len(times) - 1):
        states.append(transition.step(k, carries[-1], normals[k]))
        carries.append(states[-1].clone())
    return Walk(times, tuple(states), tuple(carries))


def place(times: Floats, time: float) -> int:
    """Number of ``time`` on a grid.

    Raises
    ------
    KeyError
        It is not on the grid.
    """
    found = int(np.searchsorted(times, time - SAME_TIME))
    if found == len(times) or abs(times[found] - time) > SAME_TIME:
        raise KeyError(f"time {time} is not on the grid")
    return found


def join_times(*parts: Floats) -> Floats:
    """Sorted union of grids; times closer than `SAME_TIME` are one."""
    every: Floats = np.unique(np.concatenate(parts))
    kept: Floats = every[np.concatenate([[True], np.diff(every) > SAME_TIME])]
    return kept


def exchange_option(received: Tensor, given: Tensor, deviation: Tensor, sign: int = 1) -> Tensor:
    """Value of the right to ``sign * (received - given)`` of two jointly lognormal amounts.

    Parameters
    ----------
    received, given : Tensor
        Means, any shape.
    deviation : Tensor
        Standard deviation of the logarithm of their ratio, > 0.
    """
    middle = torch.log(received / given) / deviation
    first, second = (normal_cdf(sign * (middle + s * deviation)) for s in (0.5, -0.5))
    value: Tensor = sign * (received * first - given * second)
    return value
