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
# # What moves my CVA?
#
# A desk's morning: the largest sensitivities, the ladder by curve and tenor, who causes them, the same in zero rates, a second
# opinion by bumps, what a night costs, what changed since yesterday, and which few quoted instruments would take the risk away.

# %%
# %matplotlib inline
from pathlib import Path

import numpy as np
import pandas as pd

import pipelines
from pipelines.reports import plot_heat_map, plot_hedge, plot_ladder

BANK = Path("../examples/bank")
pd.options.display.float_format = "{:,.1f}".format

job = pipelines.ExposureJob.from_toml(BANK / "demo.toml")
run = job.submit().result()
run

# %% [markdown]
# ## The largest
#
# One reverse pass gave the derivative of every measure of every netting set to every quote. Numbers are per readable shift of the
# quote, with the Monte Carlo's standard error.

# %%
cva = run.sensitivities("CVA")
cva.top(12)[["family", "curve", "tenor", "value", "standard_error", "shift_name"]]

# %% [markdown]
# ## The ladder
#
# Choose by family, curve, currency and tenor. Tenors are ordered, so a ladder is one line of pandas:

# %%
rates = run.sensitivities("CVA", family=["OIS", "IBOR swap"])
rates.to_frame().pivot_table(index="tenor", columns="curve", values="value", aggfunc="sum")

# %%
plot_ladder(rates, "CVA to par swap rates")

# %%
plot_heat_map(rates, "CVA to par swap rates")

# %% [markdown]
# The same for credit, of the names that matter:

# %%
credit = run.sensitivities("CVA", family="CDS").to_frame()
names = sorted(set(credit.loc[credit["value"] != 0.0, "curve"]))
plot_heat_map(run.sensitivities("CVA", family="CDS", curve=names), "CVA to CDS spreads")

# %% [markdown]
# ## Who causes it
#
# All netting sets at once (`...`), as labelled arrays: parallel shifts by currency.

# %%
by_set = run.sensitivities("CVA", ..., family=["OIS", "IBOR swap", "deposit"]).by("netting_set", "currency")
by_set["value"].to_pandas()

# %% [markdown]
# Several measures, in the reporting buckets of the bank; sums are preserved:

# %%
from pipelines import bucketed

wide = run.sensitivities(["CVA", "DVA", "FCA"], family="OIS", currency="EUR")
buckets = bucketed(wide, ["1Y", "2Y", "5Y", "10Y", "30Y"])
table = buckets.pivot_table(index="bucket", columns="measure", values="value", aggfunc="sum", observed=True)
assert np.allclose(table.sum(), wide.to_frame().groupby("measure")["value"].sum()[table.columns])
table

# %% [markdown]
# ## Par and zero
#
# A par ladder says what to trade, a zero ladder where the cash flows are. One is the other times the Jacobian of the bootstrap:
# exactly what a run on a market quoted in zero rates would give.

# %%
from pipelines import Sensitivities
from xva.sensitivities import zero_rates

engine = job.exposure.engine
zeros = zero_rates(engine.quotes, job.market_config)
in_zeros = zeros.convert(run.xva)
zero = Sensitivities.select(in_zeros, "CVA", family="zero rate", curve=["EUR-ESTR", "USD-SOFR", "USD-IN-EUR"])
par = run.sensitivities("CVA", curve=["EUR-ESTR", "USD-SOFR", "USD/EUR"])
frames = {"par": par.to_frame(), "zero": zero.to_frame()}
pd.concat(
    {
        n: f.pivot_table(index="tenor", columns="curve", values="value", aggfunc="sum")
        for n, f in frames.items()
    },
    axis=1,
)

# %% [markdown]
# ## A second opinion
#
# Bump a quote, calibrate again, price every path again with the same random numbers. A tiny bump reproduces the derivative to
# rounding; a large one shows the curvature too. It takes two revaluations per quote and step, the reverse pass had them all.

# %%
from xva.sensitivities import Revaluer, shift_size

bumped = Revaluer(engine)
rows = {}
for quote, steps in {
    "IR_SWAP/RATE/USD/2D/1D/15Y": (1e-6, 1e-3),
    "FX_OPTION/RATE_LNVOL/EUR/USD/5Y/ATM": (1e-6, 1e-2),
    "CDS/CREDIT_SPREAD/CPTY_C/SR/EUR/10Y": (1e-6, 1e-4, 1e-3),
}.items():
    row = cva.to_frame().loc[quote]
    for step in steps:
        size = shift_size(quote, float(engine.quotes[quote]), step)
        found = float(bumped.derivative(quote, size)[0].sum()) * row["shift"]
        rows[quote, step] = {
            "bump": found,
            "reverse pass": row["value"],
            "difference %": 100 * (found / row["value"] - 1),
        }
pd.DataFrame(rows).T.rename_axis(["quote", "step"]).style.format(
    "{:,.2f}", subset=["bump", "reverse pass"]
).format("{:.5f}", subset=["difference %"]).format_index("{:g}", level=1)

# %% [markdown]
# ## A night
#
# The same book and quotes one business day later, the random numbers kept: the difference's error is far smaller than that of
# either number.

# %%
from xva.explain import roll

night = roll(engine)
print(
    f"{night.attrs['as_of']} to {night.attrs['rolled_to']}, {night.attrs['implied_fixings']} fixings at today's forwards"
)
shown = ["total_before", "total_before_se", "total_change", "total_change_se", "total_theta"]
night[shown].to_dataframe()

# %% [markdown]
# ## Since yesterday
#
# Yesterday's run is here the demo's market moved a little, the day before. What changed, and how much of it the quotes' moves
# explain to first order:

# %%
import shutil
import tempfile

draw = np.random.default_rng(20260114)
with tempfile.TemporaryDirectory() as folder:
    there = Path(folder) / "bank"
    shutil.copytree(BANK, there, ignore=shutil.ignore_patterns("runs", "generat*"))
    quotes = pd.read_csv(there / "market/quotes.csv")
    rate = quotes["quote_id"].str.startswith("IR_SWAP/RATE/")
    spread = quotes["quote_id"].str.startswith("CDS/")
    fx = quotes["quote_id"].str.startswith("FX/RATE/")
    quotes.loc[rate, "value"] += 3e-4  # rates fell by 3 bp since
    quotes.loc[spread, "value"] *= 0.98  # spreads widened by 2 %
    quotes.loc[fx, "value"] *= 1 + 0.004 * draw.standard_normal(fx.sum())
    quotes.to_csv(there / "market/quotes.csv", index=False)
    text = (there / "demo.toml").read_text().replace("as_of = 2026-01-15", "as_of = 2026-01-14")
    (there / "demo.toml").write_text(text)
    yesterday = pipelines.ExposureJob.from_toml(there / "demo.toml").run()
    change = run.compare(yesterday)
    measures = change.to_frame().xs("TOTAL")
    moved = change.sensitivities("CVA")
measures

# %%
by_family = moved.groupby("family")["explained"].sum()
by_family = by_family[by_family.abs() > 0.5].sort_values(key=abs, ascending=False)
total = measures.loc["CVA", "change"]
pd.concat(
    [
        by_family,
        pd.Series(
            {
                "all quotes": by_family.sum(),
                "the night": float(night["total_change"].sel(measure="CVA")),
                "what CVA did": total,
            }
        ),
    ]
)

# %% [markdown]
# What the quotes and the night do not explain is curvature and, mostly, Monte Carlo: the two runs have other dates, so other
# paths (`change_se` above). The rungs that did most:

# %%
moved.head(6)[["move", "before", "today", "explained"]].style.format("{:,.1f}").format(
    "{:.5f}", subset=["move"]
)

# %% [markdown]
# ## A hedge
#
# Every quote that is traded is a hedge instrument: par swaps, basis swaps, FX and shares at spot, CDS, straddles at quoted
# volatilities. Each is booked as a trade and differentiated like the book. The suggestion is the smallest set that flattens the
# ladder by least squares, each rung weighed by what its quote does to the first exposure date on the run's paths. The model
# moves rates, FX and equities; for spreads and volatilities, which it holds constant, a yearly volatility is stated.

# %%
from pipelines import suggest_hedge
from xva.hedging import instruments, quote_moves

offered = instruments(engine.quotes, job.market_config, engine.book.context)
assumed = {"CDS": 0.5, "FX vol": 0.3, "swaption vol": 0.3, "equity vol": 0.3}
moves = quote_moves(engine, job.exposure.plan.data, zeros, volatilities=assumed)
hedge = suggest_hedge(cva, offered, moves, remaining=0.3)
print(
    f"{len(hedge.instruments.own)} of {len(offered.own)} instruments; to {moves.date} they remove {hedge.variance_removed:.1%} of the variance"
)
hedge

# %%
plot_hedge(hedge, "CVA of the book, rung by rung")

# %% [markdown]
# Rung by rung is what a limit system wants. With the correlations of the paths fewer instruments take out more: one swap
# stands for a curve. It is the better hedge where the model is right, and leaves rungs open where it is not.

# %%
together = suggest_hedge(cva, offered, moves, objective="variance", remaining=0.25)
print(f"{len(together.instruments.own)} instruments remove {together.variance_removed:.1%} of the variance")
plot_hedge(together, "CVA of the book, with the correlations of the paths")
