"""Labels under stochastic rates and exchange rates: every strategy against the guard's large bumps."""

from __future__ import annotations

import pytest

from surrogates.labels import Guard, LabelProblem, LikelihoodRatio, OneStepSurvival, crossing_of
from surrogates.labels.strategy import LabelStrategy, Pathwise
from tests.support.cross_asset import bundle
from tests.support.label_worlds import CONTEXT, MONTHS, days
from xva.trades.barrier_option import BarrierOption


def trade(spot: float) -> BarrierOption:
    return BarrierOption(
        "B",
        "N",
        underlying="EQ/HOME",
        currency="EUR",
        side="long",
        option_type="call",
        quantity=1.0,
        strike=spot,
        barrier=1.25 * spot,
        barrier_type="up-and-out",
        expiry_date=MONTHS[12],
        monitoring_dates=MONTHS[3:13:3],
    )


@pytest.mark.parametrize("kind", ["survival", "ratio", "naive"])
def test_a_barrier(kind: str) -> None:
    market = bundle()
    model = market
    option = trade(float(market.equity("HOME").spot))
    problem = LabelProblem(model, (option,), CONTEXT, days(4), states=("IR:EUR", "EQ:HOME"))
    ways: dict[str, LabelStrategy] = {
        "survival": OneStepSurvival(crossing_of(option)),
        "ratio": LikelihoodRatio(),
        "naive": Pathwise(),
    }
    verdicts = Guard(n_paths=8192).check(problem, ways[kind])
    assert [v.feature for v in verdicts] == ["IR:EUR", "EQ:HOME"]
    assert verdicts[1].passed == (kind != "naive"), [str(v) for v in verdicts]
    if kind == "survival":
        assert verdicts[0].passed, [str(v) for v in verdicts]
