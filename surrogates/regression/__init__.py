"""Functions that learn values and slopes together, date by date: polynomials, ridge features, networks."""

from surrogates.regression.network import DifferentialNetwork
from surrogates.regression.polynomial_fit import PolynomialRegression
from surrogates.regression.ridge_features import RidgeFeatures
from surrogates.regression.samples import Samples
from surrogates.regression.surrogate import Fitter, Surrogate

__all__ = ["DifferentialNetwork", "Fitter", "PolynomialRegression", "RidgeFeatures", "Samples", "Surrogate"]
