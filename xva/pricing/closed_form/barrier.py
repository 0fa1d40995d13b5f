"""The eight continuously monitored barrier options of Reiner and Rubinstein (1991), with rebate."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from xva.errors import DomainError
from xva.numerics.normal import scaled_normal_cdf
from xva.pricing.closed_form.domain import require
from xva.pricing.closed_form.margrabe import margrabe

BarrierKind = Literal["down-and-in", "down-and-out", "up-and-in", "up-and-out"]
KINDS: tuple[BarrierKind, ...] = ("down-and-in", "down-and-out", "up-and-in", "up-and-out")


def barrier_option(
    spot: Tensor,
    strike: Tensor,
    barrier: Tensor,
    expiry: Tensor,
    rate: Tensor,
    vol: Tensor,
    dividend: Tensor | float = 0.0,
    rebate: Tensor | float = 0.0,
    *,
    kind: BarrierKind,
    sign: int | Tensor = 1,
) -> Tensor:
    """Value today of a European option that a barrier knocks in or out.

    Where the spot stands on the barrier or beyond, it has been touched: an "in" is the plain option, an "out" the
    rebate, paid now.

    Parameters
    ----------
    spot, strike, barrier : Tensor
        Positive.
    expiry : Tensor
        Years, > 0.
    rate, dividend, vol : Tensor
        Per year, as in `black_scholes`.
    rebate : Tensor
        Paid at once when an "out" is knocked out, at expiry when an "in" was never knocked in; >= 0.
    kind : {"down-and-in", "down-and-out", "up-and-in", "up-and-out"}
    sign : {1, -1}
        1 a call, -1 a put.

    Returns
    -------
    Tensor
        Broadcast shape; twice differentiable wherever the spot is not on the barrier. NaN where there is a rebate
        at hit and ``(b - vol^2/2)^2 + 2 rate vol^2 <= 0``, b = rate - dividend: the formula does not hold there.

    Raises
    ------
    DomainError
        An unknown kind or an argument outside its domain.

    References
    ----------
    E. Reiner and M. Rubinstein, Breaking down the barriers, Risk 4(8) (1991); E. Haug, The Complete Guide to Option
    Pricing Formulas, 2nd ed. (2007), 4.17.1.
    """
    if kind not in KINDS:
        raise DomainError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r} -> choose one", ["kind"])
    require(
        positive=("strike",), spot=spot, strike=strike, barrier=barrier, expiry=expiry, rate=rate, vol=vol
    )
    require(dividend=dividend, rebate=rebate)
    down = 1.0 if kind.startswith("down") else -1.0
    market = _Market(expiry, rate, vol, rate - dividend)
    touched = down * (spot - barrier) <= 0.0
    safe = torch.where(touched, 2.0**down * barrier, spot)  # the formulas are for the side not touched
    use = _survivor(strike, barrier, sign, down)
    if kind.endswith("in"):
        use = _Blocks(1.0 - use.a, -use.b, -use.c, -use.d)
    live = _used(use, safe, strike, barrier, market, sign, down)
    if kind.endswith("out"):
        value = torch.where(touched, 0.0 * safe, live)
        return value + rebate * torch.where(
            touched, 1.0 + 0.0 * safe, _at_hit(safe, barrier, market, down, rebate)
        )
    plain = _vanilla(spot, strike, market, sign)
    waiting = rebate * _never_hit(safe, barrier, market, down)
    return torch.where(touched, plain, live + waiting)


class _Market(NamedTuple):
    """Years, rate, volatility, and the asset's carry ``rate - dividend``."""

    expiry: Tensor
    rate: Tensor
    vol: Tensor
    carry: Tensor

    @property
    def deviation(self) -> Tensor:
        return self.vol * torch.sqrt(self.expiry)

    @property
    def power(self) -> Tensor:
        """Haug's mu."""
        value: Tensor = self.carry / (self.vol * self.vol) - 0.5
        return value


class _Blocks(NamedTuple):
    """Haug's A, B, C, D, or the coefficients with which they make an "out" option."""

    a: Tensor
    b: Tensor
    c: Tensor
    d: Tensor


def _survivor(strike: Tensor, barrier: Tensor, sign: int | Tensor, down: float) -> _Blocks:
    """Coefficients of the "out" option without rebate; the "in" option is A less these."""
    open_side = down * (strike - barrier) > 0.0  # the strike is where the option is alive
    regular = torch.as_tensor(sign * down > 0.0, device=strike.device)  # knocked out of the money
    one, zero = torch.ones_like(strike - barrier), torch.zeros_like(strike - barrier)
    a = torch.where(open_side, one, zero)
    b = torch.where(regular, one - a, -a)
    c = torch.where(regular, -a, a)
    d = torch.where(regular, a - one, -a)
    return _Blocks(a, b, c, d)


def _used(
    use: _Blocks,
    spot: Tensor,
    strike: Tensor,
    barrier: Tensor,
    market: _Market,
    sign: int | Tensor,
    down: float,
) -> Tensor:
    """The blocks times their coefficients. One that is used is at most a plain option; others may be infinite."""
    dev, shift = market.deviation, (1.0 + market.power) * market.deviation
    mirror = torch.log(barrier / spot)

    def option(share: Tensor, level: Tensor, side: Tensor | float, reflected: bool) -> Tensor:
        x = torch.log(level) / dev + shift
        tilt = 2.0 * market.power * mirror if reflected else torch.zeros_like(mirror)
        asset = torch.log(spot) + (market.carry - market.rate) * market.expiry + tilt
        asset = asset + 2.0 * mirror if reflected else asset
        cash = torch.log(strike) - market.rate * market.expiry + tilt
        asset, cash = (torch.where(share != 0.0, w, torch.zeros_like(w)) for w in (asset, cash))
        both = scaled_normal_cdf(asset, side * x) - scaled_normal_cdf(cash, side * (x - dev))
        return share * sign * both

    plain = float(sign) if isinstance(sign, int) else sign
    return (
        option(use.a, spot / strike, plain, False)
        + option(use.b, spot / barrier, plain, False)
        + option(use.c, barrier * barrier / (spot * strike), down, True)
        + option(use.d, barrier / spot, down, True)
    )


def _vanilla(spot: Tensor, strike: Tensor, market: _Market, sign: int | Tensor) -> Tensor:
    asset = spot * torch.exp((market.carry - market.rate) * market.expiry)
    return margrabe(asset, strike * torch.exp(-market.rate * market.expiry), market.deviation, sign)


def _never_hit(spot: Tensor, barrier: Tensor, market: _Market, down: float) -> Tensor:
    """Haug's E for a rebate of 1: paid at expiry unless the barrier was touched."""
    dev, mirror = market.deviation, torch.log(barrier / spot)
    drift = market.power * dev
    discount = -market.rate * market.expiry
    return scaled_normal_cdf(discount, down * (drift - mirror / dev)) - scaled_normal_cdf(
        discount + 2.0 * market.power * mirror, down * (drift + mirror / dev)
    )


def _at_hit(spot: Tensor, barrier: Tensor, market: _Market, down: float, rebate: Tensor | float) -> Tensor:
    """Haug's F for a rebate of 1: paid when the barrier is touched."""
    if isinstance(rebate, float) and rebate == 0.0:
        return torch.zeros_like(spot)
    square = market.power * market.power + 2.0 * market.rate / (market.vol * market.vol)
    root = torch.sqrt(torch.where(square > 0.0, square, torch.ones_like(square)))
    dev, mirror = market.deviation, torch.log(barrier / spot)
    z = mirror / dev + root * dev
    value = scaled_normal_cdf((market.power + root) * mirror, down * z) + scaled_normal_cdf(
        (market.power - root) * mirror, down * (z - 2.0 * root * dev)
    )
    unknown = (square <= 0.0) & (torch.as_tensor(rebate, device=spot.device) != 0.0)
    return torch.where(unknown, torch.full_like(value, float("nan")), value)
