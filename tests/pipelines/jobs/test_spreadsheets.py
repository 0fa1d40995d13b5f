"""Tables as spreadsheets write them: read where they can mean one thing only, else refused by their cause, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.jobs.books import read_trades
from pipelines.jobs.parties import read_fixings, read_netting_sets, read_parties
from pipelines.jobs.problems import Problems
from pipelines.jobs.quotes import read_quotes
from pipelines.jobs.tables import Table, read_table
from xva.market.conventions import STANDARD_INDICES

COLUMNS = ("trade_id", "notional", "rate")


def read(folder: Path, text: str) -> tuple[Table | None, list[str]]:
    path, problems = folder / "t.csv", Problems()
    path.write_bytes(text.encode())
    table = read_table(path, "t.csv", problems, COLUMNS)
    return table, [str(p) for p in problems._found]


PLAIN = "trade_id,notional,rate\nA,1000,0.025\nB,2000,-0.5\n"
SAME = {
    "semicolons, decimal points": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "a line sep=": "sep=,\n" + PLAIN,
    "sep= and semicolons": "sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n"),
    "sep= and tabs": "sep=\t\n" + PLAIN.replace(",", "\t"),
    "sep= and bars": "SEP=|\n" + PLAIN.replace(",", "|"),
    "a byte order mark": "\ufeff" + PLAIN,
    "a byte order mark and sep=": "\ufeffsep=,\n" + PLAIN,
    "empty columns at the end": PLAIN.replace("\n", ",,\n"),
    "empty columns below the header": PLAIN.replace("25\n", "25,,\n"),
    "empty columns in the header": PLAIN.replace("rate\n", "rate,,\n").replace("25\n", "25,,\n"),
    "an empty column between": PLAIN.replace(",", ",,", 1).replace("A,", "A,,").replace("B,", "B,,"),
    "an empty column that pandas has named": PLAIN.replace("rate", "rate,Unnamed: 3").replace("5\n", "5,\n"),
    "blank rows": PLAIN + ",,\n\n,,\n",
}


@pytest.mark.parametrize("written", SAME)
def test_what_can_mean_one_thing_only_is_read(tmp_path: Path, written: str) -> None:
    table, problems = read(tmp_path, SAME[written])
    assert problems == []
    assert table is not None
    assert [row for _, row in table.rows()] == [
        {"trade_id": "A", "notional": "1000", "rate": "0.025"},
        {"trade_id": "B", "notional": "2000", "rate": "-0.5"},
    ]
    first = 3 if "sep=" in SAME[written].lower() else 2
    assert [number for number, _ in table.rows()] == [first, first + 1]


def test_decimal_commas_are_named_once(tmp_path: Path) -> None:
    for mark, words in ((";", "semicolons"), ("\t", "tabs")):
        rows = ["trade_id", "notional", "rate", "A", "1.000,50", "0,025", "B", "7", "0,03"]
        text = "\n".join(mark.join(rows[k : k + 3]) for k in (0, 3, 6))
        table, problems = read(tmp_path, text)
        assert table is None
        assert problems == [
            f"t.csv: expected numbers with a decimal point, got {words} between cells and '1.000,50' in row 2, where the "
            "comma may be a decimal sign -> save it with the point as decimal sign and the comma between cells, or as Parquet"
        ]


def test_a_comma_too_many_is_guessed_at(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "trade_id,notional,rate\nA,1000,0,025\n")
    assert problems == [
        "t.csv, row 2: expected 3 cells, got 4 -> a decimal comma, or a text with a comma and without quotes?"
    ]


def test_a_column_without_a_name_but_with_cells_is_refused(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "trade_id,,notional,rate\nA,x,1,2\n")
    assert problems == [
        "t.csv, header: expected a name for every column, got none for column 2 -> name it or remove it"
    ]
    _, problems = read(tmp_path, "trade_id,notional,rate,\nA,1,2,x\n")
    assert problems[0].startswith("t.csv, row 2: expected 3 cells, got 4")


def test_a_table_with_a_header_only_is_named(tmp_path: Path) -> None:
    path, problems = tmp_path / "t.csv", Problems()
    for header, reader in (
        ("quote_id,value\n", read_quotes),
        ("netting_set,counterparty,currency,netted\n", read_netting_sets),
        ("counterparty,credit_curve\n", read_parties),
    ):
        path.write_text(header)
        assert reader(path, "t.csv", problems) is None
    path.write_text("name,date,value\n")
    assert read_fixings(path, "t.csv", STANDARD_INDICES, problems) == {}
    assert [str(p) for p in problems._found] == [
        "t.csv: expected rows below the header, got none -> fill it, or name another file"
    ] * 3


FRAS = "trade_id,netting_set,currency,notional,side,rate,index,start_date,maturity_date\n"
FRA = "F,CP_A,EUR,1000,buyer,0.02,EUR-EURIBOR-6M,2026-11-23,2027-05-23\n"
SWAPS = "trade_id,netting_set,currency,notional,side,fixed_rate,index,start_date,maturity_date\n"


def test_trade_tables_without_trades_are_noted_or_refused_where_there_is_no_other(tmp_path: Path) -> None:
    (tmp_path / "swaps.csv").write_text(SWAPS)
    (tmp_path / "fras.csv").write_text(FRAS)
    problems = Problems()
    read_trades(tmp_path, "trades", None, problems)
    assert sorted(map(str, problems._found)) == [
        f"trades/{name}.csv: expected trades below the header, got none -> fill it, or add a table of another type"
        for name in ("fras", "swaps")
    ]
    (tmp_path / "fras.csv").write_text(FRAS + FRA)
    problems = Problems()
    trades, _ = read_trades(tmp_path, "trades", None, problems)
    assert (len(trades), bool(problems)) == (1, False)
    assert problems.notes == ["trades/swaps.csv: a header and no trade"]


def test_a_fixing_without_date_or_value_is_named(tmp_path: Path) -> None:
    path, problems = tmp_path / "f.csv", Problems()
    path.write_text("name,date,value\nEUR-ESTR,soon,0.0193\nEUR-ESTR,2025-12-02,none\n")
    read_fixings(path, "f.csv", STANDARD_INDICES, problems)
    assert [str(p) for p in problems._found] == [
        "f.csv, row 2, column date: expected a date as YYYY-MM-DD, got 'soon'",
        "f.csv, row 3, column value: expected a finite number, got 'none'",
    ]


def test_fixings_in_per_cent_are_refused(tmp_path: Path) -> None:
    path, problems = tmp_path / "f.csv", Problems()
    path.write_text(
        "name,date,value\nEUR-ESTR,2025-12-01,1.93\nEUR-ESTR,2025-12-02,0.0193\nFX/EUR/USD,2025-12-01,1.1\n"
    )
    read_fixings(path, "f.csv", STANDARD_INDICES, problems)
    assert [str(p) for p in problems._found] == [
        "f.csv, row 2, column value: expected a rate as a decimal (0.025 is 2.5 %) between -1 and 1, got 1.93"
    ]
