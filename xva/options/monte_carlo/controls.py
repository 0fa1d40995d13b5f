"""Control variates in closed form: options on a lognormal variable, a product of powers of the prices on some dates.

A European option, the geometric Asian (Kemna and Vorst 1990), the geometric basket: whatever the model's Gaussian steps make
lognormal has Black's price, and all derivatives of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from xva.errors import DomainError
from xva.market.factors import equity_factor
from xva.models import PathModel
from xva.models.deterministic_rates import OneCurrencyObserver
from xva.models.path_model import place
from xva.options.monte_carlo.problem import GreekProblem
from xva.pricing.closed_form.black76 import black76
from xva.pricing.estimators import GaussianSteps
from xva.trades import AsianOption, BarrierOption, BasketOption, DigitalOption, Paths, WorstOfOption

Day = np.datetime64
_MOST = 4  # names that get a control each


@final
@dataclass(frozen=True)
class LognormalOption:
    """``max(sign (G - strike), 0)`` paid on ``pay``, ``ln G = shift + sum of weight * ln(price of name on day)``.

    Parameters
    ----------
    terms : tuple of (datetime64[D], str, float)
        Days from ``as_of`` on, equities and weights.
    shift : float
    strike : float
        Positive.
    sign : int
        1 a call, -1 a put.
    currency : str
    pay : datetime64[D]
    """

    terms: tuple[tuple[Day, str, float], ...]
    shift: float
    strike: float
    sign: int
    currency: str
    pay: Day

    def values(self, paths: Paths) -> Tensor:
        """``(path,)`` deflated."""
        log = torch.full((paths.n_paths,), self.shift, dtype=torch.float64)
        for day, name, weight in self.terms:
            log = log + weight * torch.log(paths.equity(name, day))
        bond = paths.bond(self.currency, paths.context.as_of, self.pay)
        return torch.relu(self.sign * (torch.exp(log) - self.strike)) * bond

    def exact(self, problem: GreekProblem, model: PathModel, steps: GaussianSteps, start: Tensor) -> Tensor:
        """``()`` expectation from a start ``(state,)``, connected to the model and the start.

        Raises
        ------
        DomainError
            The model's rates are not deterministic.
        """
        observer = model.observe(problem.times, [start[:, None]])
        if not isinstance(observer, OneCurrencyObserver):
            raise DomainError(
                "control variate: expected a model with deterministic rates -> do without controls"
            )
        weights = torch.zeros(
            len(problem.times), len(start), dtype=torch.float64
        )  # of each knot and all later ones
        for day, name, weight in self.terms:
            weights[: place(problem.times, problem.context.time(day)) + 1, steps.row(name)] += weight
        mean = self.shift + weights[0] @ start + (weights[1:] * steps.drifts).sum()
        variance = (torch.einsum("ks,ksn->kn", weights[1:], steps.loadings) ** 2).sum()
        forward = torch.exp(mean + 0.5 * variance)
        bond = observer.bond(self.currency, 0.0, problem.context.time(self.pay))[0]
        return bond * black76(forward, forward.new_tensor(self.strike), torch.sqrt(variance), self.sign)


def controls_of(problem: GreekProblem) -> tuple[LognormalOption, ...]:
    """What is known in closed form and moves with a trade: none where nothing does.

    The geometric average for an arithmetic one, the geometric basket for a basket, the plain option for a barrier or a
    digital, each name's option for the worst or best of up to four.
    """
    trade, context = problem.trade, problem.context
    if isinstance(trade, AsianOption) and trade.underlying.startswith("EQ/"):
        count = len(trade.averaging_dates)
        weights = trade.weights or (1.0 / count,) * count
        name, sign = trade.underlying[3:], _sign(trade.option_type)
        days = np.array(trade.averaging_dates, dtype="datetime64[D]")
        known = context.fixed(f"EQ/{name}", days)
        old = ~np.isnan(known)
        shift = float((np.array(weights)[old] * np.log(known[old])).sum())
        terms = tuple((d, name, w) for d, w, gone in zip(trade.averaging_dates, weights, old) if not gone)
        return (LognormalOption(terms, shift, trade.strike, sign, trade.currency, trade.maturity),)
    if isinstance(trade, BasketOption):
        names = _equities(trade.underlyings)
        return _geometric(problem, trade, names) if names else ()
    if isinstance(trade, BarrierOption | DigitalOption) and trade.underlying.startswith("EQ/"):
        terms = ((trade.expiry_date, trade.underlying[3:], 1.0),)
        sign = _sign(trade.option_type)
        return (LognormalOption(terms, 0.0, trade.strike, sign, trade.currency, trade.maturity),)
    if isinstance(trade, WorstOfOption) and len(trade.underlyings) <= _MOST:
        return tuple(
            LognormalOption(
                ((trade.expiry_date, name, 1.0),),
                0.0,
                trade.strike * initial,
                _sign(trade.option_type),
                trade.currency,
                trade.maturity,
            )
            for name, initial in zip(_equities(trade.underlyings), trade.initial_prices)
        )
    return ()


def _geometric(
    problem: GreekProblem, trade: BasketOption, names: Sequence[str]
) -> tuple[LognormalOption, ...]:
    """Equal to the basket, with its derivatives, where all prices are as they are today."""
    model = problem.plain
    today = [float(torch.exp(model.initial()[model.states.index(equity_factor(name))])) for name in names]
    worth = np.array(trade.weights) * today
    shares = worth / worth.sum()
    shift = float(np.log(worth.sum()) - shares @ np.log(today))
    terms = tuple((trade.expiry_date, name, float(share)) for name, share in zip(names, shares))
    sign = _sign(trade.option_type)
    return (LognormalOption(terms, shift, trade.strike, sign, trade.currency, trade.maturity),)


def _equities(underlyings: Sequence[str]) -> tuple[str, ...]:
    """Their names, none if some are exchange rates."""
    found = tuple(u[3:] for u in underlyings if u.startswith("EQ/"))
    return found if len(found) == len(underlyings) else ()


def _sign(option_type: str) -> int:
    return 1 if option_type == "call" else -1
