"""What a job with two-factor rates cannot have: said trade by trade before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipelines.jobs.coverage import Needs
from pipelines.jobs.problems import Problems
from pipelines.jobs.spec import JobSpec
from xva.trades import PathTrade, Trade
from xva.trades.claims import Caplet, Claim, ResetPeriod, SwaptionClaim

_FIX = "take the currency's table out of [model], or the trade out of the book"


def check_two_factor(
    file: str,
    spec: JobSpec,
    needs: Needs,
    trades: Iterable[tuple[Trade, Sequence[Claim]]],
    places: Mapping[str, str],
    problems: Problems,
) -> None:
    """Currencies that no trade has, simulated fixings, and trades that need rates of one factor."""
    two = needs.two_factor
    if not two:
        return
    for currency in two:
        if currency not in needs.currencies:
            known = ", ".join(needs.ordered_currencies)
            problems.add(f"{file}, [model.{currency}]", f"a currency of the book ({known})", currency)
    if spec.simulation.fixing == "path":
        problems.add(
            f"{file}, [simulation] fixing", f'"auto" or "projected" with two-factor rates ({", ".join(two)})',
            '"path"', "coupons of these currencies have their mean given the state",
        )  # fmt: skip
    for trade, claims in trades:
        what = _refused(trade, claims, two, spec.reporting_currency)
        if what:
            got = f"{what} (trade {trade.trade_id})"
            problems.add(places[trade.trade_id], "what two-factor rates (G2++) can value: linear flows, FX and equity "
                         "options", got, _FIX)  # fmt: skip


def _refused(trade: Trade, claims: Sequence[Claim], two: Sequence[str], home: str) -> str:
    """What of a trade needs rates of one factor; empty where nothing does."""
    if isinstance(trade, PathTrade):
        found = [c for c in (*trade.currencies, home) if c in two]
        return f"a trade without closed form, whose paths need {found[0]}" if found else ""
    for claim in claims:
        match claim:
            case Caplet() if claim.currency in two:
                return f"a cap or floor in {claim.currency}"
            case SwaptionClaim() if claim.currency in two:
                return f"a swaption in {claim.currency}"
            case ResetPeriod() if claim.currency in two or claim.base_currency in two:
                return f"a notional that resets ({claim.base_currency}/{claim.currency})"
            case _:
                pass
    return ""
