"""The kinds of surrogates of one date, by the name on their card."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from surrogates.regression.network import NetworkSurrogate
from surrogates.regression.polynomial_fit import PolynomialSurrogate
from surrogates.regression.ridge_features import RidgeSurrogate
from surrogates.regression.surrogate import Surrogate
from xva.errors import DomainError

KINDS: dict[str, type[Surrogate]] = {
    kind.kind: kind for kind in (RidgeSurrogate, PolynomialSurrogate, NetworkSurrogate)
}


def from_parameters(kind: str, tensors: dict[str, Tensor], meta: dict[str, Any]) -> Surrogate:
    """The surrogate whose `Surrogate.parameters` these are.

    Raises
    ------
    DomainError
        No such kind, or a parameter is missing.
    """
    if kind not in KINDS:
        raise DomainError(f"surrogate of kind {kind!r}: expected one of {', '.join(KINDS)}")
    return KINDS[kind].from_parameters(tensors, meta)
