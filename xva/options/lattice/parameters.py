"""The trees: what one step does to the asset, with which probability, and what it discounts by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from xva.errors import DomainError
from xva.options.lattice.options import LatticeOptions

Scheme = Literal["crr", "crr_textbook", "leisen_reimer"]
_TOO_FAR = "the strike is too many deviations from the spot for it; scheme='crr' has no such limit"
_SMALL = 1e-4  # up to here four terms of (1 - e^-w)/w are exact to rounding


@final
@dataclass(frozen=True, eq=False)
class Tree:
    """A recombining tree, all entries ``(option,)``: after i steps, j up, spot e^(j log_up + (i - j) log_down).

    Parameters
    ----------
    steps : int
    log_up, log_down : Tensor
        Log returns of the two moves.
    probability : Tensor
        Of the move up, strictly between 0 and 1.
    log_discount : Tensor
        Of one step, ``-rate * dt``.
    """

    steps: int
    log_up: Tensor
    log_down: Tensor
    probability: Tensor
    log_discount: Tensor


def build_tree(options: LatticeOptions, steps: int, scheme: Scheme) -> Tree:
    """The tree of each option, differentiable in its market.

    Parameters
    ----------
    steps : int
        At least 2; odd for ``"leisen_reimer"``.
    scheme : {"crr", "crr_textbook", "leisen_reimer"}
        ``"crr"``: moves e^(+-vol sqrt(dt)), probability 1/2 + (r - q - vol^2/2) sqrt(dt)/(2 vol) as in QuantLib;
        ``"crr_textbook"``: the same moves with (e^((r-q)dt) - d)/(u - d); ``"leisen_reimer"``: moves and
        probability by Peizer and Pratt's second inversion, centred on the strike.

    Raises
    ------
    DomainError
        Too few steps, an even number for Leisen-Reimer, an unknown scheme, or a probability outside (0, 1).

    References
    ----------
    J. Cox, S. Ross, M. Rubinstein, Option pricing: a simplified approach, J. Financial Economics 7 (1979).
    D. Leisen and M. Reimer, Binomial models for option valuation, Applied Mathematical Finance 3 (1996).
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
        raise DomainError(f"tree: expected a number of steps >= 2, got {steps!r}")
    if scheme in ("crr", "crr_textbook"):
        return _crr(options, steps, textbook=scheme == "crr_textbook")
    if scheme == "leisen_reimer":
        return _leisen_reimer(options, steps)
    raise DomainError(f"tree: expected scheme 'crr', 'crr_textbook' or 'leisen_reimer', got {scheme!r}")


def _crr(options: LatticeOptions, steps: int, *, textbook: bool) -> Tree:
    dt = options.expiry / steps
    move = options.vol * torch.sqrt(dt)
    carry = (options.rate - options.dividend) * dt
    if textbook:
        probability = torch.expm1(carry + move) / torch.expm1(2.0 * move)
    else:
        probability = 0.5 + 0.5 * (carry - 0.5 * move * move) / move
    ratio = (options.rate - options.dividend - 0.5 * options.vol**2).abs() / options.vol
    enough = (ratio**2 * options.expiry).detach()
    advice = "about {:.0f} steps are needed there, or scheme='leisen_reimer'"
    _check_probability(probability, steps, "CRR", lambda k: advice.format(float(enough[k]) + 1))
    return Tree(steps, move, -move, probability, -options.rate * dt)


def _leisen_reimer(options: LatticeOptions, steps: int) -> Tree:
    if steps % 2 == 0:
        raise DomainError(
            f"Leisen-Reimer tree: expected an odd number of steps (its strike sits between the two middle "
            f"nodes), got {steps} -> take {steps + 1}"
        )
    dt = options.expiry / steps
    deviation = options.vol * torch.sqrt(options.expiry)
    carry = (options.rate - options.dividend) * dt
    d2 = (torch.log(options.spot / options.strike) + carry * steps) / deviation - 0.5 * deviation
    probability, dual = _peizer_pratt(d2, steps), _peizer_pratt(d2 + deviation, steps)
    for p in (probability, dual):
        _check_probability(p, steps, "Leisen-Reimer", lambda _: _TOO_FAR)
    log_up = carry + torch.log(dual / probability)
    log_down = carry + torch.log((1.0 - dual) / (1.0 - probability))
    return Tree(steps, log_up, log_down, probability, -options.rate * dt)


def _peizer_pratt(z: Tensor, n: int) -> Tensor:
    """Probability p with P(Binomial(n, p) > n/2) = Phi(z) nearly; smooth at z = 0, unlike |z| under a root."""
    slope = (n + 1.0 / 6.0) / (n + 1.0 / 3.0 + 0.1 / (n + 1.0)) ** 2
    w = slope * z * z
    near = w < _SMALL
    away = torch.where(near, torch.ones_like(w), w)
    ratio = torch.where(near, 1.0 - w / 2.0 + w * w / 6.0 - w**3 / 24.0, -torch.expm1(-away) / away)
    p: Tensor = 0.5 + 0.5 * slope**0.5 * z * torch.sqrt(ratio)
    return p


def _check_probability(probability: Tensor, steps: int, tree: str, advice: Callable[[int], str]) -> None:
    good = (probability > 0.0) & (probability < 1.0)
    if not bool(good.all()):
        k = int((~good).nonzero()[0])
        raise DomainError(
            f"{tree} tree, option {k}: expected a probability in (0, 1), got {float(probability[k]):.6g} with "
            f"{steps} steps -> {advice(k)}",
            [str(k)],
        )
