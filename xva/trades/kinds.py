"""Classes of trades by their ``kind``: the platform's, and those that a user's own modules define.

Whatever is stored names a trade by its kind, and the kind is looked up in a mapping that the reader holds: a class may
move to another file, and a file that was tampered with can name nothing that the reader does not know already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from inspect import isabstract
from types import MappingProxyType, ModuleType
from typing import Any, TypeAlias

from xva.trades import registry
from xva.trades.path_trade import PathTrade
from xva.trades.trade import Trade

TradeTypes: TypeAlias = Mapping[str, type[Trade]]
"""Class of each kind of trade."""


@dataclass(frozen=True)
class Kinds:
    """What the kinds that a stored plan names stand for, as its reader knows them.

    ``trades`` are classes by kind, the platform's by default; ``pricers`` those of what prices trades without closed form,
    none by default.
    """

    trades: TradeTypes = field(default_factory=lambda: registry)
    pricers: Mapping[str, Any] = field(default_factory=dict)


PLATFORM = Kinds()
"""The platform's trades, and no pricers."""


def products_of(module: ModuleType) -> tuple[type[PathTrade], ...]:
    """The path-dependent products that a module defines, not those that it imports."""
    found = (value for value in vars(module).values() if _is_product(value))
    return tuple(product for product in found if product.__module__ == module.__name__)


def types_with(classes: Iterable[type[Trade]]) -> TradeTypes:
    """The platform's kinds and those of ``classes``, which are in the process already."""
    return MappingProxyType({**registry, **{kind.kind: kind for kind in classes}})


def _is_product(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, PathTrade) and not isabstract(value)
