from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import QuantLib as ql

from tests.support.places import EXAMPLES
from xva.market.build import build_market
from xva.market.config import MarketConfig
from xva.market.market import Market
from xva.market.quotes import QuoteSet

BANK = EXAMPLES / "bank/market/quotes.csv"
AS_OF = np.datetime64("2026-01-15")


@pytest.fixture(scope="session")
def quotes() -> QuoteSet:
    """The sample bank's market: four currencies, about 350 quotes."""
    table = pd.read_csv(BANK)
    return QuoteSet.from_mapping(dict(zip(table["quote_id"], table["value"])))


@pytest.fixture(scope="session")
def config() -> MarketConfig:
    return MarketConfig.standard(AS_OF)


@pytest.fixture(scope="session")
def market(quotes: QuoteSet, config: MarketConfig) -> Market:
    return build_market(quotes, config)


@pytest.fixture
def today() -> Iterator[ql.Date]:
    """QuantLib's evaluation date set to the market's, put back afterwards."""
    before = ql.Settings.instance().evaluationDate
    date = ql.DateParser.parseISO(str(AS_OF))
    ql.Settings.instance().evaluationDate = date
    yield date
    ql.Settings.instance().evaluationDate = before
