"""A job on a small flat market of zero rates, hazards and one equity: quick to calibrate, for tests of books."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

QUOTES = {
    "ZERO/RATE/EUR/EUR-ESTR/A365/10Y": 0.03,
    "ZERO/RATE/EUR/EUR-EURIBOR-6M/A365/10Y": 0.03,
    "ZERO/RATE/EUR/EUR-EURIBOR-3M/A365/10Y": 0.03,
    "ZERO/RATE/USD/USD-SOFR/A365/10Y": 0.01,
    "ZERO/RATE/USD/USD-IN-EUR/A365/10Y": 0.01,
    "SWAPTION/RATE_NVOL/EUR/5Y/15Y/ATM": 0.0075,
    "SWAPTION/RATE_NVOL/USD/5Y/15Y/ATM": 0.008,
    "MEAN_REVERSION/RATE/EUR": 0.03,
    "MEAN_REVERSION/RATE/USD": 0.03,
    "FX/RATE/EUR/USD": 1.1,
    "FX_OPTION/RATE_LNVOL/EUR/USD/5Y/ATM": 0.12,
    "HAZARD_RATE/RATE/CP/SR/EUR/10Y": 0.02,
    "RECOVERY_RATE/RATE/CP/SR/EUR": 0.4,
    "HAZARD_RATE/RATE/BANK/SR/EUR/10Y": 0.01,
    "RECOVERY_RATE/RATE/BANK/SR/EUR": 0.4,
    "ZERO/YIELD_SPREAD/EUR/BORROW/A365/10Y": 0.01,
    "ZERO/YIELD_SPREAD/EUR/LEND/A365/10Y": 0.005,
    "EQUITY/PRICE/AA/EUR": 100.0,
    "EQUITY_DIVIDEND/RATE/AA/EUR": 0.01,
    "EQUITY_OPTION/RATE_LNVOL/AA/EUR/5Y/ATMF": 0.25,
}
LGD, HAZARD = 0.6, 0.02
JOB = """
name = "flat"
as_of = 2026-01-15
reporting_currency = "EUR"
[inputs]
quotes = "quotes.csv"
netting_sets = "netting_sets.csv"
counterparties = "counterparties.csv"
fixings = "fixings.csv"
trades = "trades"
[simulation]
paths = {paths}
block_size = {block}
scrambles = 8
{grid}
[xva]
sensitivities = {sensitivities}
[surrogates]
training_paths = 512
policy_paths = 512
certificate_states = 8
certificate_dates = 1
inner_paths = 64
tolerance = 10.0
max_effort = 1
"""
Rows = Sequence[Mapping[str, Any]]


def write_flat_job(
    folder: Path,
    tables: Mapping[str, Rows],
    *,
    documents: Mapping[str, Rows] | None = None,
    sets: Mapping[str, bool] | None = None,
    grid: str = 'grid = "3M..1Y, 1Y..6Y"',
    paths: int = 256,
    sensitivities: bool = True,
    fixings: Mapping[tuple[str, str], float] | None = None,
) -> Path:
    """The job file; ``tables`` are trades by type, ``documents`` those in JSON, ``sets`` says which are netted."""
    every = [row for rows in (*tables.values(), *(documents or {}).values()) for row in rows]
    homes = dict.fromkeys((str(row["netting_set"]) for row in every), True) | dict(sets or {})
    (folder / "trades").mkdir(parents=True)
    _csv(folder / "quotes.csv", [{"quote_id": k, "value": v} for k, v in QUOTES.items()])
    party = [{"counterparty": "CP", "credit_curve": "CP", "sector": "BANK", "rating": "A", "region": "EU"}]
    _csv(folder / "counterparties.csv", party)
    named = [
        {"netting_set": k, "counterparty": "CP", "currency": "EUR", "netted": str(v).lower()}
        for k, v in homes.items()
    ]
    _csv(folder / "netting_sets.csv", named)
    known = [{"name": n, "date": d, "value": v} for (n, d), v in (fixings or {}).items()]
    _csv(folder / "fixings.csv", known or [{"name": "FX/EUR/USD", "date": "2026-01-14", "value": 1.1}])
    for kind, rows in tables.items():
        _csv(folder / "trades" / f"{kind}.csv", rows)
    for kind, rows in (documents or {}).items():
        (folder / "trades" / f"{kind}.json").write_text(json.dumps(list(rows)))
    job = folder / "job.toml"
    block = paths // 8
    job.write_text(JOB.format(paths=paths, block=block, grid=grid, sensitivities=str(sensitivities).lower()))
    return job


def _csv(path: Path, rows: Rows) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(names), *(",".join(str(row.get(name, "")) for name in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def swap(trade_id, netting_set, start, end, **terms):
    return {
        "trade_id": trade_id, "netting_set": netting_set, "currency": "EUR", "notional": 1e7, "side": "payer",
        "fixed_rate": 0.03, "index": "EUR-EURIBOR-6M", "start_date": start, "maturity_date": end,
        "fixed_frequency": "1Y", "fixed_day_count": "30/360", **terms,
    }  # fmt: skip


def option(trade_id, netting_set, expiry):
    return {
        "trade_id": trade_id, "netting_set": netting_set, "side": "long", "option_type": "call", "base_currency": "EUR",
        "quote_currency": "USD", "notional": 1e6, "strike": 1.1, "expiry_date": expiry,
    }  # fmt: skip


def american(trade_id, netting_set, expiry, **terms):
    return {
        "trade_id": trade_id, "netting_set": netting_set, "underlying": "EQ/AA", "currency": "EUR", "option_type": "put",
        "side": "long", "quantity": 1e4, "strike": 100.0, "expiry_date": expiry, **terms,
    }  # fmt: skip


AS_OF = np.datetime64("2026-01-15")


def years(day):
    return float((np.datetime64(day) - AS_OF).astype(int)) / 365.0


def default(day):
    return 1.0 - np.exp(-HAZARD * years(day))
