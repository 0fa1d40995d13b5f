"""One list of adjustments: what is said of one holds wherever measures are listed."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.reports.export import _ADJUSTMENTS
from pipelines.results.tables import SHOWN
from xva.adjustments import Adjustment
from xva.adjustments.cva import CVA
from xva.adjustments.registry import ADJUSTMENTS, COSTS, MEASURES, SIDES, TOTALS, formula
from xva.errors import DomainError
from xva.results.labelled import VARIANTS
from xva.sensitivities import MEASURE_NAMES
from xva.sensitivities.by_quote import with_totals


def test_every_list_has_them_all() -> None:
    assert len(set(MEASURES)) == len(ADJUSTMENTS) == len(SIDES)
    assert set(MEASURES) == set(_ADJUSTMENTS) == set(SHOWN) - {"FVA"} == {m for m, _, _ in VARIANTS}
    assert (*MEASURES, *TOTALS) == MEASURE_NAMES


def test_totals_are_what_they_are_called() -> None:
    """Each by hand, of numbers that no other sign or part would give."""
    values = dict(zip(MEASURES, (1.0, 20.0, 300.0, 4000.0), strict=True))
    found = dict(zip(MEASURE_NAMES, with_totals(np.array(list(values.values())), axis=0), strict=True))
    assert found["FVA"] == values["FCA"] - values["FBA"]
    assert found["XVA"] == values["CVA"] - values["DVA"] + values["FCA"]
    assert formula("XVA") == "CVA - DVA + FCA"
    assert formula("FVA") == "FCA - FBA"
    assert COSTS == ("CVA", "FCA", "FVA", "XVA")


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(DomainError, match="adjustment MVA: expected profile epe or ene, got 'im'"):
        Adjustment(
            name="MVA",
            profile="im",  # type: ignore[arg-type]
            cost=True,
            total={},
            varies_by="funding",
            weights=CVA.weights,
        )
