"""Trades that end after their calendars stop knowing moving holidays: said, by calendar and year."""

from __future__ import annotations

from collections.abc import Iterable

from xva import dates
from xva.market.conventions import Conventions
from xva.trades import Trade

_SHOWN = 3


def calendar_notes(trades: Iterable[Trade], conventions: Conventions) -> list[str]:
    """A sentence for each calendar that some trades outlive; a trade has those of its currencies, as the job has them."""
    late: dict[str, list[Trade]] = {}
    for trade in trades:
        year = int(str(trade.maturity)[:4])
        joint = dates.joint_calendar(*(conventions.of(currency).calendar for currency in trade.currencies))
        for calendar, last in dates.known_to(joint).items():
            if year > last:
                late.setdefault(calendar, []).append(trade)
    return [_sentence(calendar, late[calendar]) for calendar in sorted(late)]


def _sentence(calendar: str, trades: list[Trade]) -> str:
    names = ", ".join(t.trade_id for t in trades[:_SHOWN]) + (", …" if len(trades) > _SHOWN else "")
    end, one = max(t.maturity for t in trades), len(trades) == 1
    who = f"trade {names} ends" if one else f"{len(trades):,} trades ({names}) end"
    return (
        f"calendar {calendar} knows moving holidays up to {dates.KNOWN_TO[calendar]} only; {who} later, up to {end}: from "
        "then on dates may fall on holidays"
    )
