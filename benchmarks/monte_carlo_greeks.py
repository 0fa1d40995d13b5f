"""Greeks by simulation: what each way of sampling and differentiating saves, and ten million paths in the memory of a block.

    python benchmarks/monte_carlo_greeks.py                   # a minute or two
    python benchmarks/monte_carlo_greeks.py --stream 0        # without the ten million

One thread. *Saved* is a variance ratio: that of plain pseudo-random paths over that of the option, as many paths each, in
this run; *exact* where the control variate is the trade itself. Methods for payoffs that jump are compared with central
differences of the price on the same paths (common random numbers, a bump of 1 %: biased, and delta only) by variance times
processor time.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from xva.options.monte_carlo import (
    FlatBasket,
    GreekProblem,
    LikelihoodRatio,
    Mixed,
    MonteCarloGreeks,
    OneStepSurvival,
    Sampling,
    SecondLikelihoodRatio,
    Smoothing,
    simulate_greeks,
)
from xva.options.monte_carlo.problem import Scene
from xva.options.monte_carlo.sampling import Normals
from xva.trades import AsianOption, BarrierOption, BasketOption, DigitalOption, TradeContext, WorstOfOption
from xva.trades.path_trade import PathTrade

AS_OF = np.datetime64("2026-01-15")
CONTEXT, YEAR = TradeContext(AS_OF), AS_OF + 365
CONSOLE = Console(width=170)
PSEUDO = Sampling(points="pseudo", ordering="steps")
TERMS: dict[str, Any] = {
    "trade_id": "T",
    "netting_set": "N",
    "currency": "USD",
    "side": "long",
    "option_type": "call",
}
ONE: dict[str, Any] = {**TERMS, "underlying": "EQ/A", "quantity": 1.0, "strike": 100.0}
DIGITAL = DigitalOption(**ONE, cash=100.0, expiry_date=YEAR)
MONTHS = tuple(AS_OF + 30 * k for k in range(1, 13))
BARRIER = BarrierOption(
    **ONE, barrier=90.0, barrier_type="down-and-out", expiry_date=MONTHS[-1], monitoring_dates=MONTHS
)


@dataclass(frozen=True)
class Product:
    """A trade that does not jump, and its market."""

    name: str
    trade: PathTrade
    parameters: Mapping[str, Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--paths", type=int, default=1 << 17)
    parser.add_argument("--stream", type=int, default=10_000_000)
    options = parser.parse_args()
    paths = Sampling(paths=options.paths).n_paths  # whole blocks of all batches
    _savings(paths)
    _jumps(paths)
    _gammas(paths)
    if options.stream:
        _stream(options.stream)


def _numbers(**values: Any) -> dict[str, Tensor]:
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}


def _products() -> list[Product]:
    one = _numbers(spot=100.0, vol=0.2, rate=0.05)
    three = _numbers(spot=[100.0, 105.0, 95.0], vol=[0.2, 0.25, 0.18], rate=0.05, correlation=0.5)
    names = ("EQ/A", "EQ/B", "EQ/C")
    basket = BasketOption(
        **TERMS, underlyings=names, weights=(1 / 3,) * 3, quantity=1.0, strike=100.0, expiry_date=YEAR
    )
    worst = WorstOfOption(
        **{**TERMS, "option_type": "put"},
        underlyings=names,
        initial_prices=(100.0, 105.0, 95.0),
        measure="worst",
        notional=100.0,
        strike=1.0,
        expiry_date=YEAR,
    )
    continuous = BarrierOption(**ONE, barrier=90.0, barrier_type="down-and-out", expiry_date=YEAR)
    weekly = tuple(AS_OF + 7 * k for k in range(1, 53))
    return [
        Product("European call", AsianOption(**ONE, averaging_dates=(YEAR,)), one),
        Product("Asian call, 52 dates", AsianOption(**ONE, averaging_dates=weekly), one),
        Product("basket call, 3 names", basket, three),
        Product("worst-of put, 3 names", worst, three),
        Product("down-and-out call, continuous", continuous, one),
    ]


def _greeks(trade: PathTrade, parameters: Mapping[str, Tensor], **options: Any) -> MonteCarloGreeks:
    build = FlatBasket.of(trade, CONTEXT)
    return simulate_greeks(build, trade, CONTEXT, parameters, **{"savings": False, **options})


def _savings(paths: int) -> None:
    ways: dict[str, tuple[Sampling, Any]] = {
        "antithetic": (replace(PSEUDO, antithetic=True), ()),
        "control": (PSEUDO, "known"),
        "both": (replace(PSEUDO, antithetic=True), "known"),
        "Sobol, steps": (Sampling(ordering="steps"), ()),
        "Sobol, bridge": (Sampling(ordering="bridge"), ()),
        "Sobol, components": (Sampling(ordering="components"), ()),
        "Sobol, bridge, control": (Sampling(ordering="bridge"), "known"),
    }
    table = Table(
        title=f"variance saved against plain pseudo-random paths, {paths:,} of each: value | delta | vega"
    )
    table.add_column("")
    for name in ways:
        table.add_column(name, justify="right")
    for product in _products():
        plain = _greeks(product.trade, product.parameters, sampling=replace(PSEUDO, paths=paths))
        cells = []
        for sampling, controls in ways.values():
            found = _greeks(
                product.trade, product.parameters, sampling=replace(sampling, paths=paths), controls=controls
            )
            ratios = (plain.samples.var(0) / found.samples.var(0)).tolist()
            rows = [
                next(k for k, n in enumerate(found.names) if n.startswith(s))
                for s in ("value", "delta", "vega")
            ]
            cells.append(" | ".join(_ratio(ratios[k]) for k in rows))
        table.add_row(product.name, *cells)
    CONSOLE.print(table)


def _ratio(ratio: float) -> str:
    if np.isinf(ratio):
        return "exact"
    return f"{ratio:,.2g}" if ratio < 10 else f"{ratio:,.0f}"


def _jumps(paths: int) -> None:
    table = Table(title=f"delta of payoffs that jump, {paths:,} pseudo-random paths")
    for column in (
        "",
        "method",
        "delta",
        "standard error",
        "processor s",
        "differences' variance x time over this",
    ):
        table.add_column(column, justify="left" if column in ("", "method") else "right")
    parameters, sampling = _numbers(spot=100.0, vol=0.2, rate=0.05), replace(PSEUDO, paths=paths)
    for name, trade in (("digital", DIGITAL), ("down-and-out call, 12 dates", BARRIER)):
        ways: list[tuple[str, Callable[[], Tensor]]] = [
            ("central differences, 1 %", lambda t=trade: _differences(t, parameters, sampling)),  # type: ignore[misc]
            *(
                (
                    str(m),
                    lambda t=trade, m=m: _greeks(t, parameters, sampling=sampling, method=m).samples[:, 1],
                )  # type: ignore[misc]
                for m in (LikelihoodRatio(), OneStepSurvival.of(trade))
            ),
        ]
        first = 0.0
        for label, work in ways:
            start = time.process_time()
            samples = work()
            seconds = time.process_time() - start
            error = float(samples.std()) / len(samples) ** 0.5
            cost = error**2 * seconds
            first = first or cost
            gain = f"{first / cost:,.1f}" if error > 1e-9 else "no variance"
            table.add_row(name, label, f"{float(samples.mean()):.5f}", f"{error:.5f}", f"{seconds:.2f}", gain)
    CONSOLE.print(table)


def _differences(trade: PathTrade, parameters: Mapping[str, Tensor], sampling: Sampling) -> Tensor:
    """``(batch,)``; biased by the bump, and noisy the smaller it is."""
    problem = GreekProblem(FlatBasket.of(trade, CONTEXT), trade, CONTEXT, parameters)
    normals = Normals(sampling, problem.times, 1)
    total = torch.zeros(sampling.batches, dtype=torch.float64)
    with torch.no_grad():
        for block in range(sampling.n_blocks):
            drawn = normals.block(block)
            for sign in (1.0, -1.0):
                model = problem.build({**parameters, "spot": parameters["spot"] * (1.0 + sign * 0.01)})
                scene = Scene.of(problem, model, drawn)
                paid = problem.payoff(scene.see(scene.walk.states)).sum()
                total[block % sampling.batches] += sign * paid / (0.02 * parameters["spot"])
    return total * sampling.batches / sampling.n_paths


def _gammas(paths: int) -> None:
    table = Table(title=f"gamma, {paths:,} Sobol paths")
    for column in ("", "method of first order", "of second", "gamma", "standard error", "processor s"):
        table.add_column(
            column, justify="right" if column in ("gamma", "standard error", "processor s") else "left"
        )
    parameters = _numbers(spot=100.0, vol=0.2, rate=0.05)
    call, ratio = _products()[0].trade, LikelihoodRatio()
    cases: Sequence[tuple[str, PathTrade, dict[str, Any]]] = [
        ("European call (0.0187620)", call, {"gamma": Mixed()}),
        ("European call", call, {"gamma": SecondLikelihoodRatio()}),
        ("European call", call, {"gamma": Smoothing(0.03)}),
        ("Asian call, 52 dates", _products()[1].trade, {"gamma": Mixed()}),
        ("Asian call, 52 dates", _products()[1].trade, {"gamma": Smoothing(0.03)}),
        ("Asian call, 52 dates", _products()[1].trade, {"gamma": Smoothing(0.03), "controls": "known"}),
        ("digital (-0.0328336)", DIGITAL, {"method": ratio, "gamma": SecondLikelihoodRatio()}),
        ("digital", DIGITAL, {"method": OneStepSurvival.of(DIGITAL), "gamma": Smoothing(0.02)}),
        ("down-and-out call, 12 dates", BARRIER, {"method": ratio, "gamma": SecondLikelihoodRatio()}),
        (
            "down-and-out call, 12 dates",
            BARRIER,
            {"method": OneStepSurvival.of(BARRIER), "gamma": Smoothing(0.03)},
        ),
    ]
    for name, trade, options in cases:
        start = time.process_time()
        found = _greeks(trade, parameters, sampling=Sampling(paths=paths), **options)
        seconds, gamma = time.process_time() - start, found["gamma"]
        row = (name, found.methods["first"], found.methods["second"])
        table.add_row(*row, f"{float(gamma.value):.6f}", f"{float(gamma.error):.6f}", f"{seconds:.2f}")
    CONSOLE.print(table)


def _stream(paths: int) -> None:
    asian = _products()[1]
    sampling = Sampling(paths=1 << 17)
    _greeks(asian.trade, asian.parameters, sampling=sampling, gamma=Mixed())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.process_time()
    found = _greeks(asian.trade, asian.parameters, sampling=replace(sampling, paths=paths), gamma=Mixed())
    seconds = time.process_time() - start
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    whole = found.n_paths * 52 * 8 / 2**20
    CONSOLE.print(
        f"{asian.name}, {found.n_paths:,} paths: {seconds:.0f} s of one processor, value, all Greeks and gamma"
    )
    CONSOLE.print(
        f"peak memory grew by {growth:.0f} MB over a run of 2^17 paths; the normals alone would be {whole:,.0f} MB"
    )
    CONSOLE.print(found.to_frame())


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
