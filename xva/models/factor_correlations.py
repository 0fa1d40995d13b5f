"""Correlations of all factors of a model, those that nothing quotes among them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from xva.market.factors import rates_factor
from xva.models.rates_model import RatesModel
from xva.models.state_layout import StateLayout


def with_own_factors(
    correlations: Mapping[tuple[str, str], Tensor], layout: StateLayout, rates: Mapping[str, RatesModel]
) -> dict[tuple[str, str], Tensor]:
    """Correlations of all of a layout's factors: those quoted, and of further factors what follows from a currency's first.

    A further factor is its correlation with the first times that one, plus something independent of everything else: a
    quoted matrix stays positive definite. Quoted correlations of a further factor with another currency's, an exchange
    rate or an equity stand; those within a currency are its model's.
    """
    found = dict(correlations)
    for currency, model in rates.items():
        labels = [rates_factor(currency, k) for k in range(model.n_factors)]
        own = model.own_correlations
        for k, label in enumerate(labels[1:], start=1):
            for other in layout.labels:
                known = (label, other) in correlations or (other, label) in correlations
                joint = found.get((labels[0], other), found.get((other, labels[0])))
                if other not in labels and not known and joint is not None:
                    found[label, other] = own[0, k] * joint
        for k, label in enumerate(labels):
            for m in range(k):
                found.pop((label, labels[m]), None)
                found[labels[m], label] = own[m, k]
    return found
