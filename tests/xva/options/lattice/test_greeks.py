"""Greeks of trees against closed forms, QuantLib's finite-difference grids and independent values."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import grad

from tests.oracles.quantlib_trees import Terms, grid_greeks, options
from xva.errors import DomainError
from xva.options.lattice.greeks import greeks
from xva.options.lattice.options import LatticeOptions
from xva.options.lattice.parameters import Scheme
from xva.options.lattice.price import price
from xva.options.lattice.result import NUMBERS
from xva.pricing.closed_form.black_scholes import black_scholes

CALL = Terms(100.0, 100.0, 0.05, 0.0, 0.2, 365, 1, False)
NUMBERS_MD = {
    "value": 10.450583572185565,
    "delta": 0.6368306511756191,
    "vega": 37.52403469169379,
    "rho": 53.232481545376345,
    "theta": -6.414027546438197,
    "gamma": 0.018762017345846895,
    "vanna": -0.28143026018770345,
    "volga": 9.850059106569622,
}
PUT = Terms(100.0, 100.0, 0.05, 0.02, 0.2, 365, -1, True)
DIVIDEND_CALL = Terms(100.0, 100.0, 0.03, 0.06, 0.3, 500, 1, True)


@pytest.mark.parametrize(
    ("scheme", "steps", "rel"),
    [("leisen_reimer", 1001, 1e-6), ("crr", 1000, 3e-3), ("crr_textbook", 1000, 3e-3)],
)
def test_european_numbers_md(scheme: Scheme, steps: int, rel: float) -> None:
    found = greeks(options(CALL), steps, scheme)
    assert {n: float(getattr(found, n)) for n in NUMBERS} == pytest.approx(NUMBERS_MD, rel=rel)


@pytest.mark.parametrize("sign", [1, -1])
def test_european_crr_over_spots_has_no_jumps(sign: int) -> None:
    """Every number within 0.2 % of its largest; AD of the same tree's delta is 1.5 % off, and of its vega."""
    spots = torch.linspace(80.0, 125.0, 46, dtype=torch.float64)
    batch = LatticeOptions.of(
        spot=spots, strike=100, expiry=1, rate=0.05, dividend=0.02, vol=0.2, sign=sign, american=False
    )
    exact = closed_form(batch, sign)
    found = greeks(batch, 1000)
    for name in NUMBERS:
        error = (getattr(found, name) - exact[name]).abs().max() / exact[name].abs().max()
        assert float(error) < 2e-3, name
    spot, vol = batch.spot.clone().requires_grad_(), batch.vol.clone().requires_grad_()
    market = (spot, *batch.market[1:5], vol)
    for name, slope in zip(
        ("delta", "vega"), grad(price(batch.with_market(*market), 1000).sum(), [spot, vol])
    ):
        assert float((slope - exact[name]).abs().max() / exact[name].abs().max()) > 0.01


def closed_form(batch: LatticeOptions, sign: int) -> dict[str, torch.Tensor]:
    spot, strike, expiry, rate, dividend, vol = (x.clone().requires_grad_() for x in batch.market)
    value = black_scholes(spot, strike, expiry, rate, vol, dividend, sign)
    delta, by_expiry, rho, vega = grad(value.sum(), [spot, expiry, rate, vol], create_graph=True)
    gamma, vanna = grad(delta.sum(), [spot, vol], retain_graph=True)
    (volga,) = grad(vega.sum(), vol)
    every = (value, delta, vega, rho, -by_expiry, gamma, vanna, volga)
    return {name: x.detach() for name, x in zip(NUMBERS, every)}


@pytest.mark.parametrize(("scheme", "steps"), [("crr", 1000), ("leisen_reimer", 1001)])
@pytest.mark.parametrize("terms", [PUT, DIVIDEND_CALL])
def test_american_is_the_continuous_limit(terms: Terms, scheme: Scheme, steps: int) -> None:
    """A grid of QuantLib's, its vol bumped; each number in units of its largest over the spots."""
    spots = (88.0, 95.0, 100.0, 105.0, 112.0)
    batch = [terms.moved(spot=s) for s in spots]
    exact = [grid_greeks(t) for t in batch]
    found = greeks(options(*batch), steps, scheme)
    assert set(found.kind) == {"american"}
    tolerance = {
        "value": 3e-4,
        "delta": 1e-3,
        "vega": 1e-3,
        "theta": 2e-3,
        "gamma": 2e-3,
        "vanna": 2e-3,
        "volga": 1e-2,
    }
    for name, allowed in tolerance.items():
        reference = torch.tensor([e[name] for e in exact], dtype=torch.float64)
        error = (getattr(found, name) - reference).abs().max() / reference.abs().max()
        assert float(error) < allowed, name


@pytest.mark.parametrize(("scheme", "steps"), [("crr", 1000), ("leisen_reimer", 1001)])
def test_american_rho_is_that_of_the_grid(scheme: Scheme, steps: int) -> None:
    bump = 1e-3
    up, down = (grid_greeks(PUT.moved(rate=PUT.rate + s * bump))["value"] for s in (1, -1))
    assert float(greeks(options(PUT), steps, scheme).rho) == pytest.approx((up - down) / (2 * bump), rel=2e-3)


@pytest.mark.parametrize(("spot", "rel"), [(78.5, 0.2), (80.0, 0.02)])
def test_accuracy_near_the_exercise_boundary_is_as_documented(spot: float, rel: float) -> None:
    """The boundary is at 78, two nodes are 1 apart."""
    near = PUT.moved(spot=spot)
    exact = grid_greeks(near, bump=0.002)
    for scheme, steps in (("crr", 1000), ("leisen_reimer", 1001)):
        found = greeks(options(near), steps, scheme)  # type: ignore[arg-type]
        for name in ("delta", "vega", "gamma", "vanna", "volga"):
            assert float(getattr(found, name)) == pytest.approx(exact[name], rel=rel), name


def test_values_are_those_of_price() -> None:
    batch = options(PUT, CALL, DIVIDEND_CALL)
    assert torch.allclose(greeks(batch, 200).value, price(batch, 200), rtol=0.0, atol=1e-12)


def test_a_mixed_batch_is_its_options_one_by_one() -> None:
    mixed = (PUT, CALL, DIVIDEND_CALL, CALL.moved(sign=-1), PUT.moved(spot=60.0), PUT.moved(spot=120.0))
    together = greeks(options(*mixed), 150)
    assert together.kind == ("american", "european", "american", "european", "exercised", "american")
    for k, terms in enumerate(mixed):
        alone = greeks(options(terms), 150)
        for name in NUMBERS:
            assert float(getattr(together, name)[k]) == pytest.approx(
                float(getattr(alone, name)), rel=1e-8
            ), name


def test_exercised_today_is_the_intrinsic_value() -> None:
    deep = greeks(options(PUT.moved(spot=60.0), DIVIDEND_CALL.moved(spot=190.0)), 200)
    assert deep.value.tolist() == [40.0, 90.0]
    assert deep.delta.tolist() == [-1.0, 1.0]
    for name in NUMBERS[2:]:
        assert getattr(deep, name).tolist() == [0.0, 0.0]
    assert "exercised today" in deep.note("gamma", 1)


def test_float32_keeps_its_dtype_and_three_digits() -> None:
    batch = (PUT, DIVIDEND_CALL, CALL)
    exact, single = greeks(options(*batch), 500), greeks(options(*batch, dtype=torch.float32), 500)
    for name in NUMBERS:
        found, reference = getattr(single, name), getattr(exact, name)
        assert found.dtype == torch.float32
        assert float((found - reference).abs().max() / reference.abs().max()) < 3e-3, name


def test_the_frame_says_number_unit_and_method() -> None:
    frame = greeks(options(PUT, CALL), 101, "leisen_reimer").to_frame()
    assert list(frame.index.names) == ["option", "number"]
    assert list(frame.loc[0].index) == list(NUMBERS)
    assert frame.loc[(1, "gamma"), "method"] == "AD"
    assert frame.loc[(0, "gamma"), "method"].startswith("tree nodes")
    assert frame.loc[(0, "vega"), "unit"] == "per 1.00 of vol"


def test_an_unknown_number_is_named() -> None:
    with pytest.raises(DomainError, match=r"expected one of value, delta.*'charm'"):
        greeks(options(CALL), 101).note("charm")


def test_the_callers_graph_is_left_alone() -> None:
    spot = torch.tensor([100.0], dtype=torch.float64, requires_grad=True)
    batch = LatticeOptions.of(spot=spot, strike=100, expiry=1, rate=0.05, vol=0.2, sign=-1, american=True)
    assert not greeks(batch, 100).delta.requires_grad
    assert spot.grad is None
