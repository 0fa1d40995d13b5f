"""All Greeks of a path-dependent trade by simulation: block after block, one backward pass each.

Memory is that of one block, however many paths there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, final

import torch
from torch import Tensor

from xva.errors import DomainError
from xva.market.factors import is_equity
from xva.options.greeks import Component, Label
from xva.options.greeks.naming import VALUE, first_label, second_label
from xva.options.monte_carlo.controls import LognormalOption, controls_of
from xva.options.monte_carlo.gamma import GammaMethod, Values
from xva.options.monte_carlo.methods import Method, Pathwise
from xva.options.monte_carlo.problem import Build, GreekProblem, Scene
from xva.options.monte_carlo.regression import controlled
from xva.options.monte_carlo.result import MonteCarloGreeks, Saving
from xva.options.monte_carlo.sampling import Normals, Sampling
from xva.pricing.estimators import gaussian_steps
from xva.trades import PathTrade, TradeContext


def simulate_greeks(
    build: Build,
    trade: PathTrade,
    context: TradeContext,
    parameters: Mapping[str, Tensor],
    *,
    method: Method | None = None,
    gamma: GammaMethod | None = None,
    sampling: Sampling | None = None,
    controls: Sequence[LognormalOption] | Literal["known"] = (),
    savings: bool = True,
    longest: float = float("inf"),
) -> MonteCarloGreeks:
    """Value and Greeks of a trade without decisions.

    Parameters
    ----------
    build : callable
        The model of the parameters (`FlatBasket` makes one).
    trade : PathTrade
    context : TradeContext
    parameters : mapping of str to Tensor
        Numbers ``()`` or vectors ``(entry,)`` by name; labels follow the names as in `xva.options.greeks` (``delta`` of
        ``spot``, ``vega`` of ``vol``, ``rho`` of ``rate``), and ``time`` gives ``theta``, per year of calendar time.
    method : Method, optional
        `Pathwise` by default; a trade that jumps needs `OneStepSurvival` or `LikelihoodRatio`.
    gamma : GammaMethod, optional
        Adds second derivatives to the equities' prices, in the order of the model's states; none by default.
    sampling : Sampling, optional
    controls : sequence of LognormalOption, or "known"
        Control variates, those of `controls_of` if "known"; coefficients by batch and Greek, from the other batches.
    savings : bool
        Measure what each option of the sampling saves: a run without it, of as many paths as the first block of every batch
        has.
    longest : float
        Years of the longest step, for models that step by a scheme.

    Returns
    -------
    MonteCarloGreeks
        Standard errors come from the batches.

    Raises
    ------
    DomainError
        An expired trade, one with decisions, parameters outside their domain or that the value does not depend on, or a method
        that would be wrong.
    """
    problem = GreekProblem(build, trade, context, parameters, longest)
    chosen = controls_of(problem) if controls == "known" else tuple(controls)
    estimator = _Estimator(problem, method or Pathwise(), gamma, chosen)
    estimator.check(sampling or Sampling())
    run = estimator.run(sampling or Sampling())
    saved = estimator.savings(run) if savings else ()
    signs = torch.tensor([label.sign for label in estimator.labels], dtype=torch.float64)
    methods = {"first": str(estimator.method), "second": str(gamma or "none")}
    return MonteCarloGreeks(estimator.labels, signs * run.samples, run.sampling.n_paths, methods, saved)


@final
@dataclass(frozen=True)
class _Run:
    """Estimates ``(batch, label)``: with controls, without, and with controls from first blocks only."""

    sampling: Sampling
    samples: Tensor
    raw: Tensor
    first: Tensor


@final
@dataclass(frozen=True)
class _Estimator:
    problem: GreekProblem
    method: Method
    gamma: GammaMethod | None
    controls: tuple[LognormalOption, ...]

    def check(self, sampling: Sampling) -> None:
        self.method.check(self.problem)
        self._check_used()
        if self.gamma is not None:
            self.gamma.check(self.problem, self.method)
        least = 4 * (len(self.controls) + 1)
        if sampling.batches < least:
            raise DomainError(
                f"sampling: expected at least {least} batches for {len(self.controls)} control variates, got "
                f"{sampling.batches}",
                ["batches"],
            )

    def _check_used(self) -> None:
        """A zero for a parameter that nothing depends on would be a mistake of whoever made the model."""
        leaves = self.problem.leaves()
        model = self.problem.build(leaves)
        normals = torch.zeros(len(self.problem.times) - 1, model.n_normals, 2, dtype=torch.float64)
        value = self.method.trade_values(Scene.of(self.problem, model, normals)).sum()
        slopes = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
        unused = [name for name, slope in zip(leaves, slopes) if slope is None]
        if unused:
            raise DomainError(
                f"parameters {', '.join(unused)}: expected parameters that the value depends on, but the model or the "
                "trade uses none of these -> leave them out",
                unused,
            )

    @property
    def rows(self) -> list[int]:
        """Of the equities in the state."""
        return [k for k, name in enumerate(self.problem.plain.states) if is_equity(name)]

    @property
    def labels(self) -> tuple[Label, ...]:
        found = [VALUE]
        for component in self.problem.components:
            label = first_label(component)
            found.append(replace(label, name="theta") if component.argument == "time" else label)
        if self.gamma is not None:
            count = len(self.rows)
            alone = count == 1 and Component("spot") in self.problem.components
            spots = [Component("spot")] if alone else [Component("spot", k) for k in range(count)]
            found += [second_label(a, b) for k, a in enumerate(spots) for b in spots[k:]]
        return tuple(found)

    def run(self, sampling: Sampling) -> _Run:
        """Sums over blocks, batch by batch."""
        model, extra = self.problem.plain, 0 if self.gamma is None else self.gamma.extra
        normals = Normals(sampling, self.problem.times, model.n_normals, extra)
        total = torch.zeros(sampling.batches, 1 + len(self.controls), len(self.labels), dtype=torch.float64)
        first = total
        for block in range(sampling.n_blocks):
            total[block % sampling.batches] += self._block(normals.block(block))
            if block == sampling.batches - 1:
                first = total.clone()
        total = total * (sampling.batches / sampling.n_paths)
        first = first / sampling.block_size
        return _Run(sampling, self._controlled(total), total[:, 0], self._controlled(first))

    def savings(self, run: _Run) -> tuple[Saving, ...]:
        """Of every option that is on."""
        sampling = run.sampling
        once = replace(sampling, paths=sampling.batches * sampling.block_size)
        without = {}
        if sampling.antithetic:
            without["antithetic"] = replace(once, antithetic=False)
        if sampling.points == "sobol":
            without["sobol"] = replace(once, points="pseudo", ordering="steps")
        if sampling.ordering != "steps" and len(self.problem.times) > 2:
            without[sampling.ordering] = replace(once, ordering="steps")
        found = [
            Saving.of(name, once.n_paths, self.run(other).samples, run.first)
            for name, other in without.items()
        ]
        if self.controls:
            found.append(Saving.of("controls", sampling.n_paths, run.raw, run.samples))
        return tuple(found)

    def _controlled(self, means: Tensor) -> Tensor:
        if not self.controls:
            return means[:, 0]
        return controlled(means[:, 0], means[:, 1:], self._exact())

    def _block(self, normals: Tensor) -> Tensor:
        """``(1 + control, label)`` sums over a block."""
        leaves = self.problem.leaves()
        model = self.problem.build(leaves)
        steps = len(self.problem.times) - 1
        scene = Scene.of(self.problem, model, normals[:steps])
        every: list[Values] = [self.method.trade_values]
        every += [self._payoff_values(control) for control in self.controls]
        inputs = list(leaves.values())
        sums = [self._sums(scene, values, inputs, normals[steps:]) for values in every]
        return torch.stack(sums)

    def _payoff_values(self, control: LognormalOption) -> Values:
        return lambda scene: self.method.payoff_values(scene, control.values)

    def _sums(self, scene: Scene, values: Values, inputs: list[Tensor], noise: Tensor) -> Tensor:
        """``(label,)``."""
        found = values(scene)
        *slopes, start = torch.autograd.grad(
            found.sum(), [*inputs, scene.start], retain_graph=True, allow_unused=True
        )
        parts = [found.detach().sum()[None], *(_filled(s, x) for s, x in zip(slopes, inputs))]
        if self.gamma is not None:
            by_start = torch.zeros_like(scene.start) if start is None else start
            bend = self.gamma.curvature(scene, values, self.rows, found.detach(), by_start, noise)
            parts.append(self._spot_gamma(bend, by_start.sum(1), scene.start[:, 0].detach()))
        return torch.cat(parts)

    def _spot_gamma(self, bend: Tensor, slope: Tensor, start: Tensor) -> Tensor:
        """``(pair,)`` upper triangle of second derivatives to prices, from those to their logarithms."""
        rows = self.rows
        spots = torch.exp(start[rows])
        matrix = (bend - torch.diag(slope[rows])) / torch.outer(spots, spots)
        i, j = torch.triu_indices(len(rows), len(rows))
        return matrix[i, j]

    def _exact(self) -> Tensor:
        """``(control, label)`` of the controls' closed forms."""
        found = []
        for control in self.controls:
            leaves = self.problem.leaves()
            model = self.problem.build(leaves)
            steps = gaussian_steps(model, self.problem.times)
            start = model.initial() + 0.0
            value = control.exact(self.problem, model, steps, start)
            inputs = list(leaves.values())
            *slopes, slope = torch.autograd.grad(
                value, [*inputs, start], create_graph=self.gamma is not None, allow_unused=True
            )
            parts = [value.detach()[None], *(_filled(s, x) for s, x in zip(slopes, inputs))]
            if self.gamma is not None:
                bend = torch.stack(
                    [torch.autograd.grad(slope[k], start, retain_graph=True)[0] for k in self.rows]
                )
                parts.append(self._spot_gamma(bend[:, self.rows].detach(), slope.detach(), start.detach()))
            found.append(torch.cat(parts))
        return torch.stack(found)


def _filled(slope: Tensor | None, leaf: Tensor) -> Tensor:
    """``(entry,)``, zeros where a control does not depend on a parameter."""
    return torch.zeros_like(leaf).reshape(-1) if slope is None else slope.detach().reshape(-1)
