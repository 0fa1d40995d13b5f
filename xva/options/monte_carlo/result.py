"""Monte Carlo values and Greeks with their standard errors, and what each option of the sampling saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import pandas as pd
import torch
from scipy.stats import f as fisher
from torch import Tensor

from xva.errors import DomainError
from xva.options.greeks import Label
from xva.pricing.exercise.pricing import Estimate


@final
@dataclass(frozen=True, eq=False)
class Saving:
    """Variance without an option of the sampling over that with it, all else and the number of paths being equal.

    Parameters
    ----------
    option : str
        ``antithetic``, ``controls``, ``sobol`` (against pseudo-random numbers) or the ordering (against plain steps).
    paths : int
        Of either run.
    ratios : Tensor
        ``(label,)``; above 1 the option saves variance.
    low, high : Tensor
        ``(label,)`` 95 % confidence interval of the ratios.
    """

    option: str
    paths: int
    ratios: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, option: str, paths: int, without: Tensor, within: Tensor) -> Saving:
        """From independent batches ``(batch, label)`` of both runs.

        The interval is Fisher's for independent runs; it is too wide where both use the same paths (controls).
        """
        before, after = without.var(0), within.var(0)
        ratios = torch.where(before == after, torch.ones_like(before), before / after)
        factor = float(fisher.ppf(0.975, len(without) - 1, len(within) - 1))
        return cls(option, paths, ratios, ratios / factor, ratios * factor)


@final
@dataclass(frozen=True, repr=False, eq=False)
class MonteCarloGreeks:
    """A value and its derivatives, each with a standard error.

    Parameters
    ----------
    labels : tuple of Label
        The value, the first derivatives, and the second ones if they were asked for.
    samples : Tensor
        ``(batch, label)`` independent estimates, with the labels' signs.
    n_paths : int
    methods : mapping of str to str
        How the first and the second order were found.
    savings : tuple of Saving
    """

    labels: tuple[Label, ...]
    samples: Tensor
    n_paths: int
    methods: Mapping[str, str]
    savings: tuple[Saving, ...] = ()

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.shape[1] != len(self.labels):
            raise DomainError(
                f"Monte Carlo Greeks: expected samples (batch, {len(self.labels)}), got {tuple(self.samples.shape)}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Of all labels."""
        return tuple(label.name for label in self.labels)

    @property
    def estimates(self) -> Estimate:
        """``(label,)`` of all labels: means over the batches, with ``batches - 1`` degrees of freedom."""
        return Estimate.of(self.samples)

    def __getitem__(self, name: str) -> Estimate:
        """A number and its error, ``()``, by its label: ``value``, ``delta[2]``, ``vega``."""
        return Estimate.of(self.samples[:, self._place(name)])

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def vector(self, stem: str) -> Estimate:
        """``(entry,)`` all entries of a Greek: those of ``delta`` are ``delta[0]``, ``delta[1]`` …"""
        places = [k for k, name in enumerate(self.names) if name.partition("[")[0] == stem]
        if not places:
            self._place(stem)
        return Estimate.of(self.samples[:, places])

    def saving(self, option: str, name: str = "value") -> float:
        """Variance ratio of an option for one number."""
        for saving in self.savings:
            if saving.option == option:
                return float(saving.ratios[self._place(name)])
        options = ", ".join(saving.option for saving in self.savings) or "none"
        raise DomainError(f"savings: expected one of those measured ({options}), got {option!r}", [option])

    def to_frame(self) -> pd.DataFrame:
        """One row per label: value, standard error, method, and the variance ratio of every option measured."""
        every = self.estimates
        order = ["value" if not x.by else "first" if len(x.by) == 1 else "second" for x in self.labels]
        columns = {
            "value": every.value.numpy(),
            "error": every.error.numpy(),
            "method": [self.methods["first" if o == "value" else o] for o in order],
            **{f"saved by {s.option}": s.ratios.numpy() for s in self.savings},
        }
        return pd.DataFrame(columns, index=pd.Index(self.names, name="greek"))

    def __repr__(self) -> str:
        return f"Monte Carlo Greeks, {self.n_paths:,} paths:\n{self.to_frame().to_string()}"

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html())

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise DomainError(f"Greek {name!r}: expected one of {', '.join(self.names)}", [name])
        return self.names.index(name)
