"""A stress run from beginning to end: against fresh runs on the shifted quotes, on workers, broken and resumed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import pipelines
from pipelines import ExposureJob
from pipelines.execution.events import BlockDone, Event, read_events
from pipelines.jobs.scenarios import read_scenarios
from pipelines.results.run import Run
from pipelines.runs.handle import RunCancelledError
from pipelines.runs.stress import resume_any
from tests.support.bank_run import BankRun, small_bank
from tests.support.places import EXAMPLES
from xva.errors import DomainError, StoreError
from xva.market.shocks import ScenarioSet, shifted
from xva.scenarios.prepare import StressOptions

READY = EXAMPLES / "scenarios/ready.toml"
SOME = ("steepener", "eur_weaker_10", "credit_wider_50", "replay_2020")


def chosen(*names: str) -> ScenarioSet:
    ready = read_scenarios(READY)
    return ScenarioSet("some", tuple(s for s in ready.scenarios if s.name in names))


@pytest.fixture(scope="module")
def base(bank_run: BankRun, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return bank_run.copy(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def stressed(base: Run) -> Run:
    return pipelines.stress(base, chosen(*SOME), "serial")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["steepener", "credit_wider_50", "replay_2020"])
def test_a_scenario_has_the_root_hash_and_numbers_of_a_fresh_run_on_its_quotes(
    name: str, base: Run, stressed: Run, tmp_path: Path
) -> None:
    first = ExposureJob.from_toml(small_bank(tmp_path / "first")).loaded
    for scenario in chosen(name).scenarios:
        quotes = shifted(first.quotes, scenario, first.as_of)
        rows = (f"{i},{v!r}" for i, v in zip(quotes.ids, quotes.values.tolist()))
        file = "\n".join(["quote_id,value", *rows, ""])
        fresh = ExposureJob.from_toml(small_bank(tmp_path / name, cube=False, quotes=file)).run("serial")
        mine = stressed.xva.sel(scenario=scenario.name)
        assert fresh.completion is not None
        assert str(mine["root_hash"].values) == fresh.completion.root_hash
        for here, there in (
            ("stressed", "xva"),
            ("stressed_se", "xva_se"),
            ("epe", "epe"),
            ("value0", "value0"),
        ):
            np.testing.assert_array_equal(mine[here], fresh.xva[there])
    np.testing.assert_array_equal(stressed.xva["base"], base.xva["xva"])


def test_the_child_names_its_parent(base: Run, stressed: Run) -> None:
    assert base.completion is not None
    assert stressed.xva.attrs["parent_root_hash"] == base.completion.root_hash
    assert stressed.manifest.identity.job["parent"]["run_id"] == base.manifest.run_id
    assert stressed.path.parent == base.path.parent
    assert stressed.is_stress
    assert not base.is_stress
    frame = stressed.stress.to_frame()
    assert set(frame.index.get_level_values("scenario")) == set(SOME)
    with pytest.raises(DomainError, match="expected a stress run"):
        _ = base.stress
    with pytest.raises(DomainError, match="name its base run"):
        pipelines.stress(stressed, chosen(*SOME))


def test_the_same_again_opens_the_finished_child(base: Run, stressed: Run) -> None:
    before = (stressed.path / "COMPLETE.json").read_bytes()
    again = pipelines.stress(base.path, chosen(*SOME), "serial")
    assert again.path == stressed.path
    assert (stressed.path / "COMPLETE.json").read_bytes() == before
    other = pipelines.stress(base, chosen("credit_wider_50"), "serial")
    assert other.path != stressed.path


@pytest.mark.slow
def test_two_workers_give_the_same_bits(base: Run, stressed: Run, tmp_path: Path) -> None:
    spread = pipelines.stress(base, chosen(*SOME), "local", workers=2, output=tmp_path)
    assert_same(spread, stressed)


@pytest.mark.slow
def test_a_stopped_and_damaged_run_is_resumed_from_its_folder_alone(
    base: Run, stressed: Run, tmp_path: Path
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, BlockDone) and event.block == 4:
            raise RunCancelledError("stop")

    with pytest.raises(RunCancelledError):
        pipelines.stress(base, chosen(*SOME), "serial", output=tmp_path, sinks=(stop,))
    (folder,) = tmp_path.iterdir()
    torn = folder / "blocks/00000001.safetensors"
    torn.write_bytes(torn.read_bytes()[:-9])
    resumed = resume_any(folder)
    assert_same(resumed, stressed)
    done = [e.block for e in read_events(folder / "events.jsonl") if isinstance(e, BlockDone)]
    assert sorted(done) == [0, 1, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.slow
def test_a_kept_cube_has_every_scenarios_values(base: Run, tmp_path: Path) -> None:
    names = ("eur_weaker_10", "credit_wider_50")
    kept = pipelines.stress(
        base, chosen(*names), "serial", output=tmp_path, options=StressOptions(keep_cube=True)
    )
    cube = kept.cube
    assert cube["value"].dims == ("scenario", "path", "time", "netting_set")
    np.testing.assert_array_equal(cube["value"].sel(scenario="credit_wider_50"), base.cube["value"])
    epe = cube["exposure"].sel(scenario="eur_weaker_10").mean("path")
    expected = kept.xva["epe"].sel(scenario="eur_weaker_10").transpose("time", "netting_set")
    np.testing.assert_allclose(epe, expected, rtol=1e-5, atol=1.0)
    for number, part in enumerate(
        (cube.sel(netting_set="CP_A"), cube.isel(time=-1), cube.sel(scenario="eur_weaker_10"))
    ):
        part.to_zarr(tmp_path / f"{number}.zarr", consolidated=False)
        xr.testing.assert_equal(xr.open_zarr(tmp_path / f"{number}.zarr", consolidated=False), part)
    mine = xr.open_zarr(tmp_path / "2.zarr", consolidated=False).xva.epe()
    np.testing.assert_allclose(mine, expected, rtol=1e-5, atol=1.0)


def test_a_base_run_that_is_not_finished_is_refused(base: Run, tmp_path: Path) -> None:
    half = shutil.copytree(base.path, tmp_path / "half")
    (half / "COMPLETE.json").unlink()
    with pytest.raises(StoreError, match="expected a finished run"):
        pipelines.stress(half, chosen(*SOME))


def assert_same(one: Run, other: Run) -> None:
    assert one.completion is not None
    assert other.completion is not None
    assert one.completion.root_hash == other.completion.root_hash
    for name, variable in one.xva.variables.items():
        np.testing.assert_array_equal(variable.values, other.xva.variables[name].values, err_msg=str(name))
