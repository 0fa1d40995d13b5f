"""A scenario set's sums to labelled results: base, stressed, change, each with its standard error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from xva.blocks.plan import Arrays
from xva.blocks.sums import means_by_scramble
from xva.numerics.types import Floats
from xva.scenarios.plan import StressPlan
from xva.sensitivities import MEASURE_NAMES
from xva.sensitivities.by_quote import standard_error
from xva.sensitivities.truncation import mean_of, measure_samples, not_below_zero

_PROFILES = ("epe", "ene", "value")


def stress_results(plan: StressPlan, blocks: Sequence[Arrays]) -> xr.Dataset:
    """Results of a scenario set.

    Parameters
    ----------
    blocks : sequence of dict
        The plan's sums, in block order.

    Returns
    -------
    Dataset
        dims ``scenario, measure, netting_set, time``. ``base``, ``stressed`` and ``change`` by netting set, ``total_*`` of the
        book; profiles ``epe``, ``ene`` and values at t = 0; ``*_untruncated`` is what measures were before they were
        truncated at 0. ``*_se`` are standard errors over the scrambles: base and
        scenario see the same paths, so the change's is that of the differences. NaN, with ``reason``, for a scenario
        that could not be computed; ``note`` says which shifts find no quote in this market, ``fx_forwards`` what
        stays of FX forwards whose spot moves (``points`` or ``curve``); ``recomputed`` tells netting sets that have paths of
        their own from those that keep the base run's.
    """
    base = _means(plan, plan.base_sums())
    held = _samples(plan.base.weights.numpy(), base)
    found = [
        _scenario(plan, weights, sums, held, base)
        for weights, sums in zip(plan.weights.numpy(), plan.scenario_sums(blocks))
    ]
    variables: dict[str, Any] = {
        name: (("scenario", *_dims(name)), np.stack([f[name] for f in found])) for name in found[0]
    }
    at_base = _base(held, base) | {"base_untruncated": _untruncated(plan.base.weights.numpy(), base)}
    variables |= {name: (_dims(name), value) for name, value in at_base.items()}
    reached = np.zeros((len(plan.cases), len(plan.base.netting_sets)), dtype=bool)
    for row, case in zip(reached, plan.cases):
        row[list(case.reached)] = True
    variables["recomputed"] = (("scenario", "netting_set"), reached)
    variables["failed"] = (("scenario",), np.array([bool(c.reason) for c in plan.cases]))
    variables["reason"] = (("scenario",), [c.reason for c in plan.cases])
    variables["note"] = (("scenario",), [c.note for c in plan.cases])
    variables["fx_forwards"] = (("scenario",), [c.fx_forwards for c in plan.cases])
    variables["world"] = (("scenario",), np.array([c.world for c in plan.cases], dtype=np.int64))
    b = plan.base
    coordinates = {
        "scenario": [c.name for c in plan.cases],
        "description": ("scenario", [c.description for c in plan.cases]),
        "measure": list(MEASURE_NAMES),
        "netting_set": list(b.netting_sets),
        "counterparty": ("netting_set", list(b.counterparties)),
        "time": b.days.astype("datetime64[D]").astype("datetime64[ns]"),
        "year_fraction": ("time", b.times),
    }
    attributes = {
        "units": b.currency,
        "seed": b.seed,
        "paths": b.n_blocks * b.block_size,
        "scrambles": b.scrambles,
    }
    return xr.Dataset(variables, coordinates, attributes)


def _dims(name: str) -> tuple[str, ...]:
    stem = name.removesuffix("_se").removesuffix("_base")
    if stem in _PROFILES:
        return ("netting_set", "time")
    if stem.startswith("total_value0"):
        return ()
    if stem.startswith("value0"):
        return ("netting_set",)
    return ("measure",) if stem.startswith("total") else ("measure", "netting_set")


def _means(plan: StressPlan, blocks: Sequence[dict[str, Floats]]) -> dict[str, Floats]:
    """Means ``(scramble, netting_set, time)`` of the reported profiles, blocks added in block order as in a run."""
    profiles = [{name: block[name] for name in _PROFILES} for block in blocks]
    means = means_by_scramble(profiles, plan.base.scrambles, plan.base.block_size)
    return {name: np.stack([mean[name] for mean in means]) for name in _PROFILES}


def _samples(weights: Floats, means: dict[str, Floats]) -> Floats:
    """``(scramble, measure, netting_set)``, totals over measures included."""
    return measure_samples(weights, list(zip(means["epe"], means["ene"])))


def _scenario(
    plan: StressPlan,
    weights: Floats,
    sums: Sequence[dict[str, Floats]],
    held: Floats,
    base: dict[str, Floats],
) -> dict[str, Floats]:
    if sums:
        means = _means(plan, sums)
        samples = _samples(weights, means)
    else:
        means = {name: np.full_like(value, np.nan) for name, value in base.items()}
        samples = np.full_like(held, np.nan)
    found: dict[str, Floats] = {}
    for prefix, axis in (("", None), ("total_", -1)):
        now, before = (samples, held) if axis is None else (samples.sum(axis), held.sum(axis))
        for name, value in (("stressed", now), ("change", now - before)):
            found[f"{prefix}{name}"] = mean_of(value)
            found[f"{prefix}{name}_se"] = standard_error(value)
    found["stressed_untruncated"] = _untruncated(weights, means)
    for name in ("epe", "ene"):
        found[name], found[f"{name}_se"] = mean_of(not_below_zero(means[name])), standard_error(means[name])
    value = means["value"][:, :, 0]
    moved = value - base["value"][:, :, 0]
    for name, rows in (("value0", value), ("value0_change", moved)):
        found[name], found[f"{name}_se"] = rows.mean(0), standard_error(rows)
        whole = rows.sum(1)
        found[f"total_{name}"], found[f"total_{name}_se"] = np.asarray(whole.mean(0)), standard_error(whole)
    return found


def _untruncated(weights: Floats, means: dict[str, Floats]) -> Floats:
    """``(measure, netting_set)`` of what the estimators say, which may be below zero by noise."""
    sides = list(zip(means["epe"], means["ene"]))
    return np.asarray(measure_samples(weights, sides, truncate=False).mean(0))


def _base(held: Floats, base: dict[str, Floats]) -> dict[str, Floats]:
    total = held.sum(-1)
    return {
        "base": mean_of(held),
        "base_se": standard_error(held),
        "total_base": mean_of(total),
        "total_base_se": standard_error(total),
        "epe_base": mean_of(not_below_zero(base["epe"])),
        "ene_base": mean_of(not_below_zero(base["ene"])),
        "value0_base": base["value"][:, :, 0].mean(0),
        "total_value0_base": np.asarray(base["value"][:, :, 0].mean(0).sum()),
    }
