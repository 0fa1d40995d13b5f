"""Trades without closed form through a whole job: learned, certified, kept, reused; same bits on workers and resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pipelines import ExposureJob
from pipelines.execution.status import verify
from pipelines.reports.certificates import kept, uncovered
from pipelines.results.run import Run
from pipelines.runs.computation import Exposure
from pipelines.runs.exposure import resume_run
from tests.support.small_job import BERMUDAN, CLIQUET, FORWARD, SWAPS, Seen, own_products, write_job
from xva.errors import InputErrors, StoreError


@pytest.fixture(scope="module", autouse=True)
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with own_products(tmp_path_factory.mktemp("python") / "path") as file:
        yield file


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> ExposureJob:
    """A short Bermudan beside a swap, a user's cliquet, and the same Bermudan in a set without netting."""
    again = BERMUDAN | {"trade_id": "BERM_2", "netting_set": "C"}
    documents = {"bermudan_swaptions": [BERMUDAN, again], "cliquets": [CLIQUET]}
    file = write_job(tmp_path_factory.mktemp("job") / "job", documents, {"swaps": SWAPS}, sensitivities=True)
    return ExposureJob.from_toml(file)


@pytest.fixture(scope="module")
def serial(job: ExposureJob) -> Run:
    seen = Seen()
    run = job.run("serial", sinks=(seen,))
    assert seen.training == (2, 0)  # two Bermudans of the same terms are learned once
    return run


def root(run: Run) -> str:
    assert run.completion is not None
    return run.completion.root_hash


@pytest.mark.slow
def test_same_bits_on_two_workers(job: ExposureJob, serial: Run, tmp_path: Path) -> None:
    seen = Seen()
    run = job.run("local", workers=2, output=tmp_path / "runs", sinks=(seen,))
    assert seen.training == (2, 0)
    assert root(run) == root(serial)
    for name, variable in serial.xva.variables.items():
        np.testing.assert_array_equal(variable.values, run.xva.variables[name].values, err_msg=str(name))


def test_what_the_result_says(serial: Run) -> None:
    xva = serial.xva
    assert list(xva["surrogate"].values) == ["BERM", "CLIQ", "BERM_2"]
    assert list(xva["surrogate_netting_set"].values) == ["A", "B", "C"]
    assert set(xva["surrogate_pricer"].values) == {"surrogate"}
    assert uncovered(xva) == ()
    assert set(kept(serial)) == {"BERM", "CLIQ", "BERM_2"}
    assert len(list((serial.path / "surrogates").glob("*.json"))) == 2
    cva = xva["xva"].sel(measure="CVA")
    assert float(cva.sel(netting_set="B")) > 0.0
    assert float(cva.sel(netting_set="C")) < 0.05 * float(xva["xva"].sel(measure="DVA", netting_set="C"))
    np.testing.assert_allclose(
        xva["epe_plugin"].isel(time=0), xva["value0"].clip(min=0.0), rtol=0.02, atol=300
    )


def test_today_s_prices_are_in_the_reconciliation(serial: Run, job: ExposureJob) -> None:
    """Also of what another netting set has; the same from a job that has trained nothing but policies."""
    xva = serial.xva
    value, error = (xva[name].to_series() for name in ("trade_value", "trade_value_se"))
    assert (error[["BERM", "CLIQ", "BERM_2"]] > 0.0).all()
    assert error["IRS"] == 0.0
    apart = np.hypot(error["BERM"], error["BERM_2"])
    assert 0.0 < abs(value["BERM"] - value["BERM_2"]) < 5.2 * apart
    assert str(xva["trade_note"].sel(trade="BERM").values).startswith(
        "valued by simulation under a fitted exercise policy"
    )
    for name in ("A", "B", "C"):
        mine = xva["trade_netting_set"].to_series() == name
        noise = np.hypot(np.linalg.norm(error[mine]), float(xva["value0_se"].sel(netting_set=name)))
        assert (
            abs(value[mine].sum() - float(xva["value0"].sel(netting_set=name))) < 5.41 * noise
        )  # t(7) at 99.95 %
    before = Exposure(job.loaded).reconciliation()
    np.testing.assert_array_equal(before["value"], value[before.index])
    np.testing.assert_array_equal(before["value_se"], error[before.index])


def test_sensitivities_see_what_a_user_s_product_looks_at(serial: Run) -> None:
    frame = serial.sensitivities("CVA", "B").to_frame()["value"]
    assert frame["EQUITY/PRICE/NORDWIND/EUR"] > 0.0
    assert frame["EQUITY/PRICE/AURELIA/EUR"] == 0.0
    vols = frame[frame.index.str.startswith("EQUITY_OPTION/RATE_LNVOL/NORDWIND")]
    assert (vols != 0.0).any()


def test_the_same_again_reuses(job: ExposureJob, serial: Run) -> None:
    seen = Seen()
    assert root(job.run("serial", sinks=(seen,))) == root(serial)
    assert seen.training == (0, 3)


def test_a_run_is_resumed_from_its_folder_alone(serial: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(serial.path, tmp_path / serial.path.name))
    (folder / "COMPLETE.json").unlink()
    (folder / "blocks" / "00000003.json").unlink()
    seen = Seen()
    assert root(resume_run(folder, sinks=(seen,))) == root(serial)
    assert seen.training == (0, 3)


@pytest.mark.slow
def test_nor_are_the_runs_own_surrogates_needed(serial: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(serial.path, tmp_path / serial.path.name))
    shutil.rmtree(folder / "surrogates")
    (folder / "COMPLETE.json").unlink()
    (folder / "blocks" / "00000004.json").unlink()
    shutil.rmtree(tmp_path / "surrogates", ignore_errors=True)
    seen = Seen()
    assert root(resume_run(folder, sinks=(seen,))) == root(serial)
    assert seen.training == (2, 0)
    assert verify(folder).ok


def test_a_changed_quote_trains_again(job: ExposureJob, serial: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(job.loaded.path.parent, tmp_path / "job"))
    quotes = folder / "quotes.csv"
    text = quotes.read_text()
    assert "EQUITY/PRICE/NORDWIND/EUR,48.3" in text
    quotes.write_text(text.replace("EQUITY/PRICE/NORDWIND/EUR,48.3", "EQUITY/PRICE/NORDWIND/EUR,48.4"))
    seen = Seen()
    ExposureJob.from_toml(folder / "job.toml").train("serial", sinks=(seen,))
    assert seen.training == (1, 2)  # the Bermudans do not look at it
    assert ["trade CLIQ" in told and "model: differs in" in told for told in seen.discarded] == [True]


def test_a_damaged_file_is_not_used_but_trained_again(job: ExposureJob, serial: Run, tmp_path: Path) -> None:
    output = tmp_path / "runs"
    stored = Path(shutil.copytree(serial.path.parent / "surrogates", output / "surrogates"))
    before = {p.name: p.read_bytes() for p in stored.iterdir()}
    tensors = sorted(stored.glob("*.safetensors"))[0]
    tensors.write_bytes(tensors.read_bytes()[:-8] + b"\1\2\3\4\5\6\7\7")
    seen = Seen()
    job.train("serial", output=output, sinks=(seen,))
    assert seen.training[0] == 1
    assert all("damaged" in told for told in seen.discarded)
    assert seen.discarded
    assert {p.name: p.read_bytes() for p in stored.iterdir()} == before


def test_another_program_of_the_same_product_is_another_product(module: Path, tmp_path: Path) -> None:
    first = ExposureJob.from_toml(write_job(tmp_path / "job", {"path_forwards": [FORWARD]}))
    run = first.run("serial")
    text = module.read_text()
    try:
        module.write_text(text + "\n# mended\n")
        second = ExposureJob.from_toml(tmp_path / "job" / "job.toml")
        assert second.identity.run_id != first.identity.run_id
        with pytest.raises(StoreError, match=r"products of one's own have changed: own_products"):
            resume_run(run.path)
        seen = Seen()
        second.train("serial", sinks=(seen,))
        assert seen.training == (1, 0)
        assert "settings: products" in seen.discarded[0]
    finally:
        module.write_text(text)


@pytest.mark.slow
def test_a_product_that_forgets_is_found_out_and_replaced(tmp_path: Path) -> None:
    trade = CLIQUET | {
        "reset_dates": ["2025-08-29", "2026-04-15", "2026-08-31", "2027-10-29"],
        "floor": -0.1,
        "cap": 0.1,
    }
    remembers, forgets = trade | {"trade_id": "REMEMBERS"}, trade | {"trade_id": "FORGETS"}
    file = write_job(
        tmp_path / "job",
        {"cliquets": [remembers], "forgetful_cliquets": [forgets | {"netting_set": "C"}]},
        training_paths=1024,
        states=48,
        tolerance=0.25,
    )
    run = ExposureJob.from_toml(file).run("serial")
    one = run.xva.sel(surrogate="FORGETS")
    assert str(one["surrogate_verdict"].values) == "fail"
    assert str(one["surrogate_pricer"].values) == "nested"
    assert str(one["surrogate_route"].values).startswith(
        "nested Monte Carlo fallback: value tolerance 25 % missed"
    )
    assert str(run.xva.sel(surrogate="REMEMBERS")["surrogate_pricer"].values) == "surrogate"
    assert uncovered(run.xva) == ()
    price, error = (
        run.xva[n].to_series()[["REMEMBERS", "FORGETS"]] for n in ("trade_value", "trade_value_se")
    )
    assert abs(np.subtract(*price)) < 5.2 * np.linalg.norm(error)
    assert error.max() < 0.01 * price.abs().min()
    # the same trade with its memory, and the nested values, agree
    by_surrogate, by_nested = (run.xva["epe_plugin"].sel(netting_set=n) for n in ("B", "C"))
    np.testing.assert_allclose(by_nested, by_surrogate, rtol=0.05, atol=1e4)
    realised = run.xva["epe"]
    np.testing.assert_allclose(
        realised.sel(netting_set="C"), realised.sel(netting_set="B"), rtol=0.03, atol=1e4
    )


@pytest.mark.slow
@pytest.mark.parametrize("home", ["A", "C"])
def test_a_forward_on_paths_is_the_one_in_closed_form(home: str, tmp_path: Path) -> None:
    """Also without netting, with a break, and with a fixing before the first exposure date."""
    terms = {"currency": "EUR", "equity": "NORDWIND"}
    longs = {"F1": (1e5, 47.0, "2027-09-15", "2027-06-15"), "F2": (-6e4, 50.0, "2027-12-15", "")}
    longs["F3"] = (2e4, 45.0, "2026-03-16", "")
    documents = [
        terms
        | {"trade_id": f"{k}_PATH", "netting_set": home, "quantity": q, "strike": s, "maturity_date": end}
        | ({"break_date": stop} if stop else {})
        for k, (q, s, end, stop) in longs.items()
    ]
    rows = ["trade_id,netting_set,equity,currency,side,quantity,strike,maturity_date,break_date"]
    other = {"A": "B", "C": "D"}[home]
    rows += [
        f"{k},{other},NORDWIND,EUR,{'long' if q > 0 else 'short'},{abs(q)},{s},{end},{stop}"
        for k, (q, s, end, stop) in longs.items()
    ]
    file = write_job(
        tmp_path / "job",
        {"path_forwards": documents},
        {"equity_forwards": "\n".join(rows) + "\n"},
        paths=1024,
        training_paths=8192,
        sensitivities=True,
        tolerance=0.05,
    )
    sets = tmp_path / "job" / "netting_sets.csv"
    sets.write_text(sets.read_text() + "D,CPTY_A,EUR,false\n")
    xva = ExposureJob.from_toml(file).run("serial").xva
    _prices_of_today_agree(xva, longs, home)
    mine, exact = xva.sel(netting_set=home), xva.sel(netting_set=other)
    size = float(exact["epe"].max())
    assert size > 1e5
    for side in ("epe", "ene"):
        np.testing.assert_allclose(mine[f"{side}_plugin"], exact[side], atol=3e-3 * size)
        noise = np.hypot(mine[f"{side}_se"], exact[f"{side}_se"])
        np.testing.assert_array_less(abs(mine[side] - exact[side]), 4.5 * noise + 2e-3 * size)
    stopped = xva["time"].values >= np.datetime64("2027-06-15")
    assert stopped.sum() > 2
    ours, theirs = (x["sensitivity"].sel(measure="CVA") for x in (mine, exact))
    assert float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)) < 0.06


def _prices_of_today_agree(xva: xr.Dataset, trades: Iterable[str], home: str) -> None:
    """Each with its closed form within t(15) at 99.99 %, and their sum with the set's value on the run's own paths."""
    value, error = (xva[name].to_series() for name in ("trade_value", "trade_value_se"))
    for name in trades:
        assert 0.0 < error[f"{name}_PATH"] < 2e-3 * 1e5 * 48.0
        assert error[name] == 0.0
        assert abs(value[f"{name}_PATH"] - value[name]) < 5.2 * error[f"{name}_PATH"]
    total = value[[f"{name}_PATH" for name in trades]].sum()
    own = np.linalg.norm(error[[f"{name}_PATH" for name in trades]])
    noise = float(np.hypot(own, xva["value0_se"].sel(netting_set=home)))
    assert abs(total - float(xva["value0"].sel(netting_set=home))) < 5.2 * noise
    assert xva["trade_note"].sel(trade="F1_PATH") == "valued by simulation"


def test_nothing_to_certify_is_said(tmp_path: Path) -> None:
    soon = FORWARD | {"maturity_date": "2026-03-16"}
    run = ExposureJob.from_toml(write_job(tmp_path / "job", {"path_forwards": [soon]})).run("serial")
    assert list(run.xva["surrogate_finding"].values) == [""]
    assert uncovered(run.xva) == ()


def test_bad_terms_are_told_all_at_once(tmp_path: Path) -> None:
    bad = [
        CLIQUET | {"trade_id": "ONE", "notional": -1.0, "netting_set": "Z"},
        CLIQUET | {"trade_id": "TWO", "colour": "red"},
        {k: v for k, v in CLIQUET.items() if k != "reset_dates"} | {"trade_id": "THREE"},
        CLIQUET | {"trade_id": "FOUR", "equity": "NOBODY"},
    ]
    file = write_job(tmp_path / "job", {"cliquets": bad})
    with pytest.raises(InputErrors) as error:
        ExposureJob.from_toml(file)
    told = str(error.value)
    for part in (
        "entry 1, trade ONE, field netting_set",
        "entry 2, trade TWO, field colour: expected one of",
        "entry 3, trade THREE, field reset_dates: expected a list",
        "equity NOBODY",
    ):
        assert part in told
    (tmp_path / "job" / "trades" / "cliquets.json").write_text(json.dumps(bad)[:-2])
    with pytest.raises(InputErrors, match="a readable JSON file"):
        ExposureJob.from_toml(file)
    text = file.read_text()
    file.write_text(text.replace('"own_products"', '"no_such_module"'))
    with pytest.raises(InputErrors, match="put its folder on PYTHONPATH"):
        ExposureJob.from_toml(file)
