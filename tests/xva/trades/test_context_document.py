"""What a plan stores of a trade context comes back as it was, and can be looked up by what caches key on."""

from __future__ import annotations

import json

import numpy as np

from xva.market.conventions import STANDARD_INDICES
from xva.trades import TradeContext
from xva.trades.documents import context_document, context_from


def test_a_stored_context_comes_back() -> None:
    context = TradeContext(np.datetime64("2026-01-15"), STANDARD_INDICES, {("EUR-ESTR", "2026-01-14"): 0.019})
    back = context_from(json.loads(json.dumps(context_document(context))))
    assert back == context
    assert {hash(index) for index in back.indices.values()} == {hash(i) for i in STANDARD_INDICES.values()}
