"""Market parameters as inputs of a surrogate: one fit serves a range of curves, volatilities and spots.

Each path lives in a market of its own, drawn from a box; what differs between markets is a feature, with a derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from surrogates.labels.problem import LabelProblem, Origin, shuffled
from surrogates.labels.strategy import Pathwise
from surrogates.regression import Samples
from xva.errors import DomainError
from xva.models import PathModel
from xva.models.random import scrambled_sobol

ModelOf = Callable[[Tensor], PathModel]
"""Builds a model from parameters ``(parameter, path)``, or ``(parameter,)`` for one market for all paths."""


@final
@dataclass(frozen=True)
class MarketBox:
    """Ranges of named parameters: a curve's level and slope, volatilities, spots.

    Parameters
    ----------
    names : tuple of str
        They must not be names of states or of what a trade remembers.
    low, high : Tensor
        ``(parameter,)``.
    """

    names: tuple[str, ...]
    low: Tensor
    high: Tensor

    def __post_init__(self) -> None:
        shape = (len(self.names),)
        if self.low.shape != shape or self.high.shape != shape or not bool((self.low < self.high).all()):
            raise DomainError(f"market box: expected {shape} bounds, low < high, got {self.low}, {self.high}")

    def draw(self, count: int, seed: int) -> Tensor:
        """``(parameter, count)`` scrambled Sobol points, in an order that is independent of other sets'."""
        uniform = scrambled_sobol(len(self.names), seed, count).T
        return self.low[:, None] + (self.high - self.low)[:, None] * shuffled(uniform, seed)

    def check(self, parameters: Tensor) -> None:
        """Refuse a market outside the box.

        Raises
        ------
        DomainError
            With the parameters that are.
        """
        outside = (parameters < self.low) | (parameters > self.high)
        if bool(outside.any()):
            told = [
                f"{self.names[k]} = {float(parameters[k]):.6g} not in [{float(self.low[k]):.6g}, {float(self.high[k]):.6g}]"
                for k in outside.nonzero().flatten().tolist()
            ]
            raise DomainError(f"market box: {'; '.join(told)} -> train on a wider box", self.names)


def box_labels(
    problem: LabelProblem,
    box: MarketBox,
    model_of: ModelOf,
    normals: Tensor,
    start: Tensor | None = None,
    seed: int = 0,
) -> tuple[Samples, ...]:
    """Pathwise labels with the box's parameters as further features, for flows continuous in the paths.

    Paths run to each report date in markets of their own. From there on they are simulated once more, so that a
    derivative to a parameter holds the state fixed: the cost is that of the dates' remaining steps, added up.

    Parameters
    ----------
    problem : LabelProblem
        ``model`` names the states; its numbers are not used but as the start's default.
    model_of : callable
        Of parameters ``(parameter, path)``: a model whose parameters differ by path.
    normals : Tensor
        ``(step, normal, path)``.
    start : Tensor, optional
        ``(state, path)``.
    """
    parameters = box.draw(normals.shape[-1], seed)
    with torch.no_grad():
        market = replace(problem, model=model_of(parameters))
        origin = market.origin(normals.shape[-1], start)
        walked = market.walk(normals, origin).states
    return tuple(
        _one_date(problem.on(day), box, model_of, parameters, normals, Origin(walked[: place + 1]))
        for day, place in zip(problem.report, problem.places, strict=True)
    )


def grouped_box_labels(
    problem: LabelProblem,
    box: MarketBox,
    model_of: ModelOf,
    normals: Tensor,
    groups: int,
    seed: int = 0,
) -> tuple[Samples, ...]:
    """As `box_labels` for models whose parameters are the same on all paths: as many markets as groups of paths.

    Parameters have no derivative labels: they enter a fit through values.

    Parameters
    ----------
    model_of : callable
        Of parameters ``(parameter,)``: `market_parameters.moved` makes one of a `PathMarket`.
    normals : Tensor
        ``(step, normal, path)``, paths a multiple of ``groups``.

    Raises
    ------
    DomainError
        Paths that cannot be shared out.
    """
    count = normals.shape[-1]
    if groups < 2 or count % groups:
        raise DomainError(
            f"market box: expected at least two groups of as many paths each, got {groups} of {count} paths"
        )
    markets, size = box.draw(groups, seed), count // groups
    # paths of a group are spread over the whole point set, so that each sees the whole distribution
    parts = []
    for k in range(groups):
        mine = replace(problem, model=model_of(markets[:, k]))
        drawn = normals[:, :, k::groups]
        samples = Pathwise().labels(mine, drawn, mine.origin(size))
        parts.append([_in_market(s, box.names, markets[:, k]) for s in samples])
    return tuple(_joined(dates) for dates in zip(*parts))


def _in_market(samples: Samples, names: tuple[str, ...], market: Tensor) -> Samples:
    if samples.gradients is None:
        raise DomainError("market box: expected labels with gradients")
    columns, slopes = market[None].expand(len(samples), -1), samples.gradients
    return Samples(
        (*samples.names, *names),
        torch.cat([samples.features, columns], dim=1),
        samples.values,
        torch.cat([slopes, torch.zeros_like(columns)], dim=1),
        torch.cat([samples.known_columns, torch.zeros(len(names), dtype=torch.bool)]),
    )


def _joined(parts: tuple[Samples, ...]) -> Samples:
    gradients = [p.gradients for p in parts if p.gradients is not None]
    return Samples(
        parts[0].names,
        torch.cat([p.features for p in parts]),
        torch.cat([p.values for p in parts]),
        torch.cat(gradients),
        parts[0].known,
    )


def _one_date(
    problem: LabelProblem, box: MarketBox, model_of: ModelOf, drawn: Tensor, normals: Tensor, origin: Origin
) -> Samples:
    parameters = drawn.clone().requires_grad_(True)
    market = replace(problem, model=model_of(parameters))
    walk = market.walk(normals, origin)
    paths = market.paths(walk)
    value = market.to_come(paths)[0]
    carry = walk.carries[problem.places[0]]
    to_state, to_market = torch.autograd.grad(value.sum(), (carry, parameters), allow_unused=True)
    memory = market.memory(paths)
    plain = market.samples(0, walk, memory, value, torch.zeros_like(carry) if to_state is None else to_state)
    return _with_parameters(
        plain, box.names, drawn, torch.zeros_like(drawn) if to_market is None else to_market
    )


def _with_parameters(samples: Samples, names: tuple[str, ...], parameters: Tensor, slopes: Tensor) -> Samples:
    if samples.gradients is None:
        raise DomainError("market box: expected labels with gradients")
    return Samples(
        (*samples.names, *names),
        torch.cat([samples.features, parameters.T], dim=1),
        samples.values,
        torch.cat([samples.gradients, slopes.T], dim=1),
        torch.cat([samples.known_columns, torch.ones(len(names), dtype=torch.bool)]),
    )
