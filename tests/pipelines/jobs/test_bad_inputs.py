"""What wrong inputs are told: file, row, column or id; expected; got; all at once."""

from __future__ import annotations

import pickle
from pathlib import Path

import pandas as pd
import pytest

from pipelines.jobs.inputs import load_job
from xva.errors import InputErrors

QUOTES = "market/quotes.csv"
SWAPS = "trades/demo/swaps.csv"


# Columns and files


def test_unknown_and_missing_column(bank):
    bank.replace(SWAPS, "notional", "notionl")
    unknown, missing = bank.problems()
    assert unknown.where == f"{SWAPS}, column notionl"
    assert unknown.got == "an unknown column"
    assert unknown.fix == "did you mean notional?"
    assert missing.where == f"{SWAPS}, header"
    assert missing.expected == "a column notional"


def test_repeated_column(bank):
    bank.replace(QUOTES, "quote_id,value", "quote_id,quote_id")
    told = [str(p) for p in bank.problems()]
    assert f"{QUOTES}, column quote_id: expected one column of that name, got 2" in told


@pytest.mark.parametrize(
    "file", [QUOTES, "netting_sets.csv", "counterparties.csv", "fixings.csv", "trades/demo/fras.csv"]
)
def test_unreadable_file(bank, file):
    (bank.folder / file).write_bytes(b"\xff\xfe\x00binary\x00\xff")
    told = [str(p) for p in bank.problems()]
    assert f"{file}: expected text in UTF-8, got a byte at position 0 that is not -> save it as UTF-8" in told


def test_missing_file(bank):
    (bank.folder / QUOTES).unlink()
    told = str(bank.problem())
    assert told == (
        f"{QUOTES}: expected a readable file, got No such file or directory -> "
        f"looked for {bank.folder / QUOTES}"
    )


def test_torn_parquet(bank):
    path = bank.folder / SWAPS
    path.rename(path.with_suffix(".parquet"))
    assert str(bank.problem()).startswith("trades/demo/swaps.parquet: expected a parquet table, got ")


def test_empty_file(bank):
    (bank.folder / "counterparties.csv").write_text("")
    assert str(bank.problem()) == "counterparties.csv: expected a header and rows, got an empty file"


def test_ragged_row(bank):
    bank.replace(SWAPS, "trade_id,", "trade_id,")
    rows = bank.rows(SWAPS)
    rows[4].append("1.0")
    bank.write(SWAPS, rows)
    assert str(bank.problem()).startswith(
        f"{SWAPS}, row 5: expected 15 cells, got 16 -> a decimal comma, or a text"
    )


def test_trades_folder(bank):
    bank.replace("demo.toml", "trades/demo", "trades/dem")
    told = str(bank.problem())
    assert told.startswith("trades/dem: expected a folder with one table per trade type, got nothing there")


def test_unknown_table_and_two_of_one(bank):
    (bank.folder / "trades/demo/swap.csv").write_text("trade_id\n")
    (bank.folder / "trades/demo/swaps.parquet").write_bytes(b"")
    unknown, twice = bank.problems()
    assert unknown.where == "trades/demo/swap.csv"
    assert unknown.fix.startswith("did you mean swap")
    assert not unknown.unsupported
    assert str(twice) == (
        "trades/demo/swaps.parquet: expected one table per trade type, got swaps.csv beside it -> remove one"
    )


def test_a_table_of_a_kind_that_is_not_covered(bank):
    (bank.folder / "trades/demo/inflation_bonds.csv").write_text("trade_id\n")
    unknown = bank.problem()
    assert unknown.where == "trades/demo/inflation_bonds.csv"
    assert unknown.expected.startswith("a table named american_options, ")
    assert unknown.unsupported


@pytest.mark.parametrize("name", ["swaps.CSV", "fras.Parquet", "Swaps.xlsx", "swaps.csv.gz", "swaps"])
def test_trades_in_a_file_that_is_not_read(bank, name):
    (bank.folder / "trades/demo" / name).write_text("trade_id\n")
    problem = bank.problem()
    assert problem.where == f"trades/demo/{name}"
    assert problem.expected == "a table ending in .csv, .parquet, .json"


def test_trades_in_a_folder_of_the_folder(bank):
    (bank.folder / "trades/demo/more").mkdir()
    (bank.folder / "trades/demo/more/swaps.csv").write_text("trade_id\n")
    assert str(bank.problem()) == (
        "trades/demo/more: expected tables in the folder itself, got swaps.csv in a folder of it -> "
        "move them up, or name that folder"
    )


def test_what_is_no_table_is_noted(bank):
    (bank.folder / "trades/demo/README.md").write_text("Our trades.")
    assert bank.load().notes == ("trades/demo/README.md: not read, its name is none of a table",)


@pytest.mark.parametrize(
    ("unit", "zone", "clock", "fine"),
    [
        ("ms", "UTC", "00:00", True),
        ("us", "Europe/Berlin", "00:00", True),
        ("us", "UTC", "23:00", False),  # midnight in Berlin
        ("ns", None, "00:00", True),
        ("s", None, "12:30", False),
    ],
)
def test_timestamps_are_dates_at_midnight_only(bank, unit, zone, clock, fine):
    path = bank.folder / SWAPS
    frame = pd.read_csv(path)
    stamps = pd.to_datetime(frame["maturity_date"] + " " + clock).dt.as_unit(unit)
    frame["maturity_date"] = stamps.dt.tz_localize(zone) if zone else stamps
    path.unlink()
    frame.to_parquet(path.with_suffix(".parquet"))
    if fine:
        assert len(bank.load().trades) == 150
        return
    told = [p for p in bank.problems() if "column maturity_date" in p.where]
    assert len(told) == len(frame)
    assert f"T{clock}:00" in told[0].got


@pytest.mark.parametrize("digits", ["\u0663", "\uff11\uff10"])
def test_digits_of_other_scripts_are_no_numbers(bank, digits):
    rows = bank.rows(SWAPS)
    rows[1][rows[0].index("notional")] = digits
    bank.write(SWAPS, rows)
    assert bank.problem().expected == "a finite number"


def test_terms_with_lists_do_not_come_as_a_table(bank):
    (bank.folder / "trades/demo/autocallables.csv").write_text("trade_id\n")
    problem = bank.problem()
    assert problem.expected == "autocallables.json, a list of objects"
    assert not problem.unsupported


def test_all_that_is_wrong_with_a_document_at_once(bank):
    text = '[{"trade_id": "A 1", "netting_set": "CP_A", "quantity": "much", "colour": 1}]'
    (bank.folder / "trades/demo/asian_options.json").write_text(text)
    told = [str(p) for p in bank.problems()]
    assert all(t.startswith("trades/demo/asian_options.json, entry 1, trade A 1, field ") for t in told)
    assert any("field quantity: expected a finite number, got 'much'" in t for t in told)
    assert any("field colour: expected one of " in t for t in told)
    assert any(
        "field averaging_dates: expected a list, each a date as YYYY-MM-DD, got nothing" in t for t in told
    )


# Quotes


@pytest.mark.parametrize("text", ["abc", "NaN", "inf", "1_0", ""])
def test_quote_that_is_no_number(bank, text):
    row = bank.set(QUOTES, "FX/RATE/EUR/USD", "value", text)
    got = repr(text) if text else "an empty cell"
    told = f"{QUOTES}, row {row}, quote FX/RATE/EUR/USD, column value: expected a finite number, got {got}"
    assert str(bank.problem()) == told


def test_quote_twice(bank):
    row = bank.append(QUOTES, "FX/RATE/EUR/USD", "1.2")
    problem = bank.problem()
    assert problem.where == f"{QUOTES}, row {row}, quote FX/RATE/EUR/USD"
    assert problem.expected == "each quote once"
    assert problem.got.startswith("the same id in row ")


def test_quote_of_no_known_form(bank):
    row = bank.append(QUOTES, "IR_SWAP/RATE/EUR/2D/10Y", "0.02")
    problem = bank.problem()
    assert problem.where == f"{QUOTES}, row {row}, quote IR_SWAP/RATE/EUR/2D/10Y"
    assert "IR_SWAP/RATE/{currency}/{lag}/1D/{tenor}" in problem.expected
    assert problem.got == "an id of no known form"


@pytest.mark.parametrize(
    ("quote", "value", "expected"),
    [
        ("FX_OPTION/RATE_LNVOL/EUR/USD/1Y/ATM", "-0.1", "a volatility > 0"),
        ("SWAPTION/RATE_NVOL/EUR/5Y/10Y/ATM", "-0.007", "a normal volatility > 0"),
        ("EQUITY_OPTION/RATE_LNVOL/NORDWIND/EUR/1Y/ATMF", "-0.2", "a volatility > 0"),
        ("RECOVERY_RATE/RATE/BANK/SR/EUR", "1.0", "a recovery rate in [0, 1)"),
        ("RECOVERY_RATE/RATE/BANK/SR/EUR", "-0.1", "a recovery rate in [0, 1)"),
        ("CORRELATION/IR:EUR/IR:USD", "1.5", "a correlation in [-1, 1]"),
        ("EQUITY/PRICE/NORDWIND/EUR", "-5.0", "a price > 0"),
    ],
)
def test_quote_out_of_range(bank, quote, value, expected):
    row = bank.set(QUOTES, quote, "value", value)
    problem = next(p for p in bank.problems() if "row" in p.where)
    assert problem.where == f"{QUOTES}, row {row}, quote {quote}"
    assert problem.expected.startswith(expected)
    assert float(problem.got) == float(value)


def test_correlations_that_contradict(bank):
    bank.set(QUOTES, "CORRELATION/IR:EUR/IR:USD", "value", "-0.9")
    problem = bank.problem()
    assert problem.where == f"{QUOTES}, the correlation matrix"
    assert problem.expected == "no negative eigenvalue (positive semi-definite)"
    assert "CORRELATION/IR:EUR/IR:USD" in problem.fix


def test_arbitrage_in_a_cds_strip(bank):
    bank.set(QUOTES, "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/1Y", "value", "0.5")
    problem = bank.problem()
    assert "CPTY_A" in str(problem)
    assert "arbitrage" in str(problem)


@pytest.mark.parametrize(
    ("prefix", "item", "form"),
    [
        ("IR_SWAP/RATE/EUR/2D/1D/", "curve EUR-ESTR (EUR)", "IR_SWAP/RATE/EUR/<lag>/1D/<tenor>"),
        ("IR_SWAP/RATE/USD/2D/1D/", "curve USD-SOFR", "IR_SWAP/RATE/USD/<lag>/1D/<tenor>"),
        (
            "CC_BASIS_SWAP/BASIS_SPREAD/USD/1D/GBP/",
            "discount curve GBP-IN-EUR (GBP)",
            "CC_BASIS_SWAP/BASIS_SPREAD/",
        ),
        ("FX/RATE/EUR/USD", "FX rate of USD", "FX/RATE/EUR/USD"),
        ("FX_OPTION/RATE_LNVOL/EUR/JPY", "currency JPY", "FX_OPTION/RATE_LNVOL/EUR/JPY/<expiry>/ATM"),
        ("SWAPTION/RATE_NVOL/GBP", "currency GBP", "SWAPTION/RATE_NVOL/GBP/<expiry>/<tenor>/ATM"),
        ("MEAN_REVERSION/RATE/USD", "currency USD", "MEAN_REVERSION/RATE/USD"),
        ("EQUITY/PRICE/AURELIA", "equity AURELIA", "EQUITY/PRICE/AURELIA/EUR"),
        ("EQUITY_OPTION/RATE_LNVOL/ATLASSOFT", "equity ATLASSOFT", "EQUITY_OPTION/RATE_LNVOL/ATLASSOFT/USD/"),
        ("CDS/CREDIT_SPREAD/CPTY_C", "credit curve CPTY_C", "CDS/CREDIT_SPREAD/CPTY_C/SR/<currency>/<tenor>"),
        ("CDS/CREDIT_SPREAD/BANK", "credit curve BANK", "CDS/CREDIT_SPREAD/BANK/SR/<currency>/<tenor>"),
        (
            "CDS/CREDIT_SPREAD/PROXY_FUND_BB_US",
            "credit curve PROXY_FUND_BB_US",
            "CDS/CREDIT_SPREAD/PROXY_FUND",
        ),
        ("RECOVERY_RATE/RATE/CPTY_A", "survival curve CPTY_A", "RECOVERY_RATE/RATE/CPTY_A/SR/EUR"),
        ("ZERO/YIELD_SPREAD/EUR/BORROW", "funding curve BORROW", "ZERO/YIELD_SPREAD/EUR/BORROW/A365/<tenor>"),
    ],
)
def test_missing_quotes(bank, prefix, item, form):
    bank.drop(QUOTES, lambda row: row[0].startswith(prefix))
    problem = next(p for p in bank.problems() if p.where == f"{QUOTES}, {item}")
    assert problem.expected.removeprefix("a quote ").removeprefix("quotes ").startswith(form)
    assert problem.got == "none"
    assert problem.fix.startswith("needed by ")


def test_missing_ibor_curve_names_the_trade(bank):
    bank.drop(QUOTES, lambda row: "/EUR/2D/6M" in row[0])
    problem = bank.problem()
    assert problem.where == f"{QUOTES}, curve EUR-EURIBOR-6M"
    assert problem.fix.startswith("needed by trade ")


# Parties


def test_currency_without_curve(bank):
    bank.set("netting_sets.csv", "CP_H", "currency", "XXX")
    told = str(bank.problem())
    assert told == (
        f"{QUOTES}, currency XXX: expected a currency of AUD, CAD, CHF, CNH, CZK, DKK, EUR, GBP, HKD, HUF, ILS, INR, "
        "JPY, KRW, MXN, NOK, NZD, PLN, SEK, SGD, THB, TRY, USD, ZAR, "
        "or [market.currencies.XXX] in the job, got XXX -> "
        "needed by netting set CP_H"
    )


def test_netting_set_twice(bank):
    row = bank.append("netting_sets.csv", "CP_H", "CPTY_H", "USD", "true")
    told = f"netting_sets.csv, row {row}, column netting_set: expected each netting set once, got CP_H again"
    assert str(bank.problem()).startswith(told)


def test_netting_set_columns(bank):
    bank.append("netting_sets.csv", "a/b", "CPTY_A", "eur", "perhaps")
    name, currency, netted = bank.problems()
    assert name.where.endswith("column netting_set")
    assert name.got == "'a/b'"
    assert currency.expected == "a currency of three capital letters"
    assert netted.expected == "true or false"


def test_unknown_counterparty(bank):
    bank.set("netting_sets.csv", "CP_H", "counterparty", "CPTY_HH")
    assert str(bank.problem()) == (
        "netting_sets.csv, netting set CP_H, column counterparty: expected a counterparty of "
        "counterparties.csv, got 'CPTY_HH' -> did you mean CPTY_H?"
    )


def test_counterparty_twice_and_bad_name(bank):
    bank.append("counterparties.csv", "CPTY_A", "CPTY_A", "BANK", "A", "EU")
    bank.append("counterparties.csv", "../x", "", "BANK", "A+", "EU")
    twice, name = bank.problems()
    assert twice.expected == "each counterparty once"
    assert name.got == "'../x'"


def test_counterparty_without_curve_or_proxy(bank):
    bank.set("counterparties.csv", "CPTY_H", "sector", "")
    assert str(bank.problem()) == (
        "counterparties.csv, counterparty CPTY_H: expected a credit_curve, or sector, rating and region for "
        "a proxy, got neither -> fill in one of them"
    )


# Trades


def test_unknown_netting_set(bank):
    row = bank.set(SWAPS, "IRS_0002", "netting_set", "CP_AA")
    assert str(bank.problem()) == (
        f"{SWAPS}, row {row}, trade IRS_0002, column netting_set: expected a netting set of the netting "
        "set table, got 'CP_AA' -> did you mean CP_A?"
    )


def test_maturity_before_start(bank):
    row = bank.set(SWAPS, "IRS_0002", "maturity_date", "2020-01-01")
    start = bank.rows(SWAPS)[row - 1][bank.rows(SWAPS)[0].index("start_date")]
    assert str(bank.problem()) == (
        f"{SWAPS}, row {row}, trade IRS_0002, column maturity_date: expected a date after the start_date "
        f"{start}, got 2020-01-01"
    )


@pytest.mark.parametrize(
    ("column", "text", "expected", "got"),
    [
        ("notional", "ten", "a finite number", "'ten'"),
        ("notional", "", "a finite number", "an empty cell"),
        ("notional", "-1e6", "a positive number", "-1000000.0"),
        ("start_date", "15.01.2026", "a date as YYYY-MM-DD", "'15.01.2026'"),
        ("start_date", "2026-02-30", "a date as YYYY-MM-DD", "'2026-02-30'"),
        ("side", "buyer", "payer or receiver", "'buyer'"),
        ("booked_value", "n/a", "a finite number", "'n/a'"),
    ],
)
def test_trade_cell(bank, column, text, expected, got):
    row = bank.set(SWAPS, "IRS_0002", column, text)
    problem = bank.problem()
    assert problem.where == f"{SWAPS}, row {row}, trade IRS_0002, column {column}"
    assert (problem.expected, problem.got) == (expected, got)


def test_unknown_index(bank):
    row = bank.set(SWAPS, "IRS_0002", "index", "EUR-EONIA")
    problem = bank.problem()
    assert problem.where == f"{SWAPS}, row {row}, trade IRS_0002"
    assert "EUR-ESTR" in problem.expected
    assert problem.got == "'EUR-EONIA'"


def test_trade_id_twice(bank):
    bank.set(SWAPS, "IRS_0003", "trade_id", "IRS_0002")
    problem = bank.problem()
    assert problem.where == f"{SWAPS}, row 4, column trade_id"
    assert problem.got == f"IRS_0002 also in {SWAPS}, row 3, trade IRS_0002"


def test_trade_id_twice_across_tables(bank):
    row = bank.set("trades/demo/swaptions.csv", "SWO_0002", "trade_id", "IRS_0002")
    problem = bank.problem()
    assert problem.where == f"trades/demo/swaptions.csv, row {row}, column trade_id"


def test_missing_fixing_names_trade_index_and_date(bank):
    bank.drop("fixings.csv", lambda row: row[0] == "GBP-SONIA" and row[1] == "2025-12-01")
    problem = bank.problems()[0]
    assert "trade " in problem.where
    assert "GBP-SONIA" in problem.expected
    assert "2025-12-01" in problem.expected


def test_bad_fixings(bank):
    bank.append("fixings.csv", "EUR-EONIA", "2025-12-01", "0.02")
    bank.append("fixings.csv", "EUR-ESTR", "2025-13-01", "0.02")
    bank.append("fixings.csv", "EUR-ESTR", "2025-12-01", "x")
    bank.append("fixings.csv", "FX/EUR/USD", "2025-12-01", "1.1")
    unknown, day, value, twice = bank.problems()
    assert "FX/BASE/QUOTE" in unknown.expected
    assert day.expected == "a date as YYYY-MM-DD"
    assert value.expected == "a finite number"
    assert twice.expected == "one fixing per name and date"


# Together


def test_all_at_once(bank):
    bank.set(QUOTES, "FX/RATE/EUR/USD", "value", "abc")
    bank.set(QUOTES, "FX_OPTION/RATE_LNVOL/EUR/USD/1Y/ATM", "value", "-0.1")
    bank.set(SWAPS, "IRS_0002", "maturity_date", "2020-01-01")
    bank.set(SWAPS, "IRS_0003", "netting_set", "NOWHERE")
    bank.set("netting_sets.csv", "CP_H", "counterparty", "NOBODY")
    bank.replace("demo.toml", "paths = 2048", "paths = 2000")
    with pytest.raises(InputErrors) as caught:
        bank.load()
    assert str(caught.value).startswith("6 problems in the inputs:\n  ")
    assert len(str(caught.value).splitlines()) == 7
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


def test_a_flood_is_cut(bank):
    rows = bank.rows(QUOTES)
    bank.write(QUOTES, [rows[0], *([row[0], "x"] for row in rows[1:])])
    problems = bank.problems()
    assert len(problems) == 201
    assert problems[-1].got.endswith("further problems")


def test_nothing_is_written(bank):
    """A job that is refused leaves nothing behind."""
    before = sorted(p.name for p in bank.folder.iterdir())
    bank.set(SWAPS, "IRS_0002", "netting_set", "NOWHERE")
    bank.problem()
    assert sorted(p.name for p in bank.folder.iterdir()) == before


def test_no_live_trade(bank):
    frame = pd.DataFrame(
        {
            "trade_id": ["X"], "netting_set": ["CP_A"], "buy_currency": ["EUR"], "buy_amount": [1.0],
            "sell_currency": ["USD"], "sell_amount": [1.0], "settlement_date": ["2025-01-15"],
        }
    )  # fmt: skip
    folder = bank.folder / "trades/old"
    folder.mkdir()
    frame.to_csv(folder / "fx_forwards.csv", index=False)
    bank.replace("demo.toml", "trades/demo", "trades/old")
    assert bank.problem().expected == "a trade that ends after 2026-01-15"


def test_load_takes_text_and_path(bank):
    assert load_job(str(bank.job)).path == load_job(Path(bank.job)).path


def test_volatility_that_no_model_has(bank):
    """An FX volatility that rates alone exceed: told before anything runs."""
    for tenor in ("6M", "1Y", "2Y", "5Y", "10Y", "20Y"):
        bank.set(QUOTES, f"FX_OPTION/RATE_LNVOL/EUR/GBP/{tenor}/ATM", "value", "0.02")
    problem = bank.problem()
    assert problem.where == QUOTES
    assert "FX:GBP" in problem.got


def test_arbitrage_in_two_strips_and_a_missing_volatility(bank):
    """Arbitrage is found although the book lacks something else."""
    bank.set(QUOTES, "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/1Y", "value", "0.5")
    bank.set(QUOTES, "CDS/CREDIT_SPREAD/CPTY_C/SR/EUR/1Y", "value", "0.5")
    bank.drop(QUOTES, lambda row: row[0].startswith("EQUITY_OPTION/RATE_LNVOL/ATLASSOFT"))
    told = [str(p) for p in bank.problems()]
    assert len(told) == 3
    assert sum("arbitrage" in line for line in told) == 2
