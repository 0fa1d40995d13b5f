"""A trade's surrogates with all that is known about them: what the registry keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from surrogates.certificate import Certificate, Evidence, Route
from surrogates.labels import MarketBox
from surrogates.registry.identity import Identity
from surrogates.regression.pricer import SurrogatePricer
from xva.errors import DomainError
from xva.pricing.exercise import ExercisePolicy


@final
@dataclass(frozen=True)
class Trained:
    """Surrogates of one trade.

    Parameters
    ----------
    identity : Identity
        What they were trained for.
    pricer : SurrogatePricer
        One surrogate and domain per date.
    certificate : Certificate
    route : Route
        How the certificate came about.
    policy : ExercisePolicy, optional
        Of a trade with decisions: the surrogates are values under it.
    box : MarketBox, optional
        Markets they hold in, where market parameters are features.
    evidence : tuple of Evidence
        What the certificate was made of, for plots; may be empty.
    """

    identity: Identity
    pricer: SurrogatePricer
    certificate: Certificate
    route: Route
    policy: ExercisePolicy | None = None
    box: MarketBox | None = None
    evidence: tuple[Evidence, ...] = ()

    def __post_init__(self) -> None:
        days = tuple(str(d) for d in self.pricer.days)
        if days != self.identity.days:
            raise DomainError(
                f"trade {self.identity.trade_id}: surrogates on {len(days)} dates do not fit an identity of "
                f"{len(self.identity.days)}",
                [self.identity.trade_id],
            )
