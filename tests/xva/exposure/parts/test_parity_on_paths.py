"""Put-call parity of every option type, in the engine's kernel, at t = 0 and on later dates' states."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.flat_world import FlatWorld, two_currencies
from tests.support.option_pairs import CASES
from xva.exposure.parts.compile import compile_set
from xva.exposure.parts.date_context import date_context
from xva.exposure.parts.kernel import date_values
from xva.exposure.parts.netting_set import netting_set_inputs
from xva.exposure.state.frame import make_frame
from xva.trades.netting import NettingSet
from xva.trades.trade import Trade

TIMES = np.array([0.0, 0.25, 0.9, 1.3, 1.75, 1.95])  # the options expire after 2 years, caplets throughout


@pytest.fixture(scope="module")
def flat() -> FlatWorld:
    pairs = {("IR:EUR", "IR:USD"): 0.3, ("IR:EUR", "FX:USD"): -0.2, ("FX:USD", "EQ:SHARE"): 0.25}
    return two_currencies(equities={"SHARE": (100.0, 0.25, 0.02)}, correlations=pairs)


@pytest.mark.parametrize("case", CASES)
def test_parity(flat: FlatWorld, case: str) -> None:
    """Long call, short put, short forward are worth nothing on any path; the calls alone are worth something."""
    values = [_values(flat, trades) for trades in (CASES[case], CASES[case][:1])]
    largest = values[1].abs().amax()
    assert float(largest) > 1e3
    # both sides of half a year to expiry, where values per path take over from 48 Chebyshev nodes
    assert float(values[0].abs().amax()) < 1e-7 * float(largest)


def _values(flat: FlatWorld, trades: list[Trade]) -> torch.Tensor:
    """``(date, path)`` of a netting set on random states of the right law."""
    world = flat(flat.quotes())
    compiled = compile_set(NettingSet("N", "C", "EUR"), trades, flat.context())
    day_zero = int(flat.day.astype(np.int64))
    with torch.no_grad():
        frame, _ = make_frame(world.market, world.model, TIMES, (compiled,), (compiled,), day_zero)
        inputs = netting_set_inputs(compiled, frame, 0.02)
        covariance = frame.table.at(TIMES)
        mean = world.model.initial_state() + world.model.drifts(covariance)
        generator = torch.Generator().manual_seed(7)
        found = []
        for t in range(len(TIMES)):
            draw = torch.randn(len(mean[t]), 200, generator=generator, dtype=torch.float64)
            root = torch.linalg.cholesky(covariance[t]) if t else torch.zeros_like(covariance[t])
            state = mean[t][:, None] + root @ draw
            degrees = [48] * len(frame.currencies)
            at = date_context(
                t,
                state,
                world.model.layout,
                frame.centre[t],
                frame.scale[t],
                state.new_zeros(0, 200),
                degrees,
            )
            found.append(date_values(inputs, at).hard[0])
    return torch.stack(found)
