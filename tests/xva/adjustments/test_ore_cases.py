"""ORE's own EPE and ENE through our formulas give ORE's CVA, DVA, FCA and FBA to its printed digits.

Cases and conventions: shared/reference/ore_cases/README.md (flat curves, Actual/365 Fixed).
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from tests.support.places import ORACLES
from xva.adjustments import cva_weights, dva_weights, fba_weights, fca_weights

FOLDER = ORACLES / "ore_cases"
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
RUNS = [(name, engine) for name, case in CASES.items() for engine in ("classic", "amc") if engine in case]
REPORTED = {"": "curve", "exOwnSP": "curve_ex_own", "exAllSP": "curve_ex_all"}


def ore_measures(
    params: dict[str, float], dates: list[str], epe: list[float], ene: list[float]
) -> dict[str, float]:
    days = np.asarray(dates, dtype="datetime64[D]")
    times = torch.from_numpy((days - days[0]).astype(np.float64) / 365.0)
    s_c, s_b = torch.exp(-params["h_cpty"] * times), torch.exp(-params["h_bank"] * times)
    ois, borrow, lend = (torch.exp(-params[k] * times) for k in ("r_eur", "borrow", "lend"))
    plus, minus = (torch.tensor(p, dtype=torch.float64) for p in (epe, ene))
    lgd = 1 - params["rr"]
    got = {
        "CVA": cva_weights(times, s_c, None, lgd) @ plus,
        "DVA": dva_weights(times, s_b, None, lgd) @ minus,
    }
    for suffix, funding in REPORTED.items():
        got[f"FCA{suffix}"] = fca_weights(times, s_c, s_b, borrow, ois, funding) @ plus
        got[f"FBA{suffix}"] = fba_weights(times, s_c, s_b, lend, ois, funding) @ minus
    return {name: value.item() for name, value in got.items()}


@pytest.mark.parametrize(("name", "engine"), RUNS)
def test_ore_adjustments_from_ore_profiles(name: str, engine: str) -> None:
    case = CASES[name]
    profile, reported = case[engine]["profile"], case[engine]["xva"]
    got = ore_measures(case["params"], profile["date"], profile["EPE"], profile["ENE"])
    assert got == pytest.approx({k: reported[k] for k in got}, abs=0.0101)  # two printed decimals


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "exact_reference" in case])
def test_exact_adjustments_from_exact_profiles(name: str) -> None:
    case = CASES[name]
    exact = case["exact_reference"]
    got = ore_measures(case["params"], exact["dates"], exact["EPE"], exact["ENE"])
    measures = ("CVA", "DVA", "FCA", "FBA")
    assert [got[m] for m in measures] == pytest.approx([exact[m] for m in measures], rel=1e-9)
