"""American puts on 1,000-step CRR trees: values and Greeks against QuantLib's, bumped, in one run.

    python benchmarks/lattice.py                 # a single option, and 1,000 at once, in float64 and float32
    python benchmarks/lattice.py --options 200 --steps 500

Prints processor milliseconds per option of one thread, and QuantLib's over ours. QuantLib is timed on a sample of the options.
*Bumped* takes central differences of its values: 3 values for delta, 5 with vega, 7 with gamma, vanna and volga. *Nodes*
takes the delta and gamma that its engine reads off the tree's first steps, and bumps vol only: 1, 3 and 3 values.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import QuantLib as ql
import torch
from rich.console import Console
from rich.table import Table
from torch.autograd import grad

from xva.options.lattice.greeks import greeks
from xva.options.lattice.options import LatticeOptions
from xva.options.lattice.price import price

STRIKE = 40.0
REPEATS = 3
SAMPLE = 20
TODAY = ql.Date(2, 1, 2026)
DAYS = ql.Actual365Fixed()
TASKS = ("value", "value, delta", "value, delta, vega", "all second order too")


@dataclass(frozen=True)
class Put:
    spot: float
    vol: float
    rate: float
    days: int


LONGSTAFF = Put(36.0, 0.2, 0.06, 365)


class QuantLibPut:
    """One option on QuantLib's tree, revalued when spot or vol move."""

    def __init__(self, put: Put, steps: int) -> None:
        self.put = put
        self.spot, self.vol = ql.SimpleQuote(put.spot), ql.SimpleQuote(put.vol)
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(self.spot),
            ql.YieldTermStructureHandle(ql.FlatForward(TODAY, 0.0, DAYS)),
            ql.YieldTermStructureHandle(ql.FlatForward(TODAY, put.rate, DAYS)),
            ql.BlackVolTermStructureHandle(
                ql.BlackConstantVol(TODAY, ql.NullCalendar(), ql.QuoteHandle(self.vol), DAYS)
            ),
        )
        exercise = ql.AmericanExercise(TODAY, TODAY + put.days)
        self.option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, STRIKE), exercise)
        self.option.setPricingEngine(ql.BinomialVanillaEngine(process, "crr", steps))

    def value(self, spot: float = 0.0, vol: float = 0.0) -> float:
        self.spot.setValue(self.put.spot * (1.0 + spot))
        self.vol.setValue(self.put.vol + vol)
        self.option.recalculate()
        return float(self.option.NPV())

    def bumped(self, task: str, h: float = 0.01, k: float = 0.005) -> list[float]:
        s = h * self.put.spot
        value = self.value()
        found = [value]
        if task == TASKS[0]:
            return found
        up, down = self.value(h), self.value(-h)
        found.append((up - down) / (2.0 * s))
        if task == TASKS[1]:
            return found
        more, less = self.value(0.0, k), self.value(0.0, -k)
        found.append((more - less) / (2.0 * k))
        if task == TASKS[2]:
            return found
        corners = self.value(h, k) + self.value(-h, -k)
        cross = (corners + 2.0 * value - up - down - more - less) / (2.0 * s * k)
        return [*found, (up - 2.0 * value + down) / s**2, cross, (more - 2.0 * value + less) / k**2]

    def nodes(self, task: str, k: float = 0.005) -> list[float]:
        found = [self.value(), self.option.delta(), self.option.gamma()]
        if task in TASKS[2:]:
            for vol in (k, -k):
                found += [self.value(0.0, vol), self.option.delta()]
        return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--options", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=1000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ql.Settings.instance().evaluationDate = TODAY
    console = Console(width=118)
    console.print(compared([LONGSTAFF], arguments.steps))
    console.print(compared(puts(arguments.options, arguments.steps), arguments.steps))


def puts(count: int, steps: int) -> list[Put]:
    """Random ones, such that QuantLib's time grid reaches expiry: where it rounds below, it loses the last exercise."""
    draw, found = random.Random(1), []
    while len(found) < count:
        put = Put(
            draw.uniform(32, 48), draw.uniform(0.15, 0.45), draw.uniform(0.02, 0.08), draw.randint(180, 730)
        )
        if (put.days / 365 / steps) * steps >= put.days / 365:
            found.append(put)
    return found


def compared(batch: list[Put], steps: int) -> Table:
    theirs = [QuantLibPut(put, steps) for put in batch[:SAMPLE]]
    ours = {dtype: as_batch(batch, dtype) for dtype in (torch.float64, torch.float32)}
    table = Table(title=f"{len(batch):,} American put{'s' * (len(batch) > 1)}, {steps:,} steps, one thread")
    table.add_column("processor ms per option")
    for head in ("QuantLib bumped", "nodes", "float64", "float32", "bumped/64", "nodes/64", "bumped/32"):
        table.add_column(head, justify="right")
    for task in TASKS:
        bumped = best(lambda task=task: [put.bumped(task) for put in theirs]) / len(theirs)
        nodes = best(lambda task=task: [put.nodes(task) for put in theirs]) / len(theirs)
        double, single = (
            best(lambda o=o, task=task: run(o, task, steps)) / len(batch) for o in ours.values()
        )
        seconds = (f"{1e3 * s:.3f}" for s in (bumped, nodes, double, single))
        ratios = (f"{r:.1f}x" for r in (bumped / double, nodes / double, bumped / single))
        table.add_row(task, *seconds, *ratios)
    exact = torch.tensor([put.value() for put in theirs], dtype=torch.float64)
    apart = [float((price(o, steps)[: len(theirs)].double() - exact).abs().max()) for o in ours.values()]
    table.caption = (
        f"largest difference from QuantLib's values: float64 {apart[0]:.0e}, float32 {apart[1]:.0e}"
    )
    return table


def as_batch(batch: list[Put], dtype: torch.dtype) -> LatticeOptions:
    spot, vol, rate, days = (
        torch.tensor([getattr(put, name) for put in batch], dtype=torch.float64)
        for name in ("spot", "vol", "rate", "days")
    )
    return LatticeOptions.of(
        spot=spot, strike=STRIKE, expiry=days / 365, rate=rate, vol=vol, sign=-1, american=True, dtype=dtype
    )


def run(options: LatticeOptions, task: str, steps: int) -> Any:
    if task == TASKS[0]:
        return price(options, steps)
    if task == TASKS[3]:
        return greeks(options, steps)
    spot, vol = options.spot.clone().requires_grad_(), options.vol.clone()
    wanted = [spot] if task == TASKS[1] else [spot, vol.requires_grad_()]
    return grad(price(options.with_market(spot, *options.market[1:5], vol), steps).sum(), wanted)


def best(work: Callable[[], Any]) -> float:
    """Least processor seconds of a few tries."""
    found = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


if __name__ == "__main__":
    main()
