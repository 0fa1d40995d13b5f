"""Names of the scalars that trades take from the paths: what, of which currencies, on which day."""

from __future__ import annotations

EventKey = tuple[str, str, str, int]


def reset_key(base: str, leg: str, start: float, day_zero: int) -> EventKey:
    """Key of the price of one ``base`` in ``leg`` currency at the start of a reset period."""
    return ("reset", base, leg, _day(start, day_zero))


def state_key(currency: str, time: float, day_zero: int) -> EventKey:
    """Key of a currency's state: at a physically settled swaption's expiry, at a coupon's fixing."""
    return ("state", currency, "", _day(time, day_zero))


def accrual_key(currency: str, time: float, day_zero: int) -> EventKey:
    """Key of ``int x dH`` of a currency up to ``time``: what an overnight coupon has accrued is the difference of two."""
    return ("accrual", currency, "", _day(time, day_zero))


def _day(time: float, day_zero: int) -> int:
    return day_zero + round(365.0 * time)
