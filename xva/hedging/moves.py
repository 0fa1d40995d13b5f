"""How quotes move on a run's own paths, from the valuation date to one of its exposure dates.

The model's states at the date say what every curve, FX rate and share is then. A curve's zero rate of maturity ``u`` moves by
``(H(t+u) - H(t)) / u`` times its state (exactly affine); par quotes follow through the bootstrap's Jacobian, to first
order; spots move by their exact growth. All moves are taken around their mean over the paths: what would have happened
anyway, the roll, is no risk. What the model holds constant (credit spreads, volatilities, funding, correlations) does not
move, unless a yearly volatility is stated for its family: then all quotes of one curve move by one lognormal factor,
independent of everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from xva.errors import DomainError
from xva.exposure import ExposureEngine
from xva.exposure.block import ExposureData
from xva.exposure.block.data import block_noise
from xva.exposure.state.state import state_paths
from xva.market import QuoteSet, quote_info
from xva.models import CrossAssetModel
from xva.numerics.types import Floats
from xva.sensitivities import ZeroRates
from xva.sensitivities.by_zero_rate import PAR_FAMILIES, curve_currency

MODELLED = (*PAR_FAMILIES, "FX", "equity")


@dataclass(frozen=True)
class QuoteMoves:
    """Moves ``(path, quote)`` around their mean, from today to ``date`` (``horizon`` in years)."""

    quotes: tuple[str, ...]
    values: Floats
    date: np.datetime64
    horizon: float

    def covariance(self, a: Floats, b: Floats) -> float:
        """Covariance over the paths of two first-order changes, from their derivatives ``(quote,)``."""
        return float((self.values @ a) @ (self.values @ b)) / (len(self.values) - 1)


def quote_moves(
    engine: ExposureEngine,
    data: ExposureData,
    rates: ZeroRates,
    step: int = 1,
    volatilities: Mapping[str, float] | None = None,
) -> QuoteMoves:
    """Moves of all quotes on the run's paths.

    Parameters
    ----------
    engine : ExposureEngine
    data : ExposureData
        Of the run.
    rates : ZeroRates
        Of the engine's market.
    step : int
        Which exposure date; the first by default.
    volatilities : mapping, optional
        Yearly relative volatility by family, for families that the model holds constant: ``{"CDS": 0.5}``.

    Raises
    ------
    DomainError
        No such date, or a volatility for a family that is unknown or that the model moves itself.
    """
    if not 1 <= step < len(data.days):
        raise DomainError(f"step: expected an exposure date from 1 to {len(data.days) - 1}, got {step}")
    with torch.no_grad():
        states = np.concatenate(
            [
                state_paths(data.grid, block_noise(data, b).normals)[step].numpy()
                for b in range(data.n_blocks)
            ],
            1,
        )
        model = engine.world.model
        moved = _Moves(model, states - states.mean(1, keepdims=True), float(data.times[step]))
        zero = moved.zero_rates(rates)
        others = rates.par.ids, rates.rows[rates.count :]
        other = np.stack([moved.spot(others[0][k], rates.par) for k in others[1]], axis=1)
    other += _assumed(rates, volatilities or {}, moved.horizon, data)
    values = rates.par_moves(zero, other - other.mean(0))
    day = data.days[step].astype("datetime64[D]")
    return QuoteMoves(rates.par.ids, values, day, moved.horizon)


class _Moves:
    """Of zero rates and spots, given centred states ``(state, path)``."""

    def __init__(self, model: CrossAssetModel, states: Floats, horizon: float) -> None:
        self.model, self.states, self.horizon = model, states, horizon
        self.paths = states.shape[1]

    def zero_rates(self, rates: ZeroRates) -> Floats:
        """``(path, zero rate)``; currencies that the model does not have do not move."""
        found = np.zeros((self.paths, rates.count))
        leaf_times = _pillars(rates)
        for name, numbers in rates.curves.items():
            currency = curve_currency(rates.config, name)
            if currency in self.model.rates:
                later = leaf_times[numbers]
                h = self.model.rates[currency].loadings(np.append(self.horizon + later, self.horizon)).numpy()
                slopes = (h[:-1] - h[-1]) / later[:, None]
                found[:, numbers] = self._rates(currency).T @ slopes.T
        return found

    def spot(self, quote_id: str, quotes: QuoteSet) -> Floats:
        """``(path,)`` of one quote: an FX rate or a share moves, nothing else does."""
        info = quote_info(quote_id)
        level = float(quotes[quote_id])
        if info.family == "FX":
            return level * np.expm1(self._log_fx(info.terms["base"]) - self._log_fx(info.currency))
        if info.family == "equity" and info.terms["name"] in self.model.equities:
            return level * np.expm1(self._log_share(info.terms["name"]))
        return np.zeros(self.paths)

    def _rates(self, currency: str) -> Floats:
        """``(factor, path)``."""
        found: Floats = self.states[self.model.layout.rates(currency)]
        return found

    def _log_numeraire(self, currency: str) -> Floats:
        loading = self.model.rates[currency].loadings(self.horizon).numpy()
        return np.asarray(loading @ self._rates(currency))

    def _log_fx(self, currency: str) -> Floats:
        """ln X = ln Y + ln N_d - ln N_f."""
        row = self.model.layout.fx(currency) if currency in self.model.fx else None
        if row is None:
            return np.zeros(self.paths)
        home = self._log_numeraire(self.model.domestic)
        own: Floats = self.states[row]
        return own + home - self._log_numeraire(currency)

    def _log_share(self, name: str) -> Floats:
        """ln S = ln Z + ln N_d - ln X."""
        home = self._log_numeraire(self.model.domestic)
        own: Floats = self.states[self.model.layout.equity(name)]
        return own + home - self._log_fx(self.model.equities[name].currency)


def _pillars(rates: ZeroRates) -> Floats:
    """``(zero rate,)`` years; the ids say the dates."""
    as_of = rates.config.as_of.astype("datetime64[D]")
    days = np.array([quote_info(i).tenor for i in rates.zero.ids[: rates.count]], dtype="datetime64[D]")
    return np.asarray((days - as_of).astype(np.int64) / 365.0)


def _assumed(
    rates: ZeroRates, volatilities: Mapping[str, float], horizon: float, data: ExposureData
) -> Floats:
    """``(path, other quote)``: what is stated beside the model."""
    paths = data.n_blocks * data.noise.block_size
    ids = [rates.par.ids[k] for k in rates.rows[rates.count :]]
    infos = [quote_info(i) for i in ids]
    allowed = sorted({i.family for i in infos} - set(MODELLED))
    wrong = [f for f in volatilities if f not in allowed]
    if wrong:
        raise DomainError(
            f"volatilities: expected families that the model holds constant ({', '.join(allowed)}), got {', '.join(wrong)}"
        )
    found = np.zeros((paths, len(ids)))
    draw = np.random.default_rng([data.noise.seed, data.noise.scrambles])
    factors: dict[tuple[str, str], Floats] = {}
    for k, info in enumerate(infos):
        if info.family in volatilities:
            key = (info.family, info.curve)
            if key not in factors:
                factors[key] = draw.standard_normal(paths)
            sd = volatilities[info.family] * np.sqrt(horizon)
            found[:, k] = float(rates.par[ids[k]]) * np.expm1(sd * factors[key] - 0.5 * sd * sd)
    return found
