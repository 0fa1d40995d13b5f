"""Inputs that are no mistake of a trader's: files that never end, dates beyond every calendar, modules that quit. Each is
told in words, in bounded time; the program of whoever reads them goes on.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.jobs.scenarios import read_scenarios
from tests.support.spoilt_bank import Copy
from xva.errors import InputErrors

QUOTES, SWAPS, BERMUDANS = "market/quotes.csv", "trades/demo/swaps.csv", "trades/demo/bermudan_swaptions.json"


def told(bank: Copy) -> str:
    return "\n".join(map(str, bank.problems()))


@pytest.mark.parametrize(
    ("column", "value"),
    [("maturity_date", "2200-01-01"), ("maturity_date", "9999-12-31"), ("start_date", "1900-01-01")],
)
def test_dates_beyond_the_calendars(bank: Copy, column: str, value: str) -> None:
    first = bank.rows(SWAPS)[1][0]
    row = bank.set(SWAPS, first, column, value)
    expected = "expected a date from 1970-01-01 to 2190-12-31"
    assert f"{SWAPS}, row {row}, trade {first}, column {column}: {expected}, got '{value}'" in told(bank)


@pytest.mark.parametrize("tenor", ["200Y", "999999999Y", "101Y", "1000M"])
def test_tenors_of_more_than_a_century(bank: Copy, tenor: str) -> None:
    first = bank.rows(SWAPS)[1][0]
    bank.set(SWAPS, first, "fixed_frequency", tenor)
    assert f'column fixed_frequency: expected a tenor such as "3M" or "1Y", got \'{tenor}\'' in told(bank)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("as_of = 2026-01-15", "as_of = 1800-01-15", "as_of: expected greater than or equal to 1970-01-01, got 1800-01-15"),
        ("as_of = 2026-01-15", "as_of = 2250-01-15", "as_of: expected less than or equal to 2090-12-31, got 2250-01-15"),
        ('name = "demo"', "name = " + "[" * 5000 + "]" * 5000, "expected TOML, got lists or tables nested too deeply"),
        ('name = "demo"', "name = " + "9" * 5000, "expected TOML, got "),
        ('output = "runs"', 'output = "demo.toml/x"', "[execution] output: expected a folder, there or to be made, got"),
    ],
)  # fmt: skip
def test_job_keys(bank: Copy, old: str, new: str, says: str) -> None:
    bank.replace("demo.toml", old, new)
    assert says in told(bank)


def test_blocks_without_number(bank: Copy) -> None:
    bank.replace("demo.toml", "paths = 2048\nblock_size = 256", "paths = 2147483648\nblock_size = 1")
    says = "expected at most 1,000,000 blocks, each of them files of its own, got 2,147,483,648 / 1 = 2,147,483,648"
    assert f"block_size: {says} -> 2,148 or more" in told(bank)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 5000 + "]" * 5000, "lists or objects nested too deeply"),
        ('[{"trade_id": "B1", "notional": ' + "9" * 5000 + "}]", "a number of 5,000 digits"),
        ('[{"trade_id": "B1", "trade_id": "B2"}]', "the key 'trade_id' twice in one object"),
        ('[{"trade_id": "B1", "notional": NaN}]', "NaN, which is no number"),
        ('[{"trade_id": "B1", "notional": -Infinity}]', "-Infinity, which is no number"),
    ],
    ids=["deep", "long", "twice", "nan", "infinite"],
)
def test_json(bank: Copy, text: str, says: str) -> None:
    (bank.folder / BERMUDANS).write_text(text)
    assert f"{BERMUDANS}: expected a readable JSON file, got {says}" in told(bank)


@pytest.mark.parametrize("file", [QUOTES, SWAPS, BERMUDANS, "fixings.csv"])
@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"]
)
def test_what_never_ends(bank: Copy, file: str, make: object) -> None:
    path = bank.folder / file
    path.unlink(missing_ok=True)
    make(path)  # type: ignore[operator]
    assert f"{file}: expected a readable " in (found := told(bank))
    assert "got a pipe or device" in found


def test_a_job_that_never_ends(bank: Copy) -> None:
    bank.job.unlink()
    os.mkfifo(bank.job)
    assert "expected a readable job file, got a pipe or device" in told(bank)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero (quits_{n}.py, line 1)"),
        ("raise SystemExit(0)", "SystemExit: 0 (quits_{n}.py, line 1)"),
        ("def x(:", "SyntaxError: invalid syntax (quits_{n}.py, line 1)"),
    ],
)
def test_modules_of_products_that_fail(
    bank: Copy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, says: str
) -> None:
    name = f"quits_{abs(hash(code))}"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    bank.replace("demo.toml", "[inputs]", f'[inputs]\nproducts = ["{name}"]')
    expected = f"[inputs] products: expected a module of products that can be imported, {name}, got "
    assert expected + says.replace("quits_{n}", name) in told(bank)


def test_a_gpu_that_is_not_there(bank: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    bank.replace("demo.toml", "[simulation]", '[simulation]\ndevice = "cuda:3"')
    assert "[simulation] device: expected a GPU that torch sees, for cuda:3, got " in told(bank)


def test_a_shift_without_a_selector_would_move_every_quote(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('name = "s"\n[[scenario]]\nname = "up"\n[[scenario.shifts]]\nabsolute = 0.01\n')
    with pytest.raises(InputErrors) as caught:
        read_scenarios(file)
    assert str(caught.value.problems[0]) == (
        "s.toml, scenario up, shift 1: expected one of quotes, families, curves, currencies, got none of them -> "
        'quotes = ["*"] for every quote there is'
    )
