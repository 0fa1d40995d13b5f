"""How wrong a surrogate is: fresh nested values beside its own, a verdict, and what to do about it."""

from surrogates.certificate.certificate import Certificate, Check, DateFigures, Tolerance
from surrogates.certificate.certify import certify
from surrogates.certificate.evidence import Comparison, Evidence, scaled
from surrogates.certificate.intervals import Interval
from surrogates.certificate.nested_pricer import alive_book
from surrogates.certificate.route import Attempt, Escalated, Escalation, Next, Route, escalate, next_step

__all__ = [
    "Attempt",
    "Certificate",
    "Check",
    "Comparison",
    "DateFigures",
    "Escalated",
    "Escalation",
    "Evidence",
    "Interval",
    "Next",
    "Route",
    "Tolerance",
    "alive_book",
    "certify",
    "escalate",
    "next_step",
    "scaled",
]
