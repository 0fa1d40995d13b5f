"""What calibrated rates make of their quotes, in words."""

from __future__ import annotations

from collections.abc import Mapping

from xva.models.rates_terms import Repriced

_SHOWN = 0.005
"""Basis points from which an error is told quote by quote."""


def calibration_lines(repriced: Mapping[str, Repriced]) -> list[str]:
    """A line per currency: how many quotes are repriced, or each quote with what the model makes of it."""
    found = []
    for currency, one in repriced.items():
        errors = 1e4 * (one.model - one.quoted)
        if abs(errors).max() < _SHOWN:
            found.append(f"{currency}: {len(one.names)} swaptions repriced to {abs(errors).max():.0e} bp")
            continue
        each = [
            f"{name} {1e4 * quoted:.2f} bp ({error:+.2f})"
            for name, quoted, error in zip(one.names, one.quoted, errors, strict=True)
        ]
        found.append(f"{currency}, model less quote in brackets: {'; '.join(each)}")
    return found
