"""CVA of a Bermudan swaption by a surrogate, and its sensitivities with the exercise boundary moving, against a rollback.

    python benchmarks/bermudan_swaption.py            # 65,536 paths, one process
    python benchmarks/bermudan_swaption.py --quick    # 16,384 paths

The tests' 10nc1 payer, physical, on a zero curve of ten pillars and a constant Hull-White volatility: eleven quotes.
The reference is a deterministic rollback (``tests/oracles/bermudan_swaption.py``) differentiated by central differences of
1 bp, its boundary found anew. Prints the price, CVA, every sensitivity, the relative L2 error of the quote vector, the
parallel shift, what half the exercise width changes, and what a frozen policy would give. Status 1 beyond tolerance.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the oracle is a test's

from surrogates.book.book import LearnedBook, training_requests
from surrogates.training.trade_training import TrainingSettings, learn
from tests.oracles.bermudan_swaption import BermudanGrid, Market, central, ten_year
from tests.support.flat_world import BANK, COUNTERPARTY, FlatWorld, make_engine
from tests.support.statistics import three_sigma
from xva.exposure.engine import ExposureEngine
from xva.market.curves import DiscountCurve
from xva.market.market import Market as QuotedMarket
from xva.market.quotes import QuoteSet
from xva.numerics import tree
from xva.pricing.exercise.pricing import Estimate, exercise_price
from xva.pricing.exercise.simulation import ExercisePaths
from xva.results.labelled import results
from xva.trades.bermudan_swaption import BermudanSwaption

NOTIONAL, STRIKE = 1e4, 0.030454789387  # values are in basis points
HAZARD, LOSS = 0.02, 0.6
PILLARS = tuple(range(1, 11))
BP = 1e-4
Floats = NDArray[np.float64]


class PillarWorld(FlatWorld):
    """`FlatWorld` with a zero rate per annual pillar in place of the flat rate."""

    def quotes(self) -> QuoteSet:
        flat = super().quotes()
        values = {i: float(v) for i, v in zip(flat.ids, flat.values) if not i.startswith("ZERO/RATE/EUR/EUR")}
        return QuoteSet.from_mapping({pillar(k): 0.03 for k in PILLARS} | values)

    def _market(self, quotes: QuoteSet) -> QuotedMarket:
        times = pillar_times()
        zeros = torch.stack([quotes[pillar(k)] for k in PILLARS])
        curve = DiscountCurve("EUR-FLAT", times, -zeros * torch.from_numpy(times))
        flat = QuoteSet.from_mapping({"ZERO/RATE/EUR/EUR-FLAT/A365/1Y": 0.03})
        padded = QuoteSet((*quotes.ids, *flat.ids), torch.cat([quotes.values, flat.values]))
        market = super()._market(padded)
        return replace(market, curves={**market.curves, "EUR-FLAT": curve})


def pillar(year: int) -> str:
    return f"ZERO/RATE/EUR/EUR-ZERO/A365/{year}Y"


def pillar_times() -> Floats:
    start = np.datetime64("2026-01-02")
    return np.array([(np.datetime64(f"{2026 + k}-01-02") - start).astype(int) / 365.0 for k in PILLARS])


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    per_scramble = 512 if chosen.quick else 2048
    started = time.process_time()
    engine = bermudan_engine(per_scramble)
    settings = TrainingSettings(paths=16384, policy_paths=32768, exercise_width=0.03)
    requests = training_requests(engine, settings)
    learned = LearnedBook(engine, requests, {place: learn(r) for place, r in requests.items()})
    trained = time.process_time() - started
    found = run(learned)
    spent = time.process_time() - started
    half = replace(settings, exercise_width=settings.exercise_width / 2.0)
    halved_requests = training_requests(engine, half)
    trained_half = {place: learn(r) for place, r in halved_requests.items()}
    halved = run(LearnedBook(engine, halved_requests, trained_half))
    frozen = run(learned, frozen=True)
    exact = reference()
    out = Console()
    out.print(f"certificate: {learned.trained[0, 0].certificate}")
    price = fresh_price(learned)
    ok = show_levels(found, price, exact, out) & show_sensitivities(found, halved, frozen, exact, out)
    paths = per_scramble * 32
    out.print(f"{spent:.1f} s of processor time, {trained:.1f} s of it training, {paths:,} paths")
    return 0 if ok else 1


def bermudan_engine(per_scramble: int) -> ExposureEngine:
    """The trade alone in its netting set, 32 scrambles."""
    world = PillarWorld(as_of="2026-01-02", hazards={COUNTERPARTY: HAZARD, BANK: 0.01})
    day = np.datetime64
    trade = BermudanSwaption(
        trade_id="10NC1", netting_set="N", currency="EUR", side="long", swap_side="payer", notional=NOTIONAL,
        strike=STRIKE, index="EUR-FLAT-6M", start_date=day("2026-01-02"), maturity_date=day("2036-01-02"),
        first_exercise_date=day("2027-01-02"), settlement="physical", fixed_day_count="A365",
    )  # fmt: skip
    dates = [f"{2026 + k}-01-02" for k in PILLARS]
    return make_engine(world, [trade], dates, per_scramble)


def fresh_price(learned: LearnedBook) -> Estimate:
    """Price under the trained policy on 524,288 paths of its own, decisions sharp."""
    request, policy = learned.requests[0, 0], learned.trained[0, 0].policy
    assert policy is not None
    size = {"seed": 2027, "scrambles": 32, "block_size": 4096, "n_blocks": 128}
    fresh = ExercisePaths.draw(request.trade, request.context, request.model, **size)
    return exercise_price(fresh, policy, request.model).value


def run(learned: LearnedBook, frozen: bool = False) -> xr.Dataset:
    """Results with sensitivities; ``frozen`` leaves the exercise policy out of the derivative."""
    plan, pull = learned.plan(adjoint=True), learned.pullback()
    if frozen:
        pull = replace(pull, policies=dict.fromkeys(pull.policies, _still))
    blocks = [plan.run(b).sums for b in range(plan.n_blocks)]
    return results(learned.engine, plan.data, blocks, residual_graph=pull)


def _still(market: object, bars: torch.Tensor) -> list[torch.Tensor]:
    return [t.new_zeros(len(bars), *t.shape) for t in tree.tensors(market)]


def grid(zeros: Floats, sigma: float) -> BermudanGrid:
    """The rollback, on the dates on which the platform has exposures."""
    times = np.concatenate([[0.0], pillar_times()])
    logs = np.concatenate([[0.0], -zeros * pillar_times()])
    found = ten_year(Market(lambda t: np.exp(np.interp(np.asarray(t), times, logs)), sigma, 0.03), STRIKE)
    return replace(found, report=found.swap.times[1:])


def reference() -> Mapping[str, Floats]:
    """Value, profile, CVA and its derivatives per unit of each of the eleven quotes."""
    base = np.append(np.full(len(PILLARS), 0.03), 0.01)

    def cva(at: Floats) -> Floats:
        return np.array([NOTIONAL * grid(at[:-1], float(at[-1])).cva(HAZARD, LOSS)])

    exact = grid(base[:-1], 0.01)
    slopes = central(cva, base, np.full(len(base), BP))[0]
    parallel = central(lambda s: cva(np.append(base[:-1] + s[0], base[-1])), np.zeros(1), np.full(1, BP))[0]
    return {
        "value": np.array(NOTIONAL * exact.value),
        "epe": NOTIONAL * exact.profile(),
        "cva": cva(base),
        "slopes": slopes,
        "parallel": parallel,
    }


def show_levels(found: xr.Dataset, price: Estimate, exact: Mapping[str, Floats], out: Console) -> bool:
    """Price and CVA."""
    table = Table(title="10nc1 payer, bp of notional")
    for name in ("", "platform", "± s.e.", "rollback", "difference in s.e."):
        table.add_column(name, justify="right")
    value, error, true = float(price.value), float(price.error), float(exact["value"])
    ok = abs(value - true) <= 0.5
    table.add_row("price", f"{value:.3f}", f"{error:.3f}", f"{true:.3f}", f"{(value - true) / error:+.2f}")
    rows = (
        ("value of the run", "value", "value_se", exact["value"]),
        ("CVA", "xva", "xva_se", exact["cva"][0]),
    )
    for label, name, spread, true in rows:
        got, se = (float(np.ravel(found[n].values)[0]) for n in (name, spread))
        gap = (got - float(true)) / se
        ok &= abs(gap) <= three_sigma()
        table.add_row(label, f"{got:.3f}", f"{se:.3f}", f"{float(true):.3f}", f"{gap:+.2f}")
    worst = np.abs(found["epe"][0, 1:].values[: len(exact["epe"])] - exact["epe"])
    out.print(table)
    out.print(
        f"EPE profile: largest difference {worst.max():.2f} bp (s.e. {float(found['epe_se'].max()):.2f})"
    )
    return bool(ok)


def show_sensitivities(
    found: xr.Dataset, halved: xr.Dataset, frozen: xr.Dataset, exact: Mapping[str, Floats], out: Console
) -> bool:
    """dCVA per basis point of each quote."""
    names = [pillar(k) for k in PILLARS] + ["SWAPTION/RATE_NVOL/EUR/1Y/1Y/ATM"]

    def row(results: xr.Dataset, name: str) -> Floats:
        return np.asarray(results[name].sel(measure="CVA", quote=names)[0].values) * BP

    got, se, half, still = (
        row(found, "sensitivity"),
        row(found, "sensitivity_se"),
        row(halved, "sensitivity"),
        row(frozen, "sensitivity"),
    )
    true = exact["slopes"] * BP
    table = Table(title="dCVA per bp")
    for name in ("quote", "platform", "± s.e.", "half the width", "frozen policy", "rollback"):
        table.add_column(name, justify="left" if name == "quote" else "right")
    for k, name in enumerate(names):
        table.add_row(name, *(f"{x:.4f}" for x in (got[k], se[k], half[k], still[k], true[k])))
    parallel, exact_parallel = got[:-1].sum(), float(exact["parallel"][0]) * BP
    parallel_se = float(np.hypot.reduce(se[:-1]))
    table.add_row(
        "parallel",
        *(f"{x:.4f}" for x in (parallel, parallel_se, half[:-1].sum(), still[:-1].sum(), exact_parallel)),
    )
    out.print(table)
    size = np.linalg.norm(true)
    error, noise = np.linalg.norm(got - true) / size, np.linalg.norm(se) / size
    out.print(
        f"relative L2 error of the quote vector {100 * error:.2f} % (s.e. {100 * noise:.2f} %); "
        f"frozen policy {100 * np.linalg.norm(still - true) / size:.0f} %"
    )
    off = abs(parallel / exact_parallel - 1.0)
    out.print(
        f"parallel shift {100 * off:.2f} % off (s.e. at most {100 * parallel_se / abs(exact_parallel):.2f} %)"
    )
    out.print(f"sigma {100 * abs(got[-1] / true[-1] - 1.0):.2f} % off (s.e. {100 * se[-1] / true[-1]:.2f} %)")
    return bool(error <= 0.05 + 2.0 * noise and off <= 0.03 + 2.0 * parallel_se / abs(exact_parallel))


if __name__ == "__main__":
    sys.exit(main())
