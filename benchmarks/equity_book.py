"""A netting set of 28 trades on 8 correlated equities: surrogates against nested Monte Carlo, errors and cost.

    python benchmarks/equity_book.py              # 3 seeds, lognormal and Heston
    python benchmarks/equity_book.py --quick      # 1 seed, fewer nested paths
    python benchmarks/equity_book.py --draw       # writes equity_book.json anew from its seed

The book (`equity_book.json`, with the seed it was drawn from): 20 basket calls and puts on 2 to 5 names, long and short, 4
worst-of-3 puts, 4 forwards, five maturities, 40 dates. Forwards keep their closed form; the 24 options are learned
(`netting_set.training`). All that is printed is of deflated values.

truth       nested Monte Carlo on 50 outer states a date, 4,096 scrambled Sobol paths each, exact steps from maturity to
            maturity; its own error is printed.
value       root mean square error over states and dates, over the root of the mean over dates of the variance across
            states: of the options alone (bound) and of the whole book.
gradient    the same of the derivatives to the log prices, each times its price's standard deviation on the date, over
            their own root mean square; options alone.
EPE         of the whole book: L2 distance of the profiles of mean positive part over the same 50 states, over the L2 norm.
speed       processor seconds of training and of evaluation on 8,192 paths x 40 dates, against nested Monte Carlo of the
            surrogate's own value error on the same states: nested paths a state that have that error (pooled over the same
            50 states a date), times states, times measured seconds a nested path. Plain: independent pseudo-random paths.
            Sobol: the platform's own nested paths, randomly shifted nets, which need far fewer of them.

Heston: the same trades and labels on steps of 1/50 year, learned as a whole in one pass; truth on five dates.

Ends with status 1 where the median over seeds misses 2.8 % (value), 9 % (gradient), 0.7 % (EPE), or the speed-up over plain
nested Monte Carlo misses 40 (lognormal). With Heston 1,000 is the aim; the figure is printed, whatever it is.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from netting_set.training import NettingSetTraining, learn_netting_set
from numpy.typing import NDArray
from torch import Tensor

from surrogates.labels import LabelProblem, label_normals
from surrogates.regression.ridge_features import RidgeFeatures
from surrogates.regression.surrogate import Surrogate
from xva.models.deterministic_rates import RateCurve
from xva.models.equity_basket import EquityBasket
from xva.models.grids import refined
from xva.models.heston import HestonBasket
from xva.models.path_model import PathModel, Walk, join_times, walk
from xva.numerics.types import Floats
from xva.pricing.nested import InnerPaths, NestedBook, nested_values
from xva.trades.basket_option import BasketOption
from xva.trades.context import TradeContext
from xva.trades.documents import from_document, to_document
from xva.trades.equity_forward import EquityForward
from xva.trades.path_trade import PathTrade
from xva.trades.trade import Trade
from xva.trades.worst_of_option import WorstOfOption

FILE = Path(__file__).with_suffix(".json")
T = TypeVar("T")
SEED, STATES, PATHS = 20260105, 50, 8192
VALUE, GRADIENT, EPE = 2.8, 9.0, 0.7
FASTER, AIM_HESTON = 40.0, 1000.0
LONGEST = 1 / 50  # years of a Heston step
TRAINING = NettingSetTraining(paths=2048, hedged_paths=4096)
TRAINING_HESTON = NettingSetTraining(
    level="whole", paths=8192, hedged_paths=0, whole=RidgeFeatures(256, widths=(1.0,)), batch=512
)


@dataclass(frozen=True)
class Book:
    """Trades, dates and the parameters of the models, from the file."""

    context: TradeContext
    dates: NDArray[np.datetime64]
    options: tuple[PathTrade, ...]
    forwards: tuple[EquityForward, ...]
    market: dict[str, Any]

    def lognormal(self) -> EquityBasket:
        m = self.market
        spots, vols, dividends, correlation = (
            real(m[k]) for k in ("spots", "vols", "dividends", "correlation")
        )
        return EquityBasket.flat(m["currency"], m["names"], spots, vols, m["rate"], dividends, correlation)

    def heston(self) -> HestonBasket:
        """The same market with variances that start at their long-run level."""
        m, extra = self.market, self.market["heston"]
        variance = real(m["vols"]) ** 2
        return HestonBasket(
            m["currency"], tuple(m["names"]), real(m["spots"]), variance, real(extra["mean_reversions"]),
            variance, real(extra["vols_of_variance"]), real(extra["skews"]), real(m["dividends"]),
            RateCurve.of(m["rate"]), real(m["correlation"]),
        )  # fmt: skip

    def forward_values(self, day: np.datetime64, states: Tensor) -> Tensor:
        """``(sample,)`` in closed form, deflated, at ``(sample, state)``."""
        rate, now = self.market["rate"], self.context.time(day)
        total = states.new_zeros(len(states))
        for trade in self.forwards:
            if trade.maturity_date > day:
                row, end = self.market["names"].index(trade.equity), self.context.time(trade.maturity_date)
                quantity = trade.quantity if trade.side == "long" else -trade.quantity
                carry = np.exp(-self.market["dividends"][row] * (end - now) - rate * now)
                price = torch.exp(states[:, row]) * carry
                total += quantity * (price - trade.strike * np.exp(-rate * end))
        return total

    def grid(self, longest: float = np.inf) -> Floats:
        days = [self.context.times(t.observation_dates(self.context)) for t in self.options]
        return refined(join_times(np.zeros(1), self.context.times(self.dates), *days), longest)


@dataclass(frozen=True)
class Truth:
    """On some dates: ``(date, state[, feature])``."""

    days: NDArray[np.datetime64]
    states: Tensor
    values: Tensor
    errors: Tensor
    forwards: Tensor
    gradients: Tensor | None

    @property
    def spread(self) -> float:
        """Root of the mean over dates of the options' variance across states."""
        return float(self.values.var(1).mean().sqrt())

    def miss(self, values: Tensor) -> float:
        """Root mean square error over the spread, the truth's own error taken off."""
        square = (values - self.values).square().mean() - self.errors.square().mean()
        return float(square.clamp_min(0.0).sqrt()) / self.spread


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--draw", action="store_true")
    asked = parser.parse_args()
    if asked.draw:
        FILE.write_text(json.dumps(drawn(SEED), indent=1) + "\n")
    book = read(json.loads(FILE.read_text()))
    print(
        f"{len(book.options)} options and {len(book.forwards)} forwards on {len(book.market['names'])} equities, "
        f"{len(book.dates)} dates, {STATES} states a date"
    )
    good = lognormal_part(book, asked.quick)
    heston_part(book, asked.quick)
    return 0 if good else 1


def lognormal_part(book: Book, quick: bool) -> bool:
    model = book.lognormal()
    inner = InnerPaths(99, scrambles=8, points=128 if quick else 512)
    truth = nested_truth(book, model, book.dates, STATES, inner, gradient=True)
    own = float(truth.errors.square().mean().sqrt()) / truth.spread
    print(
        f"\nLognormal, exact steps. Truth: {inner.n_paths:,} nested paths a state, its error {100 * own:.2f} %"
    )
    print(
        f"{'seed':>6}{'value':>8}{'whole':>8}{'worst':>8}{'gradient':>10}{'EPE':>7}{'training':>10}{'evaluation':>12}"
    )
    rows = []
    for seed in (1,) if quick else (1, 2, 3):
        problem = LabelProblem(model, book.options, book.context, book.dates)
        fits, training = trained(problem, TRAINING, seed)
        rows.append([*errors(truth, fits), training, evaluation(model, problem, fits)])
        print(row_line(str(seed), rows[-1]))
    middle = np.median(rows, axis=0).tolist()
    print(row_line("median", middle))
    print("value, whole book, worst date, gradient, EPE in %; training and evaluation in processor seconds")
    ratio = speed_up(book, model, truth, middle[0] / 100.0, middle[-2] + middle[-1], np.inf, quick)
    return middle[0] <= VALUE and middle[3] <= GRADIENT and middle[4] <= EPE and ratio >= FASTER


def heston_part(book: Book, quick: bool) -> None:
    model, days = book.heston(), book.dates[4::8]
    states = 16 if quick else 32
    inner = InnerPaths(99, scrambles=4, points=64 if quick else 256, longest=LONGEST)
    truth = nested_truth(book, model, days, states, inner)
    own = float(truth.errors.square().mean().sqrt()) / truth.spread
    print(
        f"\nHeston, quadratic-exponential steps of 1/{1 / LONGEST:.0f} year. Truth: {len(days)} dates, {states} states, "
        f"{inner.n_paths:,} nested paths, its error {100 * own:.2f} %, taken off below"
    )
    problem = LabelProblem(model, book.options, book.context, book.dates, knots=book.grid(LONGEST))
    rows = []
    for seed in (1,) if quick else (1, 2, 3):
        fits, training = trained(problem, TRAINING_HESTON, seed)
        chosen = [fits[int(np.searchsorted(book.dates, day))] for day in days]
        miss = truth.miss(torch.stack([f.value(x) for f, x in zip(chosen, truth.states)]))
        rows.append([miss, training + evaluation(model, problem, fits)])
        print(f"seed {seed}: value error {100 * miss:.2f} %, training and evaluation {rows[-1][1]:.1f} s")
    miss, spent = np.median(rows, axis=0).tolist()
    ratio = speed_up(book, model, truth, miss, spent, LONGEST, quick)
    print(f"over plain nested paths {ratio:,.0f}x, aim {AIM_HESTON:,.0f}x")


def nested_truth(
    book: Book,
    model: PathModel,
    days: NDArray[np.datetime64],
    count: int,
    inner: InnerPaths,
    gradient: bool = False,
) -> Truth:
    outer, nest = outer_walk(book, model, count, inner.longest), NestedBook(model, book.options, book.context)
    found = [nested_values(nest, outer, day, inner, gradient=gradient) for day in days]
    states = torch.stack([outer.states[outer.place(book.context.time(day))].T for day in days])
    forwards = [book.forward_values(day, x) for day, x in zip(days, states)]
    return Truth(
        days,
        states,
        torch.stack([v.value for v in found]),
        torch.stack([v.error for v in found]),
        torch.stack(forwards),
        torch.stack([v.gradient.T for v in found]) if gradient else None,
    )


def outer_walk(book: Book, model: PathModel, count: int, longest: float) -> Walk:
    times = book.grid(longest)
    return walk(model, times, label_normals(model, times, count, 777, antithetic=False))


def trained(
    problem: LabelProblem, training: NettingSetTraining, seed: int
) -> tuple[tuple[Surrogate, ...], float]:
    """Surrogates by date, and processor seconds."""
    settings = NettingSetTraining(**{**vars(training), "seed": seed})
    found, spent = timed(lambda: learn_netting_set(problem, settings))
    return found.surrogates, spent


def evaluation(model: PathModel, problem: LabelProblem, fits: Sequence[Surrogate]) -> float:
    """Processor seconds for the values on all paths and dates; states as wide as the model's, which costs the same."""
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(PATHS, len(model.states), generator=draw, dtype=torch.float64)
    states = model.initial() + 0.2 * noise * model.initial().abs().clamp_max(1.0)
    return timed(lambda: [fit.value(states) for fit in fits])[1]


def errors(truth: Truth, fits: Sequence[Surrogate]) -> list[float]:
    """Value error of the options, of the whole book's spread, of the worst date; gradient; EPE: all in %."""
    found = [fit.value_and_gradient(x) for fit, x in zip(fits, truth.states)]
    values, gradients = torch.stack([v for v, _ in found]), torch.stack([g for _, g in found])
    off, whole = values - truth.values, truth.values + truth.forwards
    worst = (off.square().mean(1).sqrt() / truth.values.std(1)).max()
    assert truth.gradients is not None
    scale = truth.states.std(1)[:, None]
    slope = rms((gradients - truth.gradients) * scale) / rms(truth.gradients * scale)
    exact, learned = (torch.relu(v).mean(1) for v in (whole, values + truth.forwards))
    profile = float((learned - exact).norm() / exact.norm())
    book = rms(off) / float(whole.var(1).mean().sqrt())
    return [100.0 * e for e in (rms(off) / truth.spread, book, float(worst), slope, profile)]


def speed_up(
    book: Book, model: PathModel, truth: Truth, miss: float, spent: float, longest: float, quick: bool
) -> float:
    """Print how nested Monte Carlo of that error compares; the ratio to plain paths."""
    states, outer = PATHS * len(book.dates), outer_walk(book, model, truth.values.shape[1], longest)
    nest = NestedBook(model, book.options, book.context)

    def nested(inner: InnerPaths) -> tuple[Tensor, Tensor]:
        found = [nested_values(nest, outer, day, inner) for day in truth.days]
        return torch.stack([v.value for v in found]), torch.stack([v.error for v in found])

    count = 32 if quick else 64
    _, noise = nested(InnerPaths(5, scrambles=count, points=1, longest=longest))
    single = float(noise.square().mean().sqrt()) * np.sqrt(count) / truth.spread
    sizes = (8, 16, 32, 64, 128) if np.isinf(longest) else (8, 32, 128)
    sobol = [truth.miss(nested(InnerPaths(5, 2, points, longest=longest))[0]) for points in sizes]
    each = per_path(nest, outer, truth.days, longest)
    print(
        f"one nested path: {1e6 * each:.3g} microseconds (mean over dates), error of one plain path {100 * single:.0f} %"
    )
    listed = ", ".join(f"{2 * n}: {100 * e:.2f} %" for n, e in zip(sizes, sobol))
    print(f"error of Sobol paths: {listed}")
    needed = {"plain": float((single / miss) ** 2), "Sobol": crossing(sizes, sobol, miss)}
    ratios: dict[str, float] = {}
    for name, paths in needed.items():
        cost = states * paths * each
        ratios[name] = cost / spent
        print(
            f"{name} nested at {100 * miss:.2f} %: {states:,} states x {paths:,.0f} paths x {1e6 * each:.3g} us = "
            f"{cost:,.0f} s; / {spent:.1f} s of surrogates (training + evaluation) = {ratios[name]:,.0f}x"
        )
    return ratios["plain"]


def crossing(sizes: Sequence[int], found: Sequence[float], miss: float) -> float:
    """Nested Sobol paths (two scrambles) with that error: a line through log error against log paths."""
    slope, level = np.polyfit(np.log(found), np.log(2.0 * np.asarray(sizes)), 1)
    return float(np.exp(level + slope * np.log(miss)))


def per_path(nest: NestedBook, outer: Walk, days: NDArray[np.datetime64], longest: float) -> float:
    """Processor seconds of a nested path in large lots, mean over dates evenly spread."""
    some = days[:: max(len(days) // 5, 1)] if len(days) > 5 else days
    inner = InnerPaths(6, 2, 256, longest=longest)
    states = outer.states[0].shape[-1]
    spent = [timed(lambda day=day: nested_values(nest, outer, day, inner))[1] for day in some]  # type: ignore[misc]
    return float(np.mean(spent)) / (states * inner.n_paths)


def drawn(seed: int) -> dict[str, Any]:
    """The file's content."""
    draw, count = np.random.default_rng(seed), 8
    as_of, years = np.datetime64("2026-01-05"), (1, 2, 3, 4, 5)
    maturities = [np.datetime64(f"{2026 + y}-01-05") for y in years]
    loads = draw.uniform(0.45, 0.85, count)
    correlation = np.round(np.outer(loads, loads), 4)
    np.fill_diagonal(correlation, 1.0)
    names = [f"E{k + 1}" for k in range(count)]
    spots, vols = np.round(draw.uniform(60, 140, count), 2), np.round(draw.uniform(0.18, 0.36, count), 4)
    market = {
        "currency": "EUR",
        "names": names,
        "spots": spots.tolist(),
        "vols": vols.tolist(),
        "dividends": np.round(draw.uniform(0.0, 0.035, count), 4).tolist(),
        "rate": 0.025,
        "correlation": correlation.tolist(),
        "heston": {
            "mean_reversions": np.round(draw.uniform(1.0, 2.5, count), 3).tolist(),
            "vols_of_variance": np.round(draw.uniform(0.3, 0.6, count), 3).tolist(),
            "skews": np.round(draw.uniform(-0.7, -0.3, count), 3).tolist(),
        },
    }
    trades: list[Trade] = [_basket(draw, k, market, maturities[k % 5], k % 5 + 1) for k in range(20)]
    trades += [_worst_of(draw, k, market, maturities[k + 1]) for k in range(4)]
    trades += [_forward(draw, k, market, maturities[k + 1], k + 2) for k in range(4)]
    return {
        "seed": seed,
        "as_of": str(as_of),
        "dates": [str(as_of + np.timedelta64(45 * k, "D")) for k in range(1, 41)],
        "market": market,
        "trades": [to_document(trade) for trade in trades],
    }


def _basket(
    draw: np.random.Generator, number: int, market: dict[str, Any], expiry: np.datetime64, years: int
) -> Trade:
    rows = np.sort(draw.choice(8, int(draw.integers(2, 6)), replace=False))
    spots, dividends = np.array(market["spots"])[rows], np.array(market["dividends"])[rows]
    weights = np.round(draw.dirichlet(3.0 * np.ones(len(rows))) * 100.0 / spots, 4)
    forward = float((weights * spots * np.exp((market["rate"] - dividends) * years)).sum())
    return BasketOption(
        f"B{number + 1:02d}",
        "NS",
        underlyings=tuple(f"EQ/{market['names'][k]}" for k in rows),
        currency="EUR",
        side=_side(draw),
        weights=tuple(weights.tolist()),
        option_type=("call", "put")[number % 2],
        quantity=_round(draw.uniform(50, 150)),
        strike=_round(forward * draw.uniform(0.85, 1.15), 2),
        expiry_date=expiry,
    )


def _worst_of(draw: np.random.Generator, number: int, market: dict[str, Any], expiry: np.datetime64) -> Trade:
    rows = np.sort(draw.choice(8, 3, replace=False))
    return WorstOfOption(
        f"W{number + 1}",
        "NS",
        underlyings=tuple(f"EQ/{market['names'][k]}" for k in rows),
        currency="EUR",
        side=("long", "short")[number % 2],
        measure="worst",
        option_type="put",
        notional=_round(draw.uniform(5000, 15000)),
        strike=_round(draw.uniform(0.8, 1.0), 3),
        initial_prices=tuple(market["spots"][k] for k in rows),
        expiry_date=expiry,
    )


def _forward(
    draw: np.random.Generator, number: int, market: dict[str, Any], maturity: np.datetime64, years: int
) -> Trade:
    row = int(draw.integers(8))
    forward = market["spots"][row] * np.exp((market["rate"] - market["dividends"][row]) * years)
    return EquityForward(
        f"F{number + 1}",
        "NS",
        equity=market["names"][row],
        currency="EUR",
        side=_side(draw),
        quantity=_round(draw.uniform(50, 150)),
        strike=_round(forward * draw.uniform(0.9, 1.1), 2),
        maturity_date=maturity,
    )


def _side(draw: np.random.Generator) -> str:
    return "long" if draw.random() < 0.5 else "short"


def _round(number: float, digits: int = 0) -> float:
    return float(np.round(number, digits))


def read(document: dict[str, Any]) -> Book:
    trades = [from_document(d) for d in document["trades"]]
    return Book(
        TradeContext(np.datetime64(document["as_of"])),
        np.array(document["dates"], dtype="datetime64[D]"),
        tuple(t for t in trades if isinstance(t, PathTrade)),
        tuple(t for t in trades if isinstance(t, EquityForward)),
        document["market"],
    )


def timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def row_line(label: str, row: Sequence[float]) -> str:
    value, book, worst, slope, profile, training, spent = row
    return f"{label:>6}{value:8.2f}{book:8.2f}{worst:8.2f}{slope:10.2f}{profile:7.2f}{training:10.1f}{spent:12.1f}"


def rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt())


def real(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())
