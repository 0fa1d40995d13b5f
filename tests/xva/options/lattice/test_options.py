"""Options and trees that make no sense are refused by name and place."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from xva.errors import DomainError
from xva.options.lattice.greeks import greeks
from xva.options.lattice.options import LatticeOptions
from xva.options.lattice.parameters import build_tree
from xva.options.lattice.price import price

GOOD: dict[str, Any] = {
    "spot": 100.0, "strike": 100.0, "expiry": 1.0, "rate": 0.05, "dividend": 0.0, "vol": 0.2, "sign": 1, "american": True,
}  # fmt: skip


def made(**changes: Any) -> LatticeOptions:
    return LatticeOptions.of(**(GOOD | changes))


@pytest.mark.parametrize(
    ("field", "wrong", "expected"),
    [
        ("vol", -0.2, "positive"),
        ("vol", 0.0, "positive"),
        ("expiry", 0.0, "positive"),
        ("expiry", -0.5, "positive"),
        ("spot", -1.0, "positive"),
        ("strike", 0.0, "positive"),
        ("rate", math.nan, "finite"),
        ("dividend", math.inf, "finite"),
        ("sign", 0, "1 .call. or -1 .put."),
        ("sign", 2, "1 .call. or -1 .put."),
    ],
)
def test_entries_out_of_range_are_named(field: str, wrong: float, expected: str) -> None:
    entries = torch.tensor([float(GOOD[field])] * 3 + [wrong], dtype=torch.float64)
    with pytest.raises(DomainError, match=rf"option 3, {field}: expected .*{expected}.*1 of 4") as caught:
        made(**{field: entries})
    assert caught.value.ids == ("3",)


def test_shapes_have_to_fit() -> None:
    with pytest.raises(DomainError, match="broadcast to one shape"):
        made(spot=torch.ones(3), strike=torch.ones(2))
    with pytest.raises(DomainError, match=r"shape \(option,\)"):
        made(spot=torch.ones(2, 3))
    fine = made(spot=torch.tensor([90.0, 100.0]))
    with pytest.raises(DomainError, match="expected strike of shape"):
        fine.with_market(fine.spot, fine.strike[:1], *fine.market[2:])


def test_dtypes_have_to_agree() -> None:
    fine = made()
    with pytest.raises(DomainError, match=r"expected rate in the floating dtype of spot, got torch.float32"):
        fine.with_market(*fine.market[:3], fine.rate.float(), *fine.market[4:])
    with pytest.raises(DomainError, match=r"expected american in torch.bool"):
        LatticeOptions(*fine.market, fine.sign, fine.sign)


@pytest.mark.parametrize("steps", [1, 0, -5, 2.5, True])
def test_steps_are_a_number_from_two_up(steps: Any) -> None:
    with pytest.raises(DomainError, match="number of steps >= 2"):
        price(made(), steps)


def test_leisen_reimer_takes_an_odd_number_of_steps() -> None:
    with pytest.raises(DomainError, match=r"expected an odd number of steps.*got 100 -> take 101"):
        price(made(), 100, "leisen_reimer")


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(
        DomainError, match="expected scheme 'crr', 'crr_textbook' or 'leisen_reimer', got 'jr'"
    ):
        price(made(), 100, "jr")  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", ["crr", "crr_textbook"])
def test_too_few_steps_for_a_probability_say_how_many_are_needed(scheme: Any) -> None:
    batch = made(vol=torch.tensor([0.2, 0.01]), rate=0.1, expiry=2.0)
    with pytest.raises(
        DomainError, match=r"option 1: expected a probability in \(0, 1\).*about 201 steps"
    ) as caught:
        price(batch, 100, scheme)
    assert caught.value.ids == ("1",)
    assert bool(torch.isfinite(price(batch, 202, scheme)).all())


def test_greeks_check_the_bumped_trees_of_american_options() -> None:
    batch = made(vol=torch.tensor([0.2, 0.01]), rate=0.1, expiry=2.0)
    assert bool(torch.isfinite(price(batch, 202)).all())
    with pytest.raises(DomainError, match="option 1: expected a probability"):
        greeks(batch, 202)
    european = made(vol=torch.tensor([0.2, 0.01]), rate=0.1, expiry=2.0, american=torch.tensor([True, False]))
    assert bool(torch.isfinite(greeks(european, 202).volga).all())


def test_a_strike_too_far_for_leisen_reimer_is_refused() -> None:
    with pytest.raises(
        DomainError, match=r"Leisen-Reimer tree, option 0: .*the strike is too many deviations"
    ):
        price(made(spot=1e6, vol=0.05), 51, "leisen_reimer")


def test_leisen_reimer_is_smooth_where_its_inversion_has_a_root() -> None:
    """At d2 = 0 the formula as printed has |z|'s kink in its parts; first and second derivatives are finite here."""
    vol = torch.tensor([0.2], dtype=torch.float64, requires_grad=True)
    batch = made(rate=0.02, vol=vol)  # d2 = (rate - vol^2/2)/vol = 0
    probability = build_tree(batch, 101, "leisen_reimer").probability
    assert probability.tolist() == pytest.approx([0.5], abs=1e-14)
    (slope,) = torch.autograd.grad(probability.sum(), vol, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), vol)
    values = [
        build_tree(made(rate=0.02, vol=0.2 + s * 1e-4), 101, "leisen_reimer").probability for s in (-1, 0, 1)
    ]
    assert float(slope.detach()) == pytest.approx(float(values[2] - values[0]) / 2e-4, rel=1e-6)
    assert float(curvature) == pytest.approx(float(values[2] - 2 * values[1] + values[0]) / 1e-8, rel=1e-4)


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(DomainError, match="at least one"):
        made(spot=torch.zeros(0))
