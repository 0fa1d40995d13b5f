"""The adjustments against independent values: closed forms on a fine grid and the par swap's own EPE."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.places import ORACLES
from xva.adjustments import cva, cva_weights, fca_weights, fva
from xva.pricing.closed_form.black_scholes import black_scholes

NUMBERS = json.loads((ORACLES / "closed_forms.json").read_text())
SWAP, FORWARD, FUNDED = (NUMBERS[k] for k in ("par_swap_cva", "forward", "forward_fva"))
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
    black = NUMBERS["black_scholes_call"]
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


@pytest.mark.parametrize(("rate", "spread"), [(0.03, 0.02), (0.4, 0.02), (-0.01, -0.005)])
@pytest.mark.parametrize("steps", [5, 20, 60])
@pytest.mark.parametrize("hazards", [(0.02, 0.01), (0.0, 0.0), (0.3, 0.05), (1e-9, 0.0)])
def test_fca_of_a_constant_discounted_exposure_on_any_grid(
    rate: float, spread: float, steps: int, hazards: tuple[float, float]
) -> None:
    """``V0 int s exp(-(h_C + h_B) t) dt``: a bought option's. ORE's bracket is 53 % above it on yearly steps at 40 %."""
    years, (theirs, ours) = 5.0, hazards
    times = torch.linspace(0.0, years, steps + 1, dtype=torch.float64)
    s_c, s_b, ois, funded = (torch.exp(-x * times) for x in (theirs, ours, rate, rate + spread))
    for without, hazard in (("", theirs + ours), ("_ex_own", theirs), ("_ex_all", 0.0)):
        alive = years if hazard == 0.0 else -math.expm1(-hazard * years) / hazard
        got = fca_weights(times, s_c, s_b, funded, ois, f"spread{without}").sum()  # type: ignore[arg-type]
        assert got.item() == pytest.approx(spread * alive, rel=1e-12)


def test_ores_bracket_on_coarse_grids() -> None:
    """The table of its error in docs/conventions.md."""
    for rate, expected in (
        (0.03, (5.65, 1.38, 0.46)),
        (0.1, (13.31, 3.17, 1.05)),
        (0.4, (52.96, 11.21, 3.61)),
    ):
        for steps, error in zip((5, 20, 60), expected):
            times = torch.linspace(0.0, 5.0, steps + 1, dtype=torch.float64)
            s_c, s_b, ois, funded = (torch.exp(-x * times) for x in (0.02, 0.01, rate, rate + 0.02))
            got = fca_weights(times, s_c, s_b, funded, ois, "curve").sum().item()
            exact = 0.02 * -math.expm1(-0.03 * 5.0) / 0.03
            assert 100.0 * (got / exact - 1.0) == pytest.approx(error, abs=0.005)


@pytest.mark.parametrize("quadrature", ["right", "trapezoid"])
def test_fva_of_a_forward_where_our_default_is_what_funding_costs(quadrature: str) -> None:
    """With a hazard equal to the spread, ``int s S_B dt`` is ``1 - exp(-s T)``: the same number by the default form."""
    rate, spread = FUNDED["rate"], FUNDED["funding"] - FUNDED["rate"]
    ois, funded = torch.exp(-rate * FINE), torch.exp(-(rate + spread) * FINE)
    epe = forward_ee(FINE, torch.tensor(FORWARD["vol"]).double(), rate)
    ene = epe - FUNDED["value0"]
    own, one = torch.exp(-spread * FINE), torch.ones_like(FINE)
    *_, got = fva(FINE, epe, ene, one, own, funded, funded, ois, quadrature=quadrature)  # type: ignore[arg-type]
    assert got.item() == pytest.approx(FUNDED["fva"], rel=1e-11 if quadrature == "right" else 1e-9)


def test_fca_on_yearly_steps_is_near_its_limit_for_curves_that_bend() -> None:
    """Spreads and hazards that move inside the intervals: what is left is their covariance."""

    def total(steps: int, form: str) -> float:
        times = torch.linspace(0.0, 10.0, steps + 1, dtype=torch.float64)
        rate, spread = 0.03 * times + 0.001 * times**2, 0.005 * times + 0.0005 * times**2
        s_c, s_b = torch.exp(-0.01 * times - 0.001 * times**2), torch.exp(-0.01 * times)
        weights = fca_weights(times, s_c, s_b, torch.exp(-rate - spread), torch.exp(-rate), form)  # type: ignore[arg-type]
        return weights.sum().item()

    limit = total(20_000, "spread")
    assert total(20_000, "curve") == pytest.approx(limit, rel=1e-4)
    assert total(10, "spread") == pytest.approx(limit, rel=5e-4)
    assert total(10, "curve") > 1.04 * limit
