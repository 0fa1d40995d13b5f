"""AD of every option type's value at t = 0 to every quote, against central differences."""

from __future__ import annotations

import pytest
import torch

from tests.support.flat_world import FlatWorld, two_currencies
from tests.support.option_pairs import CASES
from xva.exposure.engine import Book
from xva.exposure.reconciliation.reconciliation import trade_values
from xva.market.quotes import QuoteSet
from xva.trades.netting import NettingSet

STEP = 1e-5  # relative; error of a central difference about STEP^2 and rounding / STEP


@pytest.fixture(scope="module")
def flat() -> FlatWorld:
    pairs = {("IR:EUR", "IR:USD"): 0.3, ("IR:EUR", "FX:USD"): -0.2, ("IR:EUR", "EQ:SHARE"): 0.15}
    return two_currencies(equities={"SHARE": (100.0, 0.25, 0.02)}, correlations=pairs)


@pytest.mark.parametrize("case", CASES)
def test_every_quote(flat: FlatWorld, case: str) -> None:
    book = Book((NettingSet("N", "C", "EUR"),), (), tuple(CASES[case][:2]), flat.context())

    def value(quotes: QuoteSet) -> torch.Tensor:
        call, put = trade_values(book, flat(quotes))
        return 3.0 * call + put

    leaf = flat.quotes().as_leaf()
    (gradient,) = torch.autograd.grad(value(leaf), leaf.values)
    base = leaf.values.detach().abs()
    scaled = gradient * base
    assert (scaled.abs() > 1.0).sum() >= 3
    with torch.no_grad():
        for k, name in enumerate(leaf.ids):
            step = STEP * float(base[k])
            up, down = (float(value(leaf.shifted(name, sign * step))) for sign in (1.0, -1.0))
            # per 100 % of the quote, against the largest of them
            difference = (up - down) / (2.0 * STEP)
            assert float(scaled[k]) == pytest.approx(difference, abs=1e-6 * float(scaled.abs().max())), name
