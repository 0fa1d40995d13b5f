"""Trained trades in a folder, by content: a card ``ADDRESS.json`` and its ``ADDRESS.safetensors``.

An address is ``TERMS-TRADE-SHA``: digests of what the trade pays and of its id, to find it by, and the sha256 of the card,
which holds that of the tensors. What does not hash to its address is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from surrogates.durable import canonical_sha256, write_whole
from surrogates.registry.card import Kinds, from_bytes, read_card, take_box, to_bytes
from surrogates.registry.identity import Identity, refusals
from surrogates.registry.trained import Trained
from xva.errors import StoreError

_SHORT = 12


@final
@dataclass(frozen=True)
class Refusal:
    """Why nothing stored may price what was asked; the reasons of the stored surrogate that comes closest."""

    reasons: tuple[str, ...]
    address: str = ""

    def __str__(self) -> str:
        head = f"surrogate {self.address[:25]}… not reused" if self.address else "nothing to reuse"
        return f"{head}: {'; '.join(self.reasons)}"


@final
@dataclass(frozen=True)
class Registry:
    """A folder of trained trades.

    Parameters
    ----------
    folder : Path
        Made on the first `save`.
    kinds : mapping
        Classes of surrogates by ``kind``; a card naming another is refused.
    """

    folder: Path
    kinds: Kinds

    def save(self, trained: Trained) -> str:
        """Write what is not there yet and return the address.

        Tensors first, then the card; each file whole or absent, whoever else writes.

        Raises
        ------
        StoreError
            It cannot be stored as JSON, or the folder cannot be written.
        """
        card, data = to_bytes(trained)
        address = f"{_prefix(trained.identity)}-{hashlib.sha256(card).hexdigest()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path, content in zip(self._files(address)[::-1], (data, card), strict=True):
                write_whole(path, content)
        except OSError as error:
            raise StoreError(f"{self.folder}: cannot be written: {error.strerror}") from error
        return address

    def load(self, address: str) -> Trained:
        """What `save` stored.

        Raises
        ------
        StoreError
            A file is missing, damaged, of another format, or not the one of this address.
        """
        tensors = self._files(address)[1]
        return from_bytes(self._card(address), _read(tensors), self.kinds, str(tensors))

    def find(self, asked: Identity, uncertified: bool = False) -> Trained | Refusal:
        """A surrogate that may price what is asked, or why there is none.

        Terms, valuation date, fixings, model and settings have to be the same, dates may be some of those trained, and
        market parameters lie inside the box. Names of trade and netting set may differ.

        Parameters
        ----------
        uncertified : bool
            Whether one that failed its certificate is found, too.
        """
        best: Refusal | None = None
        for address in self._candidates(asked):
            found = self._try(address, asked, uncertified)
            if isinstance(found, Trained):
                return found
            if best is None or len(found.reasons) < len(best.reasons):
                best = found
        return best or Refusal((f"no surrogate of trade {asked.trade_id}, or of its terms, is stored",))

    def addresses(self) -> tuple[str, ...]:
        """Of all that is stored, sorted."""
        return tuple(sorted(path.stem for path in self.folder.glob("*-*-*.json")))

    def _try(self, address: str, asked: Identity, uncertified: bool) -> Trained | Refusal:
        """Reasons are sought on the card alone; tensors are read where there are none."""
        try:
            card = self._card(address)
            reasons = refusals(Identity.from_document(card["identity"]), take_box(card), asked)
            if not reasons and not (uncertified or card["certificate"]["passed"]):
                reasons = (f"its certificate failed: {card['certificate']['summary']}",)
            return Refusal(reasons, address) if reasons else self.load(address)
        except (StoreError, KeyError) as error:
            return Refusal((str(error),), address)

    def _candidates(self, asked: Identity) -> tuple[str, ...]:
        """Those of the same terms, then those of the same trade id."""
        terms, name = _prefix(asked).split("-")
        every = self.addresses()
        same = [a for a in every if a.startswith(f"{terms}-")]
        return (*same, *(a for a in every if a.split("-")[1] == name and a not in same))

    def _card(self, address: str) -> dict[str, Any]:
        path = self._files(address)[0]
        text = _read(path)
        if hashlib.sha256(text).hexdigest() != address.rpartition("-")[2]:
            raise StoreError(f"{path}: its sha256 is not that of its address: the card was edited or damaged")
        return read_card(text, str(path))

    def _files(self, address: str) -> tuple[Path, Path]:
        return self.folder / f"{address}.json", self.folder / f"{address}.safetensors"


def _prefix(identity: Identity) -> str:
    return f"{canonical_sha256(identity.terms)[:_SHORT]}-{canonical_sha256(identity.trade_id)[:_SHORT]}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: expected a surrogate's file, got {error.strerror}") from error
