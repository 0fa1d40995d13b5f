"""What is stated about one currency's rates: which model, and where its parameters come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from xva.market import Market
from xva.models.rates_model import RatesModel
from xva.numerics.types import Floats


@dataclass(frozen=True)
class Need:
    """Quotes that a model cannot do without: their ``family``, and the ``form`` of their ids."""

    family: str
    form: str


@dataclass(frozen=True)
class Repriced:
    """Quotes that a model was calibrated to: their names, values, and what the model makes of them, ``(quote,)``."""

    names: Sequence[str]
    quoted: Floats
    model: Floats


class RatesTerms(ABC):
    """One kind of rates model as a job states it; implementations are frozen dataclasses that check themselves at birth.

    Their fields are the job's options: numbers, texts and `typing.Literal` choices. An error at birth is one `Problem` whose
    place is the field. Everything that depends on the kind is said here: who reads jobs, collects quotes or builds worlds
    asks, and knows no kind. A new one is a line in `rates_kinds`.
    """

    kind: ClassVar[str]
    """In job files."""
    title: ClassVar[str]
    """In messages and descriptions."""
    factors: ClassVar[int]
    """Brownian motions of the model."""
    linear_only: ClassVar[bool]
    """Options on its rates, notionals that reset in its currency and trades without closed form cannot be valued; coupons
    between fixing and payment have their mean given the state."""

    def quotes(self, currency: str) -> Mapping[str, float]:
        """Parameters that the terms state themselves, by quote id: they join the market's, and are differentiated to."""
        return {}

    @abstractmethod
    def needs(self, currency: str) -> Sequence[Need]:
        """What the market has to quote beside."""

    @abstractmethod
    def behind(self, market: Market, currency: str) -> tuple[object, ...]:
        """All of the market that `model` depends on: while none of its bits changes, the model stays."""

    @abstractmethod
    def model(self, market: Market, currency: str) -> RatesModel:
        """The model, connected to the quotes.

        Raises
        ------
        MarketDataError, CalibrationError
            Quotes are missing, or out of the model's reach.
        """

    def repriced(self, market: Market, currency: str, model: RatesModel) -> Repriced | None:
        """What the model makes of the quotes that it was calibrated to; None where parameters are stated."""
        return None
