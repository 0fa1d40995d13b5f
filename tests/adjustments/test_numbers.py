"""The adjustments against NUMBERS.md: closed forms on a fine grid and the par swap's own EPE."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from xva.adjustments import cva, cva_weights, fva
from xva.pricing.closed_form.black_scholes import black_scholes

ORACLES = json.loads((Path(__file__).parents[1] / "oracles/closed_forms.json").read_text())
SWAP, FORWARD, FUNDED = (ORACLES[k] for k in ("par_swap_cva", "forward", "forward_fva"))
FINE = torch.linspace(0.0, 1.0, 2001, dtype=torch.float64)


def forward_ee(times: Tensor, vol: Tensor, rate: float = 0.0) -> Tensor:
    """E[max(S_t - K e^{-r(T-t)}, 0)] discounted: a call struck at the forward's own strike."""
    zero = torch.zeros((), dtype=torch.float64)
    strike = torch.full((), FORWARD["strike"] * math.exp(-rate * 1.0), dtype=torch.float64)
    return black_scholes(torch.tensor(FORWARD["spot"]).double(), strike, times, zero, vol)


@pytest.mark.parametrize(("quadrature", "row"), [("right", "cva_right"), ("trapezoid", "cva_trapezoid")])
def test_cva_of_a_par_swap(quadrature: str, row: str) -> None:
    year = int(SWAP["as_of"][:4])
    years = [year, *(year + k for k in SWAP["anniversaries"]), year + SWAP["maturity"]]
    days = np.array([f"{y}{SWAP['as_of'][4:]}" for y in years], dtype="datetime64[D]")
    times = torch.from_numpy((days - days[0]).astype(np.float64) / 365.0)  # leap days count
    epe = torch.tensor([0.0, *SWAP["epe"], 0.0], dtype=torch.float64)
    got = cva(times, epe, torch.exp(-SWAP["hazard"] * times), None, SWAP["lgd"], quadrature)
    assert got.item() == pytest.approx(SWAP[row], abs=1e-5)  # printed digits


def test_forward_ee() -> None:
    times = torch.tensor([0.25, 1.0], dtype=torch.float64)
    got = forward_ee(times, torch.tensor(FORWARD["vol"]).double())
    assert got.tolist() == pytest.approx([FORWARD["ee_quarter"], FORWARD["ee_year"]], abs=1e-11)


def test_unilateral_cva_of_a_forward_and_its_vega() -> None:
    vol = torch.tensor(FORWARD["vol"], dtype=torch.float64, requires_grad=True)
    survival = torch.exp(-FORWARD["hazard_c"] * FINE)
    got = cva(FINE, forward_ee(FINE, vol), survival, None, 1 - FORWARD["recovery_c"], "trapezoid")
    (vega,) = torch.autograd.grad(got, vol)
    assert got.item() == pytest.approx(FORWARD["cva_unilateral"], rel=1e-5)
    assert vega.item() == pytest.approx(FORWARD["dcva_dvol"], rel=1e-5)


def test_first_to_default_cva_of_a_forward() -> None:
    ours, theirs = (torch.exp(-FORWARD[k] * FINE) for k in ("hazard_b", "hazard_c"))
    epe = forward_ee(FINE, torch.tensor(FORWARD["vol"]).double())
    got = cva(FINE, epe, theirs, ours, 1 - FORWARD["recovery_c"], "trapezoid")
    assert got.item() == pytest.approx(FORWARD["cva_first_to_default"], rel=1e-5)


def test_fva_of_a_forward_with_symmetric_funding() -> None:
    rate, spread = FUNDED["rate"], FUNDED["funding"] - FUNDED["rate"]
    ois, funded = torch.exp(-rate * FINE), torch.exp(-(rate + spread) * FINE)
    epe = forward_ee(FINE, torch.tensor(FORWARD["vol"]).double(), rate)
    value0 = FUNDED["spot"] - FUNDED["strike"] * math.exp(-rate)
    assert value0 == pytest.approx(FUNDED["value0"], abs=1e-12)
    ene = epe - value0
    one = torch.ones_like(FINE)
    *_, got = fva(FINE, epe, ene, one, one, funded, funded, ois, "discounted_spread", "trapezoid")
    assert got.item() == pytest.approx(FUNDED["fva"], rel=1e-11)


@pytest.mark.parametrize("quadrature", ["right", "trapezoid"])
def test_option_cva_identity(quadrature: str) -> None:
    """A bought option has a constant discounted EPE, V0: CVA = LGD PD(0,T) V0 in any quadrature."""
    black = ORACLES["black_scholes_call"]
    times = torch.linspace(0.0, 1.0, 13, dtype=torch.float64)
    survival = torch.exp(-0.02 * times)
    got = cva(times, torch.full_like(times, black["price"]), survival, None, 0.6, quadrature)
    assert got.item() == pytest.approx(0.6 * (1 - math.exp(-0.02)) * black["price"], rel=1e-13)


def test_option_expiring_on_the_last_date_loses_the_last_bucket_on_the_right() -> None:
    times = torch.linspace(0.0, 1.0, 13, dtype=torch.float64)
    survival = torch.exp(-0.02 * times)
    epe = torch.full_like(times, 10.0)
    epe[-1] = 0.0  # paid on the last date: the value after the flow
    got = cva_weights(times, survival, None, 0.6) @ epe
    assert got.item() == pytest.approx(0.6 * (1 - survival[-2].item()) * 10.0, rel=1e-13)
