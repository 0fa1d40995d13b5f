"""The kinds of claims that a trade may be made of, and the parts that a netting set's value is the sum of.

Derivatives to states are added up in the order of `Parts`, values too, parts that events decide last. A new kind of claim has
its group's name in `GROUPS`; where no part that is there values it, its part's in `Parts` and a sample of claims in
`tests/support/value_part_samples.py`.
"""

from __future__ import annotations

from typing import cast, get_args

from xva.exposure.claim_groups import Caplets, EquityUnits, Exchanges, Flows, Swaptions
from xva.exposure.compiled import ClaimGroup
from xva.exposure.parts.equity_forward import EquityForwards
from xva.exposure.parts.exchange_option import ExchangeOptions
from xva.exposure.parts.exercised_swaption import ExercisedSwaptions
from xva.exposure.parts.fixed_caplets import FixedCaplets
from xva.exposure.parts.near_expiry_swaption import NearExpirySwaptions
from xva.exposure.parts.part import NettingSetSource, ValuePart
from xva.exposure.parts.plane_polynomial import PlanePolynomials
from xva.exposure.parts.polynomial import Polynomials
from xva.exposure.parts.remembered_terms import RememberedTerms
from xva.exposure.reset_groups import Resets

GROUPS: tuple[type[ClaimGroup], ...] = (Flows, Caplets, Swaptions, Exchanges, EquityUnits, Resets)
Parts = tuple[
    Polynomials,
    EquityForwards,
    ExchangeOptions,
    FixedCaplets,
    NearExpirySwaptions,
    ExercisedSwaptions,
    RememberedTerms,
    PlanePolynomials,
]
PARTS: tuple[type[ValuePart], ...] = get_args(Parts)


def parts_of(source: NettingSetSource, held: Parts | None) -> Parts:
    """Every part of a netting set, with what ``held`` of the base run keeps."""
    old = held or (None,) * len(PARTS)
    return cast(Parts, tuple(kind.of(source, mine) for kind, mine in zip(PARTS, old, strict=True)))
