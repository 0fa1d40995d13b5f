"""Write the sample bank: a market of one day, its past fixings, counterparties and two books.

Run ``python examples/bank/generate.py`` (from anywhere, with the project installed). The seed is fixed: the
same files come out every time. Nothing here is anybody's data.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from generator import levels as lv
from generator.market import fixings, quotes
from generator.parties import COUNTERPARTIES, SETS, Set
from generator.trades import PREFIX, Desk, Row, add_break

SEED = 20260115
FULL = {
    "swaps": 840, "basis_swaps": 100, "fras": 70, "cross_currency_swaps": 150, "fx_forwards": 290,
    "fx_options": 280, "equity_forwards": 110, "equity_options": 150, "caps_floors": 140, "swaptions": 90,
}  # fmt: skip
DEMO = {
    "swaps": 50, "basis_swaps": 8, "fras": 6, "cross_currency_swaps": 12, "fx_forwards": 16, "fx_options": 18,
    "equity_forwards": 10, "equity_options": 12, "caps_floors": 10, "swaptions": 8,
}  # fmt: skip
DEMO_SETS = ("CP_A", "CP_C", "CP_F", "CP_H")
# Features forced in turn, so that even the small book has every one of them; {} leaves it to chance.
FEATURES: dict[str, list[dict[str, Any]]] = {
    "swaps": [
        {"life": "spot", "index": "EUR-EURIBOR-6M"}, {"life": "seasoned", "index": "EUR-ESTR"},
        {"life": "forward", "index": "USD-SOFR"}, {"life": "seasoned", "index": "USD-SOFR"},
        {"amortisation": "linear", "index": "EUR-EURIBOR-3M"}, {"life": "seasoned", "index": "GBP-SONIA"},
        {"life": "seasoned", "index": "EUR-EURIBOR-6M"}, {"life": "seasoned", "index": "JPY-TONA"},
        {"amortisation": "linear", "index": "GBP-SONIA", "life": "spot"}, {}, {}, {}, {}, {}, {}, {},
    ],
    "basis_swaps": [{"life": "seasoned"}, {"life": "spot"}],
    "cross_currency_swaps": [{"resetting": True}, {"fixed": False}, {"resetting": True}, {"fixed": True}],
    "equity_options": [{"option_type": "call"}, {"option_type": "put"}, {}],
    "caps_floors": [{"cap_floor": "cap"}, {"cap_floor": "floor"}, {"life": "seasoned"}, {"life": "forward"}],
    "swaptions": [
        {"settlement": "physical", "swap_side": "payer"}, {"settlement": "cash", "swap_side": "payer"},
        {"settlement": "physical", "swap_side": "receiver"}, {"settlement": "cash", "swap_side": "receiver"},
    ],
}  # fmt: skip
HEADERS = {
    "netting_sets": ("netting_set", "counterparty", "currency", "netted"),
    "counterparties": ("counterparty", "credit_curve", "sector", "rating", "region"),
    "quotes": ("quote_id", "value"),
    "fixings": ("name", "date", "value"),
}


def book(counts: dict[str, int], sets: Sequence[Set], longest: float, seed: int) -> dict[str, list[Row]]:
    """Rows by table; every set gets trades, resets and physical exercise only sets that take them."""
    desk = Desk(np.random.default_rng([SEED, seed]), longest)
    tables: dict[str, list[Row]] = {}
    for table, count in counts.items():
        features = FEATURES.get(table, [{}])
        rows = []
        for k in range(count):
            wanted = dict(features[k % len(features)])
            if table == "swaps" and k == 0:
                wanted = {"longest": True, "life": "seasoned", "index": "EUR-EURIBOR-6M"}
            home = _home(desk, table, sets, _needs_events(wanted))
            row = desk.trade(table, home, **wanted)
            if k % 16 == 5:
                add_break(row)
            rows.append({"trade_id": f"{PREFIX[table]}_{k + 1:04d}", **row})
        tables[table] = rows
    return tables


def _needs_events(wanted: dict[str, Any]) -> bool:
    return bool(wanted.get("resetting")) or wanted.get("settlement") == "physical"


def _home(desk: Desk, table: str, sets: Sequence[Set], events: bool) -> Set:
    able = [s for s in sets if s.style.events or not events]
    weights = np.array([s.size * s.style.weights.get(table, 0) / sum(s.style.weights.values()) for s in able])
    if not weights.sum():
        raise ValueError(f"no netting set trades {table}")
    return able[int(desk.rng.choice(len(able), p=weights / weights.sum()))]


def with_day_count(row: Row) -> Row:
    """A cross-currency swap that states what its fixed coupons count, as it is booked: not their currency's standard."""
    fixed = not (row["pay_index"] and row["receive_index"])
    return {**row, "fixed_day_count": "30E/360" if fixed else ""}


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def booked_values() -> dict[tuple[str, str], str]:
    """Values in the books by (book, trade id), where somebody has put them beside this script."""
    path = Path(__file__).parent / "booked_values.csv"  # columns book, trade_id, booked_value
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["book"], row["trade_id"]): row["booked_value"] for row in csv.DictReader(file)}


def write_book(folder: Path, tables: dict[str, list[Row]]) -> None:
    booked = booked_values()
    for table, rows in tables.items():
        for row in rows:
            row["booked_value"] = booked.get((folder.name, row["trade_id"]), "")
        write(folder / f"{table}.csv", list(rows[0]), [list(row.values()) for row in rows])


def main(folder: Path) -> dict[str, int]:
    """Write every file below ``folder`` and return the numbers of rows."""
    market = quotes()
    past = fixings(np.random.default_rng([SEED, 1]))
    write(folder / "market/quotes.csv", HEADERS["quotes"], market.items())
    write(folder / "fixings.csv", HEADERS["fixings"], past)
    write(folder / "counterparties.csv", HEADERS["counterparties"], COUNTERPARTIES)
    sets = [(s.name, s.counterparty, s.currency, str(s.netted).lower()) for s in SETS]
    write(folder / "netting_sets.csv", HEADERS["netting_sets"], sets)
    full = book(FULL, SETS, 30.0, 2)
    full["cross_currency_swaps"] = [with_day_count(row) for row in full["cross_currency_swaps"]]
    demo = book(DEMO, [s for s in SETS if s.name in DEMO_SETS], 20.0, 3)
    write_book(folder / "trades/full", full)
    write_book(folder / "trades/demo", demo)
    counts: dict[str, int] = defaultdict(int, quotes=len(market), fixings=len(past))
    for name, tables in (("full", full), ("demo", demo)):
        counts[f"trades/{name}"] = sum(map(len, tables.values()))
    return dict(counts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder to write into")
    for what, number in main(parser.parse_args().output).items():
        print(f"{what}: {number} of {lv.AS_OF}")
