"""Every trade at t = 0, by the engine and from quotes."""

from xva.exposure.reconciliation.reconciliation import reconcile

__all__ = ["reconcile"]
