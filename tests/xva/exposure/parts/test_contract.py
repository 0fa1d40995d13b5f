"""Every part that the registry names keeps the contract; every kind of claim has a group there, unknown ones are refused."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

import pytest

from tests.contracts.value_part import ValuePartContract, part_of
from tests.support.value_part_samples import SAMPLES, WORLD, Promise
from xva.errors import TradeError
from xva.exposure.parts.compile import compile_set
from xva.exposure.parts.part import ValuePart
from xva.exposure.parts.registry import GROUPS, PARTS
from xva.trades.claims import Claim
from xva.trades.netting import NettingSet


@pytest.mark.parametrize("part_kind", PARTS, ids=lambda kind: kind.__name__)
class TestEveryPart(ValuePartContract):
    @pytest.fixture(autouse=True)
    def choose(self, part_kind: type[ValuePart]) -> None:
        assert part_kind in SAMPLES, (
            f"{part_kind.__name__}: give it a sample of claims in value_part_samples.py"
        )
        self._kind = part_kind

    def kind(self) -> type[ValuePart]:
        return self._kind

    def claims(self) -> tuple[Claim, ...]:
        return SAMPLES[self._kind]


def test_names_of_stored_tensors_are_each_part_s_own() -> None:
    parts = [part_of(kind, SAMPLES[kind]) for kind in PARTS]
    names = [name for part in parts for name in (*part.tensors(), *part.boundaries)]
    assert len(names) == len(set(names))


def test_every_kind_of_claim_belongs_to_one_group() -> None:
    kinds = [kind for group in GROUPS for kind in group.kinds]
    assert sorted(k.__name__ for k in kinds) == sorted(k.__name__ for k in get_args(Claim))


def test_a_claim_that_no_group_takes_is_refused() -> None:
    class Weather(NamedTuple):
        pay: float

    trades: list[Any] = [Promise("W1", (Weather(1.0),))]  # type: ignore[arg-type]
    with pytest.raises(TradeError, match=r"trade W1: expected claims .* got a Weather; add its group"):
        compile_set(NettingSet("N", "C", "EUR"), trades, WORLD.context())
