"""Claims of which every part of a netting set's value has something: of two units, in two currencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tests.support.two_factor_world import G2Terms, TwoFactorWorld
from xva.exposure.fixing import ProjectedIn
from xva.exposure.parts.equity_forward import EquityForwards
from xva.exposure.parts.exchange_option import ExchangeOptions
from xva.exposure.parts.exercised_swaption import ExercisedSwaptions
from xva.exposure.parts.fixed_caplets import FixedCaplets
from xva.exposure.parts.near_expiry_swaption import NearExpirySwaptions
from xva.exposure.parts.part import ValuePart
from xva.exposure.parts.plane_polynomial import PlanePolynomials
from xva.exposure.parts.polynomial import Polynomials
from xva.exposure.parts.remembered_terms import RememberedTerms
from xva.trades.claims import (
    Asset,
    Caplet,
    Claim,
    CompoundedFlow,
    EquityFlow,
    ExchangeOption,
    FixedFlow,
    IborFlow,
    ResetPeriod,
    SwaptionClaim,
)
from xva.trades.context import TradeContext
from xva.trades.flow_table import FlowTable

TIMES = np.array([0.0, 0.25, 0.9, 1.3, 1.75, 2.2, 2.6, 3.1])
PAIRS = {("IR:EUR", "IR:USD"): 0.3, ("IR:EUR", "FX:USD"): -0.2, ("FX:USD", "EQ:SHARE"): 0.25}
WORLD = TwoFactorWorld(
    rates={"EUR": 0.03, "USD": 0.04, "GBP": 0.035},
    fx={"USD": 1.10, "GBP": 0.85},
    fx_vols={"USD": 0.10, "GBP": 0.08},
    equities={"SHARE": (100.0, 0.25, 0.02)},
    correlations=PAIRS,
    two_factor=(G2Terms("GBP", 0.5, 0.04, 0.012, 0.01, -0.7),),
)
FIXING = ProjectedIn("path", ("GBP",))
N = 1e6


def fixed(currency: str, sign: float = 1.0) -> tuple[FixedFlow, ...]:
    return tuple(FixedFlow(currency, t, sign * 0.034 * N) for t in (2.0, 3.0, 4.0))


def floating(currency: str, sign: float = 1.0) -> tuple[IborFlow, ...]:
    index = f"{currency}-FLAT-6M"
    return tuple(
        IborFlow(currency, index, t, t, t + 0.5, t + 0.5, sign * 0.5 * N, 0.5) for t in (1.0, 2.0, 2.5, 3.0)
    )


def compounded(currency: str) -> tuple[CompoundedFlow, ...]:
    return (CompoundedFlow(currency, f"{currency}-FLAT-ON", 1.0, 3.0, 3.05, -N, 1.0),)


def swaption(currency: str) -> SwaptionClaim:
    later = tuple(flow for flow in (*fixed(currency, -1.0), *floating(currency)) if flow.pay > 2.0)
    later = tuple(flow for flow in later if not isinstance(flow, IborFlow) or flow.fixing >= 2.0)
    return SwaptionClaim(currency, 2.0, later, -1, "physical")


def resets() -> tuple[ResetPeriod, ...]:
    index = "EUR-FLAT-6M"
    return tuple(
        ResetPeriod("EUR", "USD", N, index, t, t, t + 0.5, t + 0.5, 0.5, 0.01) for t in (0.5, 1.0, 1.5)
    )


OPTIONS = (
    ExchangeOption(Asset("FX", "USD", N), Asset("FX", "EUR", 0.93 * N), 2.0, 1),
    ExchangeOption(Asset("FX", "EUR", 105.0 * 1e4), Asset("EQ", "SHARE", 1e4), 3.0, -1),
    Caplet("USD", "USD-FLAT-6M", 1.5, 1.5, 2.0, 2.0, 0.5 * N, 0.5, 0.04, 1),
)
SAMPLES: dict[type[ValuePart], tuple[Claim, ...]] = {
    Polynomials: (*fixed("USD"), *floating("EUR", -1.0), swaption("EUR"), OPTIONS[2], *resets()),
    EquityForwards: (EquityFlow("SHARE", "EUR", 2.0, 1e4),),
    ExchangeOptions: OPTIONS,
    FixedCaplets: tuple(
        OPTIONS[2]._replace(currency=c, index=f"{c}-FLAT-6M", amount=a * N, sign=s, end=2.05, pay=2.3)
        for c, a, s in (("USD", 0.5, 1), ("USD", -0.4, -1), ("EUR", 0.5, -1), ("EUR", -0.3, 1))
    ),
    NearExpirySwaptions: (swaption("EUR"), swaption("USD")),
    ExercisedSwaptions: (swaption("EUR"), swaption("USD")),
    PlanePolynomials: (*fixed("GBP"), *floating("GBP", -1.0), *compounded("GBP")),
    RememberedTerms: (*resets(), *floating("EUR"), *compounded("USD")),
}


@dataclass(frozen=True)
class Promise:
    """What compiling asks of a trade, with claims of one's own."""

    trade_id: str
    promised: tuple[Claim, ...]
    netting_set: str = "N"
    break_date: None = None

    def claims(self, context: TradeContext) -> tuple[Claim, ...]:
        return self.promised

    @classmethod
    def claims_by_columns(
        cls, trades: Mapping[int, Promise], context: TradeContext
    ) -> tuple[FlowTable, frozenset[int]]:
        return FlowTable.of(()), frozenset()
