"""From the blocks' sums to everything a run delivers: one labelled Dataset.

Every number comes once per scramble of the Sobol points; the mean over scrambles is reported, their spread
is the standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xva.adjustments import Funding
from xva.market.labels import quote_info
from xva.market.quotes import QuoteSet, unit_shift
from xva.valuation.engine import ExposureEngine
from xva.valuation.exposure_plan import ExposureData
from xva.valuation.measures import MEASURES, SIDES, measure_weights
from xva.valuation.plan import Arrays
from xva.valuation.pullback import quote_gradients, scramble_means

Floats = NDArray[np.float64]

REPORTED: Final = (*MEASURES, "FVA", "XVA")
_SET, _TIME = "netting_set", "time"
_VARIANTS: Final[dict[str, Funding]] = {"ex_own": "curve_ex_own", "ex_all": "curve_ex_all"}


def assemble(engine: ExposureEngine, data: ExposureData, blocks: Sequence[Arrays]) -> xr.Dataset:
    """Values, adjustments, profiles and sensitivities with their standard errors.

    Parameters
    ----------
    engine : ExposureEngine
    data : ExposureData
        What the blocks were computed from.
    blocks : sequence of dict
        Sums of every block, in block order.

    Returns
    -------
    Dataset
        ``xva``, ``total``, ``value0``, profiles, ``sensitivity``, ``total_sensitivity`` …, each with a
        ``_se``; measures are CVA, DVA, FCA, FBA, FVA = FCA - FBA and XVA = CVA - DVA + FCA. Sensitivities
        are per unit of quote.
    """
    means = scramble_means(data, blocks)
    profiles = {name: np.stack([m[name] for m in means]) for name in ("epe", "ene", "value", *_SOFT)}
    results = xr.Dataset(coords=_labels(data))
    discount = engine.world.market.discount_curve(data.currency).discount(data.times).detach().numpy()
    results = results.assign_coords(discount=(_TIME, discount))
    _add(results, "value0", (_SET,), profiles["value"][:, :, 0])
    for side in ("epe", "ene"):
        _add(results, side, (_SET, _TIME), profiles[side])
    results["ee"] = results["epe"] / results["discount"]
    _add_adjustments(results, engine, data, profiles)
    if data.adjoint:
        results = results.assign_coords(_quote_labels(engine.quotes))
        gradient = _combined(quote_gradients(engine, data, means))
        _add(results, "sensitivity", ("measure", _SET, "quote"), gradient)
        _add(results, "total_sensitivity", ("measure", "quote"), gradient.sum(2))
    return results


_SOFT: Final = ("epe_soft", "ene_soft", "epe_half", "ene_half")


def _add_adjustments(
    results: xr.Dataset, engine: ExposureEngine, data: ExposureData, profiles: dict[str, Floats]
) -> None:
    weights = data.weights.numpy()
    hard = _combined(_weighted(weights, profiles["epe"], profiles["ene"]))
    _add(results, "xva", (_SET, "measure"), hard.transpose(0, 2, 1))
    _add(results, "total", ("measure",), hard.sum(2))
    for name in ("soft", "half"):
        value = _combined(_weighted(weights, profiles[f"epe_{name}"], profiles[f"ene_{name}"]))
        results[f"xva_{name}"] = ((_SET, "measure"), value.mean(0).T)
    for name, funding in _VARIANTS.items():
        spec = replace(engine.xva, funding=funding)
        variant = measure_weights(engine.world.market, engine.credit, data.times, spec).detach().numpy()
        value = _weighted(variant, profiles["epe"], profiles["ene"])
        _add(results, f"fca_{name}", (_SET,), value[:, MEASURES.index("FCA")])
        _add(results, f"fba_{name}", (_SET,), value[:, MEASURES.index("FBA")])


def _weighted(weights: Floats, epe: Floats, ene: Floats) -> Floats:
    """``(scramble, measure, netting_set)`` from weights ``(measure, netting_set, time)``."""
    sides = (epe, ene)
    return np.stack([(weights[m] * sides[side]).sum(-1) for m, side in enumerate(SIDES)], axis=1)


def _combined(measures: Floats) -> Floats:
    """Append FVA and XVA along axis 1, ``(scramble, measure, ...)``."""
    cva, dva, fca, fba = (measures[:, k] for k in range(len(MEASURES)))
    return np.concatenate([measures, (fca - fba)[:, None], (cva - dva + fca)[:, None]], axis=1)


def _add(results: xr.Dataset, name: str, dims: tuple[str, ...], by_scramble: Floats) -> None:
    """Mean over scrambles and its standard error."""
    count = len(by_scramble)
    results[name] = (dims, by_scramble.mean(0))
    error = (
        by_scramble.std(0, ddof=1) / np.sqrt(count) if count > 1 else np.full(by_scramble.shape[1:], np.nan)
    )
    results[f"{name}_se"] = (dims, error)


def _labels(data: ExposureData) -> dict[str, Any]:
    return {
        _SET: list(data.netting_sets),
        "counterparty": (_SET, list(data.counterparties)),
        _TIME: data.days.astype("datetime64[D]").astype("datetime64[s]"),
        "year_fraction": (_TIME, data.times),
        "measure": list(REPORTED),
    }


def _quote_labels(quotes: QuoteSet) -> dict[str, Any]:
    infos = [quote_info(i) for i in quotes.ids]
    values = quotes.values.detach().tolist()
    shifts = [unit_shift(i, v) for i, v in zip(quotes.ids, values)]
    columns: dict[str, list[Any]] = {
        "quote_family": [i.family for i in infos],
        "quote_curve": [i.curve for i in infos],
        "quote_currency": [i.currency for i in infos],
        "quote_tenor": [i.tenor for i in infos],
        "quote_value": values,
        "shift": [s for s, _ in shifts],
        "shift_name": [n for _, n in shifts],
    }
    return {"quote": list(quotes.ids)} | {name: ("quote", column) for name, column in columns.items()}
