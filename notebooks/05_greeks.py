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
# # From backpropagation to adjoint Greeks to XVA
#
# A Greek is a derivative of a price. Three ways to get one: bump and revalue, forward differentiation, reverse
# differentiation. This notebook goes from a reverse pass through one formula to the sensitivities of a bank's CVA to all
# its market quotes, and stops where a derivative by AD would be wrong: there the library says so and does something else.

# %%
# %matplotlib inline
import time
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from pipelines.reports import plot_difference_error, plot_surfaces
from xva.errors import DomainError
from xva.options.greeks import greeks
from xva.pricing.closed_form import black_scholes

torch.set_num_threads(1)
tensor = partial(torch.tensor, dtype=torch.float64)

# %% [markdown]
# ## Backpropagation is the chain rule, read from the end
#
# Every operation of a forward pass knows its own derivative. Going back from the price, each variable collects what the
# later ones tell it: an adjoint. One pass gives the derivatives to *all* inputs, at a few times the cost of the price,
# whatever their number (Griewank & Walther 2008, ch. 3). Networks are trained this way; finance got it from Giles &
# Glasserman (2006).

# %%
spot, vol = tensor(100.0).requires_grad_(), tensor(0.2).requires_grad_()
forward = spot * torch.exp(tensor(0.05))
total_vol = vol * 1.0
d1 = torch.log(forward / 100.0) / total_vol + total_vol / 2
price = np.exp(-0.05) * (forward * torch.special.ndtr(d1) - 100.0 * torch.special.ndtr(d1 - total_vol))
price.backward()
print(f"price {float(price.detach()):.12f}, delta {float(spot.grad):.12f}, vega {float(vol.grad):.10f}")


# %%
def basket(spots: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Monte Carlo price of a call on an equally weighted basket."""
    ends = spots * torch.exp(0.2 * noise - 0.02)
    return torch.relu(ends.mean(-1) - 100.0).mean()


rows = []
for count in (1, 5, 20, 80):
    noise = torch.randn(20_000, count, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    spots = torch.full((count,), 100.0, dtype=torch.float64, requires_grad=True)
    start = time.perf_counter()
    value = basket(spots, noise)
    middle = time.perf_counter()
    value.backward()
    rows.append((count, middle - start, time.perf_counter() - middle))
frame = pd.DataFrame(rows, columns=["inputs", "price, s", "all deltas, s"])
frame["deltas / price"] = frame["all deltas, s"] / frame["price, s"]
frame.round(4)

# %% [markdown]
# ## Greeks under their names
#
# `greeks(price, order=2)` takes any function of named tensors and gives labelled first and second derivatives.

# %%
option = {"strike": 100.0, "rate": 0.05, "vol": 0.2, "dividend": 0.0, "sign": 1}
point = {k: tensor(v) if isinstance(v, float) else v for k, v in option.items()}
found = greeks(black_scholes, order=2)(spot=tensor(100.0), expiry=tensor(1.0), **point)
found.to_frame().T

# %%
plot_surfaces(
    black_scholes, ["delta", "gamma", "vega"], np.linspace(60, 140, 41), np.linspace(0.05, 2, 40), **option
)

# %% [markdown]
# ## What bumping costs
#
# A central difference is wrong by its curvature when the step is large and by rounding when it is small. There is a best
# step, other for every Greek, and even there half the digits or more are gone. AD has no step.

# %%
plot_difference_error(black_scholes, "spot", np.logspace(-12, -1, 56), spot=100.0, expiry=1.0, **option)

# %% [markdown]
# ## Where AD alone is wrong
#
# **A payoff that jumps.** Along a path a digital's payoff is flat, so its pathwise delta is zero; the truth is a density.
# The library refuses, and offers a conditional expectation or a likelihood ratio (Broadie & Glasserman 1996).

# %%
from xva.options.monte_carlo import FlatBasket, LikelihoodRatio, Mixed, Sampling, simulate_greeks
from xva.trades import AsianOption, DigitalOption, TradeContext

today = np.datetime64("2026-01-15")
context = TradeContext(today)
market = {"spot": tensor([100.0]), "vol": tensor([0.2]), "rate": tensor(0.05)}
digital = DigitalOption(
    trade_id="D", netting_set="N", underlying="EQ/X", currency="EUR", side="long", option_type="call", quantity=1.0, cash=1.0,
    strike=100.0, expiry_date=today + 365,
)  # fmt: skip
sampling = Sampling(paths=1 << 17)
try:
    simulate_greeks(FlatBasket.of(digital, context), digital, context, market, sampling=sampling)
except DomainError as error:
    print(error)

# %%
by_score = simulate_greeks(
    FlatBasket.of(digital, context), digital, context, market, method=LikelihoodRatio(), sampling=sampling
)
d2 = tensor((0.05 - 0.02) / 0.2)
exact = np.exp(-0.05) * np.exp(-0.5 * float(d2) ** 2) / np.sqrt(2 * np.pi) / (100.0 * 0.2)
print(f"closed form: delta {exact:.6f}")
by_score

# %% [markdown]
# **A tree.** Differentiate a Cox-Ross-Rubinstein tree twice by spot and you get zero: its value is piecewise linear in
# the spot. The tree's own nodes give the right gamma, and the result says which number came from where.

# %%
from xva.options.lattice import LatticeOptions
from xva.options.lattice import greeks as lattice_greeks

put = LatticeOptions.of(
    spot=36.0, strike=40.0, expiry=1.0, rate=0.06, dividend=0.0, vol=0.2, sign=-1, american=True
)
lattice_greeks(put, 1000).to_frame()

# %% [markdown]
# ## Simulation: all first-order Greeks of an Asian option in one backward pass
#
# Greeks carry standard errors like everything else. Options that reduce the variance say what they save.

# %%
averaging = tuple(today + np.arange(0, 366, 7))[1:]
asian = AsianOption(
    trade_id="A", netting_set="N", underlying="EQ/X", currency="EUR", side="long", option_type="call", quantity=1.0,
    strike=100.0, averaging_dates=averaging,
)  # fmt: skip
result = simulate_greeks(
    FlatBasket.of(asian, context), asian, context, {**market, "time": tensor(0.0)}, gamma=Mixed(), controls="known",
    sampling=Sampling(paths=1 << 17),
)  # fmt: skip
result

# %% [markdown]
# ## A thousand prices at once: Chebyshev surrogates
#
# A smooth price of few inputs is a polynomial to many digits (Trefethen 2013; Gass et al. 2018). Built once on a grid of
# nodes, evaluated in batches, with all its derivatives in the same pass.

# %%
from surrogates.chebyshev import Axis, Box, build_tensor

box = Box((Axis("spot", 80.0, 120.0), Axis("expiry", 0.25, 1.0, "years"), Axis("vol", 0.15, 0.35)))


def on_nodes(points: np.ndarray) -> np.ndarray:
    """Black-Scholes at rows of (spot, expiry, vol)."""
    s, t, v = torch.from_numpy(points).T
    return black_scholes(s, tensor(100.0), t, tensor(0.05), v).numpy()


surrogate = build_tensor(on_nodes, box, (13, 13, 13))
draw = torch.rand(100_000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
low, high = (tensor([getattr(axis, side) for axis in box.axes]) for side in ("lower", "upper"))
points = low + (high - low) * draw
start = time.perf_counter()
orders = [box.order(), box.order(spot=1), box.order(spot=2), box.order(vol=1)]
values = surrogate.value_and_derivatives(points, orders)
seconds = time.perf_counter() - start
true = greeks(black_scholes, order=2)(
    spot=points[:, 0], strike=tensor(100.0).expand(len(points)), expiry=points[:, 1],
    rate=tensor(0.05).expand(len(points)), vol=points[:, 2],
)  # fmt: skip
columns = ("value", "delta", "gamma", "vega")
worst = {
    name: float((values[:, k] - true[name]).abs().max() / true[name].abs().max())
    for k, name in enumerate(columns)
}
print(
    f"{1e6 * seconds / len(points):.2f} microseconds per price with three Greeks; largest error over largest value:"
)
pd.Series(worst)

# %% [markdown]
# ## From Greeks to XVA
#
# The same chain rule runs through a whole bank: quotes to calibrated curves and volatilities (differentiated implicitly,
# not through the solver), to paths, to prices, to exposure, to CVA. Each block of paths contributes its adjoints; one
# pull-back at the end gives the sensitivity to every quote (Capriotti & Giles 2012; Savine 2018).

# %%
import pipelines

run = pipelines.ExposureJob.from_toml(Path("../examples/bank/demo.toml")).run()
ladder = run.sensitivities("CVA").to_frame()
print(f"{len(ladder)} quotes")
run.sensitivities("CVA").top(10)

# %% [markdown]
# The second opinion: bump a quote, calibrate again, revalue everything on the same random numbers.

# %%
from pipelines import Exposure, load_job
from xva.sensitivities import sensitivities

engine = Exposure(load_job(Path("../examples/bank/demo.toml"))).engine
chosen = list(run.sensitivities("CVA").top(5).index)
start = time.perf_counter()
bumped = sensitivities(engine, ["CVA"], method="bump", quotes=chosen)["total_sensitivity"].sel(measure="CVA")
seconds = time.perf_counter() - start
adjoint = run.xva["total_sensitivity"].sel(measure="CVA", quote=chosen)
shift = run.xva["shift"].sel(quote=chosen)
comparison = pd.DataFrame(
    {"adjoint": (adjoint * shift).values, "bumped": (bumped * shift).values}, index=chosen
)
comparison["difference"] = comparison["bumped"] / comparison["adjoint"] - 1.0
print(f"{seconds / len(chosen):.1f} s per bumped quote")
comparison

# %%
fig, ax = plt.subplots(figsize=(8, 3.5))
comparison[["adjoint", "bumped"]].plot.barh(ax=ax)
ax.set(xlabel="change of CVA per unit shift, EUR", title="One reverse pass against bump and revalue")
fig.tight_layout()

# %% [markdown]
# ## References
#
# - A. Griewank, A. Walther, *Evaluating Derivatives*, SIAM (2008).
# - M. Giles, P. Glasserman, *Smoking adjoints*, Risk (2006).
# - M. Broadie, P. Glasserman, *Estimating security price derivatives using simulation*, Management Science 42 (1996).
# - L. Capriotti, M. Giles, *Adjoint Greeks made easy*, Risk (2012).
# - A. Savine, *Modern Computational Finance: AAD and Parallel Simulations*, Wiley (2018).
# - B. Huge, A. Savine, *Differential machine learning*, Risk (2020).
# - L. N. Trefethen, *Approximation Theory and Approximation Practice*, SIAM (2013).
# - M. Gass, K. Glau, M. Mahlstedt, M. Mair, *Chebyshev interpolation for parametric option pricing*, Finance and
#   Stochastics 22 (2018).
