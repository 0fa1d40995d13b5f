"""Solve ``residual(x) = 0`` and differentiate the solution by the implicit function theorem.

The solve runs without a graph. The graph is then re-attached by Newton steps with the Jacobian ``J`` frozen
at the solution: ``x <- x - J^{-1} F(x, q)``. With ``F`` differentiable in the data ``q`` it closes over, one
step gives dx/dq = -J^{-1} dF/dq exactly, and each further step one more order (the error of a step is second
order in the perturbation, then third), so two steps make first and second derivatives exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from xva.errors import CalibrationError

Function = Callable[[Tensor], Tensor]

_LAST_STEP = 1e-8  # Newton is quadratic: after a step this short the error is rounding
_MAX_HALVINGS = 30


def solve_implicit(
    residual: Function,
    start: Tensor,
    *,
    jacobian: Function | None = None,
    order: int = 2,
    tolerance: float = 1e-13,
    max_steps: int = 60,
    ids: Sequence[str] = (),
    what: str = "system of equations",
) -> Tensor:
    """Root of ``residual``, differentiable in everything the residual closes over.

    Parameters
    ----------
    residual : callable
        ``(n,) -> (n,)`` float64, in differentiable torch operations; scale it so that 1 is large.
    start : Tensor
        ``(n,)`` first guess; its graph is ignored.
    jacobian : callable, optional
        ``(n,) -> (n, n)``, entry (i, j) = dF_i/dx_j; `torch.func.jacrev` of the residual if omitted.
    order : int
        Highest order of derivative that must be exact.
    tolerance : float
        Largest residual accepted at the solution.
    max_steps : int
        Newton steps before giving up.
    ids : sequence of str
        What the equations are about, one id per equation, for the error.
    what : str
        What is being solved, for the error.

    Returns
    -------
    Tensor
        ``(n,)``, connected to the data.

    Raises
    ------
    CalibrationError
        No root found, naming the equation that is furthest from holding.
    """
    slope = jacobian if jacobian is not None else torch.func.jacrev(residual)
    with torch.no_grad():
        root = newton(residual, start, slope, tolerance=tolerance, max_steps=max_steps, ids=ids, what=what)
        inverse = torch.linalg.inv(slope(root).detach())
    return attach(residual, root, inverse, order=order)


def attach(residual: Function, root: Tensor, inverse: Tensor, *, order: int = 2) -> Tensor:
    """A detached root, connected to the data of the residual.

    Parameters
    ----------
    root : Tensor
        ``(n,)`` with ``residual(root) = 0``.
    inverse : Tensor
        ``(n, n)`` inverse Jacobian of the residual at the root, detached.
    order : int
        Derivatives up to this order are exact.
    """
    x = root.detach()
    for _ in range(order):
        x = x - inverse @ residual(x)
    return x


def newton(
    residual: Function,
    start: Tensor,
    jacobian: Function,
    *,
    tolerance: float,
    max_steps: int,
    ids: Sequence[str],
    what: str,
) -> Tensor:
    """Damped Newton iteration; call it without grad. Same parameters and error as `solve_implicit`."""
    x = start.detach().clone()
    value = residual(x)
    size = _size(value)
    for _ in range(max_steps):
        step, failed = torch.linalg.solve_ex(jacobian(x), value)  # does not raise on a singular matrix
        if int(failed) or not bool(torch.isfinite(step).all()):
            break
        if size <= tolerance and float(step.abs().max()) <= _LAST_STEP:
            last: Tensor = x - step
            return last
        x, value, new_size = _damped(residual, x, step, size)
        if new_size >= size:
            break
        size = new_size
    if size <= tolerance:
        return x
    raise _failure(value, ids, what, tolerance)


def _damped(residual: Function, x: Tensor, step: Tensor, size: float) -> tuple[Tensor, Tensor, float]:
    """The longest of the steps 1, 1/2, 1/4 … that shrinks the residual; no step if none does."""
    length = 1.0
    for _ in range(_MAX_HALVINGS):
        trial = x - length * step
        value = residual(trial)
        new_size = _size(value)
        if new_size < size:
            return trial, value, new_size
        length /= 2
    return x, residual(x), size


def _size(value: Tensor) -> float:
    size = float(value.abs().max())
    return size if size == size else float("inf")


def _failure(value: Tensor, ids: Sequence[str], what: str, tolerance: float) -> CalibrationError:
    worst = int(torch.nan_to_num(value.abs(), nan=float("inf")).argmax())
    about = ids[worst] if worst < len(ids) else f"equation {worst}"
    return CalibrationError(
        f"{what} has no solution that reprices {about}: expected a residual of at most {tolerance:.0e}, "
        f"got {float(value[worst]):.3e} -> check {about} against its neighbours",
        [about] if worst < len(ids) else [],
    )
