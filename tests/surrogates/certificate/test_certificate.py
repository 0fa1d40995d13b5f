"""Certificates on errors that are known: unbiased, intervals that cover, verdicts, routes, documents."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap, norm
from torch import Tensor

from surrogates.certificate import (
    Attempt,
    Certificate,
    Check,
    Comparison,
    Escalation,
    Evidence,
    Interval,
    Next,
    Route,
    Tolerance,
    certify,
    escalate,
    next_step,
    scaled,
)
from surrogates.certificate.evidence import positive_part
from surrogates.certificate.intervals import Bootstrap, add
from xva.errors import DomainError

DAY = "2028-01-15"
LOOSE = Tolerance(0.1, 0.2, 0.2, 0.1, 0.1, 0.1)


def randoms(count: int, seed: int) -> tuple[Tensor, Tensor]:
    return tuple(torch.randn(2, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))  # type: ignore[return-value]


def evidence(
    seed: int = 0, count: int = 200, bias: float = 0.0, wave: float = 0.0, noise: float = 0.0, day: str = DAY
) -> Evidence:
    """Values N(0.2, 1), learned with ``bias`` and a wave of root mean square ``wave``, nested with ``noise``."""
    true, shock = randoms(count, seed)
    true = true + 0.2
    learned = true + bias + wave * math.sqrt(2.0) * torch.sin(5.0 * true)
    error = torch.full_like(true, noise)
    return Evidence(day, Comparison(learned, true + noise * shock, error), 0, count)


def one(certificate: Certificate, measure: str) -> Check:
    (found,) = [c for c in certificate.checks if c.measure == measure]
    return found


def test_intervals_are_scipys() -> None:
    values = randoms(60, 1)[0] ** 2
    mine = Bootstrap(60, 3, draws=20_000).mean(values).interval(0.9)
    theirs = bootstrap(
        (values.numpy(),), np.mean, confidence_level=0.9, n_resamples=20_000, method="BCa", rng=4
    ).confidence_interval
    assert mine.estimate == pytest.approx(float(values.mean()), rel=1e-14)
    width = theirs.high - theirs.low
    assert mine.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert mine.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_intervals_of_sums() -> None:
    first, second = randoms(80, 2)
    one, two = Bootstrap(80, 1).mean(first), Bootstrap(80, 1).mean(second)
    together = Bootstrap(80, 1).mean(2.0 * first - second).interval(0.95)
    paired = add([(2.0, one), (-1.0, two)], paired=True).interval(0.95)
    np.testing.assert_allclose((paired.low, paired.high), (together.low, together.high), rtol=1e-12)
    apart = add([(1.0, one), (1.0, Bootstrap(80, 2).mean(-first))], paired=False).interval(0.95)
    assert apart.half_width == pytest.approx(1.96 * math.sqrt(2.0 * float(first.var()) / 80), rel=0.1)
    assert add([(1.0, one), (-1.0, one)], paired=True).interval(0.95).half_width == 0.0


@pytest.mark.parametrize("noise", [pytest.param(0.0, marks=pytest.mark.slow), 0.1])
def test_errors_are_unbiased_and_intervals_cover(noise: float) -> None:
    squares, profiles, covered = [], [], np.zeros(3)
    bias, wave, runs = 0.02, 0.05, 120
    true = norm.expect(lambda v: np.maximum(v + bias + wave * 2**0.5 * np.sin(5 * v), 0) - max(v, 0), (), 0.2)
    rms = math.sqrt(norm.expect(lambda v: (bias + wave * 2**0.5 * np.sin(5 * v)) ** 2, (), 0.2))
    wrong = norm.expect(lambda v: v * (v + bias + wave * 2**0.5 * np.sin(5 * v) > 0) - max(v, 0), (), 0.2)
    for seed in range(runs):
        found = certify([evidence(seed, 100, bias, wave, noise)], LOOSE, currency="EUR")
        for k, (measure, exact) in enumerate((("value", rms), ("EPE", true), ("indicator EPE", wrong))):
            error = one(found, measure).error
            covered[k] += error.low <= exact <= error.high
        squares.append(float(evidence(seed, 100, bias, wave, noise).values.square.mean()))
        profiles.append(one(found, "EPE").error.estimate)
    for values, exact in ((squares, rms**2), (profiles, true)):
        assert abs(np.mean(values) - exact) <= 3.0 * np.std(values) / math.sqrt(runs)
    assert covered.min() >= 0.95 * runs - 3.0 * math.sqrt(0.05 * 0.95 * runs)


def test_positive_parts_lose_their_noise() -> None:
    true, shock = randoms(400_000, 5)
    noise = 0.3
    noisy = Comparison(true, true + noise * shock, torch.full_like(true, noise))
    exact, count = norm.pdf(0.0), len(true) ** 0.5
    plain = torch.relu(noisy.nested)
    assert float(plain.mean() - exact) > 15.0 * float(plain.std()) / count
    for side in (1.0, -1.0):
        found = positive_part(noisy, side)
        # what is left is of fourth order in the noise: noise^4/8 of the density's second derivative
        assert abs(float(found.mean()) - exact) <= 3.0 * float(found.std()) / count + noise**4 / 8 * exact * 3
    sharp = Comparison(true, true, torch.zeros_like(true))
    assert torch.equal(positive_part(sharp), torch.relu(true))


def test_an_error_near_zero_is_seen_where_it_sits() -> None:
    """Small overall, wrong where the sign is decided: misplaced paths are density times error."""
    true, _ = randoms(4000, 7)
    bump = 0.08 * torch.exp(-((true / 0.15) ** 2))
    seen = Comparison(true + bump, true, torch.zeros_like(true))
    found = certify([Evidence(DAY, seen, 0, 4000)], currency="EUR")
    assert one(found, "value").verdict == "pass"
    near = one(found, "near zero")
    assert near.verdict == "fail"
    assert 0.06 < near.error.estimate < 0.08
    moved = float(((true + bump > 0) & (true <= 0)).double().mean())
    assert found.dates[0].misplaced == pytest.approx(moved, rel=0.3)
    indicator = one(found, "indicator EPE")
    assert -0.002 < indicator.error.estimate < 0.0  # second order
    assert abs(indicator.error.estimate) < 0.2 * one(found, "EPE").error.estimate


def test_states_near_zero_may_be_given() -> None:
    plain = evidence(count=50)
    line = torch.linspace(-0.04, 0.02, 20, dtype=torch.float64)
    biased = Comparison(torch.full_like(line, 0.03), line, torch.zeros_like(line))
    found = certify([replace(plain, near=biased, near_share=0.08)], currency="EUR")
    near = one(found, "near zero")
    assert (near.states, near.verdict) == (20, "fail")
    assert near.error.estimate == pytest.approx(0.04, abs=1e-7)
    assert found.dates[0].near_share == 0.08
    line = torch.linspace(1.0, 2.0, 50, dtype=torch.float64)
    few = Comparison(line, line, torch.zeros_like(line))
    untested = certify([Evidence(DAY, few, 0, 50)], currency="EUR")
    assert all(c.measure != "near zero" for c in untested.checks)
    assert untested.dates[0].near_states == 0


def test_verdicts() -> None:
    def verdict(low: float, high: float, bound: float | None = 1.0) -> str:
        error = Interval(0.5 * (low + high), low, high)
        return Check("EPE", DAY, error, 10.0, bound, "EUR", 50, 0.1).verdict

    assert verdict(-0.9, 1.0) == "pass"
    assert verdict(1.1, 1.2) == verdict(-1.2, -1.1) == "fail"
    assert verdict(0.9, 1.1) == verdict(-2.0, 2.0) == "undecided"
    assert verdict(5.0, 6.0, None) == "reported"


def test_what_would_decide() -> None:
    narrow = replace(LOOSE, value=0.05)
    found = certify([evidence(count=30, wave=0.05)], narrow, currency="EUR")
    check = one(found, "value")
    assert (check.verdict, check.advice) == ("undecided", "more states")
    assert not found.passed
    assert "taken as failed" in str(found)
    allowed = certify([evidence(count=30, wave=0.05)], replace(narrow, allow_undecided=True), currency="EUR")
    assert (allowed.verdict, allowed.passed) == ("undecided", True)
    noisy = certify([evidence(count=30, wave=0.04, noise=0.3)], narrow, currency="EUR")
    assert one(noisy, "value").advice == "more inner paths"


def test_tolerances_in_currency_and_floors() -> None:
    wrong = evidence(bias=0.3)
    assert certify([wrong], LOOSE, currency="EUR").verdict == "fail"
    assert one(certify([wrong], replace(LOOSE, currency=0.4), currency="EUR"), "value").verdict == "pass"
    values = wrong.values
    small = Evidence(
        "2029-01-15",
        Comparison(*(1e-3 * x for x in (values.learned, values.nested, values.error))),
        0,
        200,
    )
    found = certify([evidence(), small], LOOSE, currency="EUR")
    assert found.verdict == "pass"  # a thousandth of the value's size is left
    assert certify([evidence(), small], replace(LOOSE, floor=0.0), currency="EUR").verdict == "fail"
    none = Tolerance(None, None, None, None, None, None)
    assert certify([wrong], none, currency="EUR").passed


def test_outside_states_are_counted() -> None:
    found = certify([replace(evidence(), outside=30, drawn=1000)], Tolerance(), currency="EUR")
    check = one(found, "outside")
    assert (check.verdict, check.error.estimate, check.unit) == ("fail", 0.03, "states")
    assert "outside error 3 %" in str(found)


def test_gradients_in_the_features_deviations() -> None:
    features = torch.stack(randoms(100, 3), dim=1) * torch.tensor([2.0, 50.0])
    true = torch.stack([features[:, 0], torch.full((100,), 0.02, dtype=torch.float64)], dim=1)
    gradients = scaled(Comparison(1.05 * true, true, torch.zeros_like(true)), features)
    found = certify([replace(evidence(count=100), gradients=gradients)], Tolerance(), currency="EUR")
    check = one(found, "gradient")
    assert check.error.estimate / check.scale == pytest.approx(0.05, rel=1e-12)
    assert check.verdict == "pass"


def test_adjustments_add_up_over_dates() -> None:
    days = ["2028-01-15", "2029-01-15", "2030-01-15"]
    seen = [evidence(k, 100, bias=0.05, wave=0.05, day=d) for k, d in enumerate(days)]
    weights = np.array([0.01, 0.02, 0.03])
    found = certify(seen, LOOSE, currency="EUR", cva_weights=weights)
    errors = [c.error.estimate for c in found.checks if c.measure == "EPE"]
    cva = one(found, "CVA")
    assert cva.error.estimate == pytest.approx(float(weights @ errors), rel=1e-12)
    assert cva.scale == pytest.approx(float(weights @ [d.epe.estimate for d in found.dates]), rel=1e-12)
    assert one(found, "mean ENE").day == ""
    halves = [c.error.half_width for c in found.checks if c.measure == "EPE"]
    assert cva.error.half_width == pytest.approx(float(np.linalg.norm(weights * halves)), rel=0.1)
    same = [replace(seen[0], day=d) for d in days]
    paired = one(certify(same, LOOSE, currency="EUR", cva_weights=weights, paired=True), "CVA")
    assert paired.error.half_width == pytest.approx(0.06 * halves[0], rel=1e-9)


def test_document_and_tables() -> None:
    found = certify([evidence(bias=0.3, noise=0.1)], Tolerance(gradient=None), currency="EUR")
    text = json.dumps(found.document(), allow_nan=False)
    assert Certificate.from_document(json.loads(text)) == found
    assert json.loads(text)["verdict"] == "fail"
    frame = found.to_frame()
    assert len(frame) == len(found.checks)
    row = frame[frame["measure"] == "value"].iloc[0]
    assert row["relative_error"] == row["error"] / row["scale"]
    assert frame["date"].isna().sum() == 4
    profiles = found.profiles()
    assert profiles.index[0] == np.datetime64(DAY)
    assert profiles["epe_low"].iloc[0] < profiles["epe"].iloc[0] < profiles["epe_high"].iloc[0]


def test_bad_evidence_is_refused() -> None:
    nothing = torch.zeros(2, dtype=torch.float64)
    with pytest.raises(DomainError, match="float64"):
        Comparison(nothing.float(), nothing.float(), nothing.float())
    with pytest.raises(DomainError, match="at least 8 states"):
        evidence(count=7)
    with pytest.raises(DomainError, match="finite"):
        Comparison(nothing * math.nan, nothing, nothing)
    with pytest.raises(DomainError, match="one shape"):
        Comparison(nothing[:1], nothing, nothing)
    with pytest.raises(DomainError, match="errors >= 0"):
        Comparison(nothing, nothing, nothing - 1.0)
    with pytest.raises(DomainError, match="cannot be outside"):
        replace(evidence(), outside=201)
    with pytest.raises(DomainError, match="in the order of its dates"):
        certify([evidence(), evidence()], currency="EUR")
    with pytest.raises(DomainError, match="1 finite weights"):
        certify([evidence()], currency="EUR", cva_weights=np.ones(2))
    with pytest.raises(DomainError, match="tolerance value"):
        Tolerance(value=-1.0)
    with pytest.raises(DomainError, match="as they are paired"):
        certify([evidence(), evidence(count=50, day="2029-01-01")], currency="EUR", paired=True)
    with pytest.raises(DomainError, match="gradients for 200 states"):
        replace(evidence(), gradients=evidence(count=50).values)


PLAN = Escalation(paths=1000, states=64, max_paths=16000, max_states=256)


def attempt(paths: int, states: int, verdict: str) -> Attempt:
    return Attempt(paths, states, verdict, verdict == "pass", "tolerance 1 % missed")


def test_the_plan() -> None:
    assert next_step(PLAN, []) == Next("fit", 1000, 64)
    assert next_step(PLAN, [attempt(1000, 64, "pass")]) == Next("accept", 1000, 64)
    assert next_step(PLAN, [attempt(1000, 64, "undecided")]) == Next("test", 1000, 256)
    assert next_step(PLAN, [attempt(1000, 256, "undecided")]) == Next("fit", 4000, 256)
    assert next_step(PLAN, [attempt(4000, 64, "fail")]) == Next("fit", 16000, 64)
    assert next_step(PLAN, [attempt(16000, 64, "fail")]) == Next("nested", 16000, 64)
    alone = replace(PLAN, nested=False)
    assert next_step(alone, [attempt(16000, 64, "fail")]) == Next("refuse", 16000, 64)
    with pytest.raises(DomainError, match="factor >= 2"):
        replace(PLAN, factor=1)


def test_routes_say_what_happened() -> None:
    def run(plan: Escalation, needed: int) -> Route:
        def test(paths: int, states: int) -> Certificate:
            bias = 0.0 if paths >= needed else 0.032
            tolerance = Tolerance(value=0.01, near_zero=None, exposure=None, adjustment=None)
            return certify([evidence(bias=bias, wave=1e-4)], tolerance, currency="EUR")

        found = escalate(plan, lambda paths: paths, test)
        assert found.certificate.passed == (found.route.outcome == "surrogate")
        assert Route.from_document(json.loads(json.dumps(found.route.document()))) == found.route
        return found.route

    assert str(run(PLAN, 0)) == "certified at first try"
    assert str(run(PLAN, 4000)) == "certified with 4x paths"
    assert len(run(PLAN, 16000).attempts) == 3
    fallback = str(run(PLAN, 10**9))
    assert fallback.startswith("nested Monte Carlo fallback: value tolerance 1 % missed, 3.")
    assert fallback.endswith("% at 2028-01-15")
    assert str(run(replace(PLAN, nested=False), 10**9)).startswith("refused: value tolerance 1 % missed")


def test_undecided_certificates_get_more_states() -> None:
    def test(paths: int, states: int) -> Certificate:
        return certify([evidence(3, states, wave=0.08)], LOOSE, currency="EUR")

    found = escalate(replace(PLAN, states=16, factor=16), lambda paths: paths, test)
    assert str(found.route) == "certified with 16x states"
