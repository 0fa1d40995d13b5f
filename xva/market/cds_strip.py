"""Hazards of a CDS strip, pillar by pillar, each in a bracket: every strip that has a solution has it found.

A contract depends on the hazards up to its own pillar alone. Given those before, its value to the seller falls in the last
one, from that of no default to that of a default in the interval's first period: a root exists exactly if these have different
signs, and the spread at which either is zero is the lowest and the highest that the strip before allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from scipy.optimize import brentq

from xva.errors import CalibrationError
from xva.market.labels import quote_info
from xva.numerics.types import Floats

_FOR_EVER = 1e6  # a hazard that leaves no survival after a day
_ROUNDING = 1e-15
_LEAST = 1e-13  # of notional: what the last hazard has to matter


@dataclass(frozen=True)
class Strip:
    """Contracts by maturity.

    Parameters
    ----------
    name : str
    quote_ids : tuple of str
        ``(contract,)`` for errors.
    spreads : ndarray
        ``(contract,)``
    loss : float
        1 - recovery.
    premium, accrued, protection : ndarray
        ``(contract, period)`` discounted weights of survival to payment, of default in the period (twice).
    rebate : ndarray
        ``(contract,)`` discounted accrual before the valuation date.
    pay, start, end : ndarray
        ``(period, pillar)``: integrated hazards at those dates = matrix @ hazards.
    """

    name: str
    quote_ids: tuple[str, ...]
    spreads: Floats
    loss: float
    premium: Floats
    accrued: Floats
    protection: Floats
    rebate: Floats
    pay: Floats
    start: Floats
    end: Floats

    def hazards(self) -> Floats:
        """``(pillar,)`` hazards >= 0 that reprice all contracts.

        Raises
        ------
        CalibrationError
            Names the first contract whose spread no hazard >= 0 reprices, and the spreads that one could.
        """
        found = np.zeros(len(self.spreads))
        with np.errstate(all="ignore"):  # no survival left is 0, whatever numpy is set to say about it
            for k in range(len(found)):
                found[k] = self._hazard(k, found)
        return found

    def _hazard(self, k: int, before: Floats) -> float:
        """Of pillar ``k``, given those before it."""
        never, at_once = self._value(k, before, 0.0), self._value(k, before, _FOR_EVER)
        if never - at_once < _LEAST:
            self._no_survival(k, before)
        if never < -_ROUNDING:
            self._too_low(k, before)
        if at_once >= 0.0:
            self._too_high(k, before)
        if never <= 0.0:
            return 0.0
        high = max(2.0 * self.spreads[k] / self.loss, 0.01)
        while self._value(k, before, high) > 0.0:
            high *= 4.0
        root = brentq(lambda h: self._value(k, before, h), 0.0, high, xtol=1e-17, rtol=1e-15, maxiter=500)
        return float(root)

    def _legs(self, k: int, before: Floats, hazard: float) -> tuple[float, float]:
        """Annuity and protection per unit of loss of contract ``k``."""
        hazards = before.copy()
        hazards[k] = hazard
        mine = self.protection[k] != 0.0
        default = np.exp(-self.start[mine] @ hazards) - np.exp(-self.end[mine] @ hazards)
        annuity = self.premium[k, mine] @ np.exp(-self.pay[mine] @ hazards) + self.accrued[k, mine] @ default
        return float(annuity - self.rebate[k]), float(self.protection[k, mine] @ default)

    def _value(self, k: int, before: Floats, hazard: float) -> float:
        annuity, protection = self._legs(k, before, hazard)
        return float(self.spreads[k]) * annuity - self.loss * protection

    def _spread(self, k: int, before: Floats, hazard: float) -> float:
        annuity, protection = self._legs(k, before, hazard)
        return self.loss * protection / annuity

    def _too_low(self, k: int, before: Floats) -> NoReturn:
        low = -1.0
        while self._value(k, before, low) < 0.0 and low > -100.0:
            low *= 2.0
        rate = "below -100"
        if self._value(k, before, low) >= 0.0:
            rate = f"{brentq(lambda h: self._value(k, before, h), low, 0.0):.6f}"
        # the bounds are told a little inside, so that what is told is also accepted
        lowest = self._spread(k, before, 0.0)
        raise self._error(k, f"would be {rate}", f"of at least {lowest * (1.0 + 1e-7):.8g}")

    def _too_high(self, k: int, before: Floats) -> NoReturn:
        highest = self._spread(k, before, _FOR_EVER)
        raise self._error(k, "would have to be infinite", f"below {highest * (1.0 - 1e-7):.8g}")

    def _no_survival(self, k: int, before: Floats) -> NoReturn:
        left = float(np.exp(-self.start[self.protection[k] != 0.0][-1] @ before))
        about = self.quote_ids[k]
        raise CalibrationError(
            f"CDS strip of {self.name}: expected a survival before {about} that its spread can tell anything about, "
            f"got {left:.1e} -> leave {about} out, or correct the quotes before it",
            [about],
        )

    def _error(self, k: int, hazard: str, wanted: str) -> CalibrationError:
        tenors = [quote_info(q).tenor for q in self.quote_ids]
        since = f"after {tenors[k - 1]} ({float(self.spreads[k - 1]) * 1e4:.4g} bp)" if k else "from today"
        about = self.quote_ids[max(k - 1, 0) : k + 1]
        return CalibrationError(
            f"CDS strip of {self.name} has an arbitrage at tenor {tenors[k]}: the hazard rate {since} {hazard}; "
            f"expected {self.quote_ids[k]} {wanted}, got {float(self.spreads[k]):.8g} -> correct it or the quotes "
            f"before it ({', '.join(about)})",
            about,
        )
