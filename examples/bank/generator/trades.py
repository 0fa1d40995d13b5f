"""Trades struck near the market, seen from our side, both ways."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np

from generator import levels as lv
from generator.curves import equity_forward, fx_forward, par_rate, years_to
from generator.parties import Set

Row = dict[str, Any]
PREFIX = {
    "swaps": "IRS", "basis_swaps": "BSW", "fras": "FRA", "cross_currency_swaps": "XCC", "fx_forwards": "FXF",
    "fx_options": "FXO", "equity_forwards": "EQF", "equity_options": "EQO", "caps_floors": "CAP",
    "swaptions": "SWO",
}  # fmt: skip
_PAIRS = (("EUR", "USD"), ("EUR", "GBP"), ("EUR", "JPY"), ("GBP", "USD"), ("USD", "JPY"))
_IBOR_DAY_COUNT = "30/360"
_OIS_DAY_COUNT = {"EUR": "A360", "USD": "A360", "GBP": "A365", "JPY": "A365"}


def add_months(day: date, months: int) -> date:
    total = day.year * 12 + day.month - 1 + months
    last = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][total % 12]
    if total % 12 == 1 and (total // 12) % 4:
        last = 28
    return date(total // 12, total % 12 + 1, min(day.day, last))


class Desk:
    """Draws trades of every kind for a netting set; ``longest`` caps maturities in years."""

    def __init__(self, rng: np.random.Generator, longest: float) -> None:
        self.rng = rng
        self.longest = longest
        self.equities = list(lv.EQUITIES)
        self._next_equity = 0

    def trade(self, table: str, home: Set, **wanted: Any) -> Row:
        """The terms of one trade, ``wanted`` features forced, without its id."""
        draw: Callable[..., Row] = getattr(self, f"_{table}")
        terms = draw(home, **wanted)
        return {"netting_set": home.name, **terms, "break_date": "", "booked_value": ""}

    # Draws shared by products

    def pick(self, *choices: Any, p: list[float] | None = None) -> Any:
        return choices[int(self.rng.choice(len(choices), p=p))]

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def amount(self, ccy: str, median: float = 8.0) -> float:
        """About 1 to 50 million EUR, round in the currency."""
        millions = float(np.clip(median * np.exp(0.8 * self.rng.normal()), 1.0, 50.0)) * lv.FX.get(ccy, 1.0)
        step = 50.0 if ccy == "JPY" else 0.25
        return max(round(millions / step), 1) * step * 1e6

    def currency(self, home: Set) -> str:
        if self.chance(0.65):
            return str(self.pick(*home.home))
        return str(self.pick(*lv.CURRENCIES, p=[0.45, 0.25, 0.18, 0.12]))

    def index(self, ccy: str) -> str:
        if ccy == "EUR":
            return str(self.pick("EUR-EURIBOR-6M", "EUR-EURIBOR-3M", "EUR-ESTR", p=[0.5, 0.2, 0.3]))
        return lv.OVERNIGHT[ccy]

    def tenor(self) -> int:
        """Whole years, mostly 2 to 15."""
        grid = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30]
        weights = np.array([3, 8, 10, 8, 14, 6, 9, 5, 4, 14, 5, 7, 4, 1, 2], dtype=float)
        weights[np.array(grid) > self.longest] = 0.0
        return int(self.rng.choice(grid, p=weights / weights.sum()))

    def start(self, life: str, years: int) -> date:
        """``spot``, ``seasoned`` (1 month to nearly the whole life ago) or ``forward`` (1 to 24 months)."""
        if life == "seasoned":
            days = int(self.rng.integers(30, max(31, min(365 * years - 60, 1800))))
            return self.weekday(lv.AS_OF - timedelta(days=days))
        if life == "forward":
            return self.weekday(lv.AS_OF + timedelta(days=int(self.rng.integers(30, 730))))
        return lv.AS_OF + timedelta(days=int(self.pick(4, 5, 6)))

    def end(self, start: date, years: int) -> date:
        """``years`` after ``start``, fewer where it would be beyond the book's horizon."""
        horizon = add_months(lv.AS_OF, int(12 * self.longest))
        while add_months(start, 12 * years) > horizon:
            years -= 1
        return add_months(start, 12 * years)

    def weekday(self, day: date) -> date:
        return day + timedelta(days={5: 2, 6: 1}.get(day.weekday(), 0))

    def day_in(self, low: float, high: float) -> date:
        """A weekday between ``low`` and ``high`` years from the valuation date, short ones likelier."""
        years = np.exp(self.rng.uniform(np.log(low), np.log(min(high, self.longest))))
        return self.weekday(lv.AS_OF + timedelta(days=round(365 * float(years))))

    def rate(self, index: str, start: date, end: date, off_bp: float) -> float:
        par = par_rate(index, years_to(start), years_to(end))
        return round(par + off_bp / 1e4 * float(self.rng.normal()), 5)

    def equity(self) -> str:
        name = self.equities[self._next_equity % len(self.equities)]
        self._next_equity += 1
        return name

    def long(self, home: Set) -> bool:
        return self.chance(home.style.receive_fixed)

    def fixed_terms(self, index: str) -> Row:
        if "EURIBOR" in index:
            return {"fixed_frequency": "1Y", "fixed_day_count": _IBOR_DAY_COUNT}
        return {"fixed_frequency": "1Y", "fixed_day_count": _OIS_DAY_COUNT[index[:3]]}

    # One draw per product

    def _swaps(
        self, home: Set, life: str = "", amortisation: str = "", index: str = "", longest: bool = False
    ) -> Row:
        index = index or self.index(self.currency(home))
        years = int(self.longest) if longest else self.tenor()
        life = life or self.pick("spot", "seasoned", "forward", p=[0.52, 0.36, 0.12])
        start = date(2025, 11, 17) if longest else self.start(life, years)
        end = self.end(start, years)
        amortisation = amortisation or self.pick("none", "linear", p=[0.92, 0.08])
        return {
            "currency": index[:3], "notional": self.amount(index[:3]),
            "side": "receiver" if self.long(home) else "payer",
            "fixed_rate": self.rate(index, start, end, 60 if life == "seasoned" else 30), "index": index,
            "spread": self.pick(0.0, 0.0005, 0.001, p=[0.9, 0.05, 0.05]),
            "start_date": start, "maturity_date": end, **self.fixed_terms(index),
            "amortisation": amortisation,
        }  # fmt: skip

    def _basis_swaps(self, home: Set, life: str = "") -> Row:
        one, two, basis = self.pick(
            ("EUR-EURIBOR-3M", "EUR-EURIBOR-6M", 0.0006), ("EUR-ESTR", "EUR-EURIBOR-3M", 0.0012),
            ("EUR-ESTR", "EUR-EURIBOR-6M", 0.0018),
        )  # fmt: skip
        years = self.tenor()
        start = self.start(life or self.pick("spot", "seasoned"), years)
        spread = round(basis + 0.0003 * float(self.rng.normal()), 5)
        ways = {True: (one, spread, two, 0.0), False: (two, 0.0, one, spread)}[self.chance(0.5)]
        return {
            "currency": "EUR", "notional": self.amount("EUR", 15.0), "pay_index": ways[0],
            "pay_spread": ways[1], "receive_index": ways[2], "receive_spread": ways[3], "start_date": start,
            "maturity_date": self.end(start, years), "frequency": "3M",
        }  # fmt: skip

    def _fras(self, home: Set) -> Row:
        index = self.pick("EUR-EURIBOR-3M", "EUR-EURIBOR-6M")
        start = self.day_in(0.1, 1.8)
        end = add_months(start, int(index[-2]))
        return {
            "currency": "EUR", "notional": self.amount("EUR", 20.0),
            "side": self.pick("buyer", "seller"), "rate": self.rate(index, start, end, 20), "index": index,
            "start_date": start, "maturity_date": end,
        }  # fmt: skip

    def _cross_currency_swaps(self, home: Set, resetting: bool = False, fixed: bool | None = None) -> Row:
        one, two = self.pick(*_PAIRS, p=[0.45, 0.2, 0.15, 0.08, 0.12])
        years = int(self.pick(2, 3, 4, 5, 7, 10, p=[0.15, 0.2, 0.15, 0.25, 0.15, 0.1]))
        start = self._roll(years) if resetting else self.start(self.pick("spot", "seasoned"), years)
        end = self.end(start, years)
        rate = fx_forward(one, two, 0.0) * (1.0 + 0.04 * float(self.rng.normal()))
        base = self.amount(one, 15.0)
        legs = [
            {"currency": one, "notional": base, "index": lv.OVERNIGHT[one], "spread": 0.0, "fixed_rate": ""},
            {"currency": two, "notional": float(round(base * rate, -3)), "index": lv.OVERNIGHT[two],
             "spread": round(-0.0008 + 0.0006 * float(self.rng.normal()), 5), "fixed_rate": ""},
        ]  # fmt: skip
        if not resetting and (self.chance(0.35) if fixed is None else fixed):
            leg = legs[int(self.rng.integers(2))]
            leg |= {"fixed_rate": self.rate(leg["index"], start, end, 40), "index": "", "spread": 0.0}
        if self.long(home):
            legs.reverse()
        side = "none"
        if resetting:  # the dollar leg resets; between EUR and another currency the EUR leg
            mover = "USD" if "USD" in (one, two) else "EUR"
            side = "pay" if legs[0]["currency"] == mover else "receive"
        exchange = "both" if resetting else self.pick("both", "final", "none", p=[0.8, 0.12, 0.08])
        return {
            **{f"pay_{k}": v for k, v in legs[0].items()}, **{f"receive_{k}": v for k, v in legs[1].items()},
            "start_date": start, "maturity_date": end, "frequency": "3M", "exchange": exchange,
            "resetting": side,
        }  # fmt: skip

    def _roll(self, years: int) -> date:
        """The 20th of March, June, September or December: market roll dates, so that resets coincide."""
        back = int(self.rng.integers(-2, min(4 * years - 3, 12)))
        return add_months(date(2026, 3, 20), -3 * back)

    def _fx_forwards(self, home: Set) -> Row:
        base, quote = self._pair(home)
        day = self.day_in(0.08, self.pick(2.0, 7.0))
        t = years_to(day)
        rate = fx_forward(base, quote, t) * (1.0 + 0.04 * float(self.rng.normal()))
        amount = self.amount(base, 6.0)
        legs = [(base, amount), (quote, float(round(amount * rate, -2)))]
        if not self.long(home):
            legs.reverse()
        return {
            "buy_currency": legs[0][0], "buy_amount": legs[0][1], "sell_currency": legs[1][0],
            "sell_amount": legs[1][1], "settlement_date": day,
        }  # fmt: skip

    def _pair(self, home: Set) -> tuple[str, str]:
        near = [pair for pair in _PAIRS if set(pair) & set(home.home)]
        return self.pick(*near) if self.chance(0.8) else self.pick(*_PAIRS)

    def _fx_options(self, home: Set) -> Row:
        base, quote = self._pair(home)
        day = self.day_in(0.1, self.pick(2.0, 6.0))
        strike = fx_forward(base, quote, years_to(day)) * np.exp(0.04 * self.rng.normal())
        return {
            "side": "long" if self.long(home) else "short", "option_type": self.pick("call", "put"),
            "base_currency": base, "quote_currency": quote, "notional": self.amount(base, 5.0),
            "strike": float(f"{strike:.5g}"), "expiry_date": day,
        }  # fmt: skip

    def _equity(self, home: Set, day: date, median: float, width: float) -> Row:
        name = self.equity()
        ccy, spot, _, _ = lv.EQUITIES[name]
        strike = equity_forward(name, years_to(day)) * np.exp(width * self.rng.normal())
        quantity = round(self.amount("EUR", median) * lv.FX.get(ccy, 1.0) / spot, -2)
        return {
            "equity": name, "currency": ccy, "side": "long" if self.long(home) else "short",
            "quantity": quantity, "strike": float(f"{strike:.5g}"),
        }  # fmt: skip

    def _equity_forwards(self, home: Set) -> Row:
        day = self.day_in(0.2, 3.0)
        return {**self._equity(home, day, 3.0, 0.06), "maturity_date": day}

    def _equity_options(self, home: Set, option_type: str = "") -> Row:
        day = self.day_in(0.15, 5.0)
        terms = self._equity(home, day, 3.0, 0.12)
        terms["option_type"] = option_type or self.pick("call", "put")
        order = ("equity", "currency", "side", "option_type", "quantity", "strike")
        return {**{k: terms[k] for k in order}, "expiry_date": day}

    def _caps_floors(self, home: Set, cap_floor: str = "", life: str = "") -> Row:
        index = self.pick("EUR-EURIBOR-6M", "EUR-EURIBOR-3M", p=[0.65, 0.35])
        years = min(self.tenor(), 15)
        start = self.start(life or self.pick("spot", "seasoned", "forward", p=[0.6, 0.28, 0.12]), years)
        end = self.end(start, years)
        return {
            "currency": "EUR", "side": "short" if self.long(home) else "long",
            "cap_floor": cap_floor or self.pick("cap", "floor"), "notional": self.amount("EUR"),
            "strike": self.rate(index, start, end, 60), "index": index, "start_date": start,
            "maturity_date": end,
        }  # fmt: skip

    def _swaptions(self, home: Set, settlement: str = "", swap_side: str = "", index: str = "") -> Row:
        index = index or self.index(self.currency(home))
        expiry = self.day_in(0.25, 10.0)
        tenor = int(self.pick(1, 2, 5, 7, 10, p=[0.1, 0.15, 0.35, 0.15, 0.25]))
        tenor = max(1, min(tenor, int(self.longest - years_to(expiry) - 0.1)))
        end = add_months(expiry + timedelta(days=2), 12 * tenor)
        return {
            "currency": index[:3], "side": "long" if self.long(home) else "short",
            "swap_side": swap_side or self.pick("payer", "receiver"), "notional": self.amount(index[:3]),
            "strike": self.rate(index, expiry, end, 45), "index": index, "expiry_date": expiry,
            "maturity_date": end, "settlement": settlement or "cash", **self.fixed_terms(index),
        }  # fmt: skip


def add_break(row: Row) -> None:
    """Give a trade of more than four years a mandatory break after about half of its remaining life."""
    last = next(row[c] for c in ("maturity_date", "settlement_date", "expiry_date") if c in row)
    years = years_to(last)
    if years > 4.0:
        row["break_date"] = add_months(lv.AS_OF, 12 * int(0.5 * years))
