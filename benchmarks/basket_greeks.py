"""All Greeks of a 50-factor basket call: one backward pass a block against finite differences on the same paths.

    python benchmarks/basket_greeks.py                    # value, 50 deltas, 50 vegas, 50 dividend rhos, rho: 151 Greeks
    python benchmarks/basket_greeks.py --names 20 --paths 65536

One thread. Finite differences draw each block's normals once and revalue on them for every bump; *central* ones are as
accurate as AD, *forward* ones are not: both are timed. All are means over the same paths, so their differences are those of
the differentiation alone. Ends with status 1 below 17x or if the Greeks disagree.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from xva.models.path_model import PathModel
from xva.options.monte_carlo import FlatBasket, GreekProblem, Sampling, simulate_greeks
from xva.options.monte_carlo.problem import Scene
from xva.options.monte_carlo.sampling import Normals
from xva.trades import BasketOption, TradeContext

LEAST, TOLERANCE = 17.0, 1e-5
AS_OF = np.datetime64("2026-01-15")
BUMP = {"spot": 1e-3, "vol": 1e-5, "rate": 1e-6, "dividend": 1e-6}


def main() -> int:
    options = _options()
    problem, sampling = _case(options.names), Sampling(paths=options.paths, block_size=options.block)
    gradient, aad = _timed(lambda: _by_ad(problem, sampling))
    value, once = _timed(lambda: _values(problem, sampling, [problem.parameters]))
    central, central_seconds = _timed(lambda: _differences(problem, sampling, both=True))
    forward, forward_seconds = _timed(lambda: _differences(problem, sampling, both=False))
    scale = gradient[1:].abs()
    errors = [float(((x - gradient[1:]).abs() / scale).max()) for x in (central, forward)]
    table = Table(
        title=f"{options.names}-factor basket call, {len(scale)} Greeks, {sampling.n_paths:,} paths"
    )
    for column in ("", "processor s", "over one value", "over AD", "largest relative difference from AD"):
        table.add_column(column, justify="left" if not column else "right")
    rows = [
        ("value alone", once, ""),
        ("AD: value and all Greeks", aad, ""),
        ("central differences", central_seconds, f"{errors[0]:.1e}"),
        ("forward differences", forward_seconds, f"{errors[1]:.1e}"),
    ]
    for name, seconds, error in rows:
        table.add_row(name, f"{seconds:.2f}", f"{seconds / once:.1f}x", f"{seconds / aad:.1f}x", error)
    Console(width=120).print(table)
    print(f"value {float(gradient[0]):.6f} (AD), {float(value[0]):.6f} (alone)")
    ratio = central_seconds / aad
    good = ratio >= LEAST and errors[0] < TOLERANCE
    print(
        f"central differences / AD: {ratio:.0f}x at equal accuracy ({'good' if good else 'not'} as asked: {LEAST:.0f}x)"
    )
    return 0 if good else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--names", type=int, default=50)
    parser.add_argument("--paths", type=int, default=1 << 16)
    parser.add_argument("--block", type=int, default=2048)
    return parser.parse_args()


def _case(count: int) -> GreekProblem:
    names = tuple(f"N{k:02d}" for k in range(count))
    trade = BasketOption(
        trade_id="B",
        netting_set="N",
        underlyings=tuple(f"EQ/{name}" for name in names),
        currency="USD",
        side="long",
        weights=(1.0 / count,) * count,
        option_type="call",
        quantity=1.0,
        strike=100.0,
        expiry_date=AS_OF + 365,
    )
    context, unit = TradeContext(AS_OF), torch.linspace(0.0, 1.0, count, dtype=torch.float64)
    inner = FlatBasket.of(trade, context)
    correlation = torch.tensor(0.3, dtype=torch.float64)

    def build(parameters: Mapping[str, Tensor]) -> PathModel:
        return inner({**parameters, "correlation": correlation})

    parameters = {
        "spot": 90.0 + 20.0 * unit,
        "vol": 0.35 - 0.2 * unit,
        "rate": torch.tensor(0.03, dtype=torch.float64),
        "dividend": 0.02 * unit + 0.005,
    }
    return GreekProblem(build, trade, context, parameters)


def _by_ad(problem: GreekProblem, sampling: Sampling) -> Tensor:
    found = simulate_greeks(
        problem.build, problem.trade, problem.context, problem.parameters, sampling=sampling, savings=False
    )
    return found.estimates.value


def _values(problem: GreekProblem, sampling: Sampling, moved: list[Mapping[str, Tensor]]) -> Tensor:
    """``(bump,)`` means over all paths; models are made once, normals once a block."""
    with torch.no_grad():
        models = [problem.build(parameters) for parameters in moved]
        normals = Normals(sampling, problem.times, models[0].n_normals)
        total = torch.zeros(len(models), dtype=torch.float64)
        for block in range(sampling.n_blocks):
            drawn = normals.block(block)
            for k, model in enumerate(models):
                scene = Scene.of(problem, model, drawn)
                total[k] += problem.payoff(scene.see(scene.walk.states)).sum()
    return total / sampling.n_paths


def _differences(problem: GreekProblem, sampling: Sampling, both: bool) -> Tensor:
    """``(parameter,)`` bumped derivatives."""
    ups, downs, steps = [], [], []
    for name, value in problem.parameters.items():
        for k in range(max(value.numel(), 1)):
            step = BUMP[name] * torch.eye(value.numel(), dtype=torch.float64)[k].reshape(value.shape)
            ups.append({**problem.parameters, name: value + step})
            downs.append({**problem.parameters, name: value - step})
            steps.append(BUMP[name])
    count, bump = len(steps), torch.tensor(steps, dtype=torch.float64)
    if both:
        found = _values(problem, sampling, [*ups, *downs])
        return (found[:count] - found[count:]) / (2.0 * bump)
    found = _values(problem, sampling, [problem.parameters, *ups])
    return (found[1:] - found[0]) / bump


def _timed(work: Callable[[], Tensor]) -> tuple[Tensor, float]:
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())
