"""What a wrong job file is told."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "paths = 2048",
            "paths = 2000",
            "demo.toml, [simulation] paths: expected a whole number of blocks of 256, got 2000 paths -> 2048 "
            "paths would do",
        ),
        (
            "block_size = 256",
            "block_size = 1024",
            "demo.toml, [simulation] block_size: expected a number of blocks that is a multiple of the 8 "
            "scrambles, got 2048 / 1024 = 2 blocks -> change block_size, paths or scrambles",
        ),
        (
            'name = "demo"',
            'name = "../demo"',
            "demo.toml, name: expected a name of at most 64 letters, digits, _ and -, beginning with a "
            "letter or digit, got '../demo'",
        ),
        (
            "seed = 42",
            "sead = 42",
            "demo.toml, [simulation] sead: expected one of paths, block_size, scrambles, seed, dtype, "
            "device, fixing, grid, got sead -> did you mean seed?",
        ),
        ('quotes = "market/quotes.csv"\n', "", "demo.toml, [inputs] quotes: expected a value, got nothing"),
        (
            'variant = "unilateral"',
            'variant = "bilateral"',
            "demo.toml, [xva] variant: expected 'unilateral' or 'first_to_default', got 'bilateral'",
        ),
        (
            "pfe_quantile = 0.95",
            "pfe_quantile = 95",
            "demo.toml, [exposure] pfe_quantile: expected less than 1, got 95",
        ),
        (
            'reporting_currency = "EUR"',
            'reporting_currency = "euro"',
            "demo.toml, reporting_currency: expected a currency of three capital letters, got 'euro'",
        ),
        (
            'grid = "3M..5Y, 6M..10Y, 1Y..20Y"',
            'grid = "3M..5Y, 6 months"',
            "demo.toml, [simulation] grid: expected steps such as \"1M..5Y, 3M..10Y\", got '6 months' -> "
            'write STEP..END or TENOR, with "+ cashflows" at the end or without',
        ),
        (
            'grid = "3M..5Y, 6M..10Y, 1Y..20Y"',
            "grid = [2027-01-15, 2026-06-15]",
            "demo.toml, [simulation] grid: expected dates in increasing order, got another order or "
            "none -> sort them",
        ),
        (
            'grid = "3M..5Y, 6M..10Y, 1Y..20Y"',
            "grid = [2026-01-15, 2027-01-15]",
            "demo.toml, [simulation] grid: expected dates after 2026-01-15, got 2026-01-15 -> take it out",
        ),
        (
            'grid = "3M..5Y, 6M..10Y, 1Y..20Y"',
            'grid = "1D..20Y"',
            "demo.toml, [simulation] grid: expected dates x factors of at most 21201 (Sobol points), got "
            "7246 dates x 17 factors = 123182 -> use fewer dates",
        ),
    ],
)
def test_message(bank, old, new, told):
    bank.replace("demo.toml", old, new)
    assert str(bank.problem()) == told


def test_not_toml(bank):
    bank.replace("demo.toml", "[inputs]", "[inputs")
    assert str(bank.problem()).startswith("demo.toml: expected TOML, got Expected ']'")


def test_no_such_job(bank):
    bank.job.unlink()
    assert str(bank.problem()) == f"{bank.job}: expected a readable job file, got No such file or directory"


def test_job_and_inputs_are_told_together(bank):
    """A fault in the job file does not hide those of the inputs."""
    bank.replace("demo.toml", "paths = 2048", "paths = 2000")
    bank.replace("demo.toml", "seed = 42", "seed = -1")
    bank.set("market/quotes.csv", "FX/RATE/EUR/USD", "value", "abc")
    assert len(bank.problems()) == 3
