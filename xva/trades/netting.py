"""Who owes whom: counterparties and netting sets."""

from __future__ import annotations

from dataclasses import dataclass

from xva.errors import TradeError


@dataclass(frozen=True)
class Counterparty:
    """A counterparty and where its credit curve comes from.

    ``credit_curve`` is the name in CDS quotes (``CDS/CREDIT_SPREAD/<credit_curve>/…``): its own, or a
    sector/rating/region proxy, whose quotes then carry the sensitivity.
    """

    name: str
    credit_curve: str


@dataclass(frozen=True)
class NettingSet:
    """Trades that net at close-out.

    Parameters
    ----------
    name, counterparty : str
    currency : str
        The set's own currency: values are also shown in it.
    netted : bool
        False: no netting agreement; each trade is an exposure of its own and exposures add up.
    """

    name: str
    counterparty: str
    currency: str
    netted: bool = True

    def __post_init__(self) -> None:
        if not self.name or not self.counterparty:
            raise TradeError("a netting set needs a name and a counterparty", [self.name])
