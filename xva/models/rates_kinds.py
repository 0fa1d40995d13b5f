"""The rates models that a job may state, by kind."""

from __future__ import annotations

from xva.models.g2pp_terms import G2ppTerms
from xva.models.lgm_terms import LgmTerms
from xva.models.rates_terms import RatesTerms

RATES_KINDS: dict[str, type[RatesTerms]] = {terms.kind: terms for terms in (LgmTerms, G2ppTerms)}
