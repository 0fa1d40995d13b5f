"""Certificates by nested Monte Carlo: of a product of a user's own, of what is wrong with surrogates, of exercise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from surrogates.certificate import Certificate, Escalation, Tolerance, escalate
from surrogates.certificate.examination import Effort, Examination, certify_trade
from surrogates.certificate.nested_pricer import NestedPricer
from surrogates.regression.domain import Domain
from surrogates.regression.pricer import SurrogatePricer
from tests.support.average_case import (
    CONTEXT,
    DAYS,
    FIXINGS,
    AverageForward,
    Cubic,
    ForgetfulForward,
    model,
    trade,
    train,
    value,
)
from xva.errors import DomainError
from xva.models.equity_basket import EquityBasket
from xva.models.path_model import walk
from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.exercise.regression import Regression
from xva.pricing.nested import InnerPaths
from xva.trades.context import TradeContext
from xva.trades.paths import Flow, Paths

EFFORT = Effort(states=64, near_states=32, drawn=2048, inner=InnerPaths(3, 8, 16))
TOLERANCE = Tolerance(gradient=0.1)


def with_states(examination: Examination, states: int) -> Examination:
    """The same on more states; the first ones stay."""
    effort = examination.effort
    near = effort.near_states * states // effort.states
    return replace(
        examination,
        effort=replace(effort, states=states, near_states=near, drawn=max(effort.drawn, states)),
    )


def examine(
    pricer: SurrogatePricer, of: AverageForward | None = None, market: EquityBasket | None = None
) -> Examination:
    return Examination(
        pricer, model() if market is None else market, trade() if of is None else of, CONTEXT, effort=EFFORT
    )


def certificate(pricer: SurrogatePricer, **what: object) -> Certificate:
    return certify_trade(examine(pricer, **what), TOLERANCE).certificate  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained() -> SurrogatePricer:
    return train(trade(), 2**15)


def test_a_good_surrogate_of_a_users_product_passes(trained: SurrogatePricer) -> None:
    found = certify_trade(examine(trained), TOLERANCE)
    assert found.certificate.passed, str(found.certificate)
    assert found.certificate.verdict == "pass"
    assert [e.day for e in found.evidence] == [str(d) for d in DAYS]
    measures = set(found.certificate.to_frame()["measure"])
    assert {
        "value",
        "gradient",
        "near zero",
        "EPE",
        "ENE",
        "indicator EPE",
        "outside",
        "mean EPE",
    } <= measures
    assert found.cost.paths == sum(len(e.values) + len(e.near) for e in found.evidence) * EFFORT.inner.n_paths


def test_errors_are_those_against_the_closed_form(trained: SurrogatePricer) -> None:
    examination = with_states(examine(trained), 512)
    frame = certify_trade(examination, TOLERANCE).certificate.to_frame().set_index(["measure", "date"])
    features = examination._features
    for k, day in enumerate(DAYS):
        rows = dict(zip(trained.names, features[k], strict=True))
        true = value(day, rows["EQ:ACME"], rows["total"], trade())
        learned = trained.surrogates[k].value(features[k].T)
        row = frame.loc[("value", np.datetime64(day, "ns"))]
        assert row["scale"] == pytest.approx(float(true.std()), rel=0.15)  # 512 of 2,048 states
        assert row["low"] <= float((learned - true).square().mean().sqrt()) <= row["high"]
        error = float((torch.relu(learned) - torch.relu(true)).mean())
        row = frame.loc[("EPE", np.datetime64(day, "ns"))]
        assert row["low"] <= error <= row["high"]


def test_near_states_lie_near_zero(trained: SurrogatePricer) -> None:
    for found in examine(trained).all_dates():
        evidence = found.evidence
        assert len(evidence.near) == EFFORT.near_states
        assert float(evidence.near.learned.abs().max()) <= 0.11 * float(evidence.values.learned.std()) * 1.5
        assert 0.03 < (evidence.near_share or 0.0) < 0.2


def test_too_few_samples_fail() -> None:
    found = certificate(train(trade(), 64))
    assert not found.passed
    assert found.missed[0].verdict == "fail"


def test_a_forgotten_state_fails() -> None:
    forgetful = ForgetfulForward("T1", "NS1")
    found = certificate(train(forgetful, 2**12), of=forgetful)
    assert found.verdict == "fail"
    assert "value" in {c.measure for c in found.missed}
    assert all(c.verdict == "fail" for c in found.checks if c.measure == "value")


def test_a_wrong_model_fails(trained: SurrogatePricer) -> None:
    found = certificate(trained, market=model(dividend=0.06))
    assert found.verdict == "fail"
    assert {"value", "EPE", "near zero"} <= {c.measure for c in found.missed}


def test_states_outside_the_domain_fail(trained: SurrogatePricer) -> None:
    found = certificate(trained, market=model(vol=0.6))
    assert "outside" in {c.measure for c in found.missed}


def test_evidence_is_a_function_of_its_address(trained: SurrogatePricer) -> None:
    one, two = examine(trained).date(1), examine(trained).date(1)
    assert one is not None
    assert two is not None
    assert torch.equal(one.evidence.values.nested, two.evidence.values.nested)
    more = with_states(examine(trained), 128).date(1)
    assert more is not None
    assert len(more.evidence.values) == 128
    assert torch.equal(more.evidence.values.learned[:64], one.evidence.values.learned)
    torch.testing.assert_close(more.evidence.values.nested[:64], one.evidence.values.nested)


def test_escalation_trains_until_it_passes() -> None:
    plan = Escalation(paths=256, states=64, factor=128, max_paths=2**15, max_states=64)

    def test(pricer: SurrogatePricer, states: int) -> Certificate:
        return certify_trade(with_states(examine(pricer), states), TOLERANCE).certificate

    found = escalate(plan, lambda paths: train(trade(), paths), test)
    assert str(found.route) == "certified with 128x paths"
    assert found.route.attempts[0].finding.startswith(("value tolerance", "gradient tolerance"))
    forgetful = ForgetfulForward("T1", "NS1")
    hopeless = escalate(
        Escalation(paths=4096, states=64, max_paths=4096, max_states=64),
        lambda paths: train(forgetful, paths),
        lambda pricer, states: certificate(pricer, of=forgetful),
    )
    assert hopeless.route.outcome == "nested"
    assert "nested Monte Carlo fallback: " in str(hopeless.route)
    assert " missed, " in str(hopeless.route)


def test_nested_pricer_is_the_closed_form() -> None:
    pricer = NestedPricer(model(), trade(), CONTEXT, InnerPaths(5, 16, 64))
    days = np.union1d(DAYS, FIXINGS)
    times = np.append(0.0, CONTEXT.times(days))
    normals = torch.randn(len(days), 1, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    states = torch.stack(walk(model(), times, normals).states[1:])
    found, outside = pricer.values(days, states)
    assert not bool(outside.any())
    total = torch.zeros(6, dtype=torch.float64)
    for k, day in enumerate(days):
        total = total + (states[k, 0].exp() if day in FIXINGS else 0.0)
        if day < FIXINGS[-1]:
            exact = value(day, states[k, 0], total, trade())
            torch.testing.assert_close(found[k], exact, rtol=0.0, atol=120.0)  # of a spread of 15,000
    assert bool((found[-1] == 0).all())


@dataclass(frozen=True, kw_only=True)
class Stoppable(ForgetfulForward):
    """Pays 1 at the end, or 2 or 3 when stopped on the first or second fixing."""

    def exercise_dates(self, context: TradeContext) -> np.ndarray:
        return np.array(FIXINGS[:2])

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        stops = [Flow("EUR", FIXINGS[k], FIXINGS[-1], (k + 2) * exercised[k]) for k in range(2)]
        return [*stops, Flow("EUR", FIXINGS[-1], FIXINGS[-1], 1.0 - exercised.sum(0))]


def stop_above(level: float) -> ExercisePolicy:
    """Stop when the price is above ``level``."""
    mean, one = np.full((2, 1), math.log(level)), np.ones((2, 1))
    degrees, slope = np.array([[1]]), torch.ones(2, 1, dtype=torch.float64)
    return ExercisePolicy(
        np.array(FIXINGS[:2]), 1, ("EQ/ACME",), mean, one, degrees, slope, np.ones(2), Regression()
    )


def test_exercised_paths_are_left_out_and_decisions_to_come_are_taken() -> None:
    stoppable, days = Stoppable("T1", "NS1"), np.array([FIXINGS[0] - 1, FIXINGS[0], FIXINGS[1]])
    names = ("EQ:ACME",)
    itself = Cubic(names, torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64))  # learned: the log price
    wide = Domain(names, torch.zeros(1, dtype=torch.float64), torch.full((1,), 9.0, dtype=torch.float64))
    pricer = SurrogatePricer(names, days, (itself,) * 3, (wide,) * 3)
    always = replace(examine(pricer, stoppable), policy=stop_above(1.0))
    before, *after = (always.date(k) for k in range(3))
    money = math.exp(-0.03 * CONTEXT.time(FIXINGS[-1]))
    assert before is not None
    torch.testing.assert_close(
        before.evidence.values.nested, torch.full((64,), 2.0 * money, dtype=torch.float64)
    )
    assert after == [None, None]
    half = replace(examine(pricer, stoppable), policy=stop_above(100.0))
    first, second = half.date(1), half.date(2)
    assert first is not None
    assert second is not None
    time = CONTEXT.time(FIXINGS[0])
    stay = norm.cdf(-(0.02 - 0.5 * 0.25**2) * math.sqrt(time) / 0.25)
    assert first.alive == pytest.approx(stay, abs=0.01)
    assert second.alive < first.alive
    assert first.evidence.drawn == round(first.alive * EFFORT.drawn)
    torch.testing.assert_close(second.evidence.values.nested, torch.full((64,), money, dtype=torch.float64))
    values, step = first.evidence.values, CONTEXT.time(FIXINGS[1]) - time
    ahead = (values.learned.numpy() - math.log(100.0) + (0.02 - 0.5 * 0.25**2) * step) / (
        0.25 * math.sqrt(step)
    )
    gap = values.nested - money * (
        1.0 + 2.0 * torch.from_numpy(norm.cdf(ahead))
    )  # 3 when stopped next, else 1
    assert abs(float(gap.mean())) <= 3.0 * float(gap.std()) / 8.0
    assert float(gap.square().mean()) < 1.6 * float(values.error.square().mean())


def test_a_feature_nobody_has_is_refused(trained: SurrogatePricer) -> None:
    class Nameless(ForgetfulForward):
        pass

    with pytest.raises(
        DomainError, match=r"features \['total'\] are neither states of the model nor remembered"
    ):
        examine(trained, of=Nameless("T1", "NS1")).date(0)
