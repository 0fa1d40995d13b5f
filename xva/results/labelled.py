"""Blocks' sums to labelled results: adjustments, profiles, sensitivities, each with its standard error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import xarray as xr

from xva.adjustments import Funding
from xva.adjustments.measures import measure_weights
from xva.adjustments.registry import ADJUSTMENTS, MEASURES
from xva.exposure import ExposureEngine
from xva.exposure.block import ExposureData
from xva.exposure.block.data import PLUG_IN
from xva.market.fx_forwards import POINTS_KEPT
from xva.numerics.types import Floats
from xva.profiles import profiles as exposure_profiles
from xva.results.curve_values import curve_values
from xva.sensitivities import MEASURE_NAMES, quote_gradients, scramble_means
from xva.sensitivities.by_quote import labelled, standard_error
from xva.sensitivities.reverse_pass import MapSets, ResidualGraph, Sums
from xva.sensitivities.truncation import mean_of, measure_samples, not_below_zero, sides

_ALTERNATIVES = {"variant": ("unilateral", "first_to_default"), "funding": get_args(Funding)}
VARIANTS: tuple[tuple[str, str, dict[str, Any]], ...] = tuple(
    (a.name, choice, {a.varies_by: choice}) for a in ADJUSTMENTS for choice in _ALTERNATIVES[a.varies_by]
)


def results(
    engine: ExposureEngine,
    data: ExposureData,
    blocks: Sequence[Sums],
    map_sets: MapSets = map,
    residual_graph: ResidualGraph | None = None,
) -> xr.Dataset:
    """All results of a run.

    Parameters
    ----------
    blocks : sequence of dict
        Every block's sums, in block order.
    map_sets : callable
        How the reverse pass goes over netting sets (`reverse_pass.quote_gradients`).
    residual_graph : callable, optional
        Of a plan with residuals, for the reverse pass.

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
        gradients = quote_gradients(engine, data, means, map_sets, residual_graph)
        found = found.merge(labelled(engine, gradients, engine.quotes.ids))
    spec = engine.xva
    found.attrs = {
        "units": data.currency,
        "as_of": str(engine.dates[0]),
        "own_name": spec.own_name,
        "variant": spec.variant,
        "funding": spec.funding,
        "quadrature": spec.quadrature,
        "one_day_intervals": "day before" if spec.day_before else "as others",
        "fixing": str(engine.book.fixing),
        "event_scalars": len(data.layout.step),
        "seed": data.noise.seed,
        "paths": data.n_blocks * data.noise.block_size,
        "scrambles": data.noise.scrambles,
        "exercise_width": engine.simulation.exercise_width,
        "measure": data.measure,
        "fx_forwards": POINTS_KEPT,
    }
    return found


def _stack(means: Sequence[Sums], name: str) -> Floats:
    return np.stack([mean[name] for mean in means])


def _profiles(engine: ExposureEngine, data: ExposureData, means: Sequence[Sums]) -> xr.Dataset:
    dims = ("netting_set", "time")
    discount = engine.world.market.discount_curve(data.currency).discount(data.times).detach().numpy()
    epe, ene = (mean_of(not_below_zero(_stack(means, name))) for name in ("epe", "ene"))
    ee = exposure_profiles.ee(epe.T, discount)
    life = [exposure_profiles.maturity(row, data.times) for row in epe + ene]
    eepe = [
        exposure_profiles.eepe(ee[:, i], data.times, life[i]) if life[i] > 0 else 0.0
        for i in range(len(data.sets))
    ]
    variables: dict[str, Any] = {}
    plug_in = [name for name in PLUG_IN if name in means[0]]
    for name in ("epe", "ene", "value", *plug_in):
        samples = _stack(means, name)
        variables[f"{name}_se"] = (dims, standard_error(samples))
        if name in ("epe", "ene"):
            variables |= _kept(name, dims, mean_of(samples), mean_of(not_below_zero(samples)))
        else:
            variables[name] = (dims, samples.mean(0))
    variables["ee"] = (dims, ee.T)
    variables["eee"] = (dims, exposure_profiles.eee(ee).T)
    variables["eepe"] = (("netting_set",), np.array(eepe))
    today = _stack(means, "value")[:, :, 0]
    value0 = today.mean(0)
    variables["value0"] = (("netting_set",), value0)
    variables["value0_se"] = (("netting_set",), standard_error(today))
    variables["total_value0"] = ((), value0.sum())
    variables["total_value0_se"] = ((), standard_error(today.sum(1)))
    own = [n.currency for n in engine.book.netting_sets]
    spots = np.array([float(engine.world.market.fx_spot(c).detach()) for c in own])
    variables["value0_own_currency"] = (("netting_set",), value0 / spots)
    variables["discount"] = (("time",), discount)
    variables["value_curve"] = (dims, curve_values(engine))
    variables["interpolation_bound"] = (dims, np.stack([s.bound for s in data.sets]))
    coordinates = {
        "netting_set": list(data.netting_sets),
        "counterparty": ("netting_set", list(data.counterparties)),
        "currency": ("netting_set", own),
        "time": data.days.astype("datetime64[D]").astype("datetime64[ns]"),
        "year_fraction": ("time", data.times),
    }
    return xr.Dataset(variables, coordinates)


def _adjustments(engine: ExposureEngine, data: ExposureData, means: Sequence[Sums]) -> xr.Dataset:
    weights = data.weights.numpy()
    variables: dict[str, Any] = {}
    for suffix, kind in (("", ""), ("_soft", "_soft"), ("_half", "_half")):
        profiles, dims = sides(means, kind), ("measure", "netting_set")
        samples = measure_samples(weights, profiles)
        variables[f"xva{suffix}"] = (dims, mean_of(samples))
        if not suffix:
            before = measure_samples(weights, profiles, truncate=False)
            variables |= _kept("xva", dims, mean_of(before), mean_of(samples))
            variables["xva_se"] = (("measure", "netting_set"), standard_error(samples))
            total = samples.sum(-1)
            variables["total"] = (("measure",), mean_of(total))
            variables["total_se"] = (("measure",), standard_error(total))
    variants = np.stack([_variant(engine, means, name, options) for name, _, options in VARIANTS], axis=1)
    variables["xva_variant"] = (("variant", "netting_set"), mean_of(variants))
    variables["xva_variant_se"] = (("variant", "netting_set"), standard_error(variants))
    labels = [f"{measure} {name}" for measure, name, _ in VARIANTS]
    return xr.Dataset(variables, {"measure": list(MEASURE_NAMES), "variant": labels})


def _variant(engine: ExposureEngine, means: Sequence[Sums], measure: str, options: dict[str, Any]) -> Floats:
    """``(scramble, netting_set)`` of one measure under other credit or funding options, on the same paths."""
    spec = replace(engine.xva, **options)
    weights = measure_weights(engine.world.market, engine.credit, engine.times, spec).detach().numpy()
    row = MEASURES.index(measure)
    samples = measure_samples(weights, sides(means))
    return np.asarray(samples[:, row])


def _kept(name: str, dims: tuple[str, ...], before: Floats, after: Floats) -> dict[str, Any]:
    """A variable, and, where any of it was truncated, what it was."""
    found: dict[str, Any] = {name: (dims, after)}
    return found if np.array_equal(before, after) else found | {f"{name}_untruncated": (dims, before)}
