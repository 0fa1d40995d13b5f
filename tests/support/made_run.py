"""A synthetic result of the shape that the engine's finisher gives, and a run directory around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from pipelines.storage.identity import RunIdentity
from pipelines.storage.layout import RunLayout
from pipelines.storage.manifest import RunManifest, write_completion, write_manifest
from pipelines.storage.markers import commit_block
from pipelines.storage.results import write_results
from pipelines.storage.shards import CubeTemplate, install_template
from xva.blocks.plan import BlockResult, CubeSchema

QUOTES = [
    "IR_SWAP/RATE/EUR/2D/1D/10Y",
    "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/5Y",
    "FX/RATE/EUR/USD",
    "SWAPTION/RATE_NVOL/EUR/5Y/10Y/ATM",
    "RECOVERY_RATE/RATE/CPTY_A/SR/EUR",
]
SHIFTS = [1e-4, 1e-4, 0.011, 1e-4, 0.01]
NAMES = ["1 bp", "1 bp", "1 % relative", "1 bp of normal vol", "1 %"]


def made_results() -> xr.Dataset:
    rng = np.random.default_rng(3)
    measures, sets, times = (
        ["CVA", "DVA", "FCA", "FBA", "FVA"],
        ["CP_A", "CP_B", "CP_C"],
        np.linspace(0, 2, 5),
    )
    xva = rng.uniform(1e3, 2e6, (3, 5))
    xva[:, 4] = xva[:, 2] - xva[:, 3]
    epe = rng.uniform(0, 1e6, (3, 5))
    by_set = rng.normal(0, 1e6, (5, 3, 5))
    by_set[:, :, 4] = 0.0
    discount = np.exp(-0.03 * times)
    return xr.Dataset(
        {
            "xva": (("measure", "netting_set"), xva.T),
            "xva_se": (("measure", "netting_set"), 0.01 * np.abs(xva.T)),
            "xva_variant": (("variant", "netting_set"), xva[:, :4].T),
            "xva_variant_se": (("variant", "netting_set"), 0.01 * xva[:, :4].T),
            "eepe": (("netting_set",), epe.max(1)),
            "discount": (("time",), discount),
            "total": (("measure",), xva.sum(0)),
            "total_se": (("measure",), 0.005 * np.abs(xva.sum(0))),
            "value0": (("netting_set",), np.array([1.2e6, -3.4e7, 56.789])),
            "epe": (("netting_set", "time"), epe),
            "ene": (("netting_set", "time"), 0.5 * epe),
            "pfe": (("netting_set", "time"), 2.0 * epe),
            "epe_se": (("netting_set", "time"), 0.01 * epe),
            "ene_se": (("netting_set", "time"), 0.01 * epe),
            "ee": (("netting_set", "time"), epe / discount),
            "sensitivity": (("measure", "netting_set", "quote"), by_set),
            "sensitivity_se": (("measure", "netting_set", "quote"), 0.02 * np.abs(by_set)),
            "total_sensitivity": (("measure", "quote"), by_set.sum(1)),
            "total_sensitivity_se": (("measure", "quote"), 0.01 * np.abs(by_set.sum(1))),
        },
        {
            "netting_set": sets,
            "measure": measures,
            "time": np.datetime64("2026-01-15", "s") + np.round(times * 365).astype("timedelta64[D]"),
            "year_fraction": ("time", times),
            "variant": [f"{m} {v}" for m in ("FCA", "FBA") for v in ("spread_ex_own", "spread_ex_all")],
            "quote": QUOTES,
            "quote_family": ("quote", [q.split("/")[0] for q in QUOTES]),
            "quote_curve": ("quote", [q.split("/")[2] for q in QUOTES]),
            "quote_currency": ("quote", ["EUR", "EUR", "USD", "EUR", "EUR"]),
            "quote_tenor": ("quote", ["10Y", "5Y", "", "5Y/10Y", ""]),
            "shift": ("quote", SHIFTS),
            "shift_name": ("quote", NAMES),
        },
        {"units": "EUR", "funding": "spread"},
    )


def make_run(root: Path, results: xr.Dataset, blocks: int, finished: bool) -> Path:
    """A run directory of 2 blocks of 8 paths, of which ``blocks`` are done."""
    layout = RunLayout(root)
    layout.blocks.mkdir(parents=True)
    layout.inputs.mkdir()
    days = results["time"].values.astype("datetime64[D]")
    sets = tuple(results["netting_set"].values)
    schema = CubeSchema(days, results["year_fraction"].values, sets, sets, ("value",), "EUR")
    template = CubeTemplate(schema, 2, 8, ("value",), "demo", 42)
    digests = install_template(layout, template)
    identity = RunIdentity("demo", 42, {"as_of": "2026-01-15"}, 8, environment={"python": "3.11"})
    manifest = RunManifest(identity, 2, ("value",), "0" * 64, digests, {})
    write_manifest(layout, manifest)
    rng = np.random.default_rng(11)
    for block in range(blocks):
        values = rng.normal(size=(8, len(days), len(sets)))
        commit_block(
            layout, manifest.run_id, ("value",), block, BlockResult({"value": values}, {"n": np.ones(1)})
        )
    if finished:
        written = write_results(layout, results)
        write_completion(layout, manifest, "0" * 64, written)
    return root
