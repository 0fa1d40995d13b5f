"""A trade's surrogates on all exposure dates, as the engine asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surrogates.regression.domain import Domain
from surrogates.regression.kinds import from_parameters
from surrogates.regression.surrogate import Surrogate
from xva.blocks.plan import Arrays
from xva.errors import DomainError
from xva.exposure.parts.conditional_stored import Priced, Stored, StoredPricer


@final
@dataclass(frozen=True)
class SurrogatePricer(StoredPricer):
    """Surrogates by date.

    Parameters
    ----------
    features : tuple of str
        Of all dates, in the order of the columns.
    days : ndarray
        ``(date,)`` datetime64[D], sorted; of the exposure dates those on which the trade is worth something.
    surrogates, domains : tuple
        One per date. Beyond its domain a surrogate is asked at the domain's edge, and the state is counted.
    parameters : mapping of str to float
        Features that are the market's (`at_market`), the same for all states; they are not asked of the paths.
    """

    kind: ClassVar[str] = "surrogate"

    features: tuple[str, ...]
    days: NDArray[np.datetime64]
    surrogates: tuple[Surrogate, ...]
    domains: tuple[Domain, ...]
    parameters: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.days) == len(self.surrogates) == len(self.domains):
            raise DomainError("a surrogate pricer needs one surrogate and one domain per date")
        if bool((np.diff(self.days) <= np.timedelta64(0, "D")).any()):
            raise DomainError(f"a surrogate pricer needs increasing dates, got {self.days}")
        for names in (*(s.names for s in self.surrogates), *(d.names for d in self.domains)):
            if names != self.features:
                raise DomainError(
                    f"a surrogate pricer needs features {', '.join(self.features)} on all dates, got {', '.join(names)}",
                    names,
                )
        if unknown := set(self.parameters) - set(self.features):
            raise DomainError(f"parameters {sorted(unknown)} are not features", sorted(unknown))

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        arrays: Arrays = {}
        dates = []
        for k, (surrogate, domain) in enumerate(zip(self.surrogates, self.domains, strict=True)):
            tensors, meta = surrogate.parameters()
            arrays.update({f"{k}/{name}": t.contiguous().numpy() for name, t in tensors.items()})
            arrays[f"{k}.domain"] = torch.stack([domain.low, domain.high]).numpy()
            dates.append({"kind": surrogate.kind, "tensors": list(tensors), "meta": meta})
        days = [str(d) for d in self.days]
        meta = {"features": list(self.features), "days": days, "dates": dates}
        return arrays, {**meta, "parameters": dict(self.parameters)}

    @classmethod
    def from_payload(cls, arrays: Stored, meta: Mapping[str, Any], priced: Priced) -> SurrogatePricer:
        features = tuple(meta["features"])
        surrogates, domains = [], []
        for k, item in enumerate(meta["dates"]):
            tensors = {name: torch.from_numpy(np.array(arrays[f"{k}/{name}"])) for name in item["tensors"]}
            surrogates.append(from_parameters(item["kind"], tensors, item["meta"]))
            low, high = torch.from_numpy(np.array(arrays[f"{k}.domain"]))
            domains.append(Domain(features, low, high))
        days = np.array(meta["days"], dtype="datetime64[D]")
        return cls(features, days, tuple(surrogates), tuple(domains), meta["parameters"])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in self.features if name not in self.parameters)

    def at_market(self, parameters: Mapping[str, float]) -> SurrogatePricer:
        """The same in a market of the box it was trained on."""
        return replace(self, parameters=dict(parameters))

    def number(self, day: np.datetime64) -> int | None:
        """Place of the day's surrogate; None once the trade is worth nothing.

        Raises
        ------
        DomainError
            The day lies between dates that were trained, and was not.
        """
        k = int(np.searchsorted(self.days, day))
        if k == len(self.days):
            return None
        if self.days[k] != day:
            raise DomainError(
                f"a surrogate was asked on {day}, a date it was not trained for; train it again"
            )
        return k

    def columns(self, features: Tensor) -> Tensor:
        """``(sample, feature)`` of all features from those of ``(sample, name)`` of `names`, the market's added.

        Raises
        ------
        DomainError
            NaN or infinity among them.
        """
        if not bool(torch.isfinite(features).all()):
            raise DomainError("surrogate: expected finite features, got NaN or infinity", self.names)
        given = dict(zip(self.names, features.T, strict=True))
        constant = features.new_ones(len(features))
        rows = [given[n] if n in given else self.parameters[n] * constant for n in self.features]
        return torch.stack(rows, dim=1) if rows else features

    def values(self, days: NDArray[np.datetime64], features: Tensor) -> tuple[Tensor, Tensor]:
        value = torch.zeros(len(days), features.shape[-1], dtype=torch.float64)
        beyond = torch.zeros(len(days), features.shape[-1], dtype=torch.bool)
        for t, day in enumerate(days):
            k = self.number(day)
            if k is not None:
                asked = self.columns(features[t].T)
                beyond[t] = self.domains[k].outside(asked)
                value[t] = self.surrogates[k].value(self.domains[k].nearest(asked))
        return value, beyond
