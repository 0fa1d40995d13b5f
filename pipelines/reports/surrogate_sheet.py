"""All figures of one trade's surrogates on one sheet, as a PNG file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator
from matplotlib.figure import Figure
from matplotlib.image import imsave
from numpy.typing import NDArray

from pipelines.reports.surrogate_plots import plot_against_nested, plot_certificate, plot_exposure
from surrogates.certificate import Certificate, Evidence
from surrogates.certificate.certificate import VALUE
from surrogates.registry import Trained
from xva.errors import DomainError

Pixels = NDArray[np.uint8]
DPI: Final = 110


def check_sheet(path: Path) -> None:
    """Refuse a file that `write_sheet` cannot write, before any work is done.

    Raises
    ------
    DomainError
        Another kind of file than PNG, or no folder to put it in.
    """
    if path.suffix.lower() != ".png" or not path.parent.is_dir():
        raise DomainError(f"plot: expected a file .png in a folder that exists, got {path}")


def write_sheet(trained: Trained, name: str, path: Path) -> None:
    """Write a trade's figures: against nested values where they agree least, EPE with its band, all errors by date."""
    certificate = trained.certificate
    seen = least_agreed(trained)
    left = _below(
        [
            _drawn(plot_against_nested(seen, certificate.currency, name)),
            _drawn(plot_exposure(certificate, f"{name}, exposure by itself")),
        ]
    )
    right = _drawn(plot_certificate(certificate, f"Certificate of {name}"))
    imsave(path, _beside([left, right]), dpi=DPI)


def least_agreed(trained: Trained) -> Evidence:
    """Evidence of the date on which the value's error is largest, of its standard deviation."""
    errors = {c.day: c.missed for c in _values(trained.certificate)}
    return max(trained.evidence, key=lambda e: errors.get(e.day, 0.0))


def _values(certificate: Certificate) -> list[Any]:
    return [c for c in certificate.checks if c.measure == VALUE]


def _drawn(figure: Figure) -> Pixels:
    figure.set_dpi(DPI)
    for axes in figure.axes:
        locator = axes.xaxis.get_major_locator()
        if isinstance(locator, AutoDateLocator):
            locator.minticks = 3  # between three and five years there is no step with five ticks or more
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def _below(images: list[Pixels]) -> Pixels:
    width = max(i.shape[1] for i in images)
    return np.concatenate([_padded(i, i.shape[0], width) for i in images])


def _beside(images: list[Pixels]) -> Pixels:
    height = max(i.shape[0] for i in images)
    return np.concatenate([_padded(i, height, i.shape[1]) for i in images], axis=1)


def _padded(image: Pixels, height: int, width: int) -> Pixels:
    sheet = np.full((height, width, 4), 255, dtype=np.uint8)
    sheet[: image.shape[0], : image.shape[1]] = image
    return sheet
