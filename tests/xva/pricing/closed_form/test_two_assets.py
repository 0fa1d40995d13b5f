"""Identities of options on two assets."""

from __future__ import annotations

import pytest
import torch

from tests.oracles.quantlib_prices import numbers
from xva.pricing.closed_form.black_scholes import black_scholes
from xva.pricing.closed_form.margrabe import exchange_option, margrabe
from xva.pricing.closed_form.stulz import stulz

SPOT_1, SPOT_2, EXPIRY, RATE, VOL_1, VOL_2, RHO, Q_1, Q_2 = numbers(
    100.0, 95.0, 1.5, 0.03, 0.2, 0.35, 0.4, 0.01, 0.02
)
K = torch.tensor([60.0, 100.0, 140.0], dtype=torch.float64)


def value(strike: torch.Tensor, sign: int, best: int, rho: torch.Tensor = RHO) -> torch.Tensor:
    return stulz(SPOT_1, SPOT_2, strike, EXPIRY, RATE, VOL_1, VOL_2, rho, Q_1, Q_2, sign, best)


def test_margrabe_is_stulz_without_a_strike() -> None:
    """max(S1, S2) - S2 is the exchange option; min is the rest."""
    nothing = torch.tensor(1e-12, dtype=torch.float64)
    received = exchange_option(SPOT_1, SPOT_2, EXPIRY, VOL_1, VOL_2, RHO, Q_1, Q_2)
    asset_1, asset_2 = SPOT_1 * torch.exp(-Q_1 * EXPIRY), SPOT_2 * torch.exp(-Q_2 * EXPIRY)
    torch.testing.assert_close(value(nothing, 1, 1), asset_2 + received, rtol=1e-13, atol=2e-12)
    torch.testing.assert_close(value(nothing, 1, -1), asset_1 - received, rtol=1e-13, atol=2e-12)


def test_the_better_and_the_worse_are_both_assets() -> None:
    one = [black_scholes(SPOT_1, K, EXPIRY, RATE, VOL_1, Q_1, s) for s in (1, -1)]
    other = [black_scholes(SPOT_2, K, EXPIRY, RATE, VOL_2, Q_2, s) for s in (1, -1)]
    for k, sign in enumerate((1, -1)):
        both = value(K, sign, 1) + value(K, sign, -1)
        torch.testing.assert_close(both, one[k] + other[k], rtol=0, atol=1e-12)


def test_parity_without_cancellation() -> None:
    cash = K * torch.exp(-RATE * EXPIRY)
    received = exchange_option(SPOT_1, SPOT_2, EXPIRY, VOL_1, VOL_2, RHO, Q_1, Q_2)
    best = SPOT_2 * torch.exp(-Q_2 * EXPIRY) + received
    torch.testing.assert_close(value(K, 1, 1) - value(K, -1, 1), best - cash, rtol=0, atol=1e-12)


@pytest.mark.parametrize("best", [1, -1])
def test_nearly_perfect_correlation_tends_to_one_asset(best: int) -> None:
    rho = torch.tensor(1 - 1e-9, dtype=torch.float64)
    got = stulz(SPOT_1, 0.5 * SPOT_1, K, EXPIRY, RATE, VOL_1, VOL_1, rho, best=best)
    spot = SPOT_1 if best == 1 else 0.5 * SPOT_1
    torch.testing.assert_close(got, black_scholes(spot, K, EXPIRY, RATE, VOL_1), rtol=0, atol=1e-9)


def test_engine_form_and_market_form_agree() -> None:
    deviation = torch.sqrt((VOL_1**2 + VOL_2**2 - 2 * RHO * VOL_1 * VOL_2) * EXPIRY)
    torch.testing.assert_close(
        margrabe(SPOT_1, SPOT_2, deviation), exchange_option(SPOT_1, SPOT_2, EXPIRY, VOL_1, VOL_2, RHO)
    )
