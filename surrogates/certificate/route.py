"""What is done about a certificate: accept, test on more states, train on more paths, fall back to nested Monte Carlo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, final

from surrogates.certificate.certificate import Certificate
from xva.blocks.packing import pack, unpack
from xva.errors import DomainError

T = TypeVar("T")
Action = Literal["fit", "test", "accept", "nested", "refuse"]
Outcome = Literal["surrogate", "nested", "refused"]


@final
@dataclass(frozen=True)
class Escalation:
    """How far to go for a certificate.

    Parameters
    ----------
    paths, states : int
        Training paths and nested states per date of the first attempt.
    factor : int
        By which either grows.
    max_paths, max_states : int
    nested : bool
        Whether nested Monte Carlo prices the trade when nothing else is certified; else it is refused.
    """

    paths: int
    states: int
    factor: int = 4
    max_paths: int = 2**17
    max_states: int = 1024
    nested: bool = True

    def __post_init__(self) -> None:
        if min(self.paths, self.states) < 1 or self.factor < 2:
            raise DomainError(f"escalation: expected paths and states >= 1 and a factor >= 2, got {self}")


@final
@dataclass(frozen=True)
class Attempt:
    """A surrogate trained on ``paths`` and tested on ``states`` per date.

    Parameters
    ----------
    verdict : str
        Of its certificate.
    passed : bool
    finding : str
        The check that missed its tolerance most; empty if none did.
    """

    paths: int
    states: int
    verdict: str
    passed: bool
    finding: str

    @classmethod
    def of(cls, paths: int, states: int, certificate: Certificate) -> Attempt:
        """The record of a certificate."""
        missed = certificate.missed
        finding = missed[0].missed_by() if missed else ""
        return cls(paths, states, certificate.verdict, certificate.passed, finding)


@final
@dataclass(frozen=True)
class Next:
    """What to do, with how many training paths and nested states."""

    action: Action
    paths: int
    states: int


def next_step(plan: Escalation, attempts: Sequence[Attempt]) -> Next:
    """The decision after some attempts; a function of nothing else, so that any executor may carry it out.

    More states decide what is undecided, more paths improve what is wrong; states are never taken back.
    """
    if not attempts:
        return Next("fit", plan.paths, plan.states)
    last = attempts[-1]
    if last.passed:
        return Next("accept", last.paths, last.states)
    if last.verdict == "undecided" and last.states * plan.factor <= plan.max_states:
        return Next("test", last.paths, last.states * plan.factor)
    if last.paths * plan.factor <= plan.max_paths:
        return Next("fit", last.paths * plan.factor, last.states)
    return Next("nested" if plan.nested else "refuse", last.paths, last.states)


@final
@dataclass(frozen=True)
class Route:
    """The attempts made, and what prices the trade in the end."""

    attempts: tuple[Attempt, ...]
    outcome: Outcome

    def __str__(self) -> str:
        """For the result: ``certified with 4x paths``."""
        if not self.attempts:
            return f"{self.outcome}: not tested"
        first, last = self.attempts[0], self.attempts[-1]
        if self.outcome == "nested":
            return f"nested Monte Carlo fallback: {last.finding}"
        if self.outcome == "refused":
            return f"refused: {last.finding}"
        if last.verdict == "undecided":
            return f"accepted undecided: {last.finding}"
        if len(self.attempts) == 1:
            return "certified at first try"
        more = [
            f"{getattr(last, what) // getattr(first, what)}x {what}"
            for what in ("paths", "states")
            if getattr(last, what) > getattr(first, what)
        ]
        return f"certified with {' and '.join(more)}"

    def document(self) -> dict[str, Any]:
        """JSON-clean, for `from_document`."""
        return {"summary": str(self), **pack(self)[1]}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Route:
        """What `document` wrote; raises StoreError."""
        return unpack(cls, {}, document)


@final
@dataclass(frozen=True)
class Escalated(Generic[T]):
    """What was fitted last, its certificate and how it came about."""

    fitted: T
    certificate: Certificate
    route: Route


def escalate(
    plan: Escalation, fit: Callable[[int], T], test: Callable[[T, int], Certificate]
) -> Escalated[T]:
    """Carry a plan out here: ``fit(paths)`` trains, ``test(fitted, states)`` certifies on fresh states."""
    attempts: list[Attempt] = []
    step = next_step(plan, attempts)
    fitted = fit(step.paths)
    while True:
        certificate = test(fitted, step.states)
        attempts.append(Attempt.of(step.paths, step.states, certificate))
        step = next_step(plan, attempts)
        if step.action in ("accept", "nested", "refuse"):
            outcomes: dict[str, Outcome] = {"accept": "surrogate", "nested": "nested", "refuse": "refused"}
            return Escalated(fitted, certificate, Route(tuple(attempts), outcomes[step.action]))
        if step.action == "fit":
            fitted = fit(step.paths)
