"""What a run stores names trades, plans and surrogates by kind: no file knows where a class of the platform lives."""

from __future__ import annotations

import hashlib
import json
import pkgutil
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

import pipelines
import surrogates
import xva
from pipelines import ExposureJob
from pipelines.execution.status import verify
from pipelines.jobs.identity import identity_inputs
from pipelines.results.run import Run
from pipelines.runs.stress import resume_any
from pipelines.storage.plans import load_plan, put_bytes
from surrogates.durable import canonical_json
from surrogates.registry.registry import Refusal, Registry
from surrogates.regression.kinds import KINDS
from surrogates.training.training_plan import TrainingPlan
from tests.support.small_job import BERMUDAN, CLIQUET, SWAPS, Seen, own_products, write_job
from xva.errors import StoreError, TradeError
from xva.market.shocks import Scenario, ScenarioSet, Selector, parallel

UP = ScenarioSet("up", (Scenario("up", (parallel(Selector(families=("OIS", "IBOR swap")), 0.0025),)),))
MODULES = {
    info.name
    for package in (xva, surrogates, pipelines)
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
}
PATHS = re.compile(rb"\b(?:xva|surrogates|pipelines)(?:\.[A-Za-z_][A-Za-z0-9_]*)+")


@pytest.fixture(scope="module", autouse=True)
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with own_products(tmp_path_factory.mktemp("python") / "path") as file:
        yield file


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> ExposureJob:
    """A Bermudan, a product of a user's own and a swap."""
    documents = {"bermudan_swaptions": [BERMUDAN], "cliquets": [CLIQUET]}
    file = write_job(tmp_path_factory.mktemp("job") / "job", documents, {"swaps": SWAPS}, sensitivities=True)
    return ExposureJob.from_toml(file)


@pytest.fixture(scope="module")
def base(job: ExposureJob) -> Run:
    """Trained first, then run."""
    job.train("serial")
    return job.run("serial")


@pytest.fixture(scope="module")
def stressed(base: Run) -> Run:
    return pipelines.stress(base, UP, "serial")


def named(data: bytes) -> set[str]:
    """Modules of the platform that some bytes name, whole or with a class behind them."""
    found = {match.group().decode() for match in PATHS.finditer(data)}
    return {f for f in found if f in MODULES or f.rpartition(".")[0] in MODULES}


def texts(data: xr.Dataset) -> bytes:
    """Attributes and text variables of a stored data set, which lie compressed on the disk."""
    words: list[Any] = [data.attrs, *(v.attrs for v in data.variables.values())]
    words += [v.values.tolist() for v in data.variables.values() if v.dtype.kind in "UO"]
    return repr(words).encode()


def test_the_search_finds_what_it_is_for() -> None:
    told = b'{"module":"xva.trades.bermudan_swaption","class":"surrogates.book.book.LearnedBook"}'
    told += b" xva.zarr surrogates.json"
    assert named(told) == {"xva.trades.bermudan_swaption", "surrogates.book.book.LearnedBook"}


def test_no_stored_file_names_a_module(job: ExposureJob, base: Run, stressed: Run) -> None:
    files = [file for file in job.output.rglob("*") if file.is_file()]
    suffixes = {file.suffix for file in files}
    assert {".json", ".safetensors", ".toml"} <= suffixes
    assert (
        len([f for f in files if f.parent.name == "surrogates"]) >= 8
    )  # two cards and tensors, in two places
    assert {str(f.relative_to(job.output)): n for f in files if (n := named(f.read_bytes()))} == {}
    assert named(texts(base.xva)) | named(texts(stressed.xva)) == set()
    assert named(json.dumps(identity_inputs(job.loaded)).encode()) == set()


def test_a_training_that_workers_share_names_none_either(job: ExposureJob) -> None:
    requests = tuple(job.exposure.learned.requests.values())
    plan = TrainingPlan(requests)
    assert {kind.__name__ for kind in plan.trade_classes} == {"BermudanSwaption", "Cliquet"}
    assert named(json.dumps(plan.payload()[1]).encode()) == set()


def test_plans_of_products_are_read_only_beside_their_module(base: Run, stressed: Run) -> None:
    """A stress plan keeps its trades deeper than a run's; both know no kind but those that the caller lists."""
    products = ("my_products", "own_products")
    unknown = r"expected a kind among american_options, .* got 'cliquets'"
    for run in (base, stressed):
        load_plan(run.layout.inputs, run.manifest.plan, products)
    with pytest.raises(TradeError, match=unknown):
        load_plan(base.layout.inputs, base.manifest.plan)
    worlds = load_plan(stressed.layout.inputs, stressed.manifest.plan)
    with pytest.raises(TradeError, match=unknown):
        worlds.run(0)


def test_a_stress_run_of_a_users_product_is_resumed_from_its_folder_alone(
    stressed: Run, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(stressed.path, tmp_path / stressed.path.name))
    (folder / "COMPLETE.json").unlink()
    next((folder / "blocks").glob("*1.json")).unlink()
    done = resume_any(folder)
    assert done.completion is not None
    assert stressed.completion is not None
    assert done.completion.root_hash == stressed.completion.root_hash
    assert verify(folder).ok


def test_an_unfinished_run_of_the_old_format_is_refused_and_told(base: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(base.path, tmp_path / base.path.name))
    with pytest.raises(
        StoreError, match="expected a plan of format 3, got 1: another version of the platform"
    ):
        load_plan(*_as_before(folder, base))


def _as_before(folder: Path, run: Run) -> tuple[Path, str]:
    plan = json.loads((folder / "inputs" / f"{run.manifest.plan}.json").read_text())
    old = {**plan, "format": 1, "module": "surrogates.book.book", "class": "LearnedBook"}
    return folder / "inputs", put_bytes(folder / "inputs", canonical_json(old), ".json")[:64]


def test_a_kept_surrogate_of_the_old_format_is_trained_again_and_told(
    job: ExposureJob, base: Run, tmp_path: Path
) -> None:
    """A card of the format that named a trade's module, at an address of its own."""
    kept = base.path / "surrogates"
    (card,) = (p for p in kept.glob("*.json") if json.loads(p.read_text())["trade_id"] == "CLIQ")
    old = json.loads(card.read_text()) | {"format": "trade surrogate 1"}
    old["identity"]["trade"]["module"] = old["identity"]["trade"]["class"] = "Cliquet"
    text = json.dumps(old).encode()
    address = f"{card.stem.rpartition('-')[0]}-{hashlib.sha256(text).hexdigest()}"
    folder = tmp_path / "runs" / "surrogates"
    folder.mkdir(parents=True)
    (folder / f"{address}.json").write_bytes(text)
    (folder / f"{address}.safetensors").write_bytes(card.with_suffix(".safetensors").read_bytes())
    (asked,) = (r for r in job.exposure.learned.requests.values() if r.trade.trade_id == "CLIQ")
    found = Registry(folder, KINDS).find(asked.identity)
    assert isinstance(found, Refusal)
    assert "format 'trade surrogate 2', got 'trade surrogate 1' -> train again" in str(found)
    seen = Seen()
    job.train("serial", output=tmp_path / "runs", sinks=(seen,))
    assert seen.training == (2, 0)
    assert any("'trade surrogate 1' -> train again" in told for told in seen.discarded)
