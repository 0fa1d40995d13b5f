"""Features and labels in the units a fit works in: whitened states, differential PCA, unit values.

Whitening makes the bound of differential PCA exact: for Gaussian states of unit covariance a function that loses the
directions with squared gradients ``e_k`` changes by at most ``sum e_k`` in variance (Poincare). Huge & Savine 2020,
"Axes that matter: PCA with a difference".
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self, final

import torch
from torch import Tensor

from surrogates.regression.samples import Samples
from surrogates.regression.surrogate import Surrogate
from xva.errors import DomainError

_CONSTANT = (
    1e-10  # a column whose spread is this share of its size is rounding, and so is such a principal component
)
_FEWEST = 8
_ROWS = 2048  # evaluated at once: a block of 256 features stays in the cache


class Scaled(NamedTuple):
    """Samples in a fit's units.

    ``inputs`` are ``(sample, reduced)``, ``values`` ``(sample,)``, ``gradients`` ``(sample, labelled)``: derivatives of
    ``values`` to the first ``labelled`` columns of ``inputs``.
    """

    inputs: Tensor
    values: Tensor
    gradients: Tensor


@final
@dataclass(frozen=True, eq=False)
class Scaling:
    """``value = offset + slope (x - centre) + scale * g(u)`` with ``u = (x - centre) inward``.

    Parameters
    ----------
    centre, slope : Tensor
        ``(feature,)``; the slope lies in the directions in which the samples do not move, where gradient labels are all
        there is to know (every state is constant today), and is 0 elsewhere.
    inward, outward : Tensor
        ``(feature, reduced)`` and ``(reduced, feature)``, ``outward @ inward`` the identity.
    offset, scale : Tensor
        ``()``, of the value.
    labelled : int
        How many reduced columns, the first ones, have gradient labels.
    """

    centre: Tensor
    slope: Tensor
    inward: Tensor
    outward: Tensor
    offset: Tensor
    scale: Tensor
    labelled: int

    @property
    def reduced(self) -> int:
        """Number of inputs that a fit has; 0 where nothing is left to learn."""
        return self.inward.shape[1]

    @classmethod
    def of(cls, samples: Samples, dropped: float = 1e-6) -> Self:
        """Whiten features with and without gradient labels apart; rotate and cut the former by their labels.

        Parameters
        ----------
        samples : Samples
            Width 0 comes out where nothing is left to learn: constant values, or no feature that moves them.
        dropped : float
            Share of the mean squared gradient that differential PCA may drop; 0 keeps every direction.

        Raises
        ------
        DomainError
            A known gradient label is NaN or infinite, or there are fewer than 8 samples.
        """
        x, y, known = samples.features, samples.values, samples.known_columns
        if len(samples) < _FEWEST:
            raise DomainError(f"a fit: expected at least {_FEWEST} samples, got {len(samples)} -> more paths")
        centre, offset, spread = x.mean(0), y.mean(), y.std(correction=0)
        slope, labelled = torch.zeros_like(centre), 0
        width = x.shape[1]
        inward, outward = x.new_zeros(width, 0), x.new_zeros(0, width)
        blocks = [where for where in (known, ~known) if bool(where.any())]
        live = bool(spread > _CONSTANT**1.4 * y.abs().max())  # 1e-14: rounding of a constant
        for where in blocks:
            a, b = _whitened(x[:, where], centre[where])
            if samples.gradients is not None and where is known:
                labels = _finite(samples.gradients[:, where], samples.names, where)
                mean = labels.mean(0)
                slope[where] = mean - a @ (b @ mean)
                rotation = _rotation(labels @ b.T, dropped)
                a, b = a @ rotation, rotation.T @ b
                labelled = b.shape[0] if live else 0
            inward, outward = _appended(inward, outward, a, b, where)
        if not live:
            inward, outward, spread = inward[:, :0], outward[:0], torch.ones_like(spread)
        return cls(centre, slope, inward, outward, offset, spread, labelled)

    def inputs(self, features: Tensor) -> Tensor:
        """``(sample, reduced)``."""
        return (features - self.centre) @ self.inward

    def scaled(self, samples: Samples) -> Scaled:
        """Samples in the fit's units."""
        moved = samples.features - self.centre
        values = (samples.values - self.offset - moved @ self.slope) / self.scale
        inputs = moved @ self.inward
        if samples.gradients is None or self.labelled == 0:
            return Scaled(inputs, values, inputs.new_zeros(len(samples), 0))
        known = samples.known_columns
        outward = self.outward[: self.labelled, known]  # the slope's directions are not among them
        return Scaled(inputs, values, samples.gradients[:, known] @ (outward.T / self.scale))


class ScaledSurrogate(Surrogate):
    """A surrogate that works in the units of a `Scaling`, a few thousand rows at a time.

    ``feature_names`` and ``scaling`` come first; every other field is a tensor or a number. Floating tensors may be
    float32 (`to`); the scaling stays float64, for a state's moves are small beside its level.
    """

    feature_names: tuple[str, ...]
    scaling: Scaling

    @property
    @final
    def names(self) -> tuple[str, ...]:
        return self.feature_names

    @abstractmethod
    def _scaled(self, inputs: Tensor) -> Tensor:
        """``(sample,)`` in units of the scale at ``(sample, reduced)``."""

    @abstractmethod
    def _scaled_with_gradient(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The same and its ``(sample, reduced)`` derivatives."""

    @final
    def to(self, dtype: torch.dtype) -> Self:
        """The same surrogate computing in ``dtype``."""
        tensors, meta = self.parameters()
        own = [name for name, v in self._own().items() if isinstance(v, Tensor) and v.is_floating_point()]
        cast = {name: v.to(dtype) if name in own else v for name, v in tensors.items()}
        return type(self).from_parameters(cast, meta)

    @final
    def parameters(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors: dict[str, Tensor] = {}
        meta: dict[str, Any] = {"names": list(self.feature_names), "labelled": self.scaling.labelled}
        for field in fields(Scaling)[:-1]:
            tensors[f"scaling.{field.name}"] = getattr(self.scaling, field.name)
        for name, value in self._own().items():
            if isinstance(value, Tensor):
                tensors[name] = value
            else:
                meta[name] = value
        return tensors, meta

    @classmethod
    @final
    def from_parameters(cls, tensors: dict[str, Tensor], meta: dict[str, Any]) -> Self:
        try:
            parts = {f.name: tensors[f"scaling.{f.name}"] for f in fields(Scaling)[:-1]}
            own = {
                f.name: tensors[f.name] if f.name in tensors else meta[f.name]
                for f in fields(cls)[2:]  # type: ignore[arg-type]
            }
            scaling = Scaling(**parts, labelled=meta["labelled"])
            return cls(tuple(meta["names"]), scaling, **own)  # type: ignore[call-arg]
        except KeyError as missing:
            raise DomainError(
                f"{cls.kind} surrogate: expected a parameter {missing}, got {', '.join([*tensors, *meta])} -> "
                "this is not the file of such a surrogate"
            ) from missing

    @final
    def _own(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)[2:]}  # type: ignore[arg-type]

    @final
    def _value(self, features: Tensor) -> Tensor:
        s, dtype = self.scaling, self._dtype()
        found = torch.empty(len(features), dtype=features.dtype, device=features.device)
        for rows in _blocks(len(features)):
            moved = features[rows] - s.centre
            found[rows] = s.offset + moved @ s.slope + s.scale * self._scaled((moved @ s.inward).to(dtype))
        return found

    @final
    def _value_and_gradient(self, features: Tensor) -> tuple[Tensor, Tensor]:
        s, dtype = self.scaling, self._dtype()
        values = torch.empty(len(features), dtype=features.dtype, device=features.device)
        gradients = torch.empty_like(features)
        back = s.inward.T * s.scale
        for rows in _blocks(len(features)):
            moved = features[rows] - s.centre
            value, gradient = self._scaled_with_gradient((moved @ s.inward).to(dtype))
            values[rows] = s.offset + moved @ s.slope + s.scale * value
            gradients[rows] = s.slope + gradient.to(back.dtype) @ back
        return values, gradients

    @final
    def _dtype(self) -> torch.dtype:
        own = (v.dtype for v in self._own().values() if isinstance(v, Tensor) and v.is_floating_point())
        return next(own)


def _blocks(count: int) -> list[slice]:
    return [slice(start, min(start + _ROWS, count)) for start in range(0, count, _ROWS)]


def _whitened(columns: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Inward and outward maps of columns to uncorrelated ones of unit variance; constants left out."""
    moved = columns - centre
    spread = moved.square().mean(0).sqrt()
    spread = torch.where(spread > _CONSTANT * columns.abs().amax(0), spread, torch.ones_like(spread))
    unit = moved / spread
    variance, axes = torch.linalg.eigh(unit.T @ unit / len(unit))
    live = variance > _CONSTANT
    axes, root = axes[:, live], variance[live].sqrt()
    return axes / root / spread[:, None], (axes * root).T * spread


def _finite(labels: Tensor, names: tuple[str, ...], where: Tensor) -> Tensor:
    if not bool(torch.isfinite(labels).all()):
        fine = iter(torch.isfinite(labels).all(0).tolist())
        bad = [name for name, known in zip(names, where.tolist()) if known and not next(fine)]
        raise DomainError(
            f"gradient labels to {', '.join(bad)}: expected finite numbers, got NaN or infinity -> leave the columns "
            "out of `known`, or fit to values alone",
            bad,
        )
    return labels


def _rotation(gradients: Tensor, dropped: float) -> Tensor:
    """``(live, reduced)`` principal axes of the gradients, the weakest left out while they sum to ``dropped`` at most."""
    energy, axes = torch.linalg.eigh(gradients.T @ gradients / len(gradients))
    keep = energy.clamp_min(0.0).cumsum(0) > max(dropped, 1e-15) * energy.clamp_min(0.0).sum()
    kept: Tensor = axes[:, keep] if dropped > 0.0 else axes
    return kept


def _appended(inward: Tensor, outward: Tensor, a: Tensor, b: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of a block of features beside those of the blocks before."""
    width = len(where)
    into, out = a.new_zeros(width, a.shape[1]), b.new_zeros(b.shape[0], width)
    into[where], out[:, where] = a, b
    return torch.cat([inward, into], 1), torch.cat([outward, out], 0)
