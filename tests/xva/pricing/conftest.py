"""The demo bank's world, calibrated once per session."""

from __future__ import annotations

import pytest
import torch

from pipelines.jobs.inputs import LoadedJob, load_job
from tests.support.places import EXAMPLES
from xva.exposure.world import World, WorldBuilder
from xva.numerics import tree

BANK = EXAMPLES / "bank"


@pytest.fixture(scope="session")
def demo() -> LoadedJob:
    return load_job(BANK / "demo.toml")


@pytest.fixture(scope="session")
def builder(demo: LoadedJob) -> WorldBuilder:
    currencies = [f[3:] for f in demo.factors if f.startswith("IR:")]
    home = demo.spec.reporting_currency
    equities = tuple(f[3:] for f in demo.factors if f.startswith("EQ:"))
    order = (home, *(c for c in currencies if c != home))
    return WorldBuilder(demo.market_config, order, equities, demo.spec.model.terms)


@pytest.fixture(scope="session")
def world(demo: LoadedJob, builder: WorldBuilder) -> World:
    with torch.no_grad():
        return tree.map_tensors(builder(demo.quotes), lambda t: t.detach())
