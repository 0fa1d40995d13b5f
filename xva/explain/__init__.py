"""What changed between two markets, days or books, group by group; a day's roll."""

from xva.explain.attribution import Attribution, attribute
from xva.explain.one_day import roll

__all__ = ["Attribution", "attribute", "roll"]
