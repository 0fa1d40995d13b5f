"""Two market days of a small book, with trades that come, go, end and change, fixings, and quotes that move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.small_job import BANK, write_job

FIRST, SECOND = "2026-01-15", "2026-01-20"
HEAD = (
    "trade_id,netting_set,currency,notional,side,fixed_rate,index,spread,start_date,maturity_date,fixed_frequency,"
    "fixed_day_count\n"
)
SAME = (
    "IRS,A,EUR,4000000,payer,0.0262,EUR-EURIBOR-6M,0.0,2025-11-17,2029-11-19,1Y,30/360\n"
    "OIS,A,EUR,5000000,receiver,0.0210,EUR-ESTR,0.0,2025-09-15,2028-09-15,1Y,30/360\n"
    "FIXES,B,EUR,6000000,receiver,0.0255,EUR-EURIBOR-6M,0.0,2026-01-21,2028-01-21,1Y,30/360\n"
)
GOES = "GONE,B,EUR,2000000,payer,0.0270,EUR-EURIBOR-6M,0.0,2025-12-01,2028-12-01,1Y,30/360\n"
ENDS = "ENDED,A,EUR,3000000,payer,0.0200,EUR-EURIBOR-6M,0.0,2025-01-17,2026-01-19,1Y,30/360\n"
CHANGES = "AMENDED,B,EUR,{},payer,0.0240,EUR-EURIBOR-6M,0.0,2025-12-01,2027-12-01,1Y,30/360\n"
COMES = "NEW,A,EUR,3500000,payer,0.0262,EUR-EURIBOR-6M,0.0,2026-01-22,2029-01-22,1Y,30/360\n"
LACKING = "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/7Y"
FIRST_BOOK = HEAD + SAME + GOES + ENDS + CHANGES.format(1000000)
SECOND_BOOK = HEAD + SAME + CHANGES.format(2500000) + COMES


def first_quotes() -> dict[str, float]:
    """The bank's without one of them."""
    lines = (BANK / "market/quotes.csv").read_text().splitlines()[1:]
    found = {i: float(v) for i, v in (line.split(",") for line in lines)}
    return {i: v for i, v in found.items() if i != LACKING}


def second_quotes() -> dict[str, float]:
    """EUR swaps 5 bp up, CDS 3 bp wider, and the quote that the first lacks."""
    lines = (BANK / "market/quotes.csv").read_text().splitlines()[1:]
    found = {i: float(v) for i, v in (line.split(",") for line in lines)}
    moves: dict[str, Callable[[float], float]] = {
        "IR_SWAP/RATE/EUR/": lambda v: v + 5e-4,
        "CDS/": lambda v: v + 3e-4,
    }
    for prefix, move in moves.items():
        found |= {i: move(v) for i, v in found.items() if i.startswith(prefix)}
    return found


def late_fixings(text: str) -> str:
    """Fixings up to the second day, a little off what the first market expects."""
    last = {name: float(value) for name, _, value in (line.split(",") for line in text.splitlines()[1:])}
    known = {tuple(line.split(",")[:2]) for line in text.splitlines()[1:]}
    more = [
        f"{name},{day},{value * 1.05!r}"
        for name, value in last.items()
        for day in ("2026-01-15", "2026-01-16", "2026-01-19")
        if (name, day) not in known
    ]
    return text.rstrip("\n") + "\n" + "\n".join(more) + "\n"


def market_day(
    folder: Path,
    as_of: str,
    book: str,
    quotes: Mapping[str, float],
    *,
    sensitivities: bool = False,
    paths: int = 1024,
    change: Callable[[str], str] = lambda job: job,
) -> Path:
    """A job file of a day; ``change`` edits its text."""
    job = write_job(folder, {}, {"swaps": book}, paths=paths, sensitivities=sensitivities)
    rows = "".join(f"{i},{v!r}\n" for i, v in quotes.items())
    (folder / "quotes.csv").write_text("quote_id,value\n" + rows)
    fixings = (BANK / "fixings.csv").read_text()
    (folder / "fixings.csv").write_text(fixings if as_of == FIRST else late_fixings(fixings))
    text = job.read_text().replace(FIRST, as_of).replace("block_size = 16", f"block_size = {paths // 8}")
    text = text.replace('"6M..2Y"', '"1M, 1Y..4Y"')
    job.write_text(change(text.replace('products = ["my_products", "own_products"]\n', "")))
    return job
