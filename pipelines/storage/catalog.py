"""What a stored file may name: kinds of plans and trades, and the classes they stand for.

A file names kinds only. The platform's are listed here; others come from modules that the caller lists and that are
imported because the caller lists them, never because a file does.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from inspect import isabstract
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from xva.blocks import Plan
from xva.errors import StoreError

if TYPE_CHECKING:
    from xva.trades.kinds import Kinds

PLAN_HOMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "exposure": ("xva.exposure.block.plan", "ExposurePlan"),
        "allocation": ("xva.allocation.allocation_plan", "AllocationPlan"),
        "stress": ("xva.scenarios.plan", "StressPlan"),
        "training": ("surrogates.training.training_plan", "TrainingPlan"),
    }
)
"""Where the class of each kind of the platform's plans lives today; imported when that kind is asked for, since a worker
that imported them all would keep a scheduler in its process from answering for seconds."""

PRICER_HOMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "surrogate": ("surrogates.regression.pricer", "SurrogatePricer"),
        "nested": ("surrogates.certificate.nested_pricer", "NestedPricer"),
    }
)
"""Likewise of what prices trades without closed form."""

_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


class _Pricers(Mapping[str, Any]):
    """Classes of pricers by kind, each imported when it is asked for."""

    def __getitem__(self, kind: str) -> type[Any]:
        found: type[Any] = _class_at(*PRICER_HOMES[kind])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(PRICER_HOMES)

    def __len__(self) -> int:
        return len(PRICER_HOMES)


@dataclass(frozen=True)
class Catalog:
    """Classes by kind: ``plans`` of ``modules`` that the caller lists, beside the platform's; ``kinds`` of trades of both."""

    plans: Mapping[str, type[Plan]]
    kinds: Kinds
    modules: tuple[str, ...]

    @classmethod
    def of(cls, trusted_modules: Collection[str] = ()) -> Catalog:
        """The platform's kinds and those that ``trusted_modules`` define.

        Raises
        ------
        StoreError
            A module cannot be imported, or defines a kind that is taken.
        """
        from xva.trades import registry
        from xva.trades.kinds import Kinds, products_of

        plans: dict[str, type[Plan]] = {}
        trades = dict(registry)
        modules = tuple(sorted(trusted_modules))
        for name in modules:
            module = _imported(name)
            for plan in _plans_of(module):
                if plan.kind in PLAN_HOMES:
                    _add({plan.kind: _platform(plan.kind)}, plan.kind, plan)
                _add(plans, plan.kind, plan)
            for product in products_of(module):
                _add(trades, product.kind, product)
        return cls(MappingProxyType(plans), Kinds(MappingProxyType(trades), _Pricers()), modules)

    def plan(self, kind: Any) -> type[Plan]:
        """The class of a kind of plan; raises StoreError."""
        known = {*PLAN_HOMES, *self.plans}
        if not isinstance(kind, str) or kind not in known:
            raise StoreError(
                f"plan of kind {kind!r}: expected one of {', '.join(sorted(known))}{self._beyond()}"
            )
        return self.plans[kind] if kind in self.plans else _platform(kind)

    def check(self, plan: Plan) -> None:
        """Refuse a plan that could not be read again, or not as the same classes.

        Raises
        ------
        StoreError
            The plan's class or that of one of its trades or pricers is not the one which its kind stands for here.
        """
        own = type(plan)
        if self.plan(own.kind) is not own:
            raise StoreError(
                f"plan class {own.__name__}: its kind {own.kind!r} is {self.plan(own.kind).__name__}'s"
            )
        for product in sorted(plan.trade_classes, key=lambda p: p.__name__):
            if self.kinds.trades.get(product.kind) is not product:
                raise StoreError(
                    f"trades of class {product.__name__}: expected a kind of the platform's or of a module{self._beyond()}, "
                    f"got {product.kind!r}"
                )
        for pricer in sorted(plan.pricer_classes, key=lambda p: p.__name__):
            if self.kinds.pricers.get(pricer.kind) is not pricer:
                raise StoreError(
                    f"pricers of class {pricer.__name__}: expected a kind among {', '.join(self.kinds.pricers)}, got "
                    f"{pricer.kind!r}"
                )

    def _beyond(self) -> str:
        return f" in trusted_modules={self.modules}"


def _platform(kind: str) -> type[Plan]:
    found: type[Plan] = _class_at(*PLAN_HOMES[kind])
    return found


def _class_at(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _imported(name: Any) -> ModuleType:
    if not (isinstance(name, str) and _MODULE.fullmatch(name)):
        raise StoreError(f"trusted module: expected the name of a module, got {name!r}")
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise StoreError(
            f"trusted module {name}: cannot be imported: {error} -> put its folder on PYTHONPATH, on workers too"
        ) from error


def _plans_of(module: ModuleType) -> tuple[type[Plan], ...]:
    found = (v for v in vars(module).values() if isinstance(v, type) and issubclass(v, Plan))
    return tuple(plan for plan in found if plan.__module__ == module.__name__ and not isabstract(plan))


def _add(known: dict[str, Any], kind: str, found: type) -> None:
    if known.setdefault(kind, found) is not found:
        raise StoreError(
            f"{found.__module__}.{found.__name__}: expected a kind of its own, got {kind!r}, which is "
            f"{known[kind].__name__}'s"
        )
