"""Volatility and equity quotes in order, holes and orphans told."""

from __future__ import annotations

import numpy as np

from xva.errors import Problem
from xva.market.labels import QuoteInfo, quote_info
from xva.market.surfaces import equity_quotes, grouped, strips, swaption_grids

AS_OF = np.datetime64("2026-01-15", "D")


def infos(*ids: str) -> list[QuoteInfo]:
    return [quote_info(i) for i in ids]


def test_a_strip_is_ordered_by_expiry() -> None:
    problems: list[Problem] = []
    ids = [f"FX_OPTION/RATE_LNVOL/EUR/USD/{t}/ATM" for t in ("5Y", "6M", "1Y")]
    found = strips(AS_OF, infos(*ids), lambda q: q.currency, problems)
    assert found["USD"].quote_ids == (ids[1], ids[2], ids[0])
    np.testing.assert_allclose(found["USD"].times, [181 / 365, 1.0, 1826 / 365])
    assert problems == []
    twice = strips(AS_OF, infos(ids[2], ids[2].replace("1Y", "12M")), lambda q: q.currency, problems)
    assert twice == {}
    assert len(problems) == 1


def test_a_swaption_grid_is_row_by_row_and_full() -> None:
    def quote(expiry: str, tenor: str) -> str:
        return f"SWAPTION/RATE_NVOL/EUR/{expiry}/{tenor}/ATM"

    problems: list[Problem] = []
    ids = [quote(e, t) for t in ("10Y", "2Y") for e in ("5Y", "1Y")]
    grid = swaption_grids(AS_OF, infos(*ids), problems)["EUR"]
    assert grid.quote_ids == tuple(quote(e, t) for e in ("1Y", "5Y") for t in ("2Y", "10Y"))
    np.testing.assert_allclose(grid.tenors, [2.0, 10.0])
    assert problems == []
    assert swaption_grids(AS_OF, infos(*ids[:3]), problems) == {}
    assert [p.where for p in problems] == [f"quote {ids[3]}"]


def test_an_equity_has_one_currency_and_needs_a_price() -> None:
    problems: list[Problem] = []
    ids = (
        "EQUITY/PRICE/A/EUR", "EQUITY/PRICE/A/USD", "EQUITY_DIVIDEND/RATE/B/EUR",
        "EQUITY_OPTION/RATE_LNVOL/A/USD/1Y/ATMF",
    )  # fmt: skip
    by_family = grouped(infos(*ids), lambda q: q.family)
    found = equity_quotes(AS_OF, by_family, problems)
    assert set(found) == {"A"}
    told = {p.where: p.expected for p in problems}
    assert told["quote EQUITY/PRICE/A/USD"] == "one price of A"
    assert told["quote EQUITY_DIVIDEND/RATE/B/EUR"] == "a quote EQUITY/PRICE/B/EUR"
