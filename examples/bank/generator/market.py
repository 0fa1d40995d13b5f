"""Quotes and past fixings of the sample market."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np

from generator import levels as lv

Rows = Iterator[tuple[str, float]]


def quotes() -> dict[str, float]:
    """All quotes of the day, by id."""
    parts = (_rates(), _fx(), _rate_vols(), _equities(), _correlations(), _credit(), _funding())
    return {quote_id: round(value, 10) for quote_id, value in itertools.chain(*parts)}


def _rates() -> Rows:
    for tenor, rate in lv.DEPOSIT_PCT.items():
        yield f"MM/RATE/EUR/2D/{tenor}", rate / 100
    for ccy, strip in lv.OIS_PCT.items():
        for tenor, rate in strip.items():
            yield f"IR_SWAP/RATE/{ccy}/{lv.SPOT_LAG[ccy]}/1D/{tenor}", rate / 100
    for index, strip in lv.EURIBOR_PCT.items():
        for tenor, rate in strip.items():
            yield f"IR_SWAP/RATE/EUR/2D/{index}/{tenor}", rate / 100
    for ccy, strip in lv.BASIS_BP.items():
        for tenor, spread in strip.items():
            yield f"CC_BASIS_SWAP/BASIS_SPREAD/USD/1D/{ccy}/1D/{tenor}", spread / 1e4


def _fx() -> Rows:
    for ccy, rate in lv.FX.items():
        yield f"FX/RATE/EUR/{ccy}", rate
    for ccy, strip in lv.FX_VOL_PCT.items():
        for tenor, vol in strip.items():
            yield f"FX_OPTION/RATE_LNVOL/EUR/{ccy}/{tenor}/ATM", vol / 100


def _rate_vols() -> Rows:
    for ccy, grid in lv.SWAPTION_VOL_BP.items():
        for expiry, strip in grid.items():
            for tenor, vol in strip.items():
                yield f"SWAPTION/RATE_NVOL/{ccy}/{expiry}/{tenor}/ATM", vol / 1e4
    for expiry, vol in lv.CAP_VOL_BP.items():
        yield f"CAPFLOOR/RATE_NVOL/EUR/{expiry}/6M/ATM", vol / 1e4
    for ccy, kappa in lv.MEAN_REVERSION.items():
        yield f"MEAN_REVERSION/RATE/{ccy}", kappa


def _equities() -> Rows:
    for name, (ccy, spot, dividend, vols) in lv.EQUITIES.items():
        yield f"EQUITY/PRICE/{name}/{ccy}", spot
        yield f"EQUITY_DIVIDEND/RATE/{name}/{ccy}", dividend
        for tenor, vol in zip(lv.EQUITY_TENORS, vols, strict=True):
            yield f"EQUITY_OPTION/RATE_LNVOL/{name}/{ccy}/{tenor}/ATMF", vol / 100


def _correlations() -> Rows:
    quoted = dict(lv.CORRELATIONS)
    for (one, terms), (two, others) in itertools.combinations(lv.EQUITIES.items(), 2):
        pair = (f"EQ:{one}", f"EQ:{two}")
        regional = lv.EQUITY_CORRELATION.get((terms[0], others[0]))
        if regional is not None:
            quoted.setdefault(pair, regional)
    for (first, second), rho in quoted.items():
        yield f"CORRELATION/{first}/{second}", rho


def _credit() -> Rows:
    for name, (spread, shape, recovery) in lv.CREDIT.items():
        for tenor, factor in zip(lv.CDS_TENORS, lv.CDS_SHAPES[shape], strict=True):
            yield f"CDS/CREDIT_SPREAD/{name}/SR/EUR/{tenor}", round(spread * factor, 1) / 1e4
        yield f"RECOVERY_RATE/RATE/{name}/SR/EUR", recovery


def _funding() -> Rows:
    for name, strip in (("BORROW", lv.BORROW_BP), ("LEND", lv.LEND_BP)):
        for tenor, spread in strip.items():
            yield f"ZERO/YIELD_SPREAD/EUR/{name}/A365/{tenor}", spread / 1e4


# Policy steps and turning points of the past fifteen months, in per cent or in units of FX.
_STEPS = {
    "EUR-ESTR": {"2024-09-18": 3.416, "2024-10-23": 3.163, "2024-12-18": 2.918, "2025-02-05": 2.666,
                 "2025-03-12": 2.416, "2025-04-23": 2.168, "2025-06-11": 1.926},
    "USD-SOFR": {"2024-09-19": 4.83, "2024-11-08": 4.59, "2024-12-19": 4.33, "2025-09-18": 4.14,
                 "2025-10-30": 3.96, "2025-12-11": 3.66},
    "GBP-SONIA": {"2024-08-01": 4.95, "2024-11-07": 4.70, "2025-02-06": 4.455, "2025-05-08": 4.215,
                  "2025-08-07": 3.968, "2025-12-18": 3.722},
    "JPY-TONA": {"2024-07-31": 0.227, "2025-01-27": 0.477, "2025-12-22": 0.728},
}  # fmt: skip
_NODES = {
    "EUR-EURIBOR-3M": {"2024-10-01": 3.27, "2025-01-15": 2.78, "2025-06-15": 2.00, "2026-01-15": 2.024},
    "EUR-EURIBOR-6M": {"2024-10-01": 3.10, "2025-01-15": 2.63, "2025-06-15": 2.06, "2026-01-15": 2.141},
    "FX/EUR/USD": {"2024-10-01": 1.108, "2025-01-15": 1.031, "2025-07-01": 1.178, "2026-01-15": 1.163},
    "FX/EUR/GBP": {"2024-10-01": 0.833, "2025-01-15": 0.843, "2025-11-15": 0.882, "2026-01-15": 0.8675},
    "FX/EUR/JPY": {"2024-10-01": 159.6, "2025-03-01": 156.5, "2025-07-15": 172.4, "2026-01-15": 184.2},
}
_CALENDAR = {"EUR-ESTR": "TARGET", "USD-SOFR": "US", "GBP-SONIA": "UK", "JPY-TONA": "JP"}
FIRST_FIXING = date(2024, 10, 1)


def fixings(rng: np.random.Generator) -> list[tuple[str, str, float]]:
    """Rows ``(name, ISO date, value)``: overnight rates to the day before, the others to the day itself."""
    rows = []
    for name, steps in _STEPS.items():
        for day in _business_days(_CALENDAR[name], lv.AS_OF - timedelta(days=1)):
            level = [rate for start, rate in steps.items() if start <= day][-1]
            rows.append((name, day, round((level + 0.01 * rng.normal()) / 100, 6)))
    for name, nodes in _NODES.items():
        days = _business_days("TARGET", lv.AS_OF)
        levels = _bridge(days, nodes, rng)
        scale, digits = (100.0, 7) if name.startswith("EUR-") else (1.0, 5)
        rows += [(name, day, round(float(x) / scale, digits)) for day, x in zip(days, levels, strict=True)]
    return rows + _crosses(rows)


def _crosses(rows: list[tuple[str, str, float]]) -> list[tuple[str, str, float]]:
    """Fixings of the crosses that resetting swaps refer to, from those against the euro."""
    known = {(name, day): value for name, day, value in rows}
    return [
        (f"FX/{one}/{two}", day, float(f"{value / known[(f'FX/EUR/{one}', day)]:.7g}"))
        for one, two in (("GBP", "USD"), ("USD", "JPY"))
        for (name, day), value in known.items()
        if name == f"FX/EUR/{two}"
    ]


def _business_days(calendar: str, last: date) -> list[str]:
    from xva import dates

    span = (FIRST_FIXING + timedelta(days=k) for k in range((last - FIRST_FIXING).days + 1))
    weekdays = [np.datetime64(day, "D") for day in span if day.weekday() < 5]
    return [str(day) for day in weekdays if dates.adjust(day, calendar, "F") == day]


def _bridge(days: list[str], nodes: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    """Straight lines through the nodes plus noise that vanishes on them (so the last fixing is the quote)."""
    x = np.array(days, dtype="datetime64[D]").astype(float)
    at = np.array(list(nodes), dtype="datetime64[D]").astype(float)
    line = np.interp(x, at, list(nodes.values()))
    walk = np.cumsum(rng.normal(size=len(x))) * 0.0025
    walk -= np.interp(x, at, np.interp(at, x, walk))
    return line * (1.0 + walk)
