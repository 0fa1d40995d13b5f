"""A small run directory, made by hand from the pieces of storage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipelines.storage.identity import RunIdentity
from pipelines.storage.layout import RunLayout
from pipelines.storage.shards import CubeTemplate
from xva.blocks.plan import BlockResult, CubeSchema

N_BLOCKS, BLOCK_SIZE, N_DATES = 3, 8, 13
SETS = ("CP_A", "CP:B", "Größe")


@pytest.fixture
def schema() -> CubeSchema:
    days = 30 * np.arange(1, N_DATES + 1)
    return CubeSchema(
        np.datetime64("2026-01-15") + days, days / 365.0, SETS, ("A", "B", "Größe AG"), ("value",), "EUR"
    )


@pytest.fixture
def template(schema: CubeSchema) -> CubeTemplate:
    return CubeTemplate(schema, N_BLOCKS, BLOCK_SIZE, ("value",), "demo", 42)


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    layout = RunLayout(tmp_path / "run")
    for folder in (layout.root, layout.blocks, layout.inputs):
        folder.mkdir()
    return layout


@pytest.fixture
def identity() -> RunIdentity:
    job = {"name": "demo", "simulation": {"paths": 24, "seed": 42}, "trades": [1, 2]}
    return RunIdentity(
        "demo", 42, job, BLOCK_SIZE, environment={"torch": "2.13.0", "cpu_class": "x86_64/AVX2"}
    )


@pytest.fixture
def block_result() -> Callable[[int], BlockResult]:
    def make(block: int) -> BlockResult:
        value = np.random.default_rng(block).standard_normal((BLOCK_SIZE, N_DATES, len(SETS)))
        return BlockResult({"value": value}, {"value": value.sum(axis=0), "n": np.array(float(BLOCK_SIZE))})

    return make
