"""Figures of surrogates show the numbers of the certificate, with units, and can be written."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from pipelines.reports.surrogate_plots import plot_against_nested, plot_certificate, plot_exposure
from surrogates.certificate import Certificate, Comparison, Evidence, Tolerance, certify

DAYS = ("2028-01-15", "2028-07-15", "2029-01-15")


def evidence(day: str = DAYS[0], bias: float = 0.0, noise: float = 0.05) -> Evidence:
    source = torch.Generator().manual_seed(1)
    true, shock = torch.randn(2, 60, generator=source, dtype=torch.float64) * 1e6
    error = torch.full_like(true, noise * 1e6)
    values = Comparison(true + bias * 1e6, true + noise * shock, error)
    near = values.rows(values.learned.abs() < 2e5)
    return Evidence(day, values, 1, 500, near)


def certificate(**what: float) -> Certificate:
    return certify([evidence(day, **what) for day in DAYS], Tolerance(), currency="EUR")


def png(figure: Figure) -> int:
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return len(out.getvalue())


def test_against_nested() -> None:
    seen = evidence()
    figure = plot_against_nested(seen, "EUR", "Bermudan B1")
    above, below = figure.axes
    first = next(c for c in above.containers if isinstance(c, ErrorbarContainer))
    np.testing.assert_array_equal(first.lines[0].get_ydata(), seen.values.nested.numpy())
    bars = first.lines[2][0].get_segments()  # type: ignore[attr-defined]
    np.testing.assert_allclose([b[1, 1] - b[0, 1] for b in bars], 4.0 * seen.values.error.numpy())
    assert "[EUR]" in above.get_ylabel()
    assert "[EUR]" in below.get_xlabel()
    assert above.get_title("left") == "Bermudan B1, 2028-01-15"
    assert png(figure) > 10_000


def test_exposure() -> None:
    found = certificate(bias=0.1)
    figure = plot_exposure(found)
    (axes,) = figure.axes
    lines = {str(line.get_label()): line for line in axes.lines}
    np.testing.assert_array_equal(
        lines["surrogate, plug-in value"].get_ydata(), [d.epe_plug_in for d in found.dates]
    )
    assert axes.get_ylabel().endswith("[EUR]")
    assert png(figure) > 10_000
    single = certify([evidence()], Tolerance(), currency="EUR")
    assert png(plot_exposure(single)) > 5_000  # no band through one date


@pytest.mark.parametrize(("bias", "verdicts"), [(0.0, {"pass"}), (3.0, {"fail"})])
def test_certificate(bias: float, verdicts: set[str]) -> None:
    found = certificate(bias=bias, noise=1e-4)
    figure = plot_certificate(found, "Trade T1")
    titles = [axes.get_ylabel().split("\n")[0] for axes in figure.axes if axes.axison]
    assert titles[0] == "value, root mean square"
    assert len(titles) == len({c.measure for c in found.checks if c.day})
    value = figure.axes[0].containers
    shown = [c for c in value if isinstance(c, ErrorbarContainer) and len(np.asarray(c.lines[0].get_ydata()))]
    assert {str(c.get_label()) for c in shown} == verdicts
    scales = [c.error.estimate / c.scale for c in found.checks if c.measure == "value"]
    np.testing.assert_allclose(np.asarray(shown[0].lines[0].get_ydata()), scales, rtol=1e-12)
    assert figure.axes[0].get_yscale() == ("symlog" if bias else "linear")
    assert png(figure) > 20_000


def test_a_measure_without_tolerance_is_shown() -> None:
    none = replace(Tolerance(), value=None)
    found = certify([evidence(day) for day in DAYS], none, currency="EUR")
    assert png(plot_certificate(found)) > 20_000
