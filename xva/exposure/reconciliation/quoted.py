"""Options at their quoted volatilities, to be laid beside the model's values.

FX options by Garman-Kohlhagen, equity options by Black (both as exchanges of one asset for another), caps by
Bachelier at one flat volatility for all caplets, swaptions by Bachelier on the swap rate. Values are in
reporting currency, positive when in our favour, and differentiable in the quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from xva import dates
from xva.errors import MarketDataError
from xva.market import Market
from xva.market.volatility import VolCurve
from xva.pricing.cash_swaption import par_yield_annuity
from xva.pricing.closed_form.bachelier import bachelier
from xva.pricing.closed_form.margrabe import margrabe
from xva.pricing.deterministic import linear_values
from xva.trades import CapFloor, EquityOption, FxOption, Swaption, Trade, TradeContext
from xva.trades.claims import Asset, Caplet, Claim, ExchangeOption, FixedFlow, SwaptionClaim

OptionClaim = (Caplet, ExchangeOption, SwaptionClaim)
OPTION_KINDS = (CapFloor.kind, EquityOption.kind, FxOption.kind, Swaption.kind)
_BARE_STRIKE = (
    0.5  # two strikes this far apart give a swap's annuity; towards zero, where every strike is a rate
)


class QuotedValue(NamedTuple):
    """An option's value and volatility as quoted, both ``()``; None where none is, and ``note`` says why.

    The volatility is lognormal for FX and equity, normal for rates. ``pair`` names an FX cross.
    """

    value: Tensor | None
    vol: Tensor | None
    note: str = ""
    pair: tuple[str, str] | None = None


def is_option(claims: Sequence[Claim]) -> bool:
    """Whether a trade's value needs a volatility."""
    return any(isinstance(claim, OptionClaim) for claim in claims)


def quoted_values(
    trades: Sequence[Trade], claims: Sequence[Sequence[Claim]], context: TradeContext, market: Market
) -> list[QuotedValue]:
    """One per trade; every trade's claims must have an option among them."""
    found: list[QuotedValue | None] = [None] * len(trades)
    swaptions: list[int] = []
    for k, parts in enumerate(claims):
        first = next(claim for claim in parts if isinstance(claim, OptionClaim))
        if isinstance(first, SwaptionClaim):
            swaptions.append(k)
        elif isinstance(first, ExchangeOption):
            found[k] = exchange_at_quote(first, market)
        else:
            found[k] = cap_at_quote(parts, context, market)
    chosen = [trade for k in swaptions if isinstance(trade := trades[k], Swaption)]
    for k, value in zip(swaptions, swaptions_at_quotes(chosen, context, market), strict=True):
        found[k] = value
    return [value for value in found if value is not None]


def exchange_at_quote(option: ExchangeOption, market: Market) -> QuotedValue:
    """A European FX or equity option at its ATM volatility, linear in total variance between expiries."""
    assets = (option.receive, option.deliver)
    curve, pair = _lognormal(assets, market)
    if curve is None:
        what = "/".join(pair) if pair else next(a.name for a in assets if a.kind == "EQ")
        return QuotedValue(None, None, f"no volatility quoted for {what}", pair)
    vol = curve.vol(option.expiry)
    receive, deliver = (_present_value(a, assets, option.expiry, market) for a in assets)
    return QuotedValue(
        option.position * margrabe(receive, deliver, vol * np.sqrt(option.expiry)), vol, "", pair
    )


def _lognormal(assets: tuple[Asset, Asset], market: Market) -> tuple[VolCurve | None, tuple[str, str] | None]:
    """The quoted volatility between two assets, and their names where they are a cross."""
    shares = [a.name for a in assets if a.kind == "EQ"]
    try:
        if shares:
            return market.equity_vol(shares[0]), None
        names = (assets[0].name, assets[1].name)
        home = market.reporting_currency
        if home in names:
            return market.fx_vol(names[1] if names[0] == home else names[0]), None
    except MarketDataError:
        return None, None if shares else (assets[0].name, assets[1].name)
    pair = names if names in market.fx_vols else names[::-1]
    return market.fx_vols.get(pair), pair if pair in market.fx_vols else _sorted(names)


def _sorted(names: tuple[str, str]) -> tuple[str, str]:
    a, b = sorted(names)
    return a, b


def _present_value(asset: Asset, assets: tuple[Asset, Asset], expiry: float, market: Market) -> Tensor:
    if asset.kind == "FX":
        return asset.amount * market.fx_spot(asset.name) * market.discount_curve(asset.name).discount(expiry)
    spot = market.equity_spot(asset.name) * market.fx_spot(market.equity_currency(asset.name))
    return asset.amount * spot * torch.exp(-market.dividend_yield(asset.name) * expiry)


def cap_at_quote(parts: Sequence[Claim], context: TradeContext, market: Market) -> QuotedValue:
    """A cap or floor at the flat volatility of its maturity, what is already fixed included."""
    caplets = [claim for claim in parts if isinstance(claim, Caplet)]
    currency, name = caplets[0].currency, caplets[0].index
    tenor = context.index(name).tenor
    vols, note = market.cap_vol(currency, tenor), ""
    if vols is None:
        note = f"no {currency} cap volatility quoted for {tenor}"
        others = [other for (c, other) in market.cap_vols if c == currency]
        if not others:
            return QuotedValue(None, None, note)
        vols, note = market.cap_vols[currency, others[0]], f"{note}, that for {others[0]} used"
    fixing, start, end, pay, amount, accrual, strike, sign = np.array([c[2:] for c in caplets]).T
    vol = vols.vol(float(end.max()))
    curve = market.projection_curve(name)
    forward = (curve.discount(start) / curve.discount(end) - 1.0) / torch.from_numpy(accrual)
    deviation = vol * torch.from_numpy(np.sqrt(np.maximum(fixing, 0.0)))
    each = bachelier(forward, torch.from_numpy(strike), deviation, int(sign[0]))
    paid = torch.from_numpy(amount) * market.discount_curve(currency).discount(pay)
    known = linear_values([[claim for claim in parts if isinstance(claim, FixedFlow)]], market)[0]
    return QuotedValue((paid * each).sum() * market.fx_spot(currency) + known, vol, note)


def swaptions_at_quotes(
    trades: Sequence[Swaption], context: TradeContext, market: Market
) -> list[QuotedValue]:
    """Swaptions at the ATM volatility of their expiry and swap length.

    A swap's value is linear in its fixed rate: values at two rates give annuity and forward, lags included.
    """
    claims = [_swaption_claim(t, context) for t in trades]
    steps = [-_BARE_STRIKE if t.strike > 0.0 else _BARE_STRIKE for t in trades]
    bare = [_swaption_claim(replace(t, strike=t.strike + s), context) for t, s in zip(trades, steps)]
    swap = linear_values([c.flows for c in claims], market)
    annuity = (swap - linear_values([c.flows for c in bare], market)) / swap.new_tensor(
        steps
    )  # > 0 for a payer
    found = []
    for k, (trade, claim) in enumerate(zip(trades, claims)):
        if trade.currency not in market.swaption_vols:
            found.append(QuotedValue(None, None, f"no {trade.currency} swaption volatility quoted"))
            continue
        length = float(dates.years(trade.expiry_date, trade.maturity_date))
        vol = market.swaption_vol(trade.currency).vol(claim.expiry, length)
        strike = swap.new_tensor(trade.strike)
        payer = 1 if trade.swap_side == "payer" else -1
        forward = strike + swap[k] / annuity[k]
        rate = bachelier(forward, strike, vol * np.sqrt(claim.expiry), payer)
        paid = payer * annuity[k]
        if claim.par_yield:  # the market's formula takes the annuity at the forward swap rate
            discount = market.discount_curve(trade.currency).discount(claim.expiry) * market.fx_spot(
                trade.currency
            )
            paid = discount * par_yield_annuity(forward, claim.par_yield)
        found.append(QuotedValue(claim.position * paid * rate, vol))
    return found


def _swaption_claim(trade: Swaption, context: TradeContext) -> SwaptionClaim:
    (claim,) = trade.claims(context)
    assert isinstance(claim, SwaptionClaim)
    return claim
