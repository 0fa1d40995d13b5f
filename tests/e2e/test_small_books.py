"""Books of which little or nothing is left: the living trades have the numbers they have alone, the others count as 0."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import pipelines
from pipelines.jobs.inputs import load_job
from pipelines.jobs.validation import validate_job
from tests.support.flat_job import american, option, swap, write_flat_job
from xva.errors import InputErrors

AS_OF = "2026-01-15"


DEAD_SWAPS = [
    swap("OVER", "GONE", "2020-01-20", "2026-01-12"),
    swap("TODAY", "ENDS_TODAY", "2020-01-15", AS_OF),
    swap("OVER_2", "MOSTLY", "2020-01-20", "2026-01-12"),
    swap("OVER_3", "APART", "2020-01-20", "2026-01-12"),
    swap("BROKEN", "BROKEN_OFF", "2026-01-19", "2031-01-20", break_date=AS_OF),
]
LIVE_SWAPS = [
    swap("ALONE", "ONE", "2026-01-19", "2031-01-20"),
    swap("LEFT", "MOSTLY", "2026-01-19", "2029-01-19", side="receiver"),
    swap("LEFT_2", "APART", "2026-01-19", "2028-01-19"),
]
DEAD_OPTIONS = [option("EXPIRED", "YESTERDAY", "2026-01-14"), option("EXPIRED_2", "MIXED", "2026-01-14")]
LIVE_OPTIONS = [option("LATER", "MIXED", "2027-01-14")]
SETS = {"APART": False, "EMPTY": True}
KINDS = ["vanilla", pytest.param("exotic", marks=pytest.mark.slow)]


def delivered(folder: Path, *args, **kwargs):
    return pipelines.ExposureJob.from_toml(write_flat_job(folder, *args, **kwargs)).run()


@pytest.fixture(scope="module")
def vanilla(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vanilla")
    both = {"swaps": DEAD_SWAPS + LIVE_SWAPS, "fx_options": DEAD_OPTIONS + LIVE_OPTIONS}
    whole = delivered(folder / "whole", both, sets=SETS)
    living = {"swaps": LIVE_SWAPS, "fx_options": LIVE_OPTIONS}
    return whole, delivered(folder / "living", living, sets=SETS)


@pytest.fixture(scope="module")
def exotic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exotic")
    dead = [
        american("P0", "GONE", "2026-01-12"),
        american("P1", "MIXED", "2026-01-14"),
        american("P2", "TODAY", AS_OF),
    ]
    living = [american("P3", "MIXED", "2027-01-12")]
    whole = delivered(folder / "whole", {}, documents={"american_options": dead + living})
    return whole, delivered(folder / "living", {}, documents={"american_options": living})


@pytest.mark.parametrize("kind", KINDS)
def test_the_living_have_the_numbers_they_have_alone(kind, request):
    whole, living = request.getfixturevalue(kind)
    names = living.xva["netting_set"].values
    for variable in ("xva", "xva_se", "epe", "ene", "value0", "sensitivity"):
        mine, theirs = whole.xva[variable].sel(netting_set=names), living.xva[variable]
        np.testing.assert_allclose(mine, theirs.transpose(*mine.dims), rtol=1e-12, atol=1e-12)
    assert float(abs(living.xva["sensitivity"]).max()) > 0.0
    np.testing.assert_allclose(whole.xva["total"], living.xva["total"], rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_others_count_as_nothing(kind, request):
    whole, living = request.getfixturevalue(kind)
    gone = [n for n in whole.xva["netting_set"].values if n not in living.xva["netting_set"].values]
    assert len(gone) >= 2
    for variable in ("xva", "xva_se", "epe", "ene", "value0", "eepe", "sensitivity"):
        assert not whole.xva[variable].sel(netting_set=gone).values.any(), variable


def test_the_matured_are_listed(vanilla, exotic):
    notes = vanilla[0].xva["trade_note"].to_series()
    assert notes["OVER"] == "matured on 2026-01-12"
    assert notes["TODAY"] == f"matured on {AS_OF}"
    assert notes["EXPIRED"] == "matured on 2026-01-14"
    assert notes["BROKEN"] == f"broken off on {AS_OF}"
    assert exotic[0].xva["trade_note"].to_series()["P2"] == f"matured on {AS_OF}"
    values = exotic[0].xva["trade_value"].to_series()
    assert values["P0"] == values["P1"] == values["P2"] == 0.0
    console = Console(record=True, width=200)
    console.print(vanilla[0])
    assert (
        "Count as 0: EXPIRED (matured on 2026-01-14), EXPIRED_2 (matured on 2026-01-14), "
        in console.export_text()
    )


def test_validate_tells_the_living_from_the_others(tmp_path):
    tables = {"swaps": DEAD_SWAPS + LIVE_SWAPS, "fx_options": DEAD_OPTIONS}
    report = validate_job(load_job(write_flat_job(tmp_path / "job", tables, sets=SETS)))
    assert set(report.ended) == {"OVER", "TODAY", "OVER_2", "OVER_3", "BROKEN", "EXPIRED", "EXPIRED_2"}
    assert report.idle_netting_sets == ("EMPTY",)


def test_a_trade_without_closed_form_lives(tmp_path):
    report = validate_job(
        load_job(
            write_flat_job(
                tmp_path / "job", {}, documents={"american_options": [american("P", "A", "2027-01-12")]}
            )
        )
    )
    assert not report.ended


@pytest.mark.parametrize("kind", ["swaps", "american_options"])
def test_a_book_that_is_over_is_refused(kind, tmp_path):
    tables = {"swaps": DEAD_SWAPS[:2]} if kind == "swaps" else {}
    documents = {} if kind == "swaps" else {"american_options": [american("P", "A", "2026-01-12")]}
    job = write_flat_job(tmp_path / "job", tables, documents=documents)
    with pytest.raises(InputErrors, match=f"a trade that ends after {AS_OF}"):
        load_job(job)


@pytest.mark.slow
def test_knocked_out_long_ago(tmp_path):
    """Not matured, but nothing comes any more: worth 0 with derivatives of 0, however narrowly it was knocked out."""
    barrier = {
        "trade_id": "B", "netting_set": "OUT", "underlying": "EQ/AA", "currency": "EUR", "option_type": "call",
        "side": "long", "quantity": 1e4, "strike": 100.0, "barrier": 120.0, "barrier_type": "up-and-out",
        "monitoring_dates": ["2025-07-15", "2026-07-15"], "expiry_date": "2026-07-15",
    }  # fmt: skip
    run = delivered(
        tmp_path / "job", {"swaps": LIVE_SWAPS[:1]}, documents={"barrier_options": [barrier]},
        fixings={("EQ/AA", "2025-07-15"): 120.1},
    )  # fmt: skip
    assert not run.xva["xva"].sel(netting_set="OUT").values.any()
    assert not run.xva["sensitivity"].sel(netting_set="OUT").values.any()
    assert float(run.xva["xva"].sel(netting_set="ONE", measure="CVA")) > 0.0
