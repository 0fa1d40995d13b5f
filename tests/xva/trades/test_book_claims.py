"""Claims of a whole book by columns: the same flows to the last bit, and the same complaints, as trade by trade."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines import load_job
from tests.support.demo_bank import DEMO
from xva.errors import TradeError
from xva.exposure.claim_groups import Flows
from xva.exposure.fixing import Fixing, simulated
from xva.exposure.parts.compile import compile_set
from xva.pricing.deterministic import linear_values
from xva.pricing.flow_book import flow_book
from xva.trades import InterestRateSwap, Trade, TradeContext
from xva.trades.book_claims import book_claims
from xva.trades.flow_table import LINEAR, LinearFlow
from xva.trades.netting import NettingSet

INDICES = ("EUR-EURIBOR-6M", "EUR-EURIBOR-3M", "EUR-ESTR")
JOB = load_job(DEMO)


def swaps(count: int, fixings: bool = True) -> tuple[InterestRateSwap, ...]:
    """Begun and to begin, on calendars' odd days, some with spread, some amortising, some matured."""
    rng = np.random.default_rng(5)
    first = JOB.as_of + (-300 if fixings else 5)
    starts = first + rng.integers(0, 900, count)
    ends = starts + rng.integers(40, 4000, count)
    return tuple(
        InterestRateSwap(
            trade_id=f"S{k}",
            netting_set="N",
            currency="EUR",
            notional=float(rng.integers(1, 90)) * 1e5,
            side=("payer", "receiver")[k % 2],
            fixed_rate=float(rng.normal(0.02, 0.01)),
            index=INDICES[k % 3],
            spread=(0.0, 0.0013)[k % 5 == 0],
            start_date=starts[k],
            maturity_date=ends[k],
            fixed_frequency=("", "6M", "28D")[k % 7 % 3],
            fixed_day_count=("", "30U/360", "ACT/ACT")[k % 4 % 3],
            amortisation=("none", "linear")[k % 11 == 0],
        )
        for k in range(count)
    )


def test_every_trade_has_its_own_claims() -> None:
    book: tuple[Trade, ...] = (*swaps(120), *JOB.trades)
    found = book_claims(book, JOB.context)
    expected = [trade.claims(JOB.context) for trade in book]
    assert list(found) == expected
    assert found.counts.tolist() == [len(claims) for claims in expected]
    assert len(found.flows) > 1000
    some = [3, 200, 7]
    assert list(found.of(some)) == [expected[k] for k in some]
    assert list(found.of([1]).followed_by(found.of([0]))) == [expected[1], expected[0]]


def test_values_off_the_curves_are_the_same_to_the_last_bit() -> None:
    market = JOB.checked.world.market if JOB.checked else None
    assert market is not None
    linear = [t for t in JOB.trades if all(isinstance(c, LINEAR) for c in t.claims(JOB.context))]
    book: tuple[Trade, ...] = (*swaps(60), *linear, *(t for t in JOB.trades if t.kind == "equity_forwards"))
    found = linear_values(book_claims(book, JOB.context), market)
    np.testing.assert_array_equal(found, linear_values([trade.claims(JOB.context) for trade in book], market))


@pytest.mark.parametrize("fixing", ["auto", "path"])
@pytest.mark.parametrize("netted", [True, False])
def test_flows_are_added_up_as_one_by_one(netted: bool, fixing: Fixing) -> None:
    book = swaps(40)
    compiled = compile_set(NettingSet("N", "C", "EUR", netted=netted), book, JOB.context, fixing=fixing)
    rows: dict[tuple[int, str], list[tuple[LinearFlow, bool]]] = {}
    for k, trade in enumerate(book):
        claims = trade.claims(JOB.context)
        for claim, own in zip(claims, simulated(fixing, claims), strict=True):
            assert isinstance(claim, LINEAR)
            rows.setdefault((0 if netted else k, claim.currency), []).append((claim, own))
    books = compiled.of(Flows).books
    assert list(books) == list(rows)
    assert any(own for mine in rows.values() for _, own in mine)
    for key, mine in rows.items():
        one = flow_book(key[1], [(flow, np.inf) for flow, _ in mine], [own for _, own in mine])
        for table, other in ((books[key].bonds, one.bonds), (books[key].forwards, one.forwards)):
            for name in table.__dataclass_fields__:
                np.testing.assert_array_equal(getattr(table, name), getattr(other, name))


def test_what_is_wrong_with_a_trade_is_said_as_alone() -> None:
    """A past fixing is missing, a schedule has no day, an index is unknown; the rest of the book has its claims."""
    good = swaps(6)
    bare = TradeContext(JOB.as_of, JOB.context.indices, {})
    day = np.datetime64("2027-01-02", "D")  # a Saturday and the Sunday after it
    bad = (
        replace(good[0], trade_id="GONE", start_date=JOB.as_of - 100, maturity_date=JOB.as_of + 900),
        replace(good[2], trade_id="NIGHT", start_date=JOB.as_of - 100, maturity_date=JOB.as_of + 900),
        replace(good[0], trade_id="EMPTY", start_date=day, maturity_date=day + 1),
    )
    later = tuple(replace(t, start_date=JOB.as_of + 30, maturity_date=JOB.as_of + 2000) for t in good)
    told: dict[int, TradeError] = {}
    found = book_claims((*bad, *later), bare, told.setdefault)
    assert list(told) == [0, 1, 2]
    for k, trade in enumerate(bad):
        with pytest.raises(TradeError) as alone:
            trade.claims(bare)
        assert str(told[k]) == str(alone.value)
        assert found[k] == ()
    assert [found[k + 3] for k in range(6)] == [trade.claims(bare) for trade in later]
    with pytest.raises(TradeError, match="GONE"):
        book_claims((*later, *bad), bare)
