"""Greeks from a tree, labelled with how each was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import pandas as pd
from torch import Tensor

from xva.errors import DomainError

NUMBERS = ("value", "delta", "vega", "rho", "theta", "gamma", "vanna", "volga")
UNITS: Mapping[str, str] = {
    "value": "currency",
    "delta": "per 1 of spot",
    "vega": "per 1.00 of vol",
    "rho": "per 1.00 of rate",
    "theta": "per year of calendar time",
    "gamma": "per 1 of spot squared",
    "vanna": "per 1 of spot and 1.00 of vol",
    "volga": "per 1.00 of vol squared",
}


@final
@dataclass(frozen=True, eq=False)
class LatticeGreeks:
    """Value and Greeks, ``(option,)`` each, detached; units in `UNITS`.

    Parameters
    ----------
    value, delta, vega, rho, theta : Tensor
        Theta is the change as calendar time passes (minus the derivative by expiry).
    gamma, vanna, volga : Tensor
        d2/dspot2, d2/(dspot dvol), d2/dvol2.
    kind : tuple of str
        Per option: ``"european"``, ``"american"``, or ``"exercised"`` for an American option whose value today is its
        intrinsic value, which leaves a delta of the option's sign and zeros.
    method : mapping of str to mapping
        By kind and number, how it was found.
    """

    value: Tensor
    delta: Tensor
    vega: Tensor
    rho: Tensor
    theta: Tensor
    gamma: Tensor
    vanna: Tensor
    volga: Tensor
    kind: tuple[str, ...]
    method: Mapping[str, Mapping[str, str]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.kind)

    def note(self, number: str, option: int = 0) -> str:
        """How this number of this option was found."""
        if number not in NUMBERS:
            raise DomainError(f"tree greeks: expected one of {', '.join(NUMBERS)}, got {number!r}")
        return self.method[self.kind[option]][number]

    def to_frame(self) -> pd.DataFrame:
        """One row per option and number: value, unit, method."""
        rows = [
            (k, name, amount, UNITS[name], self.note(name, k))
            for name in NUMBERS
            for k, amount in enumerate(getattr(self, name).tolist())
        ]
        frame = pd.DataFrame(rows, columns=["option", "number", "amount", "unit", "method"])
        return frame.set_index(["option", "number"]).sort_index(level="option", sort_remaining=False)
