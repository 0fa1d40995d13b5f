# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Surrogates: trades without a closed form
#
# Swaps, two Bermudan swaptions and an autocallable. Swaps have closed forms; the others are worth what nested Monte Carlo
# says: fresh paths from every path and date. That is slow, so their values are *learned*, with derivatives, and every surrogate
# says how wrong it is.

# %%
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

import pipelines

torch.set_num_threads(1)
folder = Path(tempfile.mkdtemp())
examples = Path("../examples")
for name in ("exotics", "bank"):
    shutil.copytree(examples / name, folder / name, ignore=shutil.ignore_patterns("runs"))
file = folder / "exotics" / "exotics.toml"
text = re.sub(r"(?m)^paths = \d+\nblock_size = \d+", "paths = 2048\nblock_size = 256", file.read_text())
_ = file.write_text(text.replace("training_paths = 8192", "training_paths = 8192\npolicy_paths = 8192"))
job = pipelines.ExposureJob.from_toml(file)
[(t.trade_id, t.kind, t.netting_set) for t in job.trades]

# %% [markdown]
# ## Why not nested Monte Carlo?
#
# Ask it for the three trades on one date: 64 states, 1,024 paths from each. Then count what a run would ask: every path,
# every date until maturity; and the same again in every stress scenario and what-if.

# %%
from surrogates.certificate import alive_book
from surrogates.labels import label_normals
from surrogates.training import label_problem, make_samples, train_exercise
from xva.models import walk
from xva.pricing.nested import InnerPaths, nested_values

engine = job.exposure.engine
requests = {r.trade.trade_id: r for r in job.exposure.training_requests().values()}
auto, bermudan = requests["AUTO_1"], requests["BERM_1"]


def fresh(request, policy, day, states, inner):
    """States that no training has seen, what the trade remembers there, and nested values."""
    problem = label_problem(request, policy)
    with torch.no_grad():
        made = walk(
            request.model, problem.times, label_normals(request.model, problem.times, states, seed=1234)
        )
        _names, memory = problem.memory(problem.paths(made))
    nested = nested_values(
        alive_book(request.model, request.trade, request.context, day, policy), made, day, inner
    )
    k = int(np.searchsorted(problem.report, day))
    return torch.cat([made.states[problem.places[k]].T, memory[k]], dim=1), nested


policies = {name: train_exercise(r) for name, r in requests.items()}
asked, hours = 0, 0.0
for name, request in requests.items():
    middle = request.learned_days[len(request.learned_days) // 2]
    _, nested = fresh(request, policies[name], middle, 64, InnerPaths(seed=5, points=64))
    count = 8192 * len(request.learned_days)
    asked, hours = asked + count, hours + nested.cost.seconds / 64 * count / 3600
    print(f"{name} on {middle}: {nested.cost}")
print(
    f"A run of 8,192 paths: {asked:,} values, {1024 * asked:,} nested paths, about {hours:.1f} hours on a core."
)

# %% [markdown]
# ## Labels with derivatives
#
# One path from a state is one unbiased, very noisy guess of the value there. The same path's derivative, from one backward
# sweep for all dates, is a guess of the slope. Below the Bermudan two years from now: what 128 paths say, and what comes
# out of fitting them without and with slopes. The black bars are nested Monte Carlo, ± two standard errors.

# %%
from surrogates.regression import RidgeFeatures

policy = policies["BERM_1"]
k = 4
day = bermudan.learned_days[k]
few = make_samples(bermudan, policy, 128)[k]
plain, differential = RidgeFeatures().fit_one(few.without_gradients()), RidgeFeatures().fit_one(few)
states, truth = fresh(bermudan, policy, day, 40, InnerPaths(seed=6, points=64))

# %%
million = 1e6
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), sharex=True)
x, y, slope = few.features[:, 0], few.values / million, few.gradients[:, 0] / million
step = 0.04 * float(few.features.std())
left.plot(
    np.stack([x - step, x + step]), np.stack([y - step * slope, y + step * slope]), color="tab:blue", lw=0.8
)
left.plot(x, y, "o", ms=2.5, color="tab:blue")
left.set(
    title="Labels: what 128 paths pay, and their slopes", ylabel="EUR million", xlabel="state of the EUR rate"
)
grid = torch.linspace(float(few.features.min()), float(few.features.max()), 200, dtype=torch.float64)[:, None]
right.plot(grid, plain.value(grid) / million, color="tab:orange", label="fitted to 128 values")
right.plot(
    grid, differential.value(grid) / million, color="tab:blue", label="fitted to 128 values and slopes"
)
right.errorbar(
    states[:, 0],
    truth.to_come / million,
    2 * truth.error / million,
    fmt="o",
    ms=3,
    lw=0.9,
    color="black",
    label="nested",
)
right.set(title=f"Value of the Bermudan on {day}", xlabel="state of the EUR rate")
right.legend(frameon=False)
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
fig.tight_layout()

# %% [markdown]
# The autocallable has five features: a rate, two shares, whether it is alive and the coupons it has missed. On the same 1,024
# paths:

# %%
k = 6
day = auto.learned_days[k]
features, nested = fresh(auto, None, day, 64, InnerPaths(seed=5, points=64))
some = make_samples(auto, None, 1024)[k]
fits = {
    "values only": RidgeFeatures().fit_one(some.without_gradients()),
    "with slopes": RidgeFeatures().fit_one(some),
}
deviation = float(nested.to_come.std())
fig, panels = plt.subplots(1, 2, figsize=(10, 4.4), sharex=True, sharey=True)
for axes, (name, fit) in zip(panels, fits.items()):
    learned = fit.value(features)
    error = (
        float((((learned - nested.to_come) ** 2 - nested.error**2).mean().clamp(min=0)).sqrt()) / deviation
    )
    axes.errorbar(
        learned / million, nested.to_come / million, 2 * nested.error / million, fmt="o", ms=3, lw=0.9
    )
    ends = nested.to_come.aminmax()
    axes.plot(np.array(ends) / million, np.array(ends) / million, color="black", lw=0.8)
    axes.set(title=f"Autocallable, {name}: error {error:.0%} of the sd", xlabel="surrogate, EUR million")
    axes.spines[["top", "right"]].set_visible(False)
_ = panels[0].set(ylabel="nested Monte Carlo, EUR million")
fig.tight_layout()

# %% [markdown]
# ## Certificates
#
# `job.train()` (on the command line `xva train`) learns every trade without a closed form: exercise policy, labels, fits that
# compete on hold-out samples, and a test on fresh nested Monte Carlo. Trained trades are kept and reused.

# %%
from rich.console import Console

from pipelines import TradeTrained
from pipelines.reports import training_table

seconds = {}


def note(event):
    if isinstance(event, TradeTrained):
        seconds[event.trade_id] = event.seconds


book = job.train("serial", sinks=(note,))
Console(width=120).print(training_table(book, seconds))

# %%
from pipelines.reports import plot_against_nested, plot_certificate

trained = {book.requests[p].trade.trade_id: t for p, t in book.trained.items()}
plot_certificate(trained["BERM_1"].certificate, "Bermudan BERM_1")

# %% [markdown]
# ## In the job
#
# In a netting set the swaps keep their closed forms, and the surrogates decide only on which side of zero the whole set is.
# What is averaged are the paths' own cash flows (*indicator*): an error of the surrogate moves it to second order only. The
# mean of the positive part of the surrogates' own value (*plug-in*) stands beside it; where the two part, beware.

# %%
run = job.run("serial")
run

# %%
fig, panels = plt.subplots(1, 2, figsize=(11, 4), sharex=True)
for axes, name in zip(panels, ("CP_X", "CP_Y")):
    profiles = run.profiles.sel(netting_set=name)
    middle, band = profiles["epe"] / 1e3, 2 * profiles["epe_se"] / 1e3
    (line,) = axes.plot(profiles["time"], middle, label="indicator ± two standard errors")
    axes.fill_between(
        profiles["time"].values, middle - band, middle + band, alpha=0.3, color=line.get_color()
    )
    axes.plot(profiles["time"], profiles["epe_plugin"] / 1e3, "k--", lw=0.9, label="plug-in")
    axes.set(title=f"{name}: expected positive exposure, discounted", ylabel="EUR thousand")
    axes.spines[["top", "right"]].set_visible(False)
panels[0].legend(frameon=False)
fig.tight_layout()

# %% [markdown]
# ## Sensitivities through the exercise boundary
#
# When rates move, the holder of a Bermudan decides otherwise. For the price alone that does not matter to first order; for
# CVA it does, as the exposure on the two sides of the boundary is not the same. Derivatives therefore go through soft
# decisions and the regressions behind them. Holding the boundary fixed would give another answer
# where a Bermudan makes the exposure (CP_X); in CP_Y a swap does.

# %%
from concurrent.futures import ThreadPoolExecutor

from pipelines import map_blocks
from xva.numerics import tree
from xva.results import results

exposure = job.trained("serial")
sums = map_blocks(exposure.plan)
moving = exposure.learned.pullback()


def still(market, bars):
    """No answer of the boundary to the market."""
    return [t.new_zeros(len(bars), *t.shape) for t in tree.tensors(market)]


frozen = replace(moving, policies=dict.fromkeys(moving.policies, still))
with ThreadPoolExecutor(2) as pool:
    held = results(engine, exposure.plan.data, sums, pool.map, frozen)

# %%
fig, panels = plt.subplots(1, 2, figsize=(11, 4))
for axes, name in zip(panels, ("CP_X", "CP_Y")):
    moves = run.sensitivities("CVA", name).to_frame()
    one = held.sel(measure="CVA", netting_set=name)
    fixed = (one["sensitivity"] * one["shift"]).to_series()
    swaps = moves[moves.index.str.startswith("IR_SWAP/RATE/EUR/2D/6M/")].sort_values("tenor")
    swaps = swaps[swaps["value"].abs() > 0.02 * swaps["value"].abs().max()]
    place = np.arange(len(swaps))
    band = 2 * swaps["standard_error"]
    axes.bar(place - 0.2, swaps["value"], 0.4, yerr=band, label="boundary moves, ± two standard errors")
    axes.bar(place + 0.2, fixed[swaps.index], 0.4, label="boundary held fixed")
    axes.set_xticks(place, [quote.rsplit("/", 1)[1] for quote in swaps.index])
    axes.axhline(0, color="black", lw=0.5)
    axes.set(title=f"CVA of {name}: 1 bp of each EUR swap quote", ylabel="EUR")
    axes.spines[["top", "right"]].set_visible(False)
fig.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=2, frameon=False)
fig.tight_layout(rect=(0.0, 0.07, 1.0, 1.0))

# %% [markdown]
# Derivatives are those of soft decisions (exercise, autocall, knock-in). The results say what that does to the value: CVA with
# exact decisions, as reported, with soft ones, and with ones half as soft.

# %%
widths = {"exact": "xva", "soft": "xva_soft", "half as soft": "xva_half"}
pd.DataFrame({name: run.xva[key].sel(measure="CVA").to_series() for name, key in widths.items()}).round(1)

# %% [markdown]
# ## A certificate that fails
#
# The second Bermudan, learned from 256 paths and tested more strictly. More paths were forbidden here, so the route ends at
# nested Monte Carlo: a run would price the trade by it, slowly, and say so.

# %%
from surrogates.training import learn

second = requests["BERM_2"]
failed = learn(replace(second, settings=replace(second.settings, paths=256, max_effort=1, tolerance=0.03)))
print(failed.route)
plot_certificate(failed.certificate, "Bermudan on 256 paths")

# %%
worst = max(failed.evidence, key=lambda e: float(e.values.square.mean() / max(e.deviation, 1.0) ** 2))
plot_against_nested(worst, "EUR", "Bermudan on 256 paths")

# %%
shutil.rmtree(folder)
