"""A netting set's trades as claims added up: what every kind of claims must say of itself; no market data yet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from xva.exposure.event_keys import EventKey
from xva.exposure.fixing import Fixing
from xva.numerics.types import Floats, Ints
from xva.pricing.flow_book import FlowBook
from xva.trades import TradeContext
from xva.trades.flow_table import FlowTable
from xva.trades.netting import NettingSet

Breaks = Literal["truncate", "ignore"]


class Promised(NamedTuple):
    """One claim of a netting set.

    ``unit`` is what it nets with, ``label`` its trade's id; it counts while ``t < stop``. ``own``: its coupon has the path's
    own fixing while it runs.
    """

    unit: int
    label: str
    claim: Any
    stop: float
    own: bool


class PromisedFlows(NamedTuple):
    """Linear flows of a netting set by columns: `Promised` of many, in the order of trades."""

    flows: FlowTable
    unit: Ints
    stop: Floats
    own: NDArray[np.bool_]


class ClaimGroup(ABC):
    """All claims of one kind, or of a few alike, that a netting set has; without arguments there are none."""

    kinds: ClassVar[tuple[type[Any], ...]]
    """Classes of `xva.trades.claims` that belong here."""

    @classmethod
    @abstractmethod
    def of(cls, rows: Sequence[Promised], context: TradeContext, fixing: Fixing) -> Self:
        """Add up claims, in the order of trades.

        Raises
        ------
        TradeError
            A claim cannot be valued.
        """

    @property
    @abstractmethod
    def currencies(self) -> set[str]:
        """Currencies that their value depends on."""

    @property
    def equities(self) -> set[str]:
        """Equities that their value depends on."""
        return set()

    @property
    def last_times(self) -> Sequence[tuple[str, float]]:
        """By currency the latest maturity of the bonds that interpolated values are made of."""
        return ()

    @property
    def expiries(self) -> set[float]:
        """Times at which the joint law of the factors is needed."""
        return set()

    @property
    def floating(self) -> Sequence[tuple[FlowBook, float]]:
        """Books whose coupons may be simulated, and the time from which they live."""
        return ()

    def events(self, day_zero: int) -> dict[EventKey, float]:
        """Keys and times of the scalars that they take from the paths, those of running coupons aside."""
        return {}


G = TypeVar("G", bound=ClaimGroup)


@dataclass(frozen=True)
class CompiledSet:
    """One netting set: its exposure units and what each promises.

    A unit is what nets: the whole set, or each trade where there is no netting agreement.
    """

    netting_set: NettingSet
    units: tuple[str, ...]
    groups: tuple[ClaimGroup, ...]

    def of(self, kind: type[G]) -> G:
        """Its claims of one kind; empty where there are none."""
        return next((group for group in self.groups if isinstance(group, kind)), kind())

    @property
    def currencies(self) -> set[str]:
        """Currencies its value depends on."""
        return {c for group in self.groups for c in group.currencies}

    @property
    def equity_names(self) -> set[str]:
        """Equities its value depends on."""
        return {e for group in self.groups for e in group.equities}

    @property
    def last_times(self) -> dict[str, float]:
        """Latest maturity, by currency, of the bonds that interpolated values are made of."""
        ends = [end for group in self.groups for end in group.last_times]
        return {c: max(t for name, t in ends if name == c) for c in dict(ends)}

    @property
    def expiries(self) -> set[float]:
        """Times at which the joint law of the factors is needed: option expiries, starts of resetting periods."""
        return {t for group in self.groups for t in group.expiries}

    @property
    def floating(self) -> list[tuple[FlowBook, float]]:
        """Books whose coupons may be simulated, and the time from which they live."""
        return [found for group in self.groups for found in group.floating]

    def events(self, day_zero: int) -> dict[EventKey, float]:
        """Keys and times of the scalars that it takes from the paths, those of running coupons aside."""
        return {key: time for group in self.groups for key, time in group.events(day_zero).items()}
