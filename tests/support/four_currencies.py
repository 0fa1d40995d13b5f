"""A job in CHF, SEK, PLN and AUD with quotes by hand and twelve trades; model volatilities are stated, so that it is quick."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

AS_OF = "2026-01-15"
TENORS = ("1Y", "2Y", "5Y", "10Y")


def _strip(form: str, level: float, slope: float, tenors: Sequence[str] = TENORS) -> dict[str, float]:
    return {form.format(t): round(level + slope * int(t[:-1]), 6) for t in tenors}


QUOTES: dict[str, float] = {
    **_strip("IR_SWAP/RATE/CHF/2D/1D/{}", 0.001, 0.0004),
    **_strip("IR_SWAP/RATE/SEK/2D/1D/{}", 0.019, 0.0005),
    "MM/RATE/SEK/2D/3M": 0.0207,
    "MM_FUTURE/PRICE/SEK/2026-06/STIB/3M": 97.89,
    "MM_FUTURE/CONVEXITY/SEK/2026-06/STIB/3M": 0.00002,
    **_strip("IR_SWAP/RATE/SEK/2D/3M/{}", 0.0212, 0.0005),
    **_strip("IR_SWAP/RATE/PLN/2D/1D/{}", 0.041, 0.0004),
    "MM/RATE/PLN/2D/6M": 0.0432,
    "FRA/RATE/PLN/3M/6M": 0.0431,
    **_strip("IR_SWAP/RATE/PLN/2D/6M/{}", 0.0431, 0.0004),
    **_strip("IR_SWAP/RATE/AUD/1D/1D/{}", 0.036, 0.0005),
    "MM/RATE/AUD/0D/1D": 0.0361,
    "MM/RATE/AUD/1D/6M": 0.0375,
    **_strip("IR_SWAP/RATE/AUD/1D/6M/{}", 0.0378, 0.0005),
    **_strip("BASIS_SWAP/BASIS_SPREAD/6M/3M/AUD/{}", 0.0007, 0.00002),
    "FX/RATE/CHF/SEK": 11.53,
    "FX/RATE/CHF/PLN": 4.51,
    "FX/RATE/AUD/CHF": 0.533,
    **_strip("FXFWD/RATE/CHF/SEK/{}", 0.0, 2100.0, ("1Y", "2Y", "5Y", "10Y")),
    **_strip("FXFWD/RATE/CHF/PLN/{}", 0.0, 1850.0, ("1Y", "2Y", "5Y", "10Y")),
    **_strip("CC_BASIS_SWAP/BASIS_SPREAD/CHF/1D/AUD/1D/{}", 0.0008, 0.0001),
    **{f"HULL_WHITE/VOLATILITY/{c}/10Y": v for c, v in zip(("CHF", "SEK", "PLN", "AUD"), (0.006, 0.0085, 0.011, 0.009))},
    **{f"MEAN_REVERSION/RATE/{c}": 0.03 for c in ("CHF", "SEK", "PLN", "AUD")},
    "FX_OPTION/RATE_LNVOL/CHF/SEK/5Y/ATM": 0.085,
    "FX_OPTION/RATE_LNVOL/CHF/PLN/5Y/ATM": 0.09,
    "FX_OPTION/RATE_LNVOL/AUD/CHF/5Y/ATM": 0.11,
    "CDS/CREDIT_SPREAD/CP/SR/CHF/5Y": 0.012,
    "RECOVERY_RATE/RATE/CP/SR/CHF": 0.4,
    "CDS/CREDIT_SPREAD/BANK/SR/CHF/5Y": 0.006,
    "RECOVERY_RATE/RATE/BANK/SR/CHF": 0.4,
    "ZERO/YIELD_SPREAD/CHF/BORROW/A365/5Y": 0.008,
    "ZERO/YIELD_SPREAD/CHF/LEND/A365/5Y": 0.002,
    "CORRELATION/IR:CHF/FX:AUD": 0.2,
    "IR_SWAP/RATE/NOK/2D/6M/5Y": 0.04,  # nobody asks for it
}  # fmt: skip
JOB = """
name = "four"
as_of = 2026-01-15
reporting_currency = "CHF"
[inputs]
quotes = "quotes.csv"
netting_sets = "netting_sets.csv"
counterparties = "counterparties.csv"
trades = "trades"
{inputs}
[simulation]
paths = 256
block_size = 32
scrambles = 8
grid = "6M..2Y, 2Y..10Y"
[model]
calibration = "stated"
{market}
"""
_FROM, _TO = "2026-02-02", "2031-02-03"


def _rows(columns: str, *rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns.split(), row, strict=True)) for row in rows]


TRADES: dict[str, list[dict[str, Any]]] = {
    "swaps": _rows(
        "currency notional side fixed_rate index start_date maturity_date",
        ("CHF", 10e6, "payer", 0.002, "CHF-SARON", _FROM, _TO),
        ("SEK", 90e6, "receiver", 0.024, "SEK-STIBOR-3M", _FROM, _TO),
        ("SEK", 50e6, "payer", 0.021, "SEK-SWESTR", _FROM, _TO),
        ("PLN", 40e6, "payer", 0.045, "PLN-WIBOR-6M", _FROM, _TO),
        ("AUD", 15e6, "receiver", 0.041, "AUD-BBSW-6M", _FROM, _TO),
        ("AUD", 12e6, "payer", 0.039, "AUD-BBSW-3M", _FROM, _TO),
    ),
    "basis_swaps": _rows(
        "currency notional pay_index receive_index pay_spread start_date maturity_date",
        ("AUD", 20e6, "AUD-BBSW-3M", "AUD-BBSW-6M", 0.0005, _FROM, _TO),
    ),
    "fras": _rows(
        "currency notional side rate index start_date maturity_date",
        ("PLN", 60e6, "buyer", 0.044, "PLN-WIBOR-6M", "2026-07-20", "2027-01-20"),
    ),
    "fx_forwards": _rows(
        "buy_currency buy_amount sell_currency sell_amount settlement_date",
        ("PLN", 30e6, "CHF", 6.4e6, "2028-01-17"),
        ("SEK", 60e6, "AUD", 9.7e6, "2027-06-15"),
    ),
    "cross_currency_swaps": _rows(
        "pay_currency pay_notional pay_index pay_fixed_rate receive_currency receive_notional receive_index receive_spread "
        "frequency fixed_day_count start_date maturity_date",
        ("CHF", 5.3e6, "CHF-SARON", "", "AUD", 10e6, "AUD-AONIA", 0.001, "3M", "", _FROM, _TO),
        ("SEK", 57e6, "", 0.025, "CHF", 5e6, "CHF-SARON", 0.0, "1Y", "30/360", _FROM, _TO),
    ),
}


def write_four_currencies(
    folder: Path,
    market: str = "",
    *,
    market_file: str | None = None,
    quotes: Mapping[str, float | None] | None = None,
    trades: Mapping[str, Sequence[Mapping[str, Any]]] = TRADES,
) -> Path:
    """The job file; ``market`` is more of it, ``market_file`` stands beside it, ``quotes`` are changed or (None) left out."""
    (folder / "trades").mkdir(parents=True)
    inputs = 'market = "market.toml"' if market_file is not None else ""
    if market_file is not None:
        (folder / "market.toml").write_text(market_file)
    found = {**QUOTES, **(quotes or {})}
    _csv(folder / "quotes.csv", [{"quote_id": k, "value": v} for k, v in found.items() if v is not None])
    _csv(
        folder / "netting_sets.csv",
        [{"netting_set": "NS", "counterparty": "CP", "currency": "CHF", "netted": "true"}],
    )
    _csv(
        folder / "counterparties.csv",
        [{"counterparty": "CP", "credit_curve": "CP", "sector": "", "rating": "", "region": ""}],
    )
    for kind, rows in trades.items():
        numbered = [
            {"trade_id": f"{kind.upper()}_{k}", "netting_set": "NS", **row} for k, row in enumerate(rows, 1)
        ]
        _csv(folder / "trades" / f"{kind}.csv", numbered)
    job = folder / "four.toml"
    job.write_text(JOB.format(inputs=inputs, market=market))
    return job


def _csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
