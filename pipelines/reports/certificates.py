"""What is known of the surrogates that a run used: part of its results, in words, and as kept in its directory."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from pipelines.results.run import Run
from surrogates.book import LearnedBook
from surrogates.certificate import Certificate, Check
from surrogates.certificate.certificate import ENE, EPE, GRADIENT, INDICATOR_EPE, OUTSIDE, VALUE
from surrogates.registry import Registry, Trained
from surrogates.regression.kinds import KINDS
from xva.errors import DomainError, StoreError

SURROGATES: Final = "surrogates"
"""Folder of trained trades, beside runs and inside each."""
NESTED, REFUSED = "nested", "refused"


@dataclass(frozen=True)
class Errors:
    """Largest over a certificate's dates, relative; NaN where nothing was measured.

    ``value`` of its standard deviation, ``gradient`` of its size, ``exposure`` (EPE and ENE, plug-in and indicator) of the
    mean absolute value, ``outside`` of the states.
    """

    value: float
    gradient: float
    exposure: float
    outside: float

    @classmethod
    def of(cls, certificate: Certificate) -> Errors:
        """Read off a certificate."""

        def largest(*measures: str) -> float:
            checks = [c for c in certificate.checks if c.measure in measures and c.day and c.scale > 0.0]
            return max((abs(c.error.estimate) / c.scale for c in checks), default=np.nan)

        return cls(largest(VALUE), largest(GRADIENT), largest(EPE, ENE, INDICATOR_EPE), largest(OUTSIDE))


def worst(certificate: Certificate) -> Check | None:
    """The check that comes closest to its tolerance, or misses it most; None where nothing is judged."""
    judged = [c for c in certificate.checks if c.bound is not None]
    return max(judged, key=lambda c: c.missed, default=None)


def certificates(book: LearnedBook) -> xr.Dataset:
    """Variables ``(surrogate,)`` of the trades without closed form; empty where there are none."""
    if not book.requests:
        return xr.Dataset()
    places = sorted(book.requests)
    trained = [book.trained[p] for p in places]
    checks = [worst(t.certificate) for t in trained]
    errors = [Errors.of(t.certificate) for t in trained]
    variables: dict[str, Any] = {
        "netting_set": [book.requests[p].trade.netting_set for p in places],
        "verdict": [t.certificate.verdict for t in trained],
        "passed": np.array([t.certificate.passed for t in trained]),
        "route": [str(t.route) for t in trained],
        "pricer": [t.route.outcome for t in trained],
        "worst": np.array([0.0 if c is None else c.missed for c in checks]),
        "finding": ["" if c is None else str(c) for c in checks],
        "key": [t.identity.key for t in trained],
    }
    variables |= {f"{f.name}_error": np.array([getattr(e, f.name) for e in errors]) for f in fields(Errors)}
    names = [book.requests[p].trade.trade_id for p in places]
    found = xr.Dataset(
        {f"surrogate_{k}": (("surrogate",), v) for k, v in variables.items()}, {"surrogate": names}
    )
    found["surrogate_worst"].attrs["long_name"] = (
        "largest error of the certificate, in units of its tolerance"
    )
    for name, scale in (("value", "sd"), ("gradient", "size"), ("exposure", "mean absolute value")):
        found[f"surrogate_{name}_error"].attrs["long_name"] = f"largest {name} error, of its {scale}"
    return found


def uncovered(results: xr.Dataset) -> tuple[str, ...]:
    """Trades whose certificate failed and that nothing else prices."""
    if "surrogate" not in results.dims:
        return ()
    pricer, passed = results["surrogate_pricer"].values, results["surrogate_passed"].values
    failed = (pricer == REFUSED) | ((pricer != NESTED) & ~passed)
    return tuple(str(name) for name in results["surrogate"].values[failed])


def kept(run: Run, trade: str | None = None) -> dict[str, Trained]:
    """What a run's directory keeps of its trades without closed form, by trade id; of one ``trade`` only if given.

    Raises
    ------
    DomainError
        The run has no such trade.
    StoreError
        The run is not finished, or a file is missing or damaged.
    """
    results = run.xva
    keys: dict[str, str] = {}
    if "surrogate" in results.dims:
        if "surrogate_key" not in results:
            raise StoreError(f"{run.path}: made by an earlier version, which kept less -> run its job again")
        keys = {str(k): str(v) for k, v in results["surrogate_key"].to_series().items()}
    if trade is not None:
        if trade not in keys:
            known = ", ".join(keys) or "none, all its trades have closed forms"
            raise DomainError(f"trade {trade}: expected one with a surrogate in this run: {known}", [trade])
        keys = {trade: keys[trade]}
    if not keys:
        return {}
    folder = run.path / SURROGATES
    stored, damaged = _stored(folder)
    if missing := [name for name, key in keys.items() if key not in stored]:
        why = "; ".join(damaged) or "no such file"
        raise StoreError(
            f"{folder}: expected the surrogates of {', '.join(missing)}, got none: {why} -> run the job again",
            missing,
        )
    return {name: stored[key] for name, key in keys.items()}


def _stored(folder: Path) -> tuple[dict[str, Trained], list[str]]:
    """By key; and what is wrong with those that cannot be read."""
    registry, found, damaged = Registry(folder, KINDS), {}, []
    for address in registry.addresses():
        try:
            trained = registry.load(address)
        except StoreError as error:
            damaged.append(error.message)
        else:
            found[trained.identity.key] = trained
    return found, damaged
