"""Chebyshev surrogates in several dimensions: built with PyChebyshev, evaluated in torch.

Dense tensors, tensor trains, splines with knots and sliders on a `Box` of named axes; values and analytic
derivatives at many points in one pass, differentiable again; never an extrapolation.
"""

from surrogates.chebyshev.box import Axis, Box, Order
from surrogates.chebyshev.build import (
    build_slider,
    build_spline,
    build_tensor,
    build_to_threshold,
    build_train,
)
from surrogates.chebyshev.conversion import from_pychebyshev
from surrogates.chebyshev.slider import SliderSurrogate
from surrogates.chebyshev.spline import SplineSurrogate
from surrogates.chebyshev.store import load, read_card, save
from surrogates.chebyshev.surrogate import ChebyshevSurrogate, Flagged
from surrogates.chebyshev.tensor import TensorSurrogate
from surrogates.chebyshev.train import TrainSurrogate

__all__ = [
    "Axis",
    "Box",
    "ChebyshevSurrogate",
    "Flagged",
    "Order",
    "SliderSurrogate",
    "SplineSurrogate",
    "TensorSurrogate",
    "TrainSurrogate",
    "build_slider",
    "build_spline",
    "build_tensor",
    "build_to_threshold",
    "build_train",
    "from_pychebyshev",
    "load",
    "read_card",
    "save",
]
