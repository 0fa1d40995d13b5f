"""Changes of measures by scenario, explained: labelled terms with standard errors, and a bound on what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr

from xva.errors import DomainError
from xva.explain.groups import engine_groups
from xva.explain.kinks import kink_trades
from xva.explain.move import Explainer, Method, MoveTerms, moving_groups
from xva.explain.points import Evaluate, Evaluator, MarketPoint, RunPlan, serial_blocks
from xva.exposure import ExposureEngine
from xva.exposure.claim_groups import Swaptions
from xva.exposure.engine import path_trades
from xva.market import QuoteSet
from xva.numerics.types import Floats
from xva.sensitivities import MEASURE_NAMES
from xva.sensitivities.by_quote import standard_error

LIMIT: Final = 0.05
"""Of the sum of absolute contributions: a larger rest is looked for among the trades."""
_BY_SET: Final = ("change", "exercise", "unexplained", "third_order")
_BY_GROUP: Final = ("first", "second_own", "second_cross")
_SURE: Final = 3.0  # standard errors


@dataclass(frozen=True)
class Attribution:
    """How changes are explained.

    Parameters
    ----------
    method : "gradient" or "hessian"
        Second order from differences of gradients, or from Hessian-vector products with a smoothed kink (slow, and blind to
        what a finite move does to exercise; a check).
    split : bool
        Own gammas and cross-gammas apart, at a gradient per group that moves.
    limit : float
        Share of the sum of absolute contributions above which the rest is traced to trades.
    run_plan : callable
        Where blocks are computed.
    """

    method: Method = "gradient"
    split: bool = True
    limit: float = LIMIT
    run_plan: RunPlan = serial_blocks

    def __post_init__(self) -> None:
        if self.method not in ("gradient", "hessian"):
            raise DomainError(f"method: expected gradient or hessian, got {self.method!r}")


def attribute(
    engine: ExposureEngine,
    scenarios: Mapping[str, QuoteSet],
    how: Attribution = Attribution(),
    evaluate: Evaluate | None = None,
    start: MarketPoint | None = None,
) -> xr.Dataset:
    """Explain what scenarios do to every measure by the risk factor groups that they move.

    Parameters
    ----------
    engine : ExposureEngine
        On the base market.
    scenarios : mapping of name to QuoteSet
        Shifted quotes, with the engine's ids.
    evaluate, start : optional
        Points of books with trades without closed form; by default `Evaluator` of the engine. Costs as `Explainer` says.

    Returns
    -------
    Dataset
        ``change`` of the reported measures ``(scenario, measure, netting_set)`` is the sum over ``group`` of ``first``,
        ``second_own`` and ``second_cross`` ``(scenario, measure, netting_set, group)``, plus ``exercise`` (what the exact
        exercise of physically settled swaptions adds to the soft one that is differentiated), plus ``unexplained``, to
        rounding. ``third_order`` is what the gradient half way says about the rest, ``bound`` twice that and three standard
        errors of the rest; ``share`` is the rest over ``contributions``, the sum of absolute terms by group and netting set.
        ``kink`` names the trade with most of a rest above the limit, ``kink_share`` its part of all trades';
        ``exercise_trades (netting_set)`` are those behind ``exercise``.
        ``total_…`` are of the book, ``total_pair (scenario, measure, group, other)`` its cross-gamma terms. ``…_se`` are
        standard errors over the scrambles, both ends seeing the same paths.

    Raises
    ------
    DomainError
        Other quote ids; trades without closed form and no ``evaluate``; no market on the way.
    """
    if not scenarios:
        raise DomainError("attribution: expected at least one scenario, got none")
    if how.method == "hessian":
        engine.refuse_path_trades("second order")
    evaluate = evaluate or Evaluator(engine, how.run_plan)
    group_of = engine_groups(engine)
    for name, quotes in scenarios.items():
        if quotes.ids != engine.quotes.ids:
            raise DomainError(f"scenario {name}: expected the base market's quote ids in their order", [name])
    groups = moving_groups(engine.quotes, list(scenarios.values()), group_of)
    point = start or evaluate(engine.quotes)
    second = engine if how.method == "hessian" else None
    explainer = Explainer(point, evaluate, group_of, groups, how.split, second)
    parts = []
    for quotes in scenarios.values():
        found = labelled_terms(explainer.move(quotes), groups, [n.name for n in engine.book.netting_sets])
        parts.append(with_kinks(found, engine, quotes, how))
    joined = xr.concat(
        parts, xr.Variable("scenario", list(scenarios)), data_vars="all", coords="minimal", compat="override",
        join="exact",
    )  # fmt: skip
    return joined.assign(exercise_trades=("netting_set", exercise_trades(engine))).assign_attrs(
        units=engine.world.market.reporting_currency, method=how.method, split=int(how.split), limit=how.limit
    )


def exercise_trades(engine: ExposureEngine) -> list[str]:
    """By netting set, the trades that make its ``exercise`` term: swaptions settled physically, separated by spaces."""
    return [" ".join(s.label for s in c.of(Swaptions).items if s.physical) for c in engine.compiled]


def labelled_terms(terms: MoveTerms, groups: Sequence[str], netting_sets: Sequence[str]) -> xr.Dataset:
    """Means and standard errors of one move's terms, by netting set and of the book."""
    variables: dict[str, Any] = {}
    by_set = np.sum([np.abs(getattr(terms, n).mean(0)).sum(-1) for n in _BY_GROUP], axis=0)
    for prefix, dims, axis in (("", ("measure", "netting_set"), None), ("total_", ("measure",), 2)):
        parts = {n: _summed(getattr(terms, n), axis) for n in (*_BY_SET, *_BY_GROUP)}
        for name, samples in parts.items():
            shape = (*dims, "group") if name in _BY_GROUP else dims
            variables[prefix + name] = (shape, samples.mean(0))
            variables[f"{prefix}{name}_se"] = (shape, standard_error(samples))
        rest, third = parts["unexplained"], parts["third_order"]
        size = by_set if axis is None else by_set.sum(-1)
        noise = np.nan_to_num(standard_error(rest))
        variables[f"{prefix}bound"] = (dims, 2.0 * np.abs(third.mean(0)) + _SURE * noise)
        variables[f"{prefix}contributions"] = (dims, size)
        share = np.divide(np.abs(rest.mean(0)), size, out=np.zeros_like(size), where=size > 0)
        variables[f"{prefix}share"] = (dims, share)
    pair = terms.pair.sum(2)
    variables["total_pair"] = (("measure", "group", "other"), pair.mean(0))
    variables["total_pair_se"] = (("measure", "group", "other"), standard_error(pair))
    coordinates = {
        "measure": list(MEASURE_NAMES),
        "netting_set": list(netting_sets),
        "group": list(groups),
        "other": list(groups),
    }
    return xr.Dataset(variables, coordinates)


def with_kinks(found: xr.Dataset, engine: ExposureEngine, quotes: QuoteSet, how: Attribution) -> xr.Dataset:
    """Add who makes the rest, where it is above the limit and the netting set's trades have closed forms."""
    names = found["netting_set"].values.tolist()
    large = (found["share"] > how.limit).any("measure").values
    wanted = [n for n, is_large in zip(names, large) if is_large and not path_trades(engine.book, n)]
    shape = (found.sizes["measure"], len(names))
    who, share = np.full(shape, "", dtype=object), np.zeros(shape)
    if wanted:
        rests = kink_trades(engine, quotes, wanted, how.run_plan)
        for k, name in enumerate(names):
            mine = rests["rest"].values[:, rests["trade_netting_set"].values == name]
            ids = rests["trade"].values[rests["trade_netting_set"].values == name]
            for m in range(shape[0]):
                if name in wanted and float(found["share"][m, k]) > how.limit:
                    who[m, k] = str(ids[np.abs(mine[m]).argmax()])
                    share[m, k] = float(np.abs(mine[m]).max() / max(np.abs(mine[m]).sum(), 1e-300))
    dims = ("measure", "netting_set")
    return found.assign(kink=(dims, who.astype(str)), kink_share=(dims, share))


def _summed(samples: Floats, axis: int | None) -> Floats:
    return samples if axis is None else np.asarray(samples.sum(axis))
