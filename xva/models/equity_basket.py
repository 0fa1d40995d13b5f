"""Several correlated lognormal equities under a deterministic rate: exact steps on any grid.

``d ln S_i = (r - q_i - sigma_i^2/2) dt + sigma_i dW_i``, ``dW_i dW_j = rho_ij dt``; state ``ln S``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from torch import Tensor

from xva.errors import MarketDataError
from xva.market import DiscountCurve
from xva.market.factors import equity_factor
from xva.models.deterministic_rates import OneCurrencyObserver, RateCurve, correlation_factor, equity_row
from xva.models.path_model import Observer, Option, PathModel, Transition, exchange_option
from xva.numerics.types import Floats


@final
@dataclass(frozen=True)
class EquityBasket(PathModel):
    """Correlated lognormal equities of one currency.

    Rates, dividends and constant volatilities may differ by path (market parameters as inputs of a surrogate): they then
    have a last dimension ``path``, as many as are simulated.

    Parameters
    ----------
    currency : str
    names : tuple of str
    spots : Tensor
        ``(name,)`` positive; a walk that starts elsewhere takes ``start``.
    vols : Tensor
        ``(pillar, name)`` lognormal, per square root of a year, > 0, or one pillar ``(1, name, path)``.
    dividends : Tensor
        ``(name,)`` or ``(name, path)`` continuous yields per year.
    rate : RateCurve
        Deterministic, discounts and drives every equity.
    correlation : Tensor
        ``(name, name)``, positive definite.
    vol_times : ndarray
        ``(pillar,)`` increasing; ``vols[k]`` holds on ``(times[k-1], times[k]]``, the last one beyond.

    Raises
    ------
    MarketDataError
        Shapes that do not fit, spots or volatilities that are not positive, a correlation that is not one.
    """

    currency: str
    names: tuple[str, ...]
    spots: Tensor
    vols: Tensor
    dividends: Tensor
    rate: RateCurve
    correlation: Tensor
    vol_times: Floats = field(default_factory=lambda: np.ones(1))

    def __post_init__(self) -> None:
        n, pillars = len(self.names), len(self.vol_times)
        shapes = [tuple(self.spots.shape), tuple(self.vols.shape[:2]), tuple(self.dividends.shape[:1])]
        if shapes != [(n,), (pillars, n), (n,)]:
            raise MarketDataError(
                f"equity basket: expected spots ({n},), vols ({pillars}, {n}), dividends ({n},), got {shapes}",
                self.names,
            )
        if self.vols.ndim > 2 and pillars > 1:
            raise MarketDataError(
                "equity basket: volatilities by path have to be constant in time", self.names
            )
        if not bool((self.spots > 0).all() & (self.vols > 0).all()):
            raise MarketDataError("equity basket: expected positive spots and volatilities", self.names)
        correlation_factor(self.correlation, self.names)

    @classmethod
    def flat(
        cls,
        currency: str,
        names: Sequence[str],
        spots: Tensor,
        vols: Tensor,
        rate: DiscountCurve | Tensor | float,
        dividends: Tensor | None = None,
        correlation: Tensor | None = None,
    ) -> EquityBasket:
        """Constant volatilities ``(name,)`` or ``(name, path)``; a curve or a rate ``()`` or ``(path,)``.

        Without dividends they are 0, without a correlation the names are independent.
        """
        n = len(names)
        return cls(
            currency,
            tuple(names),
            spots,
            vols[None],
            torch.zeros(n, dtype=torch.float64) if dividends is None else dividends,
            RateCurve.of(rate),
            torch.eye(n, dtype=torch.float64) if correlation is None else correlation,
        )

    @property
    def domestic(self) -> str:
        return self.currency

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(equity_factor(name) for name in self.names)

    @property
    def n_normals(self) -> int:
        return len(self.names)

    def initial(self) -> Tensor:
        return torch.log(self.spots)

    def transition(self, knots: Floats) -> Transition:
        return _Steps(self, knots)

    def observe(self, times: Floats, states: Sequence[Tensor]) -> Observer:
        return _BasketObserver(self, times, states)

    def spans(self, early: Floats, late: Floats) -> Tensor:
        """``(interval, pillar)`` years that each volatility pillar has of ``(early, late]``."""
        upper = np.append(self.vol_times[:-1], np.inf)
        lower = np.append(0.0, self.vol_times[:-1])
        shared = np.minimum(late[:, None], upper) - np.maximum(early[:, None], lower)
        return torch.from_numpy(np.maximum(shared, 0.0))


class _Steps(Transition):
    """Drifts ``(step, name[, path])``, and factors of the increments."""

    def __init__(self, model: EquityBasket, knots: Floats) -> None:
        spans, length = model.spans(knots[:-1], knots[1:]), torch.from_numpy(np.diff(knots))
        variance = torch.einsum("kp,pn...->kn...", spans, model.vols**2)
        growth = -torch.diff(model.rate.log_discount(knots), dim=0)[:, None]
        carry = length.reshape(-1, *(1,) * model.dividends.ndim) * model.dividends
        self._drift = _columns(growth) - _columns(carry) - 0.5 * _columns(variance)
        self._scale: Tensor | None = None
        if len(model.vol_times) == 1:
            self._factor = torch.linalg.cholesky(model.correlation).expand(len(length), -1, -1)
            self._scale = _columns(torch.sqrt(variance))
        else:
            products = model.vols[:, :, None] * model.vols[:, None, :]
            covariance = torch.einsum("kp,pnm->knm", spans, products) * model.correlation
            self._factor = torch.linalg.cholesky(covariance)

    def step(self, number: int, state: Tensor, normals: Tensor) -> Tensor:
        noise = self._factor[number] @ normals
        if self._scale is not None:
            noise = self._scale[number] * noise
        moved: Tensor = state + self._drift[number] + noise
        return moved


def _columns(rows: Tensor) -> Tensor:
    """``(step, name, path)`` with one path where all are alike."""
    return rows if rows.ndim == 3 else rows[..., None]


class _BasketObserver(OneCurrencyObserver):
    def __init__(self, model: EquityBasket, times: Floats, states: Sequence[Tensor]) -> None:
        super().__init__(model.currency, model.names, model.rate, times, states)
        self._model = model

    def log_variance(self, name: str, early: float, late: float) -> Tensor:
        spans = self._model.spans(np.array([early]), np.array([late]))[0]
        vols = self._model.vols[:, equity_row(self._names, name)]
        return torch.einsum("p,p...->...", spans, vols**2)

    def european(self, asset: Option, times: Floats, expiry: float, pay: float) -> Tensor | None:
        """Black & Scholes (1973)."""
        if asset.name.startswith("FX/"):
            return None
        row = equity_row(self._names, asset.name)
        years = torch.from_numpy(expiry - times)[:, None]
        money = self.deflator(asset.currency, pay)
        grown = self.deflator(asset.currency, expiry)
        spot = torch.stack(
            [self.equity(asset.name, t) * self.deflator(asset.currency, t) for t in times.tolist()]
        )
        forward = spot * torch.exp(-years * self._model.dividends[row]) * (money / grown)
        vols = self._model.vols[:, row]
        spans = self._model.spans(times, np.full(len(times), expiry))
        variance = torch.einsum("kp,p...->k...", spans, vols**2)
        deviation = torch.sqrt(variance.reshape(len(times), -1))
        return exchange_option(forward, asset.strike * money, deviation, asset.sign)
