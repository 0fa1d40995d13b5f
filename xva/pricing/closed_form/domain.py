"""What the arguments of a closed form may be, by their names, and the refusal of anything else.

One table serves every formula because the formulas share their names (`spot`, `vol_1`, `expiry` …). The inner
formulas of the engine (`black76`, `bachelier`, `margrabe`) are called millions of times on inputs that were checked
when the market was built: they check nothing. What a user calls checks once at its entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from xva.errors import DomainError

Number = Tensor | float


@dataclass(frozen=True)
class Interval:
    """An open interval, ``lower`` itself allowed where ``closed``; ``fix`` says what to do beyond it."""

    lower: float = -float("inf")
    upper: float = float("inf")
    closed: bool = False
    fix: str = "check the input"

    def contains(self, value: Tensor) -> Tensor:
        """Elementwise; False for NaN and infinities."""
        above = value >= self.lower if self.closed else value > self.lower
        return above & (
            value <= self.upper if self.closed and self.upper < float("inf") else value < self.upper
        )

    def __str__(self) -> str:
        sign = "=" if self.closed else ""
        low = f">{sign} {self.lower:g}" if self.lower > -float("inf") else ""
        high = f"<{sign} {self.upper:g}" if self.upper < float("inf") else ""
        return " and ".join(part for part in (low, high) if part) or "a finite number"


_POSITIVE = Interval(0.0)
_NOT_NEGATIVE = Interval(0.0, closed=True)
_VOL = Interval(0.0, fix="give the volatility as a positive number per square root of a year (0.2 is 20 %)")
_EXPIRY = Interval(0.0, fix="the option has expired: its value is its payoff and has no Greeks")
_INSIDE = Interval(-1.0, 1.0, fix="a correlation of 1 or -1 is a one-factor product: price it as one")

DOMAINS = {
    "spot": _POSITIVE,
    "receive": _POSITIVE,
    "deliver": _POSITIVE,
    "barrier": _POSITIVE,
    "discount": _POSITIVE,
    "expiry": _EXPIRY,
    "vol": _VOL,
    "normal_vol": _VOL,
    "std_dev": _VOL,
    "rebate": _NOT_NEGATIVE,
    "correlation": _INSIDE,
    "variance": _NOT_NEGATIVE,
    "long_variance": _NOT_NEGATIVE,
    "mean_reversion": _POSITIVE,
    "vol_of_variance": _POSITIVE,
    "alpha": _POSITIVE,
    "beta": Interval(0.0, 1.0, closed=True),
    "nu": _NOT_NEGATIVE,
    "lags": _NOT_NEGATIVE,
}
_ZERO_ALLOWED = ("expiry", "vol", "normal_vol", "std_dev")


def domain_of(name: str) -> Interval:
    """The interval of an argument: its own, or that of its stem (``spot_1`` is a ``spot``), or all numbers."""
    return DOMAINS.get(name) or DOMAINS.get(name.rsplit("_", 1)[0]) or Interval()


def require(*, positive: tuple[str, ...] = (), degenerate: bool = False, **arguments: Number) -> None:
    """Refuse arguments outside their domains.

    Parameters
    ----------
    positive : tuple of str
        Arguments that must be positive here though other formulas take any sign (strikes and forwards).
    degenerate : bool
        The formula is right at zero volatility and zero time too (the intrinsic value).
    **arguments : Tensor or float
        By name. Nothing is checked inside ``vmap`` or a compiled function, where values cannot be read: whoever
        transforms checks first, as `xva.options.greeks` does.

    Raises
    ------
    DomainError
        NaN, infinite or out of range: the argument, what was expected, the first offender.
    """
    require_all(arguments, positive=positive, degenerate=degenerate)


def require_all(
    arguments: Mapping[str, Number], *, positive: tuple[str, ...] = (), degenerate: bool = False
) -> None:
    """As `require`, the arguments in a mapping."""
    if torch.compiler.is_compiling():
        return
    for name, value in arguments.items():
        interval = _POSITIVE if name in positive else domain_of(name)
        if degenerate and name in _ZERO_ALLOWED:
            interval = Interval(interval.lower, interval.upper, True, interval.fix)
        _check(name, value, interval)


def unreadable(problem: RuntimeError) -> bool:
    """Whether this is ``vmap`` saying that the values of its tensors cannot be read."""
    return "vmap" in str(problem)


def _check(name: str, value: Number, interval: Interval) -> None:
    tensor = value.detach() if isinstance(value, Tensor) else torch.tensor(float(value), dtype=torch.float64)
    good = interval.contains(tensor)
    try:
        if bool(good.all()):
            return
    except RuntimeError as problem:
        if not unreadable(problem):
            raise
        return
    first = int(torch.nonzero(~good.reshape(-1))[0])
    got = float(tensor.reshape(-1)[first])
    where = f"{name}[{first}]" if tensor.ndim else name
    raise DomainError(f"{where}: expected {interval}, got {got:g} -> {_advice(got, interval)}", [name])


def _advice(got: float, interval: Interval) -> str:
    return interval.fix if got - got == 0.0 else "find where this input stopped being a finite number"
