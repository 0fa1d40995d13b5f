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
# # What does 2008 do to my CVA?
#
# A run's scenarios see the random numbers of the run itself. What a scenario changes is then known far better than either
# level, and any scenario's numbers are the bits of a fresh run on its quotes. The demo bank, with a quarter of its paths.

# %%
# %matplotlib inline
import re
import shutil
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import pipelines
from pipelines import read_scenarios

BANK, READY = Path("../examples/bank"), Path("../examples/scenarios/ready.toml")
folder = Path(tempfile.mkdtemp(prefix="stress-"))


def bank(name: str, **changes: str) -> pipelines.ExposureJob:
    """The demo job in a folder of its own, with other values of some of its keys."""
    shutil.copytree(BANK, folder / name, ignore=shutil.ignore_patterns("runs", "*.py", "generator", "full"))
    text = (BANK / "demo.toml").read_text()
    for key, value in {"paths": "512", "block_size": "64", **changes}.items():
        text = re.sub(rf"\b{key} = .*", f"{key} = {value}", text)
    (folder / name / "demo.toml").write_text(text)
    return pipelines.ExposureJob.from_toml(folder / name / "demo.toml")


run = bank("base", sensitivities="false").run("serial")
run.summary().round(0)

# %% [markdown]
# ## The scenarios
#
# A scenario is data: shifts of quotes picked by family, currency or id. The ready set has single moves and three crises in
# stated sizes.

# %%
ready = read_scenarios(READY)
pd.set_option("display.max_colwidth", None)
pd.Series({s.name: s.description for s in ready.scenarios}, name="what it does").to_frame()

# %% [markdown]
# ## Run them
#
# All of them as one run of their own, with the base's root hash as its parent. Only what a scenario reaches is computed again.

# %%
child = pipelines.stress(run, ready, "serial")
frame = child.stress.to_frame("CVA").droplevel("measure")
crises = ["replay_2008", "replay_2020", "replay_2022"]
frame.loc[crises, ["base", "stressed", "change", "change_se", "percent"]].round(1)

# %% [markdown]
# The same random numbers at both ends: the error of the change is smaller than what two independent runs would have. The
# smaller the scenario, the more so.

# %%
independent = np.hypot(frame["stressed_se"], float(child.xva["total_base_se"].sel(measure="CVA")))
gain = (independent / frame["change_se"]).where(frame["change_se"] > 0)
gain.loc[["rates_up_10", "rates_up_100", "rates_up_200", "replay_2008"]].round(1)

# %%
order = frame["change"].sort_values()
fig, ax = plt.subplots(figsize=(9, 6.5))
ax.barh(
    order.index,
    order / 1e3,
    xerr=2 * frame.loc[order.index, "change_se"] / 1e3,
    color=np.where(order > 0, "tab:red", "tab:blue"),
    alpha=0.85,
)
ax.axvline(0, color="black", linewidth=0.6)
_ = ax.set(title="Change of CVA, bars of two standard errors", xlabel="EUR thousand")

# %% [markdown]
# ## Which counterparty?

# %%
cva = child.xva.sel(measure="CVA")
percent = (100 * cva["change"] / cva["base"]).sel(scenario=order.index[::-1])
names = percent["netting_set"].values.tolist()
fig, ax = plt.subplots(figsize=(7, 8))
ax.imshow(percent, cmap="RdBu_r", vmin=-100, vmax=100, aspect="auto")
ax.set_xticks(range(len(names)), names)
ax.set_yticks(range(len(order)), order.index[::-1])
for (row, column), value in np.ndenumerate(percent.values):
    ax.text(column, row, f"{value:+.0f}", ha="center", va="center", color="w" if abs(value) > 60 else "k")
_ = ax.set_title("CVA: change in per cent of the base")

# %% [markdown]
# Exposure or credit? EPE says: spreads alone would leave it where it is.

# %%
name = names[int(cva["change"].sel(scenario="replay_2008").values.argmax())]
fig, ax = plt.subplots(figsize=(9, 4))
for label, profile, error in (
    ("base", run.xva["epe"], run.xva["epe_se"]),
    ("2008", child.xva["epe"].sel(scenario="replay_2008"), child.xva["epe_se"].sel(scenario="replay_2008")),
    ("credit only", child.xva["epe"].sel(scenario="credit_wider_50"), None),
):
    middle = profile.sel(netting_set=name) / 1e6
    style = {"linestyle": "--", "color": "black"} if error is None else {}
    (line,) = ax.plot(child.xva["time"], middle, label=label, **style)
    if error is not None:
        band = 2 * error.sel(netting_set=name) / 1e6
        ax.fill_between(
            child.xva["time"].values, middle - band, middle + band, alpha=0.3, color=line.get_color()
        )
ax.set(title=f"{name}: EPE, discounted", ylabel="EUR million")
_ = ax.legend()

# %% [markdown]
# ## Is it the same as running the job on those quotes?
#
# Bit for bit: a run made from nothing on the shifted quotes has the root hash that the stress run says.

# %%
from xva.market import shifted

scenario = next(s for s in ready.scenarios if s.name == "replay_2008")
base = pipelines.ExposureJob.from_toml(folder / "base" / "demo.toml").loaded
quotes = shifted(base.quotes, scenario, base.as_of)
rows = [f"{i},{v!r}" for i, v in zip(quotes.ids, quotes.values.tolist(), strict=True)]
again = bank("again", sensitivities="false", pfe_quantile="0.95\nstore_cube = false")
(folder / "again/market/quotes.csv").write_text("\n".join(["quote_id,value", *rows, ""]))
fresh = pipelines.ExposureJob.from_toml(again.loaded.path).run("serial")

mine = child.xva.sel(scenario="replay_2008")
assert fresh.completion.root_hash == str(mine["root_hash"].values)
assert np.array_equal(fresh.xva["xva"], mine["stressed"])
assert np.array_equal(fresh.xva["epe"], mine["epe"])
fresh.completion.root_hash

# %% [markdown]
# ## Where does it come from?
#
# The change by risk factor groups: first order is the base's gradient times the move, second order half of what the gradient
# changes between both ends times the move. What the two leave is measured against the full revaluation, not assumed small:
# next to nothing for ten basis points, little even for 2008, where the second order is a large part.

# %%
from pipelines import Exposure
from xva.explain import Attribution, attribute

engine = Exposure(base).engine
small = next(s for s in ready.scenarios if s.name == "rates_up_10")
moves = {s.name: shifted(base.quotes, s, base.as_of) for s in (small, scenario)}
parts = attribute(engine, moves, Attribution(split=False)).sel(measure="CVA")

# %%
first, second = (parts[f"total_{n}"].to_pandas() for n in ("first", "second_own"))
second = second + parts["total_second_cross"].to_pandas()
fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for ax, move in zip(axes, moves, strict=True):
    one = pd.DataFrame({"first order": first.loc[move], "second order": second.loc[move]})
    one.loc["unexplained", "rest"] = float(parts["total_unexplained"].sel(scenario=move))
    one.loc["exercise", "rest"] = float(parts["total_exercise"].sel(scenario=move))
    (one[(one.abs() > 0).any(axis=1)] / 1e3).iloc[::-1].plot.barh(stacked=True, ax=ax)
    ax.axvline(0, color="black", linewidth=0.6)
    ax.margins(x=0.08)
    ax.set(
        ylabel="",
        title=f"{move}: CVA {float(parts['total_change'].sel(scenario=move)):+,.0f}",
        xlabel="EUR thousand",
    )

# %% [markdown]
# The terms add up to the change, which is the stress run's own number:

# %%
terms = first.sum(axis=1) + second.sum(axis=1)
for name in ("exercise", "unexplained"):
    terms = terms + parts[f"total_{name}"].to_series()
found = pd.DataFrame({"sum of terms": terms, "stress run": frame["change"].reindex(terms.index)})
np.testing.assert_allclose(found["sum of terms"], found["stress run"], rtol=1e-9)
found.round(2)

# %% [markdown]
# ## A scenario of one's own
#
# On the command line: `xva stress RUN mine.toml`, and `xva report RUN --stress CHILD` puts it into the report.

# %%
mine = folder / "mine.toml"
mine.write_text(
    """
name = "mine"
[[scenario]]
name = "our_banks_lose_trust"
description = "Our own spread doubles, borrowing +100 bp, the dollar rises by 8 % and its volatility by a third"
shifts = [
  { quotes = "CDS/CREDIT_SPREAD/BANK/*", relative = "100%" },
  { quotes = "ZERO/YIELD_SPREAD/*/BORROW/*", absolute = "100bp" },
  { quotes = "FX/RATE/EUR/USD", relative = "-8%" },
  { quotes = "FX_OPTION/RATE_LNVOL/EUR/USD/*", relative = "33%" },
]
"""
)
pipelines.stress(run, mine, "serial").stress.to_frame()[
    ["base", "stressed", "change", "change_se", "percent"]
].round(1)

# %%
shutil.rmtree(folder)
