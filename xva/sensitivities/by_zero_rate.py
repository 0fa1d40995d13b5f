"""From sensitivities to par quotes to sensitivities to zero rates, by the Jacobian of the bootstrap.

A measure sees deposits, swaps, basis swaps and FX forwards through the curves that they build alone. With ``z`` the zero
rates at these curves' pillars, ``c`` the quotes they are built from and ``r`` all other quotes (an FX rate is among those:
it builds curves from FX forwards, and counts beside)

    dm/dc = (dz/dc)' m_z,    dm/dr = (dz/dr)' m_z + m_r,

and ``dz/dc`` is square, one pillar per quote. The change of coordinates is therefore exact, no fit: it is what the same run
has on a market that quotes ``ZERO/RATE/…`` in place of ``c``, other curves' zero rates, CDS spreads, spots and volatilities
held.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import DomainError, MarketDataError
from xva.market import Market, MarketConfig, QuoteSet, build_market, quote_info
from xva.market.fx_forwards import CURVE_KEPT
from xva.market.recipes import pillar_date
from xva.numerics.types import Floats
from xva.sensitivities.by_quote import quote_labels, standard_error

_SAMPLES = ("scramble", "measure", "netting_set", "quote")
PAR_FAMILIES = (
    "deposit",
    "FRA",
    "future",
    "OIS",
    "IBOR swap",
    "tenor basis",
    "XCCY basis",
    "FX forward",
)


@dataclass(frozen=True)
class ZeroRates:
    """Two ways to quote one market.

    Parameters
    ----------
    config : MarketConfig
    par, zero : QuoteSet
        The market as quoted, and with zero rates for what builds curves: these first, then all other quotes.
    curves : mapping
        Name of each curve to the numbers of its zero rates.
    tenors : tuple of str
        ``(zero rate,)`` tenor of the par quote whose pillar it is.
    rows : ndarray
        ``(quote,)`` numbers in ``par`` of the quotes that the zero rates replace, then of all others.
    by_par, by_other : ndarray
        ``(zero rate, par quote)`` and ``(zero rate, other quote)`` derivatives of the zero rates.
    """

    config: MarketConfig
    par: QuoteSet
    zero: QuoteSet
    curves: Mapping[str, NDArray[np.int64]]
    tenors: tuple[str, ...]
    rows: NDArray[np.int64]
    by_par: Floats
    by_other: Floats

    def __repr__(self) -> str:
        return f"ZeroRates({self.count} of curves {', '.join(self.curves)})"

    @property
    def count(self) -> int:
        """How many zero rates there are."""
        return len(self.tenors)

    def gradients(self, par: Floats) -> Floats:
        """Derivatives ``(..., quote of zero)`` from derivatives ``(..., quote of par)``, for every sample its own."""
        moved = par[..., self.rows]
        own, other = moved[..., : self.count], moved[..., self.count :]
        flat = own.reshape(-1, self.count).T
        zero = np.linalg.solve(self.by_par.T, flat).T.reshape(own.shape)
        return np.concatenate([zero, other - zero @ self.by_other], axis=-1)

    def par_moves(self, zero: Floats, other: Floats) -> Floats:
        """Moves ``(path, quote of par)``, to first order, of moves of zero rates and of all other quotes ``(path, …)``."""
        moved = np.linalg.solve(self.by_par, (zero - other @ self.by_other.T).T).T
        found = np.empty((len(zero), len(self.rows)))
        found[:, self.rows] = np.concatenate([moved, other], axis=1)
        return found

    def convert(self, results: xr.Dataset) -> xr.Dataset:
        """The sensitivities of a run's results in zero rates, with the same names and dims.

        Returns
        -------
        Dataset
            ``sensitivity``, ``total_sensitivity`` and their ``_se``, from the scrambles' own derivatives
            (``sensitivity_samples``, converted too). Of results without these, the error is the sum of the errors, an upper
            bound.

        Raises
        ------
        DomainError
            The results' quotes are not those of ``par``.
        """
        if tuple(results["quote"].values) != self.par.ids:
            raise DomainError(
                "zero rates: expected sensitivities to all quotes of the market, in their order"
            )
        size = np.abs(self.gradients(np.eye(len(self.rows))))
        samples = self._samples(results)
        variables: dict[str, tuple[tuple[Hashable, ...], Floats]] = {}
        if samples is not None:
            variables["sensitivity_samples"] = (_SAMPLES, samples)
        for name in ("sensitivity", "total_sensitivity"):
            dims = tuple(d for d in _SAMPLES[1:] if d in results[name].dims)
            part, error = (results[n].transpose(*dims).values for n in (name, f"{name}_se"))
            own = None if samples is None else (samples if "netting_set" in dims else samples.sum(2))
            variables[name] = (dims, self.gradients(part))
            variables[f"{name}_se"] = (dims, error @ size if own is None else standard_error(own))
        labels = quote_labels(self.zero, self.zero.ids)
        labels["quote_tenor"] = ("quote", [*self.tenors, *labels["quote_tenor"][1][self.count :]])
        kept = {n: results[n].values for n in ("measure", "netting_set")}
        return xr.Dataset(
            variables, {**kept, **labels}, dict(results.attrs) | {"rates": "zero", "fx_forwards": CURVE_KEPT}
        )

    def _samples(self, results: xr.Dataset) -> Floats | None:
        """The scrambles' converted derivatives ``(scramble, measure, netting_set, quote)``; None where they are not kept."""
        if "sensitivity_samples" not in results:
            return None
        return self.gradients(results["sensitivity_samples"].transpose(*_SAMPLES).values)


def zero_rates(quotes: QuoteSet, config: MarketConfig) -> ZeroRates:
    """The change of coordinates of a market.

    Raises
    ------
    MarketDataError
        A curve with another number of pillars than of quotes of its own.
    """
    leaf = quotes.as_leaf()
    market = build_market(leaf, config)
    par: list[str] = []
    rates: list[Tensor] = []
    ids: list[str] = []
    curves: dict[str, NDArray[np.int64]] = {}
    for name, own in _par_curves(market).items():
        curve = market.curves[name]
        if len(own) != len(curve.times):
            raise MarketDataError(
                f"curve {name}: expected one quote per pillar, got {len(own)} quotes and {len(curve.times)} pillars",
                own,
            )
        curves[name] = np.arange(len(par), len(par) + len(own))
        par += own
        rates.append(-curve.log_discounts / torch.from_numpy(curve.times))
        ids += [_zero_id(market, name, t) for t in curve.times]
    stacked = torch.cat(rates)
    unit = torch.eye(len(par), dtype=torch.float64)
    (jacobian,) = torch.autograd.grad(stacked, [leaf.values], unit, is_grads_batched=True)
    taken = set(par)
    others = [i for i in quotes.ids if i not in taken]
    rows = np.array([quotes.index[i] for i in (*par, *others)], dtype=np.int64)
    values = torch.cat([stacked.detach(), quotes.values.detach()[torch.from_numpy(rows[len(par) :])]])
    by = jacobian.numpy()[:, rows]
    tenors = tuple(quote_info(i).tenor for i in par)
    zero = QuoteSet((*ids, *others), values)
    return ZeroRates(config, quotes, zero, curves, tenors, rows, by[:, : len(par)], by[:, len(par) :])


def _par_curves(market: Market) -> dict[str, list[str]]:
    """Bootstrapped curves and their own quotes, in the order of their pillars."""
    found = {}
    for name in market.curves:
        own = [i for i in market.sources[name].quote_ids if quote_info(i).family in PAR_FAMILIES]
        if own:
            found[name] = sorted(own, key=lambda i: pillar_date(market.as_of, quote_info(i).tenor))
    return found


def _zero_id(market: Market, name: str, time: float) -> str:
    """Id of the zero rate at a pillar; the pillar is a date, which says the time to the day."""
    config = market.config
    currency = curve_currency(config, name)
    return f"ZERO/RATE/{currency}/{name}/A365/{config.as_of + np.timedelta64(round(time * 365.0), 'D')}"


def curve_currency(config: MarketConfig, name: str) -> str:
    """The currency of a discount or projection curve."""
    discounts = [c for c, curve in config.discount.items() if curve == name]
    projected = [config.indices[i].currency for i, curve in config.projection.items() if curve == name]
    own = [config.indices[name].currency] if name in config.indices else []
    found = [*discounts, *projected, *own]
    if not found:
        raise MarketDataError(f"curve {name}: expected a curve of a currency or of an index", [name])
    return found[0]
