"""Levels of 2026-01-15 the sample market is built around: plausible, made up, nobody's data.

Rates, spreads and volatilities are decimals unless a name says ``_BP`` (basis points) or ``_PCT`` (per cent).
"""

from __future__ import annotations

from datetime import date

AS_OF = date(2026, 1, 15)
CURRENCIES = ("EUR", "USD", "GBP", "JPY")
OVERNIGHT = {"EUR": "EUR-ESTR", "USD": "USD-SOFR", "GBP": "GBP-SONIA", "JPY": "JPY-TONA"}
SPOT_LAG = {"EUR": "2D", "USD": "2D", "GBP": "0D", "JPY": "2D"}
FX = {"USD": 1.1630, "GBP": 0.8675, "JPY": 184.20}
"""Units of the currency per one EUR."""

OIS_PCT = {
    "EUR": {
        "3M": 1.930, "1Y": 1.945, "2Y": 2.070, "3Y": 2.182, "5Y": 2.374, "7Y": 2.531, "10Y": 2.728,
        "15Y": 2.941, "20Y": 3.004, "30Y": 2.982,
    },
    "USD": {
        "3M": 3.662, "1Y": 3.504, "2Y": 3.371, "3Y": 3.382, "5Y": 3.503, "10Y": 3.834, "15Y": 4.026,
        "20Y": 4.098, "30Y": 4.071,
    },
    "GBP": {
        "3M": 3.718, "1Y": 3.502, "2Y": 3.458, "3Y": 3.497, "5Y": 3.629, "10Y": 4.031, "15Y": 4.302,
        "20Y": 4.417, "30Y": 4.429,
    },
    "JPY": {
        "3M": 0.741, "1Y": 0.978, "2Y": 1.221, "3Y": 1.403, "5Y": 1.664, "10Y": 2.196, "15Y": 2.604,
        "20Y": 2.897, "30Y": 3.148,
    },
}  # fmt: skip
DEPOSIT_PCT = {"3M": 2.024, "6M": 2.141}
EURIBOR_PCT = {
    "3M": {"1Y": 2.068, "2Y": 2.187, "5Y": 2.498, "10Y": 2.862, "20Y": 3.141, "30Y": 3.116},
    "6M": {
        "1Y": 2.152, "2Y": 2.268, "3Y": 2.377, "5Y": 2.573, "7Y": 2.731, "10Y": 2.928, "15Y": 3.138,
        "20Y": 3.196, "30Y": 3.166,
    },
}  # fmt: skip
BASIS_BP = {
    "EUR": {"1Y": -2.5, "2Y": -4.8, "5Y": -8.6, "10Y": -12.1, "20Y": -16.4, "30Y": -18.2},
    "GBP": {"1Y": -1.8, "2Y": -2.9, "5Y": -4.4, "10Y": -7.3, "20Y": -11.5, "30Y": -13.0},
    "JPY": {"1Y": -21.0, "2Y": -27.5, "5Y": -41.0, "10Y": -52.5, "20Y": -48.0, "30Y": -43.5},
}
"""Against SOFR flat, spread on the currency's own leg."""

FX_VOL_PCT = {
    "USD": {"6M": 6.65, "1Y": 7.10, "2Y": 7.55, "5Y": 8.45, "10Y": 9.85, "20Y": 12.30},
    "GBP": {"6M": 5.05, "1Y": 5.45, "2Y": 6.00, "5Y": 6.95, "10Y": 8.35, "20Y": 10.70},
    "JPY": {"6M": 8.75, "1Y": 9.10, "2Y": 9.45, "5Y": 10.20, "10Y": 11.50, "20Y": 14.00},
}
SWAPTION_VOL_BP = {
    "EUR": {
        "1Y": {"1Y": 69.0, "5Y": 76.5, "10Y": 75.0, "20Y": 70.0},
        "2Y": {"1Y": 76.5, "5Y": 79.0, "10Y": 77.0, "20Y": 71.0},
        "5Y": {"1Y": 80.5, "5Y": 80.0, "10Y": 77.0, "20Y": 70.0},
        "10Y": {"1Y": 77.0, "5Y": 75.0, "10Y": 72.0, "20Y": 65.0},
        "15Y": {"1Y": 71.0, "5Y": 69.5, "10Y": 66.5, "20Y": 60.5},
        "20Y": {"1Y": 66.0, "5Y": 64.0, "10Y": 61.0, "20Y": 56.0},
    },
    "USD": {
        "1Y": {"1Y": 92.0, "5Y": 95.0, "10Y": 91.0, "20Y": 81.0},
        "5Y": {"1Y": 94.0, "5Y": 92.0, "10Y": 88.0, "20Y": 77.0},
        "10Y": {"1Y": 87.0, "5Y": 84.0, "10Y": 80.0, "20Y": 70.0},
        "15Y": {"1Y": 79.0, "5Y": 76.0, "10Y": 72.0, "20Y": 64.0},
    },
    "GBP": {
        "1Y": {"1Y": 79.0, "10Y": 84.0, "20Y": 79.0},
        "5Y": {"1Y": 84.0, "10Y": 82.0, "20Y": 76.0},
        "10Y": {"1Y": 78.0, "10Y": 76.0, "20Y": 70.0},
        "15Y": {"1Y": 72.5, "10Y": 70.0, "20Y": 64.0},
    },
    "JPY": {
        "1Y": {"1Y": 43.0, "10Y": 58.0, "20Y": 62.0},
        "5Y": {"1Y": 56.0, "10Y": 60.0, "20Y": 60.0},
        "10Y": {"1Y": 58.0, "10Y": 57.0, "20Y": 55.0},
        "15Y": {"1Y": 55.0, "10Y": 53.5, "20Y": 51.0},
    },
}
CAP_VOL_BP = {"1Y": 60.0, "2Y": 70.0, "3Y": 76.0, "5Y": 79.5, "10Y": 77.5}
MEAN_REVERSION = {"EUR": 0.020, "USD": 0.025, "GBP": 0.020, "JPY": 0.015}

EQUITIES = {
    "NORDWIND": ("EUR", 48.30, 0.021, (27.5, 27.0, 26.5)),
    "AURELIA": ("EUR", 21.74, 0.045, (29.0, 28.4, 27.6)),
    "VESTAPHARM": ("EUR", 112.60, 0.027, (22.0, 22.3, 22.8)),
    "LUMENTEC": ("EUR", 684.20, 0.009, (33.5, 32.4, 31.5)),
    "ATLASSOFT": ("USD", 436.50, 0.007, (26.0, 26.6, 27.4)),
    "PIONEERBIO": ("USD", 88.15, 0.000, (38.0, 36.5, 35.0)),
    "GRANDRAIL": ("USD", 247.90, 0.019, (20.5, 21.1, 21.9)),
    "THAMESOIL": ("GBP", 27.35, 0.041, (25.0, 24.8, 24.6)),
    "ALBIONRETAIL": ("GBP", 4.62, 0.033, (24.0, 24.3, 24.7)),
    "HOKUTOMOTORS": ("JPY", 3185.0, 0.024, (28.5, 27.6, 26.8)),
}
"""Listing currency, spot, dividend yield, at-the-money volatilities in per cent at `EQUITY_TENORS`."""
EQUITY_TENORS = ("1Y", "2Y", "5Y")

CDS_TENORS = ("1Y", "2Y", "3Y", "5Y", "7Y", "10Y")
CDS_SHAPES = {
    "steep": (0.42, 0.58, 0.74, 1.00, 1.13, 1.24),
    "flat": (0.78, 0.85, 0.92, 1.00, 1.04, 1.07),
    "inverted": (1.06, 1.05, 1.03, 1.00, 0.98, 0.96),
}
CREDIT = {
    "BANK": (61.0, "steep", 0.40),
    "CPTY_A": (54.0, "steep", 0.40),
    "CPTY_B": (67.0, "steep", 0.40),
    "CPTY_C": (48.0, "steep", 0.40),
    "CPTY_E": (73.0, "flat", 0.35),
    "CPTY_F": (128.0, "steep", 0.40),
    "CPTY_G": (165.0, "flat", 0.40),
    "CPTY_I": (39.0, "steep", 0.45),
    "CPTY_J": (412.0, "inverted", 0.25),
    "PROXY_BANK_A_EU": (58.5, "steep", 0.40),
    "PROXY_FUND_BB_US": (236.0, "flat", 0.30),
    "PROXY_CORPORATE_BBB_ASIA": (104.0, "steep", 0.35),
}
"""Five-year spread in basis points, shape of the curve, recovery."""

BORROW_BP = {"1Y": 44.0, "3Y": 58.5, "5Y": 71.0, "10Y": 89.0, "20Y": 101.0}
LEND_BP = {"1Y": 11.0, "3Y": 15.0, "5Y": 18.5, "10Y": 24.0, "20Y": 28.0}

CORRELATIONS = {
    ("IR:EUR", "IR:USD"): 0.55, ("IR:EUR", "IR:GBP"): 0.65, ("IR:EUR", "IR:JPY"): 0.25,
    ("IR:USD", "IR:GBP"): 0.60, ("IR:USD", "IR:JPY"): 0.30, ("IR:GBP", "IR:JPY"): 0.25,
    ("FX:USD", "FX:GBP"): 0.35, ("FX:USD", "FX:JPY"): 0.40, ("FX:GBP", "FX:JPY"): 0.20,
    ("IR:EUR", "FX:USD"): -0.15, ("IR:USD", "FX:USD"): 0.25, ("IR:EUR", "FX:GBP"): -0.10,
    ("IR:GBP", "FX:GBP"): 0.20, ("IR:EUR", "FX:JPY"): -0.30, ("IR:JPY", "FX:JPY"): 0.15,
    ("IR:EUR", "EQ:AURELIA"): 0.25, ("IR:EUR", "EQ:NORDWIND"): 0.10, ("IR:USD", "EQ:GRANDRAIL"): 0.10,
    ("FX:USD", "EQ:ATLASSOFT"): -0.10, ("FX:GBP", "EQ:THAMESOIL"): -0.25,
    ("FX:JPY", "EQ:HOKUTOMOTORS"): -0.35, ("EQ:ATLASSOFT", "EQ:HOKUTOMOTORS"): 0.25,
    ("EQ:NORDWIND", "EQ:HOKUTOMOTORS"): 0.20, ("EQ:ATLASSOFT", "EQ:THAMESOIL"): 0.20,
}  # fmt: skip
"""Beside these the equities of EUR, USD and GBP are correlated pairwise by `EQUITY_CORRELATION`."""
EQUITY_CORRELATION = {
    ("EUR", "EUR"): 0.48, ("USD", "USD"): 0.42, ("GBP", "GBP"): 0.40, ("EUR", "USD"): 0.36,
    ("EUR", "GBP"): 0.34,
}  # fmt: skip
