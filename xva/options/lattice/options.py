"""The options that trees price: terms and flat market of each, batched."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import final

import torch
from torch import Tensor

from xva.errors import DomainError

MARKET = ("spot", "strike", "expiry", "rate", "dividend", "vol")
_POSITIVE = ("spot", "strike", "expiry", "vol")


@final
@dataclass(frozen=True, eq=False)
class LatticeOptions:
    """Vanilla options on an asset with a continuous dividend yield, one per entry.

    Parameters
    ----------
    spot, strike : Tensor
        ``(option,)``, positive, in the asset's currency.
    expiry : Tensor
        ``(option,)`` Actual/365 (Fixed) year fractions from the valuation date, > 0.
    rate, dividend : Tensor
        ``(option,)`` continuous rate and dividend yield per year.
    vol : Tensor
        ``(option,)`` lognormal volatility per square root of a year, > 0.
    sign : Tensor
        ``(option,)`` 1 a call, -1 a put.
    american : Tensor
        ``(option,)`` bool: exercisable at every step of the tree, today included, or at expiry only.

    Raises
    ------
    DomainError
        Shapes or dtypes differ, or an entry is not finite or out of its range; names field and entry.
    """

    spot: Tensor
    strike: Tensor
    expiry: Tensor
    rate: Tensor
    dividend: Tensor
    vol: Tensor
    sign: Tensor
    american: Tensor

    def __post_init__(self) -> None:
        for name in (f.name for f in fields(self)):
            self._check_form(name)
        if len(self) == 0:
            raise DomainError("options: expected at least one, got an empty batch")
        for name in MARKET:
            entries = getattr(self, name)
            self._check(name, torch.isfinite(entries), "a finite number")
            if name in _POSITIVE:
                self._check(name, entries > 0, "a positive number")
        self._check("sign", self.sign.abs() == 1, "1 (call) or -1 (put)")

    @classmethod
    def of(
        cls,
        *,
        spot: Tensor | float,
        strike: Tensor | float,
        expiry: Tensor | float,
        rate: Tensor | float,
        vol: Tensor | float,
        dividend: Tensor | float = 0.0,
        sign: Tensor | int,
        american: Tensor | bool,
        dtype: torch.dtype = torch.float64,
    ) -> LatticeOptions:
        """From numbers and tensors that broadcast to ``(option,)``; tensors keep their graph."""
        numbers = (spot, strike, expiry, rate, dividend, vol, sign)
        every = [
            *(torch.as_tensor(x, dtype=dtype) for x in numbers),
            torch.as_tensor(american, dtype=torch.bool),
        ]
        try:
            shape = torch.broadcast_shapes((1,), *(x.shape for x in every))  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise DomainError(f"options: expected fields that broadcast to one shape, got {error}") from error
        return cls(*(x.expand(shape) for x in every))

    def __len__(self) -> int:
        return len(self.spot)

    @property
    def market(self) -> tuple[Tensor, ...]:
        """Spot, strike, expiry, rate, dividend, vol."""
        return tuple(getattr(self, name) for name in MARKET)

    def with_market(self, *market: Tensor) -> LatticeOptions:
        """The same rights on another market, in the order of `market`."""
        return replace(self, **dict(zip(MARKET, market, strict=True)))

    def take(self, which: Tensor) -> LatticeOptions:
        """The options at these positions ``(some,)``."""
        return LatticeOptions(*(getattr(self, f.name)[which] for f in fields(self)))

    def _check_form(self, name: str) -> None:
        entries, right = getattr(self, name), torch.bool if name == "american" else self.spot.dtype
        if entries.shape != self.spot.shape or entries.ndim != 1:
            raise DomainError(
                f"options: expected {name} of shape (option,) = ({self.spot.numel()},), got "
                f"{tuple(entries.shape)} -> LatticeOptions.of broadcasts"
            )
        if entries.dtype != right or not (right == torch.bool or right.is_floating_point):
            raise DomainError(
                f"options: expected {name} in {right if right == torch.bool else 'the floating dtype of spot'}, "
                f"got {entries.dtype} -> LatticeOptions.of converts"
            )

    def _check(self, name: str, good: Tensor, expected: str) -> None:
        if not bool(good.all()):
            k = int((~good).nonzero()[0])
            raise DomainError(
                f"option {k}, {name}: expected {expected}, got {float(getattr(self, name)[k])!r} "
                f"({int((~good).sum())} of {len(self)} options)",
                [str(k)],
            )
