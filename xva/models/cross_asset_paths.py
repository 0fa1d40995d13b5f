"""The platform's cross-asset model with its curves, a `PathModel` small enough to travel to a worker.

State as in `cross_asset`: ``x_c``, ``ln Y``, ``ln Z``. With ``N(t) = exp(H x + H^2 zeta/2)/P(0,t)`` one unit of a currency
is worth ``1/N_d`` or ``Y/N_f`` in units of the numeraire, and every price is a ratio of such values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar, final

import numpy as np
import torch
from torch import Tensor

from xva.dates import SAME_TIME
from xva.errors import DomainError, MarketDataError, TradeError
from xva.market import DiscountCurve
from xva.market.indices import RateIndex
from xva.models.cross_asset import CrossAssetModel, LognormalAsset
from xva.models.lgm import Lgm
from xva.models.lgm_swaption import swaption_terms, swaption_value
from xva.models.path_model import Observer, Option, PathModel, SwapFlows, Transition, exchange_option, place
from xva.models.state_layout import StateLayout
from xva.numerics.quadrature import composite_rule
from xva.numerics.types import Floats

T = TypeVar("T")


class Curves(Protocol):
    """Where curves come from; `xva.market.Market` is one."""

    def discount_curve(self, currency: str) -> DiscountCurve: ...

    def projection_curve(self, index: str) -> DiscountCurve: ...


@dataclass(frozen=True)
class Projection:
    """The curve that an index's fixings are projected on, and the index's currency."""

    currency: str
    curve: DiscountCurve


@final
@dataclass(frozen=True)
class PathMarket(PathModel):
    """The part of a market and its calibrated model that some trades look at: LGM rates, lognormal FX and equities.

    Steps are Gaussian and exact on any grid. A model alone has no curves; with them paths can be observed.

    Parameters
    ----------
    discounts : dict of currency to DiscountCurve
        The reporting currency first.
    projections : dict of index to Projection
    rates : dict of currency to Lgm
        The same currencies, in the same order.
    fx : dict of foreign currency to LognormalAsset
    equities : dict of name to LognormalAsset
    correlation : Tensor
        ``(factor, factor)`` in the order of `states`.
    """

    discounts: dict[str, DiscountCurve]
    projections: dict[str, Projection]
    rates: dict[str, Lgm]
    fx: dict[str, LognormalAsset]
    equities: dict[str, LognormalAsset]
    correlation: Tensor

    @classmethod
    def select(
        cls,
        curves: Curves,
        model: CrossAssetModel,
        currencies: Iterable[str],
        indices: Iterable[RateIndex] = (),
        equities: Iterable[str] = (),
    ) -> PathMarket:
        """What trades on some currencies, indices and equities look at, still attached to the quotes.

        Currencies of indices and equities and the domestic one are added; the model's order is kept.

        Raises
        ------
        MarketDataError
            The model has no such currency or equity, or the market no such curve.
        """
        wanted, rows = list(indices), set(equities)
        if unknown := rows - set(model.equities):
            raise MarketDataError(f"equities {sorted(unknown)}: the model has none of them", sorted(unknown))
        shares = {name: asset for name, asset in model.equities.items() if name in rows}
        need = {
            model.domestic,
            *currencies,
            *(i.currency for i in wanted),
            *(a.currency for a in shares.values()),
        }
        if unknown := need - set(model.rates):
            raise MarketDataError(
                f"currencies {sorted(unknown)}: the model has none of them", sorted(unknown)
            )
        kept = tuple(c for c in model.rates if c in need)
        rates = {c: model.lgm(c) for c in kept}
        layout = StateLayout(kept, tuple(m.n_factors for m in rates.values()), tuple(shares))
        place = torch.tensor([model.index[name] for name in layout.labels])
        return cls(
            {c: curves.discount_curve(c) for c in kept},
            {i.name: Projection(i.currency, curves.projection_curve(i.name)) for i in wanted},
            rates,
            {c: model.fx[c] for c in kept[1:]},
            shares,
            model.correlation.index_select(0, place).index_select(1, place),
        )

    @cached_property
    def model(self) -> CrossAssetModel:
        """The cross-asset model of these factors."""
        return CrossAssetModel(self.domestic, self.rates, self.fx, self.equities, self.correlation)

    @property
    def domestic(self) -> str:
        return next(iter(self.rates))

    @property
    def states(self) -> tuple[str, ...]:
        return self.model.factors

    @property
    def n_normals(self) -> int:
        return len(self.states)

    def initial(self) -> Tensor:
        return self.model.initial_state()

    def transition(self, knots: Floats) -> Transition:
        return _GaussianSteps(self.model, knots)

    def observe(self, times: Floats, states: Sequence[Tensor]) -> Observer:
        return CrossAssetObserver(self, times, states)

    def observe_factors(
        self, times: Floats, states: Tensor | Sequence[Tensor], factors: Sequence[str]
    ) -> Observer:
        """An observer of paths simulated elsewhere, with the factors of a larger model.

        Parameters
        ----------
        states : Tensor or sequence of Tensor
            ``(time, factor, path)``, or one ``(factor, path)`` per time.
        factors : sequence of str
            `CrossAssetModel.factors` of the model that made them.
        """
        if tuple(factors) == self.states:
            return self.observe(times, tuple(states))
        rows = torch.tensor([list(factors).index(name) for name in self.states])
        return self.observe(times, tuple(state.index_select(0, rows) for state in states))

    def discount(self, currency: str) -> DiscountCurve:
        """A currency's discount curve; DomainError if it is not among these."""
        return _of("currency", self.discounts, currency)

    def lgm(self, currency: str) -> Lgm:
        """A currency's rates; DomainError if it is not among these."""
        return _of("currency", self.rates, currency)

    def projection(self, index: str) -> Projection:
        """An index's curve; DomainError if it is not among these."""
        return _of("index", self.projections, index)

    def equity(self, name: str) -> LognormalAsset:
        """An equity; DomainError if it is not among these."""
        return _of("equity", self.equities, name)


class _GaussianSteps(Transition):
    def __init__(self, model: CrossAssetModel, knots: Floats) -> None:
        if len(knots) < 2:
            return
        covariance = model.covariances(knots)
        self._drift = model.drifts(covariance)[:, :, None]
        self._factor = model.step_factors(covariance, knots)

    def step(self, number: int, state: Tensor, normals: Tensor) -> Tensor:
        moved: Tensor = state + self._drift[number] + self._factor[number] @ normals
        return moved


@final
class CrossAssetObserver(Observer):
    """Prices, rates and bonds from states in the order of the model's factors."""

    def __init__(self, market: PathMarket, times: Floats, states: Sequence[Tensor]) -> None:
        self._market, self._times, self._states = market, times, states
        self._layout = market.model.layout

    @cached_property
    def _zeta(self) -> dict[str, Tensor]:
        """``(time,)`` per currency."""
        return {c: lgm.zeta(self._times) for c, lgm in self._market.rates.items()}

    def equity(self, name: str, time: float) -> Tensor:
        asset = self._market.equity(name)
        deflated = self._state(self._layout.equity(name), time) - asset.carry * time
        return torch.exp(deflated - self._log_deflator(asset.currency, time))

    def fx(self, base: str, quote: str, time: float) -> Tensor:
        if base == quote:
            return torch.ones_like(self._state(0, time))
        return torch.exp(self._log_deflator(base, time) - self._log_deflator(quote, time))

    def bond(self, currency: str, time: float, maturity: float) -> Tensor:
        return self.bonds(currency, time, np.array([maturity]))[0]

    def bonds(self, currency: str, time: float, maturities: Floats) -> Tensor:
        curve = self._market.discount(currency).log_discount(np.append(maturities, time))
        under = np.full(len(maturities), time)
        return torch.exp(
            (curve[:-1] - curve[-1])[:, None] + self._log_ratios(currency, time, maturities, under)
        )

    def growth(self, index: str, time: float, start: float, end: float) -> Tensor:
        return self.growths(index, time, np.array([start]), np.array([end]))[0]

    def growths(self, index: str, time: float, starts: Floats, ends: Floats) -> Tensor:
        if len(starts) and float(starts.min()) < time - SAME_TIME:
            raise DomainError(
                f"forward of {index}: expected a period that starts at {time:.4f}y or later, got {starts.min():.4f}y",
                [index],
            )
        on = self._market.projection(index)
        curve = on.curve.log_discount(np.stack([starts, ends]))
        return torch.exp((curve[0] - curve[1])[:, None] + self._log_ratios(on.currency, time, starts, ends))

    def deflator(self, currency: str, time: float) -> Tensor:
        return torch.exp(self._log_deflator(currency, time))

    def log_variance(self, name: str, early: float, late: float) -> Tensor:
        """Quadratic variation of the log price: rates move its drift, not its diffusion."""
        zero = self._market.correlation.new_zeros(())
        drivers = self._drivers(name)
        if late - early <= SAME_TIME or not drivers:
            return zero
        model = self._market.model
        rule = composite_rule(np.array([early, late]), model.breaks)
        sigma = torch.stack([sign * asset.sigma(rule.points) for _, asset, sign in drivers])
        rows = torch.tensor([row for row, _, _ in drivers])
        rho = self._market.correlation.index_select(0, rows).index_select(1, rows)
        return rule.integrate((sigma * (rho @ sigma)).sum(0))[0]

    def european(self, asset: Option, times: Floats, expiry: float, pay: float) -> Tensor | None:
        """Price and strike are jointly lognormal given the states: Margrabe (1978)."""
        model = self._market.model
        covariance = model.covariances(np.append(times, expiry))
        ahead = covariance.flip(0).cumsum(0).flip(0)
        drift = model.drifts(ahead)
        now = torch.stack([self._states[place(self._times, t)] for t in times.tolist()]) + drift[:, :, None]
        means, loads = [], []
        for log, load in (self._price_paid(asset, expiry, pay), self._money_paid(asset, expiry, pay)):
            half = 0.5 * torch.einsum("kij,i,j->k", ahead, load, load)
            means.append(torch.exp(log + half[:, None] + torch.einsum("i,kip->kp", load, now)))
            loads.append(load)
        gap = loads[0] - loads[1]
        deviation = torch.sqrt(torch.einsum("kij,i,j->k", ahead, gap, gap))[:, None]
        return exchange_option(means[0], means[1], deviation, asset.sign)

    def swaption(self, swap: SwapFlows, times: Floats, expiry: float) -> Tensor | None:
        """By Jamshidian's decomposition; none where the swap's value is not monotonic in the rate."""
        c = swap.currency
        lgm, curve = self._market.lgm(c), self._market.projection(swap.index).curve
        growth = curve.log_discount(swap.starts) - curve.log_discount(swap.ends)
        discount = self._market.discount(c).log_discount(np.append(swap.pays, swap.paid))
        sizes = torch.from_numpy(np.append(swap.sizes, swap.amounts))
        weight = sizes * torch.exp(discount + torch.cat([growth, torch.zeros(len(swap.paid)).to(growth)]))
        start, end, pay, paid = (lgm.h(x) for x in (swap.starts, swap.ends, swap.pays, swap.paid))
        h = torch.cat([start - end + pay, paid])
        q = torch.cat([start**2 - end**2 + pay**2, paid**2])
        try:
            terms = swaption_terms(weight, h, q, lgm.zeta(expiry))
        except TradeError:
            return None
        row, fx = self._layout.rates(c).start, self._layout.fx(c)
        state = torch.stack([self._state(row, t) for t in times.tolist()])
        value = swaption_value(terms, state, lgm.zeta(times)[:, None])
        if fx is None:
            return value
        return value * torch.exp(torch.stack([self._state(fx, t) for t in times.tolist()]))

    def _price_paid(self, asset: Option, expiry: float, pay: float) -> tuple[Tensor, Tensor]:
        """``log a`` and loads ``(state,)`` of a unit's deflated price, paid at ``pay``: it is ``a exp(loads . state)``."""
        log, load = self._unit(asset.currency, expiry, pay)
        if asset.name.startswith("FX/"):
            _, base, quote = asset.name.split("/")
            own, more = self._unit(base, expiry, expiry)
            less, lost = self._unit(quote, expiry, expiry)
            return log + own - less, load + more - lost
        equity = self._market.equity(asset.name)
        less, lost = self._unit(equity.currency, expiry, expiry)
        return log - equity.carry * expiry - less, load + self._one(self._layout.equity(asset.name)) - lost

    def _money_paid(self, asset: Option, expiry: float, pay: float) -> tuple[Tensor, Tensor]:
        log, load = self._unit(asset.currency, expiry, pay)
        return log + float(np.log(asset.strike)), load

    def _unit(self, currency: str, time: float, pay: float) -> tuple[Tensor, Tensor]:
        """Of the deflated value at ``time`` of one unit of a currency paid at ``pay``."""
        lgm = self._market.lgm(currency)
        h = lgm.h(pay)
        curve = self._market.discount(currency).log_discount(np.array([pay]))[0]
        log = curve - 0.5 * h * h * lgm.zeta(time)
        load, fx = -h * self._one(self._layout.rates(currency).start), self._layout.fx(currency)
        return (log, load) if fx is None else (log, load + self._one(fx))

    def _one(self, row: int) -> Tensor:
        found = self._market.correlation.new_zeros(self._layout.n_states)
        found[row] = 1.0
        return found

    def _drivers(self, name: str) -> list[tuple[int, LognormalAsset, float]]:
        """Brownian motions of the log price: their numbers, volatility, sign."""
        if not name.startswith("FX/"):
            return [(self._layout.equity(name), self._market.equity(name), 1.0)]
        _, base, quote = name.split("/")
        if base == quote:
            return []
        sides = [(self._market.lgm(c).currency, sign) for c, sign in ((base, 1.0), (quote, -1.0))]
        found = [(self._layout.fx(c), c, sign) for c, sign in sides]
        return [(row, self._market.fx[c], sign) for row, c, sign in found if row is not None]

    def _log_deflator(self, currency: str, time: float) -> Tensor:
        k = place(self._times, time)
        h = self._market.lgm(currency).h(time)
        curve = self._market.discount(currency).log_discount(np.array([time]))[0]
        x = self._state(self._layout.rates(currency).start, time)
        own = curve - h * x - 0.5 * h * h * self._zeta[currency][k]
        fx = self._layout.fx(currency)
        return own if fx is None else own + self._state(fx, time)

    def _log_ratios(self, currency: str, time: float, over: Floats, under: Floats) -> Tensor:
        """Stochastic part of ``ln P(time, over)/P(time, under)``, ``(pair, path)``."""
        h = self._market.lgm(currency).h(np.stack([over, under]))
        x = self._state(self._layout.rates(currency).start, time)
        variance = self._zeta[currency][place(self._times, time)]
        shift = 0.5 * (h[1] ** 2 - h[0] ** 2) * variance
        return torch.outer(h[1] - h[0], x) + shift[:, None]

    def _state(self, row: int, time: float) -> Tensor:
        return self._states[place(self._times, time)][row]


def _of(what: str, known: Mapping[str, T], name: str) -> T:
    if name not in known:
        raise DomainError(
            f"{what}: expected one of {', '.join(known) or 'none'}, got {name}; select it from the market",
            [name],
        )
    return known[name]
