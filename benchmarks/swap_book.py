"""A job of many EUR swaps on the sample bank's market, for measuring: written as files, as a user would have them."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np

BANK = Path(__file__).resolve().parents[1] / "examples/bank"
_AS_OF = np.datetime64("2026-01-15")
_INDICES = ("EUR-EURIBOR-6M", "EUR-EURIBOR-3M", "EUR-ESTR")
_SHARES = (0.7, 0.15, 0.15)
_COLUMNS = (
    "trade_id", "netting_set", "currency", "notional", "side", "fixed_rate", "index", "spread", "start_date",
    "maturity_date", "booked_value",
)  # fmt: skip
_JOB = """name = "swaps"
as_of = {as_of}
reporting_currency = "EUR"

[inputs]
quotes = "quotes.csv"
netting_sets = "netting_sets.csv"
counterparties = "counterparties.csv"
fixings = "fixings.csv"
trades = "trades"

[simulation]
paths = {paths}
block_size = 1024
scrambles = 8
seed = 42
grid = "{grid}"

[model]
coterminal = "20Y"

[xva]
own_name = "BANK"
sensitivities = true

[execution]
executor = "serial"
output = "runs"
"""


def write_swap_job(
    folder: Path, count: int, netting_sets: int = 1, paths: int = 8192, grid: str = "3M..20Y", seed: int = 7
) -> Path:
    """A job file and its inputs below ``folder``: swaps begun up to five years ago or to begin within one, of 1 to 20 years.

    Starts are any business day, so that most schedules are different.

    Returns
    -------
    Path
        The job file.
    """
    (folder / "trades").mkdir(parents=True)
    for source in ("market/quotes.csv", "fixings.csv"):
        shutil.copy(BANK / source, folder / Path(source).name)
    _write(folder / "counterparties.csv", [("counterparty", "credit_curve"), ("CPTY_A", "CPTY_A")])
    names = [f"NS_{k:03d}" for k in range(netting_sets)]
    rows = [(name, "CPTY_A", "EUR", "true") for name in names]
    _write(folder / "netting_sets.csv", [("netting_set", "counterparty", "currency", "netted"), *rows])
    _write(folder / "trades/swaps.csv", [_COLUMNS, *_swaps(count, names, np.random.default_rng(seed))])
    job = folder / "job.toml"
    job.write_text(_JOB.format(as_of=_AS_OF, paths=paths, grid=grid))
    return job


def _swaps(count: int, names: list[str], rng: np.random.Generator) -> list[tuple[object, ...]]:
    days = np.busday_offset(_AS_OF, rng.integers(-1300, 260, count), roll="following")
    months = rng.choice([12, 24, 36, 60, 84, 120, 180, 240], count) + rng.integers(0, 2, count) * 6
    left = (_AS_OF - days).astype(np.int64)
    months = np.where(months * 30 > left + 60, months, months + 60)
    ends = _plus_months(days, np.minimum(months, 240))
    return [
        (
            f"SW_{k:06d}", names[k % len(names)], "EUR", float(rng.integers(4, 200)) * 250_000.0,
            ("payer", "receiver")[rng.integers(2)], round(float(rng.normal(0.026, 0.006)), 5),
            rng.choice(_INDICES, p=_SHARES), 0.0, days[k], ends[k], 0.0,
        )
        for k in range(count)
    ]  # fmt: skip


def _plus_months(days: np.ndarray, months: np.ndarray) -> np.ndarray:
    start = days.astype("datetime64[M]")
    moved = (start + months).astype("datetime64[M]")
    last = (moved + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    ends: np.ndarray = np.minimum(
        moved.astype("datetime64[D]") + (days - start.astype("datetime64[D]")), last
    )
    return ends


def _write(path: Path, rows: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
