"""All adjustments as weights on the profiles: linear in EPE and ENE given credit and funding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.adjustments.adjustment import Variant, WeightInputs
from xva.adjustments.fva import Funding
from xva.adjustments.interval_weights import Quadrature
from xva.adjustments.registry import ADJUSTMENTS
from xva.market import Market

ONE_DAY = 1.5 / 365.0
"""Year fraction below which an interval is of one day."""


@dataclass(frozen=True)
class XvaSpec:
    """Which adjustments: own credit name, default variant, funding variant and quadrature.

    With ``day_before`` an interval of one day takes the profile of the date before it, whatever the quadrature: a flow is
    paid at the day's end, so what is lost in a default on that day is the value before it.
    """

    own_name: str
    variant: Variant = "unilateral"
    funding: Funding = "spread"
    quadrature: Quadrature = "right"
    day_before: bool = False


def measure_weights(
    market: Market, credit_curves: Sequence[str], times: NDArray[np.float64], spec: XvaSpec
) -> Tensor:
    """``(measure, netting_set, time)`` weights of each adjustment's profile; ``times[0] = 0``.

    ``credit_curves`` names each netting set's counterparty in the market.
    """
    own = market.survival_curve(spec.own_name).survival(times)
    own_lgd = 1.0 - market.recovery(spec.own_name)
    ois = market.discount_curve(market.reporting_currency).discount(times)
    borrow = market.funding_curve("borrow").discount(times)
    lend = market.funding_curve("lend").discount(times)
    rows: dict[str, Tensor] = {}
    for name in dict.fromkeys(credit_curves):
        inputs = WeightInputs(
            times=times,
            theirs=market.survival_curve(name).survival(times),
            own=own,
            their_lgd=1.0 - market.recovery(name),
            own_lgd=own_lgd,
            ois=ois,
            borrow=borrow,
            lend=lend,
            first_to_default=spec.variant == "first_to_default",
            funding=spec.funding,
            quadrature=spec.quadrature,
        )
        rows[name] = torch.stack([a.weights(inputs) for a in ADJUSTMENTS])
    weights = torch.stack([rows[name] for name in credit_curves], dim=1)
    if not spec.day_before:
        return weights
    plain = replace(spec, quadrature="right", day_before=False)
    right = weights if spec.quadrature == "right" else measure_weights(market, credit_curves, times, plain)
    return _day_before(weights, right, times, 1.0 if spec.quadrature == "right" else 0.5)


def _day_before(weights: Tensor, right: Tensor, times: NDArray[np.float64], share: float) -> Tensor:
    """What intervals of one day give to their last date, a ``share`` of them, moved to the date before.

    With ``right`` a date's weight is its interval's; of a trapezoid half of that (but for a day of survival) is at its end.
    """
    short = np.append(False, np.diff(times) < ONE_DAY)
    moved = share * right * torch.from_numpy(short).to(right)
    return weights - moved + torch.nn.functional.pad(moved[..., 1:], (0, 1))
