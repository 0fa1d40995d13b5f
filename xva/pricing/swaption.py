"""Swaption terms from the flows of their underlying."""

from __future__ import annotations

from xva.models import Lgm
from xva.models.lgm_swaption import SwaptionTerms, swaption_terms
from xva.pricing.affine import CurveSource, affine_terms
from xva.pricing.cash_swaption import CashBook, par_yield_terms
from xva.pricing.flow_book import FlowBook


def book_swaption(
    book: FlowBook,
    expiry: float,
    curves: CurveSource,
    lgm: Lgm,
    label: str = "",
    cash: CashBook | None = None,
) -> SwaptionTerms:
    """Terms of the right to enter ``book`` (as the holder receives it) at ``expiry``, or to be paid as ``cash`` says."""
    terms = affine_terms(book, curves, lgm)
    swap = swaption_terms(terms.weight, terms.h, terms.q, lgm.zeta(expiry), label)
    return par_yield_terms(swap, cash, expiry, curves, lgm) if cash else swap
