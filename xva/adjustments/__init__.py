"""Valuation adjustments: pure torch functions of profiles and curves, one file per adjustment.

=================  ===========================  =============  ====================================
measure            profile                      sign           credit, funding
=================  ===========================  =============  ====================================
CVA                EPE (discounted, >= 0)       cost, >= 0     counterparty's default
DVA                ENE (discounted, >= 0)       benefit, >= 0  our default
FCA                EPE                          cost           borrowing curve over OIS
FBA                ENE                          benefit        lending curve over OIS
FVA                                             FCA - FBA
=================  ===========================  =============  ====================================

The total shown is ``CVA - DVA + FCA``; FBA overlaps DVA and stands beside it.
"""

from xva.adjustments.adjustment import Adjustment, Variant, WeightInputs
from xva.adjustments.cva import cva, cva_weights
from xva.adjustments.dva import dva, dva_weights
from xva.adjustments.fva import Funding, fba_weights, fca_weights, fva
from xva.adjustments.interval_weights import Quadrature

__all__ = [
    "Adjustment",
    "Funding",
    "Quadrature",
    "Variant",
    "WeightInputs",
    "cva",
    "cva_weights",
    "dva",
    "dva_weights",
    "fba_weights",
    "fca_weights",
    "fva",
]
