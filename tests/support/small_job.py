"""Small jobs with trades that have no closed form, for tests of the whole route."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.execution.events import Event, SurrogateNotReused, TrainingStarted
from tests.support.places import ROOT

EXAMPLE = ROOT / "examples" / "own_product"
BANK = ROOT / "examples" / "bank"
OWN = "own_products"

JOB = """
name = "small"
as_of = 2026-01-15
reporting_currency = "EUR"
[inputs]
quotes = "quotes.csv"
netting_sets = "netting_sets.csv"
counterparties = "counterparties.csv"
fixings = "fixings.csv"
trades = "trades"
products = [{products}]
[simulation]
paths = {paths}
block_size = 16
scrambles = 8
grid = "6M..2Y"
[xva]
sensitivities = {sensitivities}
[surrogates]
training_paths = {training_paths}
policy_paths = 512
certificate_states = {states}
certificate_dates = 2
inner_paths = 128
max_effort = {effort}
tolerance = {tolerance}
"""

PRODUCTS = '''
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from my_products import Cliquet
from torch import Tensor
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths


@dataclass(frozen=True, kw_only=True)
class Forgetful(Cliquet):
    """Remembers nothing."""

    kind: ClassVar[str] = "forgetful_cliquets"

    def state(self, paths):
        return {}


@dataclass(frozen=True, kw_only=True)
class PathForward(PathTrade):
    """What an equity forward is, without its closed form."""

    kind: ClassVar[str] = "path_forwards"

    equity: str
    currency: str
    quantity: float
    strike: float
    maturity_date: np.datetime64

    currencies = property(lambda self: (self.currency,))
    equities = property(lambda self: ((self.equity, self.currency),))
    maturity = property(lambda self: self.maturity_date)

    def _check(self, terms):
        terms.finite("quantity", "strike")

    def observation_dates(self, context):
        return np.array([self.maturity_date])

    def cashflows(self, paths, exercised):
        gain = self.quantity * (paths.equity(self.equity, self.maturity_date) - self.strike)
        return [Flow(self.currency, self.maturity_date, self.maturity_date, gain)]


@dataclass(frozen=True, kw_only=True)
class Broken(PathForward):
    """Cannot be simulated."""

    kind: ClassVar[str] = "broken"

    def cashflows(self, paths, exercised):
        raise ValueError("a slip in the product")
'''

BERMUDAN = {
    "trade_id": "BERM", "netting_set": "A", "currency": "EUR", "side": "short", "swap_side": "receiver",
    "notional": 1e7, "strike": 0.026, "index": "EUR-EURIBOR-6M", "start_date": "2026-01-19",
    "maturity_date": "2028-01-19", "first_exercise_date": "2026-12-01", "settlement": "physical",
    "fixed_day_count": "30/360",
}  # fmt: skip
FORWARD = {
    "trade_id": "FWD", "netting_set": "B", "currency": "EUR", "equity": "NORDWIND", "quantity": 1e5, "strike": 48.0,
    "maturity_date": "2027-12-15",
}  # fmt: skip
CLIQUET = {
    "trade_id": "CLIQ", "netting_set": "B", "currency": "EUR", "equity": "NORDWIND", "side": "long", "notional": 5e6,
    "floor": -0.25, "cap": 0.25, "reset_dates": ["2025-08-29", "2026-08-31", "2027-08-31"],
}  # fmt: skip
SWAPS = (
    "trade_id,netting_set,currency,notional,side,fixed_rate,index,spread,start_date,maturity_date,fixed_frequency,"
    "fixed_day_count\nIRS,A,EUR,4000000,payer,0.0262,EUR-EURIBOR-6M,0.0,2026-01-19,2029-01-19,1Y,30/360\n"
)


def write_job(
    folder: Path,
    documents: Mapping[str, Sequence[Mapping[str, Any]]],
    tables: Mapping[str, str] | None = None,
    *,
    paths: int = 128,
    training_paths: int = 512,
    sensitivities: bool = False,
    states: int = 16,
    effort: int = 1,
    tolerance: float = 0.5,
) -> Path:
    """A job file with its inputs in ``folder``: ``documents`` and ``tables`` by trade type."""
    (folder / "trades").mkdir(parents=True)
    for kind, items in documents.items():
        (folder / "trades" / f"{kind}.json").write_text(json.dumps(list(items)))
    for kind, text in (tables or {}).items():
        (folder / "trades" / f"{kind}.csv").write_text(text)
    sets = (
        "netting_set,counterparty,currency,netted\nA,CPTY_A,EUR,true\nB,CPTY_A,EUR,true\nC,CPTY_A,EUR,false\n"
    )
    (folder / "netting_sets.csv").write_text(sets)
    for name in ("counterparties.csv", "fixings.csv"):
        (folder / name).write_text((EXAMPLE / name).read_text())
    (folder / "quotes.csv").write_text((BANK / "market" / "quotes.csv").read_text())
    text = JOB.format(
        products=f'"my_products", "{OWN}"', paths=paths, training_paths=training_paths, states=states, effort=effort,
        sensitivities=str(sensitivities).lower(), tolerance=tolerance,
    )  # fmt: skip
    (folder / "job.toml").write_text(text)
    return folder / "job.toml"


@contextmanager
def own_products(folder: Path) -> Iterator[Path]:
    """The example's module and one of a user's on the Python path, here and on local workers; the user's file."""
    folder.mkdir(parents=True)
    module = folder / f"{OWN}.py"
    module.write_text(PRODUCTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", ":".join([str(ROOT), str(EXAMPLE), str(folder)]))
        for path in (EXAMPLE, folder):
            patch.syspath_prepend(str(path))
        try:
            yield module
        finally:
            for name in ("my_products", OWN):
                sys.modules.pop(name, None)


class Seen:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def training(self) -> tuple[int, int]:
        """Trades trained and reused."""
        (found,) = (e for e in self.events if isinstance(e, TrainingStarted))
        return found.trades, found.reused

    @property
    def discarded(self) -> list[str]:
        """Why kept surrogates were not used."""
        return [f"trade {e.trade_id}: {e.reason}" for e in self.events if isinstance(e, SurrogateNotReused)]


def swap_job(folder: Path) -> Path:
    path = write_job(folder, {}, {"swaps": SWAPS})
    path.write_text(re.sub(r"products = .*\n", "", path.read_text()))
    return path
