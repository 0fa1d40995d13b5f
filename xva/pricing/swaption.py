"""Swaption terms from the flows of their underlying."""

from __future__ import annotations

from xva.models.lgm import Lgm
from xva.models.lgm_swaption import SwaptionTerms, swaption_terms
from xva.pricing.affine import CurveSource, affine_terms
from xva.pricing.flow_book import FlowBook


def book_swaption(
    book: FlowBook, expiry: float, curves: CurveSource, lgm: Lgm, label: str = ""
) -> SwaptionTerms:
    """Terms of the right to enter ``book`` (as the holder receives it) at ``expiry``."""
    terms = affine_terms(book, curves, lgm)
    return swaption_terms(terms.weight, terms.h, terms.q, lgm.zeta(expiry), label)
