"""Kept surrogates, found by what they are of; what does not hash to its address is refused."""

from surrogates.registry.identity import Identity
from surrogates.registry.registry import Refusal, Registry
from surrogates.registry.trained import Trained

__all__ = ["Identity", "Refusal", "Registry", "Trained"]
