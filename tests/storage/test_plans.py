from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.storage.durable import canonical_json
from pipelines.storage.layout import RunLayout
from pipelines.storage.plans import load_plan, plan_address, plan_files, put_bytes, save_plan
from xva.errors import StoreError
from xva.valuation.plan import Arrays, BlockResult, CubeSchema, Plan


@dataclass(frozen=True)
class ShelfPlan(Plan):
    weights: NDArray[np.float64]
    names: tuple[str, ...]
    kind: ClassVar[str] = "shelf"

    n_blocks: ClassVar[int] = 1  # type: ignore[misc]
    block_size: ClassVar[int] = 1  # type: ignore[misc]
    bytes_per_block: ClassVar[int] = 0  # type: ignore[misc]

    @property
    def schema(self) -> CubeSchema:
        raise NotImplementedError

    def run(self, block: int) -> BlockResult:
        raise NotImplementedError

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        return {"weights": self.weights}, {"names": list(self.names)}

    @classmethod
    def from_payload(cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> ShelfPlan:
        return cls(arrays["weights"], tuple(meta["names"]))


PLAN = ShelfPlan(np.asfortranarray(np.random.default_rng(1).standard_normal((3, 4))), ("A", "Größe"))
TRUST = (__name__,)


def test_a_plan_comes_back_bit_for_bit_under_its_own_hash(layout: RunLayout) -> None:
    address = save_plan(layout.inputs, PLAN, TRUST)
    assert address == plan_address(PLAN, TRUST) == save_plan(layout.inputs, PLAN, TRUST)
    assert sorted(p.name for p in layout.inputs.iterdir()) == sorted(plan_files(layout.inputs, address))
    back = load_plan(layout.inputs, address, TRUST)
    assert isinstance(back, ShelfPlan)
    assert back.names == PLAN.names
    np.testing.assert_array_equal(back.weights, PLAN.weights)


def test_plans_of_modules_that_nobody_vouched_for_are_refused(layout: RunLayout) -> None:
    with pytest.raises(StoreError, match="trusted_modules"):
        save_plan(layout.inputs, PLAN)
    address = save_plan(layout.inputs, PLAN, TRUST)
    with pytest.raises(StoreError, match="trusted_modules"):
        load_plan(layout.inputs, address)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("subprocess", "Popen"),
        ("xva", "Plan"),
        ("xva.valuation.plan", "Plan.run"),
        ("xva.valuation.plan", "CubeSchema"),
        ("xva.valuation.plan", "np"),
        ("xva..valuation", "Plan"),
        ("xva.nothing_here", "Plan"),
        ("xvaevil.plan", "Plan"),
        (7, "Plan"),
    ],
)
def test_a_crafted_file_cannot_name_any_other_class(layout: RunLayout, module: object, name: str) -> None:
    address = save_plan(layout.inputs, PLAN, TRUST)
    document = json.loads((layout.inputs / f"{address}.json").read_text())
    crafted = canonical_json({**document, "module": module, "class": name})
    with pytest.raises(StoreError, match=r"plan (class|shelf)"):
        load_plan(layout.inputs, put_bytes(layout.inputs, crafted, ".json")[:64], TRUST)


@pytest.mark.parametrize("arrays", ["../../etc/passwd", "x.safetensors", 7])
def test_a_crafted_file_cannot_name_any_other_file(layout: RunLayout, arrays: object) -> None:
    address = save_plan(layout.inputs, PLAN, TRUST)
    document = json.loads((layout.inputs / f"{address}.json").read_text())
    crafted = put_bytes(layout.inputs, canonical_json({**document, "arrays": arrays}), ".json")
    with pytest.raises(StoreError, match="expected a plan with its arrays"):
        load_plan(layout.inputs, crafted[:64], TRUST)
    with pytest.raises(StoreError, match="64 hex digits"):
        load_plan(layout.inputs, "../run", TRUST)


@pytest.mark.parametrize("which", [0, 1])
def test_damaged_and_missing_files_are_named(layout: RunLayout, which: int) -> None:
    address = save_plan(layout.inputs, PLAN, TRUST)
    path = layout.inputs / plan_files(layout.inputs, address)[which]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match=path.name):
        load_plan(layout.inputs, address, TRUST)
    save_plan(layout.inputs, PLAN, TRUST)  # mends it
    load_plan(layout.inputs, address, TRUST)
    path.unlink()
    with pytest.raises(StoreError, match="shared file system"):
        load_plan(layout.inputs, address, TRUST)
