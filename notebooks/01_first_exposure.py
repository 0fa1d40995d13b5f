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
# # A first exposure
#
# From a bank's files to CVA, DVA, FVA and their sensitivities: the demo job of the sample bank, about 150 trades of
# every type in four netting sets.

# %%
from pathlib import Path

import matplotlib.pyplot as plt

import pipelines

BANK = Path("../examples/bank")

# %% [markdown]
# ## Run
#
# A job is a TOML file. Reading it checks all inputs and lists every problem at once. `submit()` runs in the background
# of this process; give it a `dask.distributed.Client` and the same blocks run on any cluster, with the same bits. A job
# that was run before is opened instead.

# %%
job = pipelines.ExposureJob.from_toml(BANK / "demo.toml")
handle = job.submit()
run = handle.result()
handle.progress()

# %% [markdown]
# A run is a folder of open formats. Values are in the reporting currency, from our side; every number of the Monte
# Carlo has its standard error. CVA and FCA are costs, DVA and FBA benefits.

# %%
run

# %% [markdown]
# ## Exposure
#
# Profiles are labelled arrays. EPE and ENE are discounted and both positive; the band is two standard errors.

# %%
name = str(run.xva["netting_set"].values[0])
profiles = run.profiles.sel(netting_set=name)
fig, ax = plt.subplots(figsize=(9, 4))
for side, sign in (("epe", 1), ("ene", -1)):
    middle, error = sign * profiles[side] / 1e6, 2 * profiles[f"{side}_se"] / 1e6
    (line,) = ax.plot(profiles["time"], middle, label=side.upper())
    ax.fill_between(
        profiles["time"].values, middle - error, middle + error, alpha=0.3, color=line.get_color()
    )
ax.axhline(0, color="black", linewidth=0.5)
ax.set(title=f"{name}: expected exposure, discounted", ylabel="EUR million")
_ = ax.legend()

# %% [markdown]
# The cube keeps every path: `ds.xva` gives the profiles of any selection of it, and exact quantiles. A PFE depends on
# the measure; these are quantiles of values divided by the numeraire.

# %%
cube = run.cube.sel(netting_set=name)
fig, ax = plt.subplots(figsize=(9, 4))
for quantile in (0.99, 0.95, 0.9):
    (cube.xva.pfe(quantile) / 1e6).plot(ax=ax, label=f"PFE {quantile:.0%}")
(cube.xva.epe() / 1e6).plot(ax=ax, label="EPE", color="black")
ax.set(title=f"{name}: potential future exposure", xlabel="", ylabel="EUR million")
_ = ax.legend()

# %% [markdown]
# The mean of the stored paths is the reported EPE, to the cube's float32.

# %%
difference = abs(cube.xva.epe() / profiles["epe"].where(profiles["epe"] > 0) - 1).max()
assert difference < 1e-5
float(difference)

# %% [markdown]
# ## Sensitivities
#
# One reverse pass gives the derivative of every measure to every quote, by netting set and in total. Values are per
# readable shift: 1 bp, 1 % of a spot, 1 vol point.

# %%
cva = run.sensitivities("CVA")
cva.top(15)[["value", "standard_error", "shift_name"]]

# %%
frame = cva.to_frame()
largest = frame.groupby("family")["value"].apply(lambda v: v.abs().sum()).nlargest(8)
ax = largest.iloc[::-1].plot.barh(figsize=(9, 3.5))
_ = ax.set(
    title="CVA: sum of absolute sensitivities by kind of quote", xlabel=run.xva.attrs["units"], ylabel=""
)
# %% [markdown]
# The spread of our counterparties moves CVA, our own moves DVA:

# %%
dva = run.sensitivities("DVA").to_frame()
own = dva[dva.index.str.startswith("CDS/CREDIT_SPREAD/BANK")]
own.loc[own["value"] != 0.0, ["tenor", "value", "standard_error"]]

# %% [markdown]
# ## Reports
#
# CSV with ORE's column names, to lay beside ORE's own reports.

# %%
import tempfile

from pipelines import export_csv

with tempfile.TemporaryDirectory() as folder:
    for file in export_csv(run, Path(folder)):
        print(f"{file.name:40s} {file.stat().st_size:>9,} bytes")
