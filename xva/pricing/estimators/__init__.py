"""What simulation estimates with, whoever asks: steps that are Gaussian and their scores, steps kept below a level."""

from xva.pricing.estimators.gaussian_steps import GaussianSteps, gaussian_steps
from xva.pricing.estimators.one_step_survival import crossing_normals, surviving_normals

__all__ = ["GaussianSteps", "crossing_normals", "gaussian_steps", "surviving_normals"]
