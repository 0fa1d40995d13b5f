"""At-the-money normal swaption volatilities of a co-terminal strip to the volatilities of G2++.

A strip has one quote per expiry. It cannot tell how a swap rate's variance is shared by the two factors: mean reversions,
their correlation and the ratio of the volatilities are about how rates of different lengths move against each other (caps
against swaptions, a whole matrix of swaptions, history). What it does say is how much there is up to each expiry. So either

- one scale per expiry, common to both volatilities whose ratio is given: every quote is repriced exactly (`scaled_to`), or
- two constant volatilities by least squares (`fitted_to`): two numbers for a strip of more quotes, so that errors remain.

Mean reversions and the correlation are given in both. An at-the-money option's normal volatility is its price over
``annuity sqrt(expiry / 2 pi)``, exactly, so that residuals are in volatility.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import least_squares
from torch import Tensor

from xva.errors import CalibrationError
from xva.models.g2pp import G2pp
from xva.models.g2pp_swaption import plane_swaption
from xva.models.swaption_strip import LogDiscount, StripSwap, at_the_money
from xva.numerics.implicit import Function, attach
from xva.numerics.types import Floats

_STEPS = 40
_LEAST, _MOST = np.log(1e-6), np.log(0.5)
_MOVE = 1.0
"""Basis points by which some quote has to move when a volatility, or a mixture of the two, changes by a factor of e."""


@dataclass(frozen=True)
class AtMoney:
    """A quoted swaption as the model sees it: ``weight`` ``(term,)`` of ``load`` ``(term, 2)`` relative to the expiry's bond,
    ``unit`` ``()`` the price of one of volatility."""

    expiry: float
    weight: Tensor
    load: Tensor
    unit: Tensor
    label: str

    def vol(self, covariance: Tensor) -> Tensor:
        """Normal volatility ``()`` where the states have ``covariance`` ``(2, 2)`` at expiry."""
        return plane_swaption(self.weight, self.load, covariance, self.label) / self.unit

    def detached(self) -> AtMoney:
        """The same without the graph."""
        return replace(self, weight=self.weight.detach(), load=self.load.detach(), unit=self.unit.detach())


def at_money(
    strip: Sequence[StripSwap], shape: G2pp, discount: LogDiscount, projection: LogDiscount
) -> tuple[AtMoney, ...]:
    """The strip's swaptions under a model with the mean reversions of ``shape``."""
    found = []
    for swap in strip:
        weight, annuity = at_the_money(swap, discount, projection)
        load = shape.loadings(swap.times) - shape.loadings(swap.expiry)
        unit = annuity * np.sqrt(swap.expiry / (2.0 * np.pi))
        found.append(AtMoney(swap.expiry, weight, load, unit, f"{swap.expiry:.2f}y x {swap.tenor:.2f}y"))
    return tuple(found)


def scaled_to(shape: G2pp, options: Sequence[AtMoney], quoted: Tensor, ids: Sequence[str]) -> G2pp:
    """``shape`` with its first pillar's volatilities times one scale up to each expiry, which reprice the strip exactly.

    Parameters
    ----------
    options : sequence of AtMoney
        By increasing expiry.
    quoted : Tensor
        ``(swaption,)`` normal volatilities.
    ids : sequence of str
        One per swaption, named in errors.

    Raises
    ------
    CalibrationError
        Total variance would fall between two expiries, or a price is out of the model's reach.
    """
    times = np.array([o.expiry for o in options])
    one = replace(shape, times=times, sigmas=shape.sigmas[:1].expand(len(times), 2))
    units = torch.diff(one.covariance(times), dim=0, prepend=torch.zeros(1, 2, 2, dtype=torch.float64))
    before, scales = torch.zeros(2, 2, dtype=torch.float64), []
    for option, unit, vol, name in zip(options, units, quoted, ids, strict=True):
        variance = _scale(option, before, unit, vol, shape.currency, name)
        scales.append(torch.sqrt(variance))
        before = before + variance * unit
    return replace(one, sigmas=one.sigmas * torch.stack(scales)[:, None])


def _scale(option: AtMoney, before: Tensor, unit: Tensor, vol: Tensor, currency: str, name: str) -> Tensor:
    """The number of ``unit`` covariances ``(2, 2)`` on top of those before that gives the quoted volatility, ``()``."""
    plain, start, step = option.detached(), before.detach(), unit.detach()
    target = float(vol.detach())

    def price(scale: Tensor) -> Tensor:
        return plain.vol(start + scale * step)

    least = float(price(torch.tensor(1e-12, dtype=torch.float64))) if bool(start.any()) else 0.0
    if not target > least:
        raise CalibrationError(
            f"G2++ {currency}: expected total swaption variance to rise with expiry, but at {name} the quote is "
            f"{1e4 * target:.2f} bp where {1e4 * least:.2f} bp are used up before; raise it, or lower the earlier ones",
            [name],
        )
    root = float(np.sqrt(max(target**2 - least**2, 1e-4 * target**2)) / float(plain.vol(step)))
    for _ in range(_STEPS):  # Newton on the square root, in which the volatility is nearly linear
        with torch.enable_grad():  # the caller may well be without
            scale = torch.tensor(root**2, dtype=torch.float64, requires_grad=True)
            value = price(scale)
            (slope,) = torch.autograd.grad(value, scale)
        move = (float(value.detach()) - target) / (2.0 * root * float(slope))
        root = max(root - move, 0.1 * root)
        if abs(move) < 1e-13 * root:
            break
    else:
        raise CalibrationError(f"G2++ {currency}: no scale of the volatilities reprices {name}", [name])

    def residual(x: Tensor) -> Tensor:
        return (option.vol(before + x[0] * unit) - vol)[None]

    return attach(residual, torch.tensor([root**2], dtype=torch.float64), (1.0 / slope).reshape(1, 1))[0]


def fitted_to(shape: G2pp, options: Sequence[AtMoney], quoted: Tensor, ids: Sequence[str]) -> G2pp:
    """``shape`` with the two constant volatilities that have the least squares of model less quoted volatility.

    The solution is where the squares' slope is nought, and is differentiated there (implicit function theorem, the
    residuals' curvature included). Same parameters and error as `scaled_to`.
    """
    if len(options) < 2:
        raise CalibrationError(
            f'G2++ {shape.currency}: expected two swaptions or more for two volatilities, got {len(options)} -> fit = "scale"',
            list(ids),
        )

    def residuals(logs: Tensor) -> Tensor:
        known = replace(shape, sigmas=torch.exp(logs)[None])
        return 1e4 * (torch.stack([o.vol(known.covariance(o.expiry)) for o in options]) - quoted)

    def slope(logs: Tensor) -> Tensor:
        with torch.enable_grad():  # the caller may well be without
            at = logs if logs.requires_grad else logs.detach().requires_grad_(True)
            half = 0.5 * (residuals(at) ** 2).sum()
            (found,) = torch.autograd.grad(half, at, create_graph=True)
        return found

    root = _least_squares(residuals, slope, torch.log(shape.sigmas[0]).detach(), shape.currency, ids)
    if torch.is_grad_enabled() and residuals(root).requires_grad:
        root = attach(slope, root, torch.linalg.inv(_jacobian(slope, root)))
    return replace(shape, sigmas=torch.exp(root)[None])


def _least_squares(
    residuals: Function, slope: Function, start: Tensor, currency: str, ids: Sequence[str]
) -> Tensor:
    """Where the slope of the squares is nought, from the logarithms ``(2,)`` of the stated volatilities, detached."""

    def value(x: Floats) -> Floats:
        found: Floats = residuals(torch.from_numpy(x)).detach().numpy()
        return found

    def jacobian(x: Floats) -> Floats:
        return np.asarray(_jacobian(residuals, torch.from_numpy(x)))

    first = least_squares(value, start.numpy(), jacobian, bounds=(_LEAST, _MOST), xtol=1e-6, ftol=1e-10)
    root = torch.from_numpy(first.x)
    shares = torch.linalg.svdvals(_jacobian(residuals, root))
    if first.active_mask.any() or float(shares[-1]) < _MOVE:
        raise CalibrationError(
            f"G2++ {currency}: expected a strip that tells the two volatilities apart, got sigma = "
            f"{np.exp(first.x[0]):.3g} and eta = {np.exp(first.x[1]):.3g}, which move its prices alike or not at all -> "
            'keep their ratio (fit = "scale"), or other mean reversions',
            list(ids),
        )
    for _ in range(4):  # quadratic from here
        root = root - torch.linalg.solve(_jacobian(slope, root), slope(root).detach())
    return root


def _jacobian(function: Function, at: Tensor) -> Tensor:
    """``(row, 2)`` of a function of ``(2,)``, without its graph."""
    with torch.enable_grad():
        point = at.detach().clone().requires_grad_(True)
        value = function(point)
        rows = [torch.autograd.grad(v, point, retain_graph=True)[0] for v in value]
    return torch.stack(rows).detach()
