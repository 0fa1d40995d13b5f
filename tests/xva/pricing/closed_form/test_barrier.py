"""Barriers: the published number, parities, limits, and what lies beyond the barrier."""

from __future__ import annotations

import pytest
import torch

from tests.oracles import quantlib_prices
from tests.oracles.quantlib_prices import numbers
from xva.errors import DomainError
from xva.pricing.closed_form.barrier import KINDS, barrier_option
from xva.pricing.closed_form.black_scholes import black_scholes

SPOT, STRIKE, EXPIRY, RATE, VOL, Q = numbers(100.0, 100.0, 1.0, 0.05, 0.2, 0.02)
SIDES = ["down", "up"]


def level(side: str) -> torch.Tensor:
    return torch.tensor(90.0 if side == "down" else 120.0, dtype=torch.float64)


def test_the_continuous_down_and_out_of_the_reference() -> None:
    got = barrier_option(*numbers(100, 100, 90, 1.0, 0.05, 0.2), kind="down-and-out")
    assert got.item() == pytest.approx(8.665471658, abs=5e-10)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("side", SIDES)
def test_in_and_out_are_the_plain_option(side: str, sign: int) -> None:
    spots = torch.linspace(70.0, 140.0, 29, dtype=torch.float64)  # both sides of the barrier, and on it
    both = [
        barrier_option(spots, STRIKE, level(side), EXPIRY, RATE, VOL, Q, kind=f"{side}-and-{k}", sign=sign)  # type: ignore[arg-type]
        for k in ("in", "out")
    ]
    plain = black_scholes(spots, STRIKE, EXPIRY, RATE, VOL, Q, sign)
    torch.testing.assert_close(both[0] + both[1], plain, rtol=0, atol=2e-13)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", KINDS)
def test_touched_already(kind: str, sign: int) -> None:
    down = kind.startswith("down")
    spot = torch.tensor(
        [60.0, 80.0, 90.0] if down else [120.0, 130.0, 200.0], dtype=torch.float64
    ).requires_grad_()
    got = barrier_option(
        spot, STRIKE, level(kind.split("-")[0]), EXPIRY, RATE, VOL, Q, 3.0, kind=kind, sign=sign
    )  # type: ignore[arg-type]
    plain = black_scholes(spot, STRIKE, EXPIRY, RATE, VOL, Q, sign)
    expected = plain if kind.endswith("in") else torch.full_like(plain, 3.0)
    torch.testing.assert_close(got, expected)
    (slope,) = torch.autograd.grad(got.sum(), spot)
    assert bool(torch.isfinite(slope).all())
    if kind.endswith("out"):
        assert bool((slope == 0.0).all())


@pytest.mark.parametrize("kind", KINDS)
def test_a_far_barrier_never_matters(kind: str) -> None:
    barrier = torch.tensor(1e-4 if kind.startswith("down") else 1e7, dtype=torch.float64)
    got = barrier_option(SPOT, STRIKE, barrier, EXPIRY, RATE, VOL, Q, kind=kind)  # type: ignore[arg-type]
    expected = black_scholes(SPOT, STRIKE, EXPIRY, RATE, VOL, Q) if kind.endswith("out") else 0.0 * SPOT
    torch.testing.assert_close(got, expected, rtol=1e-14, atol=1e-14)


def test_low_volatility_is_no_infinity_times_zero() -> None:
    """(H/S)^(2 mu) is e^365 here: the reflection must vanish, and leave the certain payoff."""
    vol = torch.tensor(0.01, dtype=torch.float64, requires_grad=True)
    args = (SPOT, STRIKE, torch.tensor(150.0).double(), EXPIRY, RATE, vol)
    got = barrier_option(*args, kind="up-and-out")
    torch.testing.assert_close(got, black_scholes(SPOT, STRIKE, EXPIRY, RATE, vol), rtol=1e-12, atol=0)
    assert bool(torch.isfinite(torch.autograd.grad(got, vol)[0]))


def test_a_huge_weight_times_a_tiny_probability() -> None:
    """The asset falls to the barrier almost surely: e^325 times a probability of about e^-325."""
    arguments = (100.0, 100.0, 85.0, 584, 0.0, 0.01, 0.1, 0.0)
    expected = quantlib_prices.barrier(*arguments, "down-and-in", -1)
    years = arguments[3] / quantlib_prices.YEAR
    got = barrier_option(*numbers(*arguments[:3], years, *arguments[4:]), kind="down-and-in", sign=-1)
    out = barrier_option(*numbers(*arguments[:3], years, *arguments[4:]), kind="down-and-out", sign=-1)
    assert got.item() == pytest.approx(expected, rel=1e-10)
    assert min(out.item(), got.item()) > 1.0  # the reflected term decides


def test_rebates_pay_one_way_or_the_other() -> None:
    """At zero rates a rebate on the "in" and one on the "out" are the rebate for certain."""
    zero = torch.zeros((), dtype=torch.float64)
    parts = [
        barrier_option(SPOT, STRIKE, level("down"), EXPIRY, zero, VOL, 0.0, r, kind=k)  # type: ignore[arg-type]
        for k in ("down-and-in", "down-and-out")
        for r in (5.0, 0.0)
    ]
    assert (parts[0] - parts[1] + parts[2] - parts[3]).item() == pytest.approx(5.0, rel=1e-13)


def test_refusals() -> None:
    args = numbers(100.0, 100.0, 90.0, 1.0, 0.05, 0.2)
    with pytest.raises(DomainError, match="kind: expected one of"):
        barrier_option(*args, kind="sideways")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match=r"barrier: expected > 0, got -90"):
        barrier_option(*args[:2], -args[2], *args[3:], kind="down-and-out")
    negative = barrier_option(*numbers(100, 100, 90, 1.0, -0.05, 0.4), -0.13, 3.0, kind="down-and-out")
    assert bool(torch.isnan(negative))  # no such formula: NaN, which greeks() refuses
