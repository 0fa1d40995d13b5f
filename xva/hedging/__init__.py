"""Market instruments that take sensitivities away: their own, and how much of which."""

from xva.hedging.market_instruments import Instruments, instruments
from xva.hedging.moves import QuoteMoves, quote_moves
from xva.hedging.selection import amounts, select

__all__ = ["Instruments", "QuoteMoves", "amounts", "instruments", "quote_moves", "select"]
