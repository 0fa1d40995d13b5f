"""What AD gives on a tree: first derivatives that are the tree's own, and second ones that are refused where false."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import grad

from tests.oracles.quantlib_trees import Terms, options, tree_value
from xva.errors import DomainError
from xva.options.lattice.greeks import greeks
from xva.options.lattice.lattice import Lattice
from xva.options.lattice.options import MARKET, LatticeOptions
from xva.options.lattice.parameters import Scheme, build_tree
from xva.options.lattice.price import price
from xva.options.lattice.value import european
from xva.pricing.closed_form.black_scholes import black_scholes

PUT = Terms(97.0, 100.0, 0.05, 0.02, 0.2, 365, -1, True)
CALL = Terms(103.0, 100.0, 0.03, 0.06, 0.3, 500, 1, True)


def leaves_of(*terms: Terms) -> tuple[LatticeOptions, list[Tensor]]:
    fixed = options(*terms)
    leaves = [x.clone().requires_grad_() for x in fixed.market]
    return fixed.with_market(*leaves), leaves


@pytest.mark.parametrize(("scheme", "steps"), [("crr", 200), ("crr_textbook", 201), ("leisen_reimer", 201)])
def test_first_derivatives_are_those_of_small_bumps(scheme: Scheme, steps: int) -> None:
    batch, leaves = leaves_of(PUT, CALL, PUT.moved(american=False), CALL.moved(american=False))
    slopes = grad(price(batch, steps, scheme).sum(), leaves)
    base = [x.detach() for x in leaves]
    for k, (name, slope) in enumerate(zip(MARKET, slopes)):
        width = 1e-6 * base[k].clamp(min=1e-2)
        up, down = (
            price(batch.with_market(*base[:k], base[k] + s * width, *base[k + 1 :]), steps, scheme)
            for s in (1, -1)
        )
        bumped = (up - down) / (2.0 * width)
        assert torch.allclose(slope, bumped, rtol=1e-5, atol=1e-5), name


@pytest.mark.parametrize(
    ("field", "bump"), [("spot", 1e-3), ("vol", 1e-6), ("rate", 1e-6), ("dividend", 1e-6)]
)
@pytest.mark.parametrize("terms", [PUT, CALL])
def test_first_derivatives_are_those_of_quantlibs_tree_bumped(terms: Terms, field: str, bump: float) -> None:
    batch, leaves = leaves_of(terms)
    (slope,) = grad(price(batch, 201).sum(), leaves[MARKET.index(field)])
    level = getattr(terms, field)
    up, down = (tree_value(terms.moved(**{field: level + s * bump}), 201) for s in (1, -1))
    assert float(slope) == pytest.approx((up - down) / (2.0 * bump), rel=2e-5)


def test_a_first_derivative_may_be_differentiated_by_what_is_no_market_input() -> None:
    weight = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    batch, leaves = leaves_of(PUT)
    (delta,) = grad(weight * price(batch, 50).sum(), leaves[0], create_graph=True)
    (by_weight,) = grad(delta.sum(), weight)
    assert float(by_weight) == pytest.approx(float(delta.detach()) / 2.0)


def test_plain_ad_of_a_crr_gamma_is_a_false_zero_and_the_api_has_the_right_one() -> None:
    late = PUT.moved(american=False)
    batch, leaves = leaves_of(late)
    spot, vol = leaves[0], leaves[5]
    value = european(Lattice.of(batch, build_tree(batch, 1000, "crr")))
    delta, vega = grad(value.sum(), [spot, vol], create_graph=True)
    gamma, vanna = grad(delta.sum(), [spot, vol], retain_graph=True)
    (volga,) = grad(vega.sum(), vol)
    exact = closed_form(late)
    found = greeks(options(late), 1000)
    assert float(gamma.abs()) < 1e-12
    assert float(found.gamma) == pytest.approx(exact["gamma"], rel=1e-3)
    assert "exactly 0" in found.note("gamma")
    for name, naive in (("vanna", vanna), ("volga", volga)):
        assert abs(float(naive) - exact[name]) > 0.5 * abs(exact[name])
        assert float(getattr(found, name)) == pytest.approx(exact[name], rel=1e-2)


def closed_form(terms: Terms) -> dict[str, float]:
    o = options(terms)
    spot, vol = o.spot.clone().requires_grad_(), o.vol.clone().requires_grad_()
    value = black_scholes(spot, o.strike, o.expiry, o.rate, vol, o.dividend, terms.sign)
    delta, vega = grad(value.sum(), [spot, vol], create_graph=True)
    gamma, vanna = grad(delta.sum(), [spot, vol], retain_graph=True)
    (volga,) = grad(vega.sum(), vol)
    return {"gamma": float(gamma.detach()), "vanna": float(vanna.detach()), "volga": float(volga)}


@pytest.mark.parametrize(
    ("terms", "scheme"), [(PUT, "crr"), (PUT, "leisen_reimer"), (PUT.moved(american=False), "crr_textbook")]
)
@pytest.mark.parametrize("by", ["spot", "vol", "rate", "expiry"])
def test_false_second_derivatives_are_refused(terms: Terms, scheme: Scheme, by: str) -> None:
    batch, leaves = leaves_of(terms)
    (delta,) = grad(price(batch, 101, scheme).sum(), leaves[0], create_graph=True)
    with pytest.raises(DomainError, match=r"second derivative by AD would be false.*greeks"):
        grad(delta.sum(), leaves[MARKET.index(by)])


def test_in_a_mixed_batch_they_are_refused_too() -> None:
    batch, leaves = leaves_of(PUT, PUT.moved(american=False))
    (delta,) = grad(price(batch, 101, "leisen_reimer").sum(), leaves[0], create_graph=True)
    with pytest.raises(DomainError, match="second derivative"):
        grad(delta.sum(), leaves[0])


def test_european_leisen_reimer_is_differentiable_twice() -> None:
    late = PUT.moved(american=False)
    batch, leaves = leaves_of(late)
    delta, vega = grad(price(batch, 401, "leisen_reimer").sum(), [leaves[0], leaves[5]], create_graph=True)
    gamma, vanna = grad(delta.sum(), [leaves[0], leaves[5]], retain_graph=True)
    (volga,) = grad(vega.sum(), leaves[5])
    exact = closed_form(late)
    for name, found in (("gamma", gamma), ("vanna", vanna), ("volga", volga)):
        assert float(found) == pytest.approx(exact[name], rel=2e-4)
