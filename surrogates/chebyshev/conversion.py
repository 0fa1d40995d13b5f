"""PyChebyshev's interpolants, whatever they went through there (algebra, slicing, extrusion), for torch."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
import torch
from pychebyshev import ChebyshevApproximation, ChebyshevSlider, ChebyshevSpline, ChebyshevTT

from surrogates.chebyshev.box import Box
from surrogates.chebyshev.slider import SliderSurrogate
from surrogates.chebyshev.spline import SplineSurrogate, cells
from surrogates.chebyshev.surrogate import ChebyshevSurrogate
from surrogates.chebyshev.tensor import TensorSurrogate
from surrogates.chebyshev.train import TrainSurrogate
from xva.errors import DomainError


def from_pychebyshev(built: Any, box: Box) -> ChebyshevSurrogate:
    """The surrogate with the values of a built PyChebyshev object, to rounding.

    Parameters
    ----------
    built : ChebyshevApproximation, ChebyshevSpline, ChebyshevSlider or ChebyshevTT
    box : Box
        Names and units, and the bounds that ``built`` has, in its order of dimensions.

    Raises
    ------
    DomainError
        Not built yet, of another class, or on another domain.
    """
    return _convert(built, box)


@singledispatch
def _convert(built: Any, box: Box) -> ChebyshevSurrogate:
    raise DomainError(f"expected an interpolant of PyChebyshev, got {type(built).__name__}")


@_convert.register
def _tensor(built: ChebyshevApproximation, box: Box) -> TensorSurrogate:
    _require_built(built.tensor_values is not None)
    _require_domain(built.domain, box)
    return TensorSurrogate.from_values(box, torch.from_numpy(np.array(built.tensor_values, dtype=np.float64)))


@_convert.register
def _spline(built: ChebyshevSpline, box: Box) -> SplineSurrogate:
    _require_built(bool(built._built))
    _require_domain(built.domain, box)
    knots = tuple(tuple(float(k) for k in inner) for inner in built.knots)
    # PyChebyshev keeps no public list of its pieces
    pieces = [
        _tensor(piece, cell) for piece, cell in zip(built._pieces, cells(box, knots)) if piece is not None
    ]
    return SplineSurrogate(box, knots, tuple(pieces))


@_convert.register
def _slider(built: ChebyshevSlider, box: Box) -> SliderSurrogate:
    _require_built(bool(built._built))
    _require_domain(built.domain, box)
    groups = tuple(tuple(group) for group in built.partition)
    slides = [_tensor(slide, box.select(group)) for slide, group in zip(built.slides, groups)]
    return SliderSurrogate(box, groups, tuple(slides), float(built.pivot_value) * (1 - len(slides)))


@_convert.register
def train_of(built: ChebyshevTT, box: Box) -> TrainSurrogate:
    """The train of PyChebyshev's tensor train; as `from_pychebyshev`."""
    _require_built(bool(built._built) and built._coeff_cores is not None)
    sequence = tuple(int(k) for k in built.dim_order)
    # its domain is in the order of the cores
    _require_domain([built.domain[sequence.index(k)] for k in range(len(sequence))], box)
    cores = [torch.from_numpy(np.array(core, dtype=np.float64)) for core in built._coeff_cores or ()]
    return TrainSurrogate(box, tuple(cores), sequence)


def _require_built(done: bool) -> None:
    if not done:
        raise DomainError("PyChebyshev's object is not built yet -> call its build() first")


def _require_domain(domain: Any, box: Box) -> None:
    found = [(float(lower), float(upper)) for lower, upper in domain]
    if found != [(axis.lower, axis.upper) for axis in box.axes]:
        raise DomainError(
            f"PyChebyshev's object is on another domain: expected {[str(a) for a in box.axes]}, got {found}",
            box.names,
        )
