"""Properties of the adjustments on random profiles and curves."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from xva.adjustments import Funding, cva, cva_weights, dva, dva_weights, fba_weights, fca_weights, fva
from xva.errors import DomainError

QUADRATURES = st.sampled_from(["right", "trapezoid"])
SETTINGS = settings(deadline=None, derandomize=True, max_examples=60)


def numbers(n: int, low: float, high: float) -> st.SearchStrategy[Tensor]:
    return hnp.arrays(np.float64, n, elements=st.floats(low, high)).map(torch.from_numpy)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Tensor]:
    """A grid, an undiscounted value on paths, and curves; hazards and spreads from 0 up."""
    n = draw(st.integers(1, 12))
    steps = draw(numbers(n, 0.01, 2.0))
    times = torch.cat([torch.zeros(1).double(), steps.cumsum(0)])

    def curve(low: float, high: float) -> Tensor:
        rates = draw(numbers(n, low, high))
        return torch.cat([torch.ones(1).double(), torch.exp(-(rates * steps).cumsum(0))])

    ois = curve(-0.01, 0.05)
    values = draw(hnp.arrays(np.float64, (5, n + 1), elements=st.floats(-1e6, 1e6)))
    return {
        "times": times,
        "values": torch.from_numpy(values),
        "survival_c": curve(0.0, 0.3),
        "survival_b": curve(0.0, 0.3),
        "ois": ois,
        "borrow": ois * curve(0.0, 0.1),
        "lend": ois * curve(0.0, 0.1),
        "lgd": draw(numbers(2, 0.0, 1.0)),
    }


def profiles(values: Tensor) -> tuple[Tensor, Tensor]:
    return torch.relu(values).mean(0), torch.relu(-values).mean(0)


@given(cases(), QUADRATURES, st.booleans())
@SETTINGS
def test_our_cva_is_their_dva(case: dict[str, Tensor], quadrature: str, bilateral: bool) -> None:
    epe, _ = profiles(case["values"])
    _, their_ene = profiles(-case["values"])
    us, them = case["survival_b"], case["survival_c"]
    ours = cva(case["times"], epe, them, us if bilateral else None, case["lgd"][0], quadrature)
    theirs = dva(case["times"], their_ene, them, us if bilateral else None, case["lgd"][0], quadrature)
    assert torch.equal(ours, theirs)


@given(cases(), QUADRATURES, st.floats(0.0, 10.0))
@SETTINGS
def test_linear_in_notional_and_netting_never_above_the_sum(
    case: dict[str, Tensor], quadrature: str, scale: float
) -> None:
    weights = cva_weights(case["times"], case["survival_c"], None, case["lgd"][0], quadrature)
    values = case["values"]
    epe, _ = profiles(values)
    scaled, _ = profiles(scale * values)
    torch.testing.assert_close(weights @ scaled, scale * (weights @ epe))
    other = values.flip(0)
    netted = weights @ profiles(values + other)[0]
    assert netted <= (weights @ epe + weights @ profiles(other)[0]) * (1 + 1e-12) + 1e-9


@given(cases(), QUADRATURES)
@SETTINGS
def test_costs_and_benefits_are_not_negative(case: dict[str, Tensor], quadrature: str) -> None:
    times, s_c, s_b, ois = case["times"], case["survival_c"], case["survival_b"], case["ois"]
    assert (cva_weights(times, s_c, s_b, case["lgd"][0], quadrature) >= 0).all()
    assert (dva_weights(times, s_b, s_c, case["lgd"][1], quadrature) >= 0).all()
    for funding in get_args(Funding):
        assert (fca_weights(times, s_c, s_b, case["borrow"], ois, funding, quadrature) >= -1e-14).all()
        assert (fba_weights(times, s_c, s_b, case["lend"], ois, funding, quadrature) >= -1e-14).all()


@given(cases())
@SETTINGS
def test_survival_makes_every_measure_smaller(case: dict[str, Tensor]) -> None:
    times, s_c, s_b = case["times"], case["survival_c"], case["survival_b"]
    first = cva_weights(times, s_c, s_b, case["lgd"][0])
    assert (first <= cva_weights(times, s_c, None, case["lgd"][0])).all()
    for form in ("curve", "spread"):
        fca = [
            fca_weights(times, s_c, s_b, case["borrow"], case["ois"], f"{form}{without}")  # type: ignore[arg-type]
            for without in ("", "_ex_own", "_ex_all")
        ]
        assert (fca[0] <= fca[1] + 1e-14).all()
        assert (fca[1] <= fca[2] + 1e-14).all()


@given(cases(), QUADRATURES)
@SETTINGS
def test_a_constant_profile_pays_the_default_probability(case: dict[str, Tensor], quadrature: str) -> None:
    weights = cva_weights(case["times"], case["survival_c"], None, case["lgd"][0], quadrature)
    torch.testing.assert_close(weights.sum(), case["lgd"][0] * (1 - case["survival_c"][-1]))


@pytest.mark.parametrize("quadrature", ["right", "trapezoid"])
@pytest.mark.parametrize("funding", get_args(Funding))
def test_differentiable_in_every_curve(quadrature: str, funding: str) -> None:
    times = torch.tensor([0.0, 0.5, 1.0, 2.0], dtype=torch.float64)

    def total(hazard: Tensor, spread: Tensor, recovery: Tensor) -> Tensor:
        s_c, s_b = torch.exp(-hazard[0] * times), torch.exp(-hazard[1] * times)
        borrow, lend, ois = (torch.exp(-(0.03 + s) * times) for s in (spread[0], spread[1], 0 * spread[0]))
        epe, ene = 1.0 + times, 2.0 - 0.5 * times
        credit = cva(times, epe, s_c, s_b, 1 - recovery[0], quadrature) - dva(
            times, ene, s_b, s_c, 1 - recovery[1], quadrature
        )
        return torch.stack([credit, *fva(times, epe, ene, s_c, s_b, borrow, lend, ois, funding, quadrature)])

    inputs = [
        torch.tensor(x, dtype=torch.float64, requires_grad=True)
        for x in ((0.02, 0.01), (0.01, 0.005), (0.4, 0.3))
    ]
    assert torch.autograd.gradcheck(total, inputs)


def test_many_netting_sets_at_once_are_one_at_a_time() -> None:
    times = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    survival = torch.exp(-torch.tensor([[0.01], [0.05]], dtype=torch.float64) * times)
    lgd = torch.tensor([0.6, 0.5], dtype=torch.float64)
    together = cva_weights(times, survival, survival[0], lgd, "trapezoid")
    alone = [cva_weights(times, survival[i], survival[0], lgd[i], "trapezoid") for i in range(2)]
    torch.testing.assert_close(together, torch.stack(alone))


@pytest.mark.parametrize(
    ("times", "message"),
    [([0.5, 1.0], "start at 0"), ([0.0, 1.0, 1.0], "increase"), ([0.0, 1.0, 2.0], r"survival_c: expected")],
)
def test_a_wrong_grid_is_refused(times: list[float], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        cva_weights(times, torch.ones(2).double(), None, 0.6)


def test_unknown_options_are_refused_by_name() -> None:
    times, one = [0.0, 1.0], torch.ones(2).double()
    with pytest.raises(DomainError, match="quadrature: expected one of right, trapezoid, got 'left'"):
        cva_weights(times, one, None, 0.6, "left")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match=r"funding: expected one of spread, .*, got 'spreads'"):
        fca_weights(times, one, one, one, one, "spreads")  # type: ignore[arg-type]
