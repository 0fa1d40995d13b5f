"""Blocks' sums to labelled results: adjustments, profiles, sensitivities, each with its standard error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xva.exposure import profiles as exposure_profiles
from xva.market.labels import quote_info
from xva.market.quotes import unit_shift
from xva.valuation.bump import weighted
from xva.valuation.engine import ExposureEngine
from xva.valuation.exposure_plan import ExposureData
from xva.valuation.measures import MEASURES, measure_weights
from xva.valuation.pullback import Sums, quote_gradients, scramble_means

Floats = NDArray[np.float64]

MEASURE_NAMES = (*MEASURES, "FVA")
VARIANTS = (
    ("CVA", "unilateral", {"variant": "unilateral"}),
    ("CVA", "first_to_default", {"variant": "first_to_default"}),
    ("DVA", "unilateral", {"variant": "unilateral"}),
    ("DVA", "first_to_default", {"variant": "first_to_default"}),
    *(
        (measure, funding, {"funding": funding})
        for measure in ("FCA", "FBA")
        for funding in ("curve", "curve_ex_own", "curve_ex_all", "discounted_spread")
    ),
)


def results(engine: ExposureEngine, data: ExposureData, blocks: Sequence[Sums]) -> xr.Dataset:
    """All results of a run.

    Parameters
    ----------
    blocks : sequence of dict
        Every block's sums, in block order.

    Returns
    -------
    Dataset
        dims ``netting_set, measure, time, quote, variant``. ``xva``, ``total`` use the exact exercise indicator, ``xva_soft``
        and ``xva_half`` the soft exercise (which sensitivities differentiate) and half its width; ``*_se`` are standard
        errors over the scrambles. Sensitivities are per unit of quote; ``shift`` makes them readable.
    """
    means = scramble_means(data, blocks)
    found = _profiles(engine, data, means)
    found = found.merge(_adjustments(engine, data, means))
    if data.adjoint:
        found = found.merge(_sensitivities(engine, quote_gradients(engine, data, means)))
    spec = engine.xva
    found.attrs = {
        "units": data.currency,
        "as_of": str(engine.dates[0]),
        "own_name": spec.own_name,
        "variant": spec.variant,
        "funding": spec.funding,
        "quadrature": spec.quadrature,
        "fixing": "projected",
        "seed": data.noise.seed,
        "paths": data.n_blocks * data.noise.block_size,
        "scrambles": data.noise.scrambles,
        "exercise_width": engine.simulation.exercise_width,
        "measure": "domestic LGM",
    }
    return found


def standard_error(samples: Floats) -> Floats:
    """Standard error of the mean of independent scrambles, first axis; NaN for a single one."""
    n = samples.shape[0]
    if n < 2:
        return np.full(samples.shape[1:], np.nan)
    return np.asarray(samples.std(axis=0, ddof=1) / np.sqrt(n))


def _stack(means: Sequence[Sums], name: str) -> Floats:
    return np.stack([mean[name] for mean in means])


def _profiles(engine: ExposureEngine, data: ExposureData, means: Sequence[Sums]) -> xr.Dataset:
    dims = ("netting_set", "time")
    discount = engine.world.market.discount_curve(data.currency).discount(data.times).detach().numpy()
    epe = _stack(means, "epe").mean(0)
    ee = exposure_profiles.ee(epe.T, discount)
    life = [_maturity(row, data.times) for row in epe + _stack(means, "ene").mean(0)]
    eepe = [
        exposure_profiles.eepe(ee[:, i], data.times, life[i]) if life[i] > 0 else 0.0
        for i in range(len(data.sets))
    ]
    variables: dict[str, Any] = {}
    for name in ("epe", "ene", "value"):
        samples = _stack(means, name)
        variables[name] = (dims, samples.mean(0))
        variables[f"{name}_se"] = (dims, standard_error(samples))
    variables["ee"] = (dims, ee.T)
    variables["eee"] = (dims, exposure_profiles.eee(ee).T)
    variables["eepe"] = (("netting_set",), np.array(eepe))
    variables["value0"] = (("netting_set",), _stack(means, "value").mean(0)[:, 0])
    variables["discount"] = (("time",), discount)
    coordinates = {
        "netting_set": list(data.netting_sets),
        "counterparty": ("netting_set", list(data.counterparties)),
        "time": data.days.astype("datetime64[D]").astype("datetime64[ns]"),
        "year_fraction": ("time", data.times),
    }
    return xr.Dataset(variables, coordinates)


def _maturity(profile: Floats, times: Floats) -> float:
    """The first date with no exposure left, at most the end of the grid."""
    alive = np.flatnonzero(profile > 0)
    return float(times[min(alive[-1] + 1, len(times) - 1)]) if alive.size else 0.0


def _adjustments(engine: ExposureEngine, data: ExposureData, means: Sequence[Sums]) -> xr.Dataset:
    weights = data.weights.numpy()
    variables: dict[str, Any] = {}
    for suffix, kind in (("", ""), ("_soft", "_soft"), ("_half", "_half")):
        samples = np.stack([weighted(weights, (m[f"epe{kind}"], m[f"ene{kind}"])) for m in means])
        samples = with_fva(samples, axis=1)
        variables[f"xva{suffix}"] = (("measure", "netting_set"), samples.mean(0))
        if not suffix:
            variables["xva_se"] = (("measure", "netting_set"), standard_error(samples))
            total = samples.sum(-1)
            variables["total"] = (("measure",), total.mean(0))
            variables["total_se"] = (("measure",), standard_error(total))
    variants = np.stack([_variant(engine, means, name, options) for name, _, options in VARIANTS], axis=1)
    variables["xva_variant"] = (("variant", "netting_set"), variants.mean(0))
    variables["xva_variant_se"] = (("variant", "netting_set"), standard_error(variants))
    labels = [f"{measure} {name}" for measure, name, _ in VARIANTS]
    return xr.Dataset(variables, {"measure": list(MEASURE_NAMES), "variant": labels})


def _variant(
    engine: ExposureEngine, means: Sequence[Sums], measure: str, options: dict[str, Any]
) -> Floats:
    """``(scramble, netting_set)`` of one measure under other credit or funding options, on the same paths."""
    spec = replace(engine.xva, **options)
    weights = measure_weights(engine.world.market, engine.credit, engine.times, spec).detach().numpy()
    row = MEASURES.index(measure)
    return np.stack([weighted(weights, (m["epe"], m["ene"]))[row] for m in means])


def _sensitivities(engine: ExposureEngine, gradients: Floats) -> xr.Dataset:
    """From ``(scramble, measure, netting_set, quote)``."""
    samples = with_fva(gradients, axis=1)
    total = samples.sum(2)
    ids = engine.quotes.ids
    info = [quote_info(i) for i in ids]
    values = engine.quotes.values.detach().numpy()
    shifts = [unit_shift(i, float(v)) for i, v in zip(ids, values)]
    dims = ("measure", "netting_set", "quote")
    return xr.Dataset(
        {
            "sensitivity": (dims, samples.mean(0)),
            "sensitivity_se": (dims, standard_error(samples)),
            "total_sensitivity": (("measure", "quote"), total.mean(0)),
            "total_sensitivity_se": (("measure", "quote"), standard_error(total)),
        },
        {
            "quote": list(ids),
            "quote_value": ("quote", values),
            "quote_family": ("quote", [i.family for i in info]),
            "quote_curve": ("quote", [i.curve for i in info]),
            "quote_currency": ("quote", [i.currency for i in info]),
            "quote_tenor": ("quote", [i.tenor for i in info]),
            "shift": ("quote", [s for s, _ in shifts]),
            "shift_name": ("quote", [n for _, n in shifts]),
        },
    )


def with_fva(samples: Floats, axis: int) -> Floats:
    """Append FVA = FCA - FBA along the measure axis."""
    fca, fba = (np.take(samples, [MEASURES.index(m)], axis) for m in ("FCA", "FBA"))
    return np.concatenate([samples, fca - fba], axis)
