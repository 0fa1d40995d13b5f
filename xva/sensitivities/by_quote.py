"""Sensitivities of the adjustments to quotes, labelled: by the reverse pass or by bumps, first order or second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr

from xva.adjustments.registry import MEASURES, TOTALS
from xva.errors import DomainError
from xva.exposure import ExposureEngine
from xva.market import QuoteSet, quote_info
from xva.market.fx_forwards import CURVE_KEPT, POINTS_KEPT, curve_kept_jacobian
from xva.market.quotes import unit_shift
from xva.market.shocks import FxForwards
from xva.numerics.types import Floats
from xva.sensitivities.bump import SMALL_SHIFT, Revaluer, shift_size
from xva.sensitivities.reverse_pass import quote_gradients, scramble_means
from xva.sensitivities.second_order.hessian import hessian_samples
from xva.sensitivities.second_order.sweep import MapBlocks, serial

MEASURE_NAMES = (*MEASURES, *TOTALS)
KINK_SHARE = 0.02  # of a value's standard deviation on a date


def sensitivities(
    engine: ExposureEngine,
    measures: Sequence[str] = MEASURE_NAMES,
    method: Literal["aad", "bump"] = "aad",
    quotes: Sequence[str] | None = None,
    shift: float = SMALL_SHIFT,
    fx_forwards: FxForwards = "points",
) -> xr.Dataset:
    """Derivatives of adjustments to quotes, calibration included, exercise soft with the run's width.

    Parameters
    ----------
    measures : sequence of str
        Of `MEASURE_NAMES`.
    method : "aad" or "bump"
        One reverse pass, or central differences with the run's own random numbers.
    quotes : sequence of str, optional
        Ids; all by default.
    shift : float
        Of a bump, in the quote's unit, relative for spots. A small one agrees with AD as far as rounding lets it; where
        paths decide, use 1e-4 or more.
    fx_forwards : "points" or "curve"
        What of quoted FX forwards stays where their spot moves (attribute ``fx_forwards``): the points, which is the partial
        derivative to the FX rate, or the curve.

    Returns
    -------
    Dataset
        ``sensitivity (measure, netting_set, quote)`` and ``total_sensitivity (measure, quote)`` per unit of quote, each with
        ``_se``, the standard error over the scrambles; ``sensitivity_samples`` with ``scramble`` in front. The same for both
        methods but for attributes ``method``, ``shift``.

    Raises
    ------
    DomainError
        Unknown measure, method or quote.
    """
    chosen = engine.quotes.ids if quotes is None else tuple(quotes)
    _known("measure", measures, MEASURE_NAMES)
    _known("quote", chosen, engine.quotes.ids)
    _known("method", [method], ("aad", "bump"))
    _known("fx_forwards", [fx_forwards], ("points", "curve"))
    if method == "aad":
        samples = _aad(engine, chosen, fx_forwards)
    else:
        samples = bump_samples(Revaluer(engine, fx_forwards), chosen, shift)
    found = labelled(engine, samples, chosen).sel(measure=list(measures))
    attributes: dict[str, Any] = {"method": method, "units": engine.world.market.reporting_currency}
    attributes["fx_forwards"] = POINTS_KEPT if fx_forwards == "points" else CURVE_KEPT
    return found.assign_attrs(attributes | ({"shift": shift} if method == "bump" else {}))


def hessian_product(
    engine: ExposureEngine,
    measure: str,
    direction: Mapping[str, float],
    share: float = KINK_SHARE,
    map_blocks: MapBlocks = serial,
) -> xr.Dataset:
    """Second derivatives of a measure to all quotes, times a direction in them: gamma and cross-gamma.

    Parameters
    ----------
    measure : str
        Of `MEASURE_NAMES`.
    direction : mapping
        Quote id to its component, in the quote's unit; a single quote gives that quote's row of the Hessian.
    share : float
        ``max(V, 0)`` is smoothed by a Gaussian of this share of the value's standard deviation on the date.
        A physically settled swaption's exercise is smoothed by the engine's ``exercise_width``, and its second derivative
        is the noisiest part of the result: look at the standard error.

    Returns
    -------
    Dataset
        ``hessian_product (netting_set, quote)`` and ``total_hessian_product (quote,)`` with ``_se`` over the scrambles.
    """
    _known("measure", [measure], MEASURE_NAMES)
    _known("quote", direction, engine.quotes.ids)
    way = torch.zeros_like(engine.quotes.values)
    for quote_id, component in direction.items():
        way[engine.quotes.index[quote_id]] = component
    samples = hessian_samples(engine, way, _picked(measure), share, map_blocks)[:, 0]
    total = samples.sum(1)
    variables = {
        "hessian_product": (("netting_set", "quote"), samples.mean(0)),
        "hessian_product_se": (("netting_set", "quote"), standard_error(samples)),
        "total_hessian_product": (("quote",), total.mean(0)),
        "total_hessian_product_se": (("quote",), standard_error(total)),
    }
    unused = engine.world.market.unused
    sets = [n.name for n in engine.book.netting_sets]
    labels = {"netting_set": sets} | quote_labels(engine.quotes, engine.quotes.ids, unused)
    return xr.Dataset(variables, labels, {"measure": measure, "kink_share": share})


def bump_samples(revaluer: Revaluer, quotes: Sequence[str], shift: float = SMALL_SHIFT) -> Floats:
    """Central differences ``(scramble, measure, netting_set, quote)`` per unit of quote."""
    known = revaluer.engine.quotes
    columns = []
    for quote_id in quotes:
        size = shift_size(quote_id, float(known[quote_id].detach()), shift)
        columns.append(revaluer.derivative_samples(quote_id, size))
    return np.stack(columns, axis=-1)


def labelled(engine: ExposureEngine, samples: Floats, quotes: Sequence[str]) -> xr.Dataset:
    """From ``(scramble, measure, netting_set, quote)`` with the measures CVA, DVA, FCA, FBA; FVA and XVA are added.

    The scrambles' own derivatives stay as ``sensitivity_samples``: quotes' errors are correlated (those of a curve's pillars
    nearly cancel in a parallel shift), so the error of a sum comes from the sums of each scramble.
    """
    every = with_totals(samples, axis=1)
    total = every.sum(2)
    dims = ("measure", "netting_set", "quote")
    return xr.Dataset(
        {
            "sensitivity": (dims, every.mean(0)),
            "sensitivity_se": (dims, standard_error(every)),
            "total_sensitivity": (("measure", "quote"), total.mean(0)),
            "total_sensitivity_se": (("measure", "quote"), standard_error(total)),
            "sensitivity_samples": (("scramble", *dims), every),
        },
        {
            "measure": list(MEASURE_NAMES),
            "netting_set": [n.name for n in engine.book.netting_sets],
            **quote_labels(engine.quotes, quotes, engine.world.market.unused),
        },
    )


def quote_labels(quotes: QuoteSet, ids: Sequence[str], unused: Sequence[str] = ()) -> dict[str, Any]:
    """Coordinates along ``quote``: what an id says, its value, and the shift that makes a sensitivity readable.

    ``quote_unused`` tells those that nothing is built from; their sensitivities are exactly 0.
    """
    idle = frozenset(unused)
    info = [quote_info(i) for i in ids]
    values = [float(quotes.values[quotes.index[i]].detach()) for i in ids]
    shifts = [unit_shift(i, v) for i, v in zip(ids, values, strict=True)]
    return {
        "quote": list(ids),
        "quote_value": ("quote", values),
        "quote_family": ("quote", [i.family for i in info]),
        "quote_curve": ("quote", [i.curve for i in info]),
        "quote_currency": ("quote", [i.currency for i in info]),
        "quote_tenor": ("quote", [i.tenor for i in info]),
        "quote_unused": ("quote", np.array([i in idle for i in ids], dtype=bool)),
        "shift": ("quote", [s for s, _ in shifts]),
        "shift_name": ("quote", [n for _, n in shifts]),
    }


def with_totals(samples: Floats, axis: int) -> Floats:
    """Append FVA = FCA - FBA and the total XVA = CVA - DVA + FCA (`registry.TOTALS`) along the measure axis."""
    sums = [
        sum(sign * np.take(samples, [MEASURES.index(name)], axis) for name, sign in parts.items())
        for parts in TOTALS.values()
    ]
    return np.concatenate([samples, *sums], axis)


def standard_error(samples: Floats) -> Floats:
    """Standard error of the mean of independent scrambles, first axis; NaN for a single one."""
    n = samples.shape[0]
    if n < 2:
        return np.full(samples.shape[1:], np.nan)
    return np.asarray(samples.std(axis=0, ddof=1) / np.sqrt(n))


def _aad(engine: ExposureEngine, quotes: Sequence[str], fx_forwards: FxForwards) -> Floats:
    plan = engine.plan(adjoint=True)
    means = scramble_means(plan.data, [plan.run(b).sums for b in range(plan.n_blocks)])
    found = quote_gradients(engine, plan.data, means)
    if fx_forwards == "curve":
        infos = [quote_info(i) for i in engine.quotes.ids]
        found = found @ curve_kept_jacobian(infos, engine.quotes.values.detach().numpy())
    return found[..., [engine.quotes.index[i] for i in quotes]]


def _picked(measure: str) -> torch.Tensor:
    """Row ``(1, measure)`` that picks one measure, or a total of them."""
    rows = with_totals(np.eye(len(MEASURES)), axis=0)
    return torch.from_numpy(rows[MEASURE_NAMES.index(measure)])[None, :]


def _known(what: str, asked: Sequence[str] | Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = sorted(set(asked) - set(known))
    if unknown:
        shown = ", ".join(known[:12]) + (" …" if len(known) > 12 else "")
        raise DomainError(f"{what}: expected one of {shown}, got {', '.join(unknown)}", unknown)
