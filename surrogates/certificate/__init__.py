"""How wrong a surrogate is: fresh nested values beside its own, a verdict, and what to do about it (DESIGN 4.8)."""

from surrogates.certificate.certificate import Certificate, Check, DateFigures, Tolerance
from surrogates.certificate.certify import certify
from surrogates.certificate.evidence import Comparison, Evidence, scaled
from surrogates.certificate.intervals import Interval

__all__ = [
    "Certificate",
    "Check",
    "Comparison",
    "DateFigures",
    "Evidence",
    "Interval",
    "Tolerance",
    "certify",
    "scaled",
]
