"""Price and five Greeks of PyChebyshev's documented 5-D Black-Scholes test: PyChebyshev's batch against ours, one thread.

    python benchmarks/chebyshev.py [--quick]

Both interpolate on the same 11^5 nodes. Ours evaluates the dense coefficients, and a tensor train of them at the rounding
tolerance stated (relative, Frobenius norm of the coefficients). Errors are against the closed form, largest over largest
value, all on the same points; the price of a tensor train from few nodes (cross approximation) is compared too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pychebyshev import ChebyshevApproximation, ChebyshevTT
from rich.console import Console
from rich.table import Table
from torch import Tensor

from surrogates.chebyshev import Axis, Box, TrainSurrogate, build_tensor, from_pychebyshev
from xva.pricing.closed_form.black_scholes import black_scholes

BOX = Box(
    (
        Axis("spot", 80.0, 120.0),
        Axis("strike", 90.0, 110.0),
        Axis("expiry", 0.25, 1.0, "year"),
        Axis("vol", 0.15, 0.35),
        Axis("rate", 0.01, 0.08),
    )
)
BOUNDS = [(axis.lower, axis.upper) for axis in BOX.axes]
COUNTS = [11] * 5
GREEKS = {
    "price": BOX.order(),
    "delta": BOX.order(spot=1),
    "gamma": BOX.order(spot=2),
    "vega": BOX.order(vol=1),
    "rho": BOX.order(rate=1),
    "theta": BOX.order(expiry=1),
}
ORDERS = list(GREEKS.values())
TOLERANCE = 1e-10


def price(points: Tensor) -> Tensor:
    """Calls, dividend yield 2 %."""
    spot, strike, expiry, vol, rate = points.unbind(-1)
    return black_scholes(spot, strike, expiry, rate, vol, 0.02)


def function(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same on numpy arrays."""
    found: NDArray[np.float64] = price(torch.from_numpy(points)).numpy()
    return found


def exact(points: Tensor) -> NDArray[np.float64]:
    """Price and Greeks of the closed form by AD."""
    x = points.clone().requires_grad_()
    value = price(x)
    (first,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first[:, 0].sum(), x)
    columns = [value, first[:, 0], second[:, 0], first[:, 3], first[:, 4], first[:, 2]]
    found: NDArray[np.float64] = torch.stack(columns, 1).detach().numpy()
    return found


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of one run, and its result."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the points")
    many, few = (100_000, 300) if parser.parse_args().quick else (1_000_000, 3_000)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(7)
    lower, upper = BOX.bounds(torch.empty(0, dtype=torch.float64))
    points = lower + (upper - lower) * torch.rand(many, 5, generator=generator, dtype=torch.float64)
    sample = points[:few].numpy()

    grid = ChebyshevApproximation.nodes(5, BOUNDS, COUNTS)["full_grid"]
    theirs = ChebyshevApproximation.from_values(function(grid).reshape(COUNTS), 5, BOUNDS, COUNTS)
    build, dense = timed(lambda: build_tensor(function, BOX, COUNTS))
    compress, train = timed(lambda: TrainSurrogate.compressed(dense, TOLERANCE))

    batch = timed(lambda: np.stack([theirs.vectorized_eval_batch(sample, list(o)) for o in ORDERS], axis=1))
    shared = timed(
        lambda: np.array(
            [theirs.vectorized_eval_multi(p, [list(o) for o in ORDERS]) for p in sample.tolist()]
        )
    )
    part = points[: many // 10]
    ours = timed(lambda: dense.value_and_derivatives(part, ORDERS))
    fast = timed(lambda: train.value_and_derivatives(points, ORDERS))
    seconds = {
        "PyChebyshev, vectorized_eval_batch": batch[0] / few,
        "PyChebyshev, vectorized_eval_multi": shared[0] / few,
        f"dense in torch ({len(part):,} points)": ours[0] / len(part),
        f"train in torch, {TOLERANCE:.0e}, ranks {train.ranks} ({many:,} points)": fast[0] / many,
    }
    console = Console(width=127)
    table = Table(
        title=f"Price and five Greeks, 11^5 nodes (build {build:.2f} s, compression {compress:.2f} s)"
    )
    for heading in ("", "us per point", "against their batch", "against their multi"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, found in seconds.items():
        table.add_row(
            name, f"{found * 1e6:.2f}", f"{batch[0] / few / found:.0f}x", f"{shared[0] / few / found:.0f}x"
        )
    console.print(table)

    truth = exact(points[:few])
    scale = np.abs(truth).max(0)
    errors = Table(title=f"Largest error over largest value, {few:,} points")
    for heading in ("", *GREEKS):
        errors.add_column(heading, justify="right" if heading else "left")
    found_by = {"PyChebyshev": batch[1], "dense": ours[1][:few].numpy(), "train": fast[1][:few].numpy()}
    for name, found in found_by.items():
        errors.add_row(name, *(f"{e:.4e}" for e in np.abs(found - truth).max(0) / scale))
    console.print(errors)
    cross(console, points, truth, few)


def cross(console: Console, points: Tensor, truth: NDArray[np.float64], few: int) -> None:
    """The same tensor train by cross approximation, evaluated by PyChebyshev and by us."""

    def one(point: list[float], _: object) -> float:
        return float(price(torch.tensor(point, dtype=torch.float64)))

    theirs = ChebyshevTT(one, 5, BOUNDS, COUNTS, 15, 1e-6)
    theirs.build(verbose=False, seed=42)
    ours = from_pychebyshev(theirs, BOX)
    sample = points[: 10 * few].numpy()
    table = Table(title=f"Tensor train by cross approximation, ranks {theirs.tt_ranks}")
    for heading in ("us per point", "PyChebyshev", "ours", "ratio"):
        table.add_column(heading, justify="right")
    batch, their_values = timed(lambda: theirs.eval_batch(sample))
    value, _ = timed(lambda: ours(points))
    rows = {"price": (batch / len(sample), value / len(points))}
    steps, differences = timed(
        lambda: np.array([theirs.eval_multi(p, [list(o) for o in ORDERS]) for p in sample[:few].tolist()])
    )
    analytic, greeks = timed(lambda: ours.value_and_derivatives(points, ORDERS))
    rows["price and five Greeks (theirs: finite differences)"] = (steps / few, analytic / len(points))
    for name, (a, b) in rows.items():
        table.add_row(name, f"{a * 1e6:.2f}", f"{b * 1e6:.2f}", f"{a / b:.0f}x")
    console.print(table)
    scale = np.abs(truth).max(0)
    errors = Table(
        title=f"Its largest error over largest value, {few:,} points (PyChebyshev's price: "
        f"{np.abs(their_values[:few] - truth[:, 0]).max() / scale[0]:.1e})"
    )
    for heading in ("", *GREEKS):
        errors.add_column(heading, justify="right" if heading else "left")
    for name, found in (("finite differences", differences), ("analytic", greeks[:few].numpy())):
        errors.add_row(name, *(f"{e:.2e}" for e in np.abs(found - truth).max(0) / scale))
    console.print(errors)


if __name__ == "__main__":
    main()
