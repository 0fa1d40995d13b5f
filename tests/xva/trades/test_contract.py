"""Every product keeps the trade contract, on one instructive trade each."""

from __future__ import annotations

from dataclasses import replace

from tests.contracts.trade import TradeContract
from tests.support.samples import SAMPLES
from tests.support.strategies import CONTEXT, mirror
from xva.trades import Trade, TradeContext, registry
from xva.trades.path_trade import PathTrade


class _Product(TradeContract):
    sample: str

    def trade(self) -> Trade:
        return SAMPLES[self.sample]

    def context(self) -> TradeContext:
        return CONTEXT

    def mirror(self, trade: Trade) -> Trade:
        return mirror(trade)


class TestSeasonedIborSwap(_Product):
    sample = "ibor_swap"


class TestSeasonedOvernightSwap(_Product):
    sample = "overnight_swap"


class TestBasisSwap(_Product):
    sample = "basis_swap"


class TestFra(_Product):
    sample = "fra"


class TestCrossCurrencySwap(_Product):
    sample = "cross_currency_swap"
    sizes = ("pay_notional", "receive_notional")


class TestFixedCrossCurrencySwap(_Product):
    sample = "fixed_cross_currency_swap"
    sizes = ("pay_notional", "receive_notional")


class TestFxForward(_Product):
    sample = "fx_forward"
    sizes = ("buy_amount", "sell_amount")


class TestFxOption(_Product):
    sample = "fx_option"


class TestEquityForward(_Product):
    sample = "equity_forward"
    sizes = ("quantity",)


class TestEquityOption(_Product):
    sample = "equity_option"
    sizes = ("quantity",)


class TestCapFloor(_Product):
    sample = "cap_floor"


class TestPhysicalSwaption(_Product):
    sample = "swaption"


class TestResettingCrossCurrencySwap(TestCrossCurrencySwap):
    def trade(self) -> Trade:
        return replace(super().trade(), resetting="receive")


class TestCashSwaption(TestPhysicalSwaption):
    def trade(self) -> Trade:
        return replace(super().trade(), settlement="cash")


class TestParYieldSwaption(TestPhysicalSwaption):
    def trade(self) -> Trade:
        return replace(super().trade(), settlement="cash_par_yield")


def test_every_product_is_here() -> None:
    closed_form = {kind for kind in registry.values() if not issubclass(kind, PathTrade)}
    assert {type(trade) for trade in SAMPLES.values()} == closed_form
