"""Counterparties, netting sets and what kind of business each set does."""

from __future__ import annotations

from dataclasses import dataclass

COUNTERPARTIES = (
    # counterparty, credit_curve (empty: the proxy of sector, rating and region), sector, rating, region
    ("CPTY_A", "CPTY_A", "BANK", "A", "EU"),
    ("CPTY_B", "CPTY_B", "BANK", "A", "EU"),
    ("CPTY_C", "CPTY_C", "BANK", "AA", "US"),
    ("CPTY_D", "", "BANK", "A", "EU"),
    ("CPTY_E", "CPTY_E", "BANK", "A", "ASIA"),
    ("CPTY_F", "CPTY_F", "CORPORATE", "BBB", "EU"),
    ("CPTY_G", "CPTY_G", "CORPORATE", "BB", "EU"),
    ("CPTY_H", "", "FUND", "BB", "US"),
    ("CPTY_I", "CPTY_I", "PENSION", "AA", "EU"),
    ("CPTY_J", "CPTY_J", "CORPORATE", "B", "UK"),
    ("CPTY_K", "", "CORPORATE", "BBB", "ASIA"),
    ("CPTY_L", "", "BANK", "A", "EU"),
)


@dataclass(frozen=True)
class Style:
    """What a netting set trades.

    ``weights`` are relative numbers of trades by table; tables not named have weight 0. ``receive_fixed`` is
    the probability that we receive fixed (or are long, or buy the foreign currency). ``events`` says
    whether the set may hold trades whose dates are simulated (resets, physical exercise).
    """

    weights: dict[str, float]
    receive_fixed: float
    events: bool


@dataclass(frozen=True)
class Set:
    """A netting set of the sample bank; ``home`` currencies lead in its trades."""

    name: str
    counterparty: str
    currency: str
    netted: bool
    style: Style
    home: tuple[str, ...]
    size: float


_DEALER = Style(
    {"swaps": 40, "basis_swaps": 9, "fras": 6, "cross_currency_swaps": 10, "fx_forwards": 8, "fx_options": 10,
     "equity_options": 4, "caps_floors": 5, "swaptions": 5},
    0.50, True,
)  # fmt: skip
_CORPORATE = Style(
    {"swaps": 40, "fx_forwards": 26, "fx_options": 16, "caps_floors": 12, "cross_currency_swaps": 3},
    0.62, False,
)  # fmt: skip
_FUND = Style(
    {"equity_options": 30, "equity_forwards": 25, "fx_options": 20, "fx_forwards": 15, "swaps": 15,
     "swaptions": 3},
    0.45, False,
)  # fmt: skip
_PENSION = Style(
    {"swaps": 52, "swaptions": 7, "fx_forwards": 14, "equity_forwards": 9, "equity_options": 6,
     "cross_currency_swaps": 4},
    0.35, False,
)  # fmt: skip

SETS = (
    Set("CP_A", "CPTY_A", "EUR", True, _DEALER, ("EUR",), 3.0),
    Set("CP_A_US", "CPTY_A", "USD", True, _DEALER, ("USD", "EUR"), 1.2),
    Set("CP_B", "CPTY_B", "EUR", True, _DEALER, ("EUR", "USD"), 2.4),
    Set("CP_C", "CPTY_C", "USD", True, _DEALER, ("USD", "EUR"), 2.0),
    Set("CP_D", "CPTY_D", "GBP", True, _DEALER, ("GBP", "EUR"), 1.4),
    Set("CP_E", "CPTY_E", "JPY", True, _DEALER, ("JPY", "EUR", "USD"), 1.4),
    Set("CP_F", "CPTY_F", "EUR", False, _CORPORATE, ("EUR",), 0.5),
    Set("CP_G", "CPTY_G", "EUR", True, _CORPORATE, ("EUR", "USD"), 1.0),
    Set("CP_H", "CPTY_H", "USD", True, _FUND, ("USD", "EUR"), 2.0),
    Set("CP_I", "CPTY_I", "EUR", True, _PENSION, ("EUR", "GBP"), 1.5),
    Set("CP_J", "CPTY_J", "GBP", True, _CORPORATE, ("GBP", "EUR"), 0.8),
    Set("CP_K", "CPTY_K", "JPY", True, _CORPORATE, ("JPY", "EUR"), 0.8),
)
