"""Profiles: definitions on small arrays, ORE's own Basel columns, a normal exposure in closed form."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from tests.support.places import ORACLES
from xva.errors import DomainError
from xva.profiles import profiles

CASES = sorted((ORACLES / "ore_cases").glob("*.json"))


def test_normal_exposures_have_closed_forms() -> None:
    paths, mean, deviation = 200_000, 0.3, np.array([0.5, 1.0, 2.0])
    z = norm.ppf((np.arange(paths) + 0.5) / paths)  # stratified: the error is that of a midpoint rule
    values = mean + deviation * z[:, None]
    d = mean / deviation
    assert profiles.epe(values) == pytest.approx(mean * norm.cdf(d) + deviation * norm.pdf(d), rel=1e-4)
    assert profiles.epe(values) - profiles.ene(values) == pytest.approx(mean, abs=1e-12)
    assert profiles.pfe(values, 0.95) == pytest.approx(mean + deviation * norm.ppf(0.95), rel=1e-4)


def test_pfe_is_a_path_of_the_sample_and_never_negative() -> None:
    values = np.array([[3.0, -3.0], [1.0, -1.0], [2.0, -2.0], [4.0, -4.0]])
    assert profiles.pfe(values, 0.75).tolist() == [3.0, 0.0]
    assert profiles.pfe(values, 0.76).tolist() == [4.0, 0.0]
    with pytest.raises(DomainError, match="between 0 and 1, got 95"):
        profiles.pfe(values, 95)


def test_float32_cubes_are_summed_in_float64() -> None:
    values = np.full((1 << 20, 1), np.float32(0.1))
    assert profiles.epe(values)[0] == pytest.approx(float(np.float32(0.1)), rel=1e-14)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_basel_measures_of_ore(path: Path) -> None:
    """BaselEE from EPE and P(0, t), BaselEPE and BaselEEPE from BaselEE, to ORE's printed digits."""
    case = json.loads(path.read_text())
    ore = case["classic"]
    days = np.array(ore["profile"]["date"], dtype="datetime64[D]")
    times = (days - days[0]).astype(np.float64) / 365.0
    ee = profiles.ee(np.array(ore["profile"]["EPE"]), np.exp(-case["params"]["r_eur"] * times))
    assert ee == pytest.approx(np.array(ore["profile"]["BaselEE"]), abs=0.02)
    assert profiles.epe_basel(ee, times, times[-1]) == pytest.approx(ore["xva"]["BaselEPE"], abs=0.02)
    if case["case"] != "netting_set_5_csa0":  # there ORE's EEE starts from the uncollateralised value at 0
        assert profiles.eepe(ee, times, times[-1]) == pytest.approx(ore["xva"]["BaselEEPE"], abs=0.02)


def test_time_average_counts_up_to_the_horizon() -> None:
    times, profile = np.array([0.0, 0.5, 1.25]), np.array([9.0, 1.0, 3.0])
    assert profiles.time_average(profile, times, 1.0) == pytest.approx(0.5 * 1.0 + 0.5 * 3.0)
    assert profiles.eepe(profile, times, 0.25) == pytest.approx(9.0)  # EEE keeps today's exposure
    assert profiles.running_average(profile, times) == pytest.approx([9.0, 1.0, (0.5 + 0.75 * 3) / 1.25])
    with pytest.raises(DomainError, match="more than 0 years"):
        profiles.time_average(profile, times, 0.0)


def test_maturity_is_where_exposure_is_gone_for_good() -> None:
    times = np.array([0.0, 1.0, 2.0, 3.0])
    assert profiles.maturity(np.array([1.0, 0.0, 2.0, 0.0]), times) == 3.0
    assert profiles.maturity(np.array([1.0, 0.0, 0.0, 0.0]), times) == 1.0
    assert profiles.maturity(np.zeros(4), times) == 0.0


def test_profiles_keep_further_dims() -> None:
    rng = np.random.default_rng(1)
    values, times = rng.normal(size=(64, 5, 3)), np.linspace(0.0, 2.0, 5)
    together = profiles.eepe(profiles.ee(profiles.epe(values), np.exp(-0.02 * times)), times, 2.0)
    alone = [
        profiles.eepe(profiles.ee(profiles.epe(values[..., i]), np.exp(-0.02 * times)), times, 2.0)
        for i in range(3)
    ]
    assert together == pytest.approx(np.array(alone))
    assert math.isclose(profiles.epe_basel(np.ones(5), times, 2.0), 1.0)
