"""Differential networks: small softplus networks with an explicit twin pass, all dates stacked.

A network is trained on values and on its own derivatives, which the twin pass computes beside the values (Huge & Savine
2020). The dates' networks are independent; stacked along the first dimension of their weights they train together at the
cost of a few large batched products in place of many small ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn.functional import pad

from surrogates.regression.loss import DifferentialLoss, gradient_weights, require_strength
from surrogates.regression.polynomial_fit import constant
from surrogates.regression.samples import Samples
from surrogates.regression.scaling import Scaled, ScaledSurrogate, Scaling
from surrogates.regression.surrogate import Surrogate
from surrogates.regression.training import DatesFitter, Progress, Report, Schedule, descend, silent
from xva.errors import DomainError

ACTIVATIONS = ("softplus", "silu")
_NOT_SMOOTH = "its derivatives jump, so a network of it has no gradients to train and no Greeks to give"


@final
@dataclass(frozen=True, eq=False)
class NetworkSurrogate(ScaledSurrogate):
    """One date's network.

    Parameters
    ----------
    feature_names : tuple of str
    scaling : Scaling
    first : Tensor
        ``(reduced + 1, unit)`` weights into the first layer, biases in the last row.
    hidden : Tensor
        ``(layer, unit + 1, unit)`` weights between layers.
    last : Tensor
        ``(unit + 1,)`` weights to the value.
    activation : str
        Of `ACTIVATIONS`.
    """

    kind: ClassVar[str] = "network"

    feature_names: tuple[str, ...]
    scaling: Scaling
    first: Tensor
    hidden: Tensor
    last: Tensor
    activation: str

    def _scaled(self, inputs: Tensor) -> Tensor:
        return self._twin(inputs, slopes=False)[0]

    def _scaled_with_gradient(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        return self._twin(inputs, slopes=True)

    def _twin(self, inputs: Tensor, slopes: bool) -> tuple[Tensor, Tensor]:
        layers = [self.first[None], *(layer[None] for layer in self.hidden), self.last[None, :, None]]
        values, gradients = twin(inputs[None], layers, self.activation, slopes)
        return values[0], gradients[0]


def twin(
    inputs: Tensor, layers: Sequence[Tensor], activation: str, slopes: bool = True
) -> tuple[Tensor, Tensor]:
    """Values ``(date, sample)`` of stacked networks and their ``(date, sample, reduced)`` derivatives.

    Parameters
    ----------
    inputs : Tensor
        ``(date, sample, reduced)``.
    layers : sequence of Tensor
        ``(date, in + 1, out)``, biases in the last row.
    activation : str
        Of `ACTIVATIONS`.
    slopes : bool
        Whether the derivatives are wanted; without, an empty tensor comes.
    """
    carried, bent = inputs, []
    for layer in layers[:-1]:
        moved = torch.baddbmm(layer[:, -1:], carried, layer[:, :-1])
        carried, slope = _bend(moved, activation)
        bent.append(slope)
    values = torch.baddbmm(layers[-1][:, -1:], carried, layers[-1][:, :-1])[..., 0]
    if not slopes:
        return values, inputs.new_zeros(len(inputs), inputs.shape[1], 0)
    back = layers[-1][:, None, :-1, 0]
    for layer, slope in zip(reversed(layers[:-1]), reversed(bent)):
        back = torch.bmm(back * slope, layer[:, :-1].mT)
    return values, back


def _bend(moved: Tensor, activation: str) -> tuple[Tensor, Tensor]:
    """The activation and its derivative."""
    slope = torch.sigmoid(moved)
    if activation == "silu":
        value = moved * slope
        return value, slope + value * (1.0 - slope)
    return torch.nn.functional.softplus(moved, threshold=40.0), slope


@final
@dataclass(frozen=True)
class DifferentialNetwork(DatesFitter):
    """Fits `NetworkSurrogate`, dates with as many samples as each other together.

    Parameters
    ----------
    layers, units : int
        Hidden layers and their width.
    gradient_weight : float
        Of each derivative against the value; 0 is value-only training.
    dropped : float
        Share of the mean squared gradient that differential PCA may drop.
    activation : str
        A smooth one, of `ACTIVATIONS`.
    schedule : Schedule
        Of the training.
    seed : int
        Of the first weights.
    train_in : torch.dtype
        Precision of the training; what is fitted computes in that of the samples.
    """

    layers: int = 4
    units: int = 20
    gradient_weight: float = 1.0
    dropped: float = 1e-6
    activation: str = "softplus"
    schedule: Schedule = field(default_factory=Schedule)
    seed: int = 0
    train_in: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        require_strength(self.gradient_weight)
        if self.layers < 1 or self.units < 1:
            raise DomainError(f"network: expected layers and units >= 1, got {self.layers} and {self.units}")
        if self.activation not in ACTIVATIONS:
            raise DomainError(
                f"network activation: expected a smooth one ({', '.join(ACTIVATIONS)}), got {self.activation!r}: "
                f"{_NOT_SMOOTH}"
            )

    def fit_many(self, dates: Sequence[Samples], progress: Report = silent) -> list[Surrogate]:
        used = [s.at_weight(self.gradient_weight) for s in dates]
        scalings = [Scaling.of(s, self.dropped) for s in used]
        found: list[Surrogate] = [constant(s.names, scaling) for s, scaling in zip(dates, scalings)]
        total, done = self.schedule.epochs * len(dates), 0
        for members in _alike(used, scalings):
            report = self._reporter(progress, done, len(members), total)
            labels = [scalings[k].scaled(used[k]) for k in members]
            stacked = self._train(labels, report)
            for place, k in enumerate(members):
                found[k] = self._surrogate(dates[k].names, scalings[k], [w[place] for w in stacked])
            done += self.schedule.epochs * len(members)
        if done < total:  # the dates where nothing is left to learn
            progress(Progress(type(self).__name__, total, total))
        return found

    def _reporter(self, progress: Report, done: int, dates: int, total: int) -> Callable[[int, float], None]:
        def report(epoch: int, loss: float) -> None:
            progress(Progress(type(self).__name__, done + epoch * dates, total, loss))

        return report

    def _train(self, labels: Sequence[Scaled], report: Callable[[int, float], None]) -> list[Tensor]:
        """Stacked layers; inputs and derivatives of dates with fewer directions are padded with zeros."""
        reduced = max(part.inputs.shape[1] for part in labels)
        known = max(part.gradients.shape[1] for part in labels)
        weights = [gradient_weights(part.gradients, self.gradient_weight) for part in labels]
        loss = DifferentialLoss(_padded(weights, known).to(self.train_in))
        data = (
            _padded([part.inputs for part in labels], reduced).to(self.train_in),
            torch.stack([part.values for part in labels]).to(self.train_in),
            _padded([part.gradients for part in labels], known).to(self.train_in),
        )
        stacked = [
            layer.to(data[0]).requires_grad_()
            for layer in self._start([part.inputs.shape[1] for part in labels])
        ]

        def twins(inputs: Tensor) -> tuple[Tensor, Tensor]:
            values, gradients = twin(inputs, stacked, self.activation, slopes=known > 0)
            return values, gradients[..., :known]

        descend(twins, stacked, data, loss, self.schedule, report)
        return [layer.detach() for layer in stacked]

    def _start(self, reduced: Sequence[int]) -> list[Tensor]:
        """First weights with variance 1/inputs and biases 0, for every date those of its network alone."""
        draw = torch.Generator().manual_seed(self.seed)
        wide = torch.randn(self.units, self.units + 1, generator=draw, dtype=torch.float64)
        inner = torch.randn(self.layers - 1, self.units, self.units, generator=draw, dtype=torch.float64)
        rows = torch.stack(  # one by one: torch fills a longer tensor with other numbers
            [torch.randn(self.units, generator=draw, dtype=torch.float64) for _ in range(max(reduced))]
        )
        scale = torch.tensor(reduced, dtype=torch.float64).rsqrt()[:, None, None]
        live = torch.arange(max(reduced)) < torch.tensor(reduced)[:, None]
        first = [rows * scale * live[..., None]]
        between = [layer.expand(len(reduced), -1, -1) / math.sqrt(self.units) for layer in inner]
        last = [wide[:, :1].expand(len(reduced), -1, -1) / math.sqrt(self.units)]
        return [pad(layer, (0, 0, 0, 1)) for layer in (*first, *between, *last)]

    def _surrogate(self, names: tuple[str, ...], scaling: Scaling, layers: list[Tensor]) -> NetworkSurrogate:
        reduced = scaling.reduced
        first, hidden, last = layers[0].to(scaling.centre.dtype), layers[1:-1], layers[-1]
        first = torch.cat([first[:reduced], first[-1:]])
        inner = torch.stack(hidden) if hidden else last.new_zeros(0, self.units + 1, self.units)
        return NetworkSurrogate(
            names, scaling, first, inner.to(first.dtype), last[:, 0].to(first.dtype), self.activation
        )

    def value_only(self) -> DifferentialNetwork:
        """The same with lambda = 0."""
        return replace(self, gradient_weight=0.0)


def _alike(samples: Sequence[Samples], scalings: Sequence[Scaling]) -> list[list[int]]:
    """Numbers of the dates that can be stacked, where there is something to learn."""
    groups: dict[int, list[int]] = {}
    for number, (one, scaling) in enumerate(zip(samples, scalings)):
        if scaling.reduced:
            groups.setdefault(len(one), []).append(number)
    return list(groups.values())


def _padded(parts: Sequence[Tensor], width: int) -> Tensor:
    return torch.stack([pad(part, (0, width - part.shape[-1])) for part in parts])
