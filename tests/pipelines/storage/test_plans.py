from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import isabstract
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.storage.catalog import PLAN_HOMES, Catalog
from pipelines.storage.layout import RunLayout
from pipelines.storage.plans import load_plan, plan_address, plan_files, put_bytes, save_plan
from surrogates.durable import canonical_json
from xva.blocks.plan import Arrays, BlockResult, CubeSchema, Plan
from xva.errors import StoreError
from xva.trades import registry as TRADES
from xva.trades.kinds import PLATFORM, Kinds


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
    def from_payload(
        cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], kinds: Kinds = PLATFORM
    ) -> ShelfPlan:
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
    "kind",
    [
        "os",
        "os.system",
        "subprocess.Popen",
        "xva.blocks.plan.Plan",
        "ShelfPlan",
        __name__,
        "",
        7,
        None,
        ["shelf"],
    ],
)
def test_a_crafted_file_cannot_name_anything_but_a_known_kind(layout: RunLayout, kind: object) -> None:
    address = save_plan(layout.inputs, PLAN, TRUST)
    document = json.loads((layout.inputs / f"{address}.json").read_text())
    crafted = canonical_json({**document, "kind": kind, "module": "os", "class": "system"})
    with pytest.raises(StoreError, match=r"plan of kind .*: expected one of allocation, .*shelf"):
        load_plan(layout.inputs, put_bytes(layout.inputs, crafted, ".json")[:64], TRUST)


def test_loading_imports_nothing_that_a_file_names(
    layout: RunLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    address = save_plan(layout.inputs, PLAN, TRUST)
    document = json.loads((layout.inputs / f"{address}.json").read_text())
    crafted = canonical_json(
        {**document, "module": "this", "meta": {**document["meta"], "modules": ["this"]}}
    )
    real = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name: (asked.append(name), real(name))[1])
    load_plan(layout.inputs, put_bytes(layout.inputs, crafted, ".json")[:64], TRUST)
    assert asked == list(TRUST)  # and where a kind of the platform is asked for, its home


def test_a_plan_of_the_format_that_named_modules_is_refused_and_told(layout: RunLayout) -> None:
    address = save_plan(layout.inputs, PLAN, TRUST)
    document = json.loads((layout.inputs / f"{address}.json").read_text())
    old = canonical_json({**document, "format": 1, "module": __name__, "class": "ShelfPlan"})
    with pytest.raises(
        StoreError, match=r"format 3, got 1: another version .* wrote it -> finish the run with that"
    ):
        load_plan(layout.inputs, put_bytes(layout.inputs, old, ".json")[:64], TRUST)


def test_modules_that_are_listed_have_to_be_there_and_have_kinds_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("no_such_module", "os; import this", "../evil", 7):
        with pytest.raises(StoreError, match="trusted module"):
            Catalog.of([module])  # type: ignore[list-item]
    text = "from tests.pipelines.storage.test_plans import ShelfPlan\nclass Second(ShelfPlan): pass\n"
    (tmp_path / "second_shelf.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(StoreError, match=r"expected a kind of its own, got 'shelf', which is Second's"):
        Catalog.of([*TRUST, "second_shelf"])
    sys.modules.pop("second_shelf")


def test_every_kind_of_the_platform_is_its_class_own() -> None:
    found = Catalog.of()
    classes = {kind: found.plan(kind) for kind in PLAN_HOMES}
    assert all(plan.kind == kind for kind, plan in classes.items())
    assert set(found.kinds.trades) == set(TRADES)
    assert all(pricer.kind == kind for kind, pricer in found.kinds.pricers.items())
    plans = {plan for plan in _descendants(Plan) if plan.__module__.startswith(("xva.", "surrogates."))}
    stored = {plan for plan in plans if not isabstract(plan)}
    assert stored == set(classes.values())


def _descendants(kind: type) -> set[type]:
    return {kind} | {d for below in kind.__subclasses__() for d in _descendants(below)}


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


def test_what_a_worker_imports_before_it_computes_is_light() -> None:
    """A scheduler in the worker's process cannot answer while that imports; torch alone takes seconds."""
    code = "import sys, pipelines.execution.tasks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
