"""The fast reverse pass against the generic one, second order against differences of first, and the labelled API."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

from tests.support.demo_bank import demo_engine
from tests.support.statistics import three_sigma
from xva.adjustments.registry import MEASURES, SIDES
from xva.errors import DomainError
from xva.exposure.block.data import ExposureData
from xva.exposure.block.plan import ExposurePlan
from xva.exposure.engine import ExposureEngine
from xva.exposure.parts.exercised_swaption import ExercisedSwaptions
from xva.exposure.parts.fixed_caplets import FixedCaplets
from xva.exposure.parts.plane_polynomial import PlanePolynomials
from xva.exposure.parts.registry import PARTS
from xva.numerics import tree
from xva.sensitivities.bump import shift_size
from xva.sensitivities.by_quote import MEASURE_NAMES, hessian_product, sensitivities
from xva.sensitivities.reverse_pass import quote_gradients, scramble_means
from xva.sensitivities.second_order.exposure_chain import measure_chain, smoothing_widths
from xva.sensitivities.second_order.stage import ExposureInputs, ExposureStage
from xva.sensitivities.second_order.sweep import Chain, Sweep

MIX = torch.tensor([1.0, -1.0, 1.0, 0.5], dtype=torch.float64)  # it depends on every kind of quote


@cache
def small() -> ExposureEngine:
    """Every trade type, 10 dates, 256 paths."""
    return demo_engine(256, 128, 2, every=4)


@cache
def data() -> ExposureData:
    return small().data()


@cache
def directions() -> tuple[Tensor, Tensor]:
    """One unit of every quote (relative for spots), and the same with a sign per family: all families at once."""
    quotes = small().quotes
    unit = torch.tensor(
        [shift_size(i, float(v), 1.0) for i, v in zip(quotes.ids, quotes.values)], dtype=torch.float64
    )
    families = [i.split("/")[0] for i in quotes.ids]
    rng = np.random.default_rng(1)
    sign = {f: rng.choice([-1.0, 1.0]) for f in dict.fromkeys(families)}
    return unit, unit * torch.tensor([sign[f] for f in families], dtype=torch.float64)


def every_set() -> range:
    return range(len(data().sets))


def test_every_kind_of_trade_is_there() -> None:
    kinds = {type(t).__name__ for t in small().book.trades}
    assert len(kinds) == 10
    sets = data().sets
    for number, kind in enumerate(PARTS):
        tensors = [t for s in sets for t in s.parts[number].tensors().values()]
        # the book's rates have one factor, and its caplets their mean after fixing: test_two_factor_exposure.py
        # differentiates the plane, parts/test_path_fixing.py caplets with the path's own fixing
        there = any(t.value.numel() for t in tensors)
        missing = kind in (PlanePolynomials, FixedCaplets)
        assert there != missing, f"{kind.__name__}: netting sets with it: {there}"
    assert any(kind.decides for kind in PARTS)
    assert any(len(s.units) > 1 for s in sets)


@cache
def fast_gradients() -> np.ndarray:
    """``(measure, netting set, quote)``."""
    plan = ExposurePlan(data())
    means = scramble_means(data(), [plan.run(b).sums for b in range(plan.n_blocks)])
    return quote_gradients(small(), data(), means).mean(0)


@pytest.mark.parametrize("measure", MEASURES)
def test_fast_adjoint_is_the_generic_reverse_pass(measure: str) -> None:
    fast = fast_gradients()[MEASURES.index(measure)]
    weights = torch.from_numpy(np.random.default_rng(5).uniform(0.5, 1.5, len(data().sets)))
    bar = torch.zeros(len(MEASURES), len(weights), dtype=torch.float64)
    bar[MEASURES.index(measure)] = weights
    generic = Sweep().gradient(measure_chain(small(), data(), every_set()), small().quotes.values, bar)
    expected = weights.numpy() @ fast
    np.testing.assert_allclose(generic.numpy(), expected, rtol=0.0, atol=1e-10 * np.abs(expected).max())


def test_fast_adjoint_of_every_input_tensor_of_a_block() -> None:
    """So that a fault has a name: CVA of all netting sets, derivatives to their inputs on one block.

    Not so for DVA: where a unit has ended V is 0, and the two take different sides of its kink; nothing hangs on it.
    """
    measure, d = 0, data()
    found = ExposurePlan(d).run(0).sums
    inputs, leaves, _ = tree.cut(ExposureInputs(d.grid, d.events, d.sets))
    profiles = ExposureStage(d).sums(inputs, 0)
    (d.weights[measure] * profiles[SIDES[measure]]).sum().backward()
    assert len(leaves) > 20
    for i, s in enumerate(inputs.sets):
        for name, dated in s.tensors().items():
            generic = dated.value.grad
            if f"adjoint/{i}/{name}" not in found or generic is None:
                assert generic is None or not generic.any()
                continue
            fast = found[f"adjoint/{i}/{name}"][SIDES[measure]]
            weight = d.weights[measure, i].numpy()[dated.date_of].reshape(-1, *(1,) * (fast.ndim - 1))
            near = 1e-11 * np.abs(weight * fast).max()
            np.testing.assert_allclose(generic.numpy(), weight * fast, rtol=0.0, atol=near, err_msg=name)


def smoothed() -> tuple[Chain, Tensor]:
    kink = smoothing_widths(data(), every_set(), 0.02)
    return measure_chain(small(), data(), every_set(), kink), MIX[:, None].expand(4, len(every_set()))


@pytest.mark.slow
def test_hessian_product_is_the_derivative_of_the_gradient() -> None:
    """All families at once: differences of the smoothed gradient converge to it with the square of the shift."""
    chain, bar = smoothed()
    unit, way = directions()
    quotes, sweep = small().quotes.values, Sweep()
    product = sweep.hessian_product(chain, quotes, way, bar) * unit
    families = {i.split("/")[0] for i, v in zip(small().quotes.ids, product) if v != 0.0}
    assert families == {i.split("/")[0] for i in small().quotes.ids} - {"CAPFLOOR"}
    error = {}
    for shift in (1e-5, 5e-7):
        up, down = (sweep.gradient(chain, quotes + s * way, bar) for s in (shift, -shift))
        error[shift] = float(((up - down) * unit / (2.0 * shift) - product).abs().max() / product.abs().max())
    assert error[5e-7] < 3e-5
    assert error[5e-7] < 0.005 * error[1e-5]


def without_exercise() -> list[int]:
    """Netting sets without physical swaptions: at 10 bp these jump over their narrow exercise widths."""
    return [i for i in every_set() if not len(data().sets[i].part(ExercisedSwaptions).unit)]


@pytest.mark.slow
def test_hessian_product_is_ten_basis_points_of_a_smooth_gradient() -> None:
    """Smoothing wider than the shift, on both sides."""
    numbers = without_exercise()
    kink = smoothing_widths(data(), numbers, 0.5)
    chain, sweep = measure_chain(small(), data(), numbers, kink), Sweep()
    bar, (unit, way), quotes = MIX[:, None].expand(4, len(numbers)), directions(), small().quotes.values
    product = sweep.hessian_product(chain, quotes, way, bar) * unit
    up, down = (sweep.gradient(chain, quotes + s * way, bar) for s in (1e-3, -1e-3))
    error = ((up - down) * unit / 2e-3 - product).abs()
    assert float(error.max()) < 0.01 * float(product.abs().max())


@pytest.mark.slow
def test_smoothing_does_not_bias_the_hessian_product() -> None:
    """By 0.02 sd, per scramble, against the gradient without smoothing 10 bp up and down."""
    engine = demo_engine(8 * 512, 512, 8, every=8)
    base, numbers, quotes = engine.data(), without_exercise()[:1], engine.quotes.values
    _, way = directions()
    bar = MIX[:, None].expand(4, len(numbers))
    smooth = measure_chain(engine, base, numbers, smoothing_widths(base, numbers, 0.02), 512)
    exact = measure_chain(engine, base, numbers, None, 512)
    ours, theirs = [], []
    for r in range(8):
        sweep = Sweep(blocks=[r])
        ours.append(float(sweep.hessian_product(smooth, quotes, way, bar) @ way))
        up, down = (sweep.gradient(exact, quotes + s * way, bar) @ way for s in (1e-3, -1e-3))
        theirs.append(float((up - down) / 2e-3))
    gap = np.array(ours) - np.array(theirs)
    error = gap.std(ddof=1) / np.sqrt(len(gap))
    assert abs(gap.mean()) <= three_sigma(len(gap)) * error
    assert error < 0.03 * abs(np.mean(theirs)), "the comparison says something"


@pytest.mark.slow
def test_hessian_product_has_labels_and_errors() -> None:
    engine = demo_engine(32, 16, 2, every=20)
    quote = "IR_SWAP/RATE/EUR/2D/6M/10Y"
    found = hessian_product(engine, "FVA", {quote: 1e-4})
    assert found["hessian_product"].dims == ("netting_set", "quote")
    total = found["hessian_product"].sum("netting_set")
    np.testing.assert_allclose(found["total_hessian_product"], total, rtol=1e-12)
    assert float(found["total_hessian_product_se"].sel(quote=quote)) > 0.0
    assert found["quote_tenor"].sel(quote=quote).item() == "10Y"


@pytest.fixture(scope="module")
def both() -> tuple[xr.Dataset, xr.Dataset]:
    engine = demo_engine(32, 8, 4, every=20)
    quotes = ["IR_SWAP/RATE/EUR/2D/6M/10Y", "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/5Y", "FX/RATE/EUR/USD"]
    return sensitivities(engine, quotes=quotes), sensitivities(engine, method="bump", quotes=quotes)


def test_both_methods_give_one_labelled_type(both: tuple[xr.Dataset, xr.Dataset]) -> None:
    aad, bump = both
    assert aad["sensitivity"].dims == ("measure", "netting_set", "quote")
    assert list(aad.measure.values) == list(MEASURE_NAMES)
    assert set(aad.coords) == set(bump.coords)
    assert [(n, v.dims, v.dtype) for n, v in aad.items()] == [(n, v.dims, v.dtype) for n, v in bump.items()]
    for name in aad.data_vars:
        scale = np.abs(aad[name]).max("quote")
        assert float((np.abs(aad[name] - bump[name]) / scale).max()) < 2e-3, name
    assert aad.attrs["method"] == "aad"
    assert bump.attrs["shift"] == 1e-6


def test_errors_are_not_zero(both: tuple[xr.Dataset, xr.Dataset]) -> None:
    for found in both:
        rates = found["total_sensitivity_se"].sel(quote="IR_SWAP/RATE/EUR/2D/6M/10Y")
        assert bool((rates > 0.0).all())


def test_some_measures_only() -> None:
    found = sensitivities(demo_engine(32, 8, 2, every=20), ["FVA", "CVA"])
    assert list(found.measure.values) == ["FVA", "CVA"]


def test_unknown_names_are_refused() -> None:
    engine = small()
    with pytest.raises(DomainError, match=r"measure: expected one of CVA, DVA.* got KVA"):
        sensitivities(engine, ["KVA"])
    with pytest.raises(DomainError, match=r"quote: expected one of .* got FX/RATE/EUR/XXX"):
        sensitivities(engine, quotes=["FX/RATE/EUR/XXX"])
    with pytest.raises(DomainError, match="method: expected one of aad, bump, got fd"):
        sensitivities(engine, method="fd")  # type: ignore[arg-type]
