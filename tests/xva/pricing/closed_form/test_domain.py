"""What closed forms are asked with, and what they say to anything else."""

from __future__ import annotations

import math

import pytest
import torch

from xva.errors import DomainError
from xva.pricing.closed_form.domain import DOMAINS, Interval, domain_of, require


@pytest.mark.parametrize(
    ("interval", "inside", "outside", "text"),
    [
        (Interval(0.0), [1e-300, 5.0], [0.0, -1.0], "> 0"),
        (Interval(0.0, closed=True), [0.0, 7.0], [-1e-300], ">= 0"),
        (Interval(-1.0, 1.0), [-0.99, 0.5], [-1.0, 1.0], "> -1 and < 1"),
        (Interval(0.0, 1.0, closed=True), [0.0, 1.0], [-0.1, 1.1], ">= 0 and <= 1"),
        (Interval(), [-1e300, 0.0], [math.inf, -math.inf, math.nan], "a finite number"),
    ],
)
def test_intervals(interval: Interval, inside: list[float], outside: list[float], text: str) -> None:
    assert bool(interval.contains(torch.tensor(inside, dtype=torch.float64)).all())
    assert not bool(interval.contains(torch.tensor(outside, dtype=torch.float64)).any())
    assert str(interval) == text
    assert not bool(interval.contains(torch.tensor([math.nan])).any())


def test_a_numbered_argument_is_what_its_stem_is() -> None:
    assert domain_of("spot_1") is DOMAINS["spot"]
    assert domain_of("normal_vol") is DOMAINS["normal_vol"]
    assert domain_of("strike") == Interval()


def test_the_first_offender_is_named_with_what_to_do() -> None:
    vols = torch.tensor([0.2, -0.1, -0.3])
    with pytest.raises(
        DomainError, match=r"vol\[1\]: expected > 0, got -0.1 -> give the volatility as"
    ) as told:
        require(spot=100.0, vol=vols)
    assert told.value.ids == ("vol",)
    with pytest.raises(DomainError, match="spot: expected > 0, got nan -> find where this input stopped"):
        require(spot=math.nan)
    with pytest.raises(DomainError, match="strike: expected > 0, got 0"):
        require(strike=0.0, positive=("strike",))


def test_zero_volatility_and_time_where_the_formula_has_a_limit() -> None:
    require(vol=0.0, expiry=0.0, degenerate=True)
    with pytest.raises(DomainError, match="the option has expired"):
        require(expiry=0.0)
    with pytest.raises(DomainError, match=r"vol: expected >= 0, got -0\.1"):
        require(vol=-0.1, degenerate=True)
    with pytest.raises(DomainError, match="correlation: expected > -1 and < 1, got 1"):
        require(correlation=1.0, degenerate=True)


def test_under_vmap_nothing_can_be_read_and_nothing_is_checked() -> None:
    def priced(spot: torch.Tensor) -> torch.Tensor:
        require(spot=spot)
        return 2.0 * spot

    assert torch.vmap(priced)(torch.tensor([1.0, -1.0])).tolist() == [2.0, -2.0]
