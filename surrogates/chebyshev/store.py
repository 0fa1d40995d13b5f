"""Surrogates on disk: ``NAME.safetensors`` and the card ``NAME.json``; loading runs no code.

The card holds the kind, the box, what the tensors do not say, notes, the sha256 of the tensors' file and one of
the card itself, so that neither can be exchanged or edited unnoticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as decode
from safetensors.torch import save as encode

from surrogates.chebyshev.box import Axis, Box
from surrogates.chebyshev.slider import SliderSurrogate
from surrogates.chebyshev.spline import SplineSurrogate
from surrogates.chebyshev.surrogate import ChebyshevSurrogate
from surrogates.chebyshev.tensor import TensorSurrogate
from surrogates.chebyshev.train import TrainSurrogate
from surrogates.durable import canonical_sha256, strict_json, write_whole
from xva.errors import DomainError, StoreError

FORMAT = "chebyshev surrogate 1"

_KINDS: dict[str, type[ChebyshevSurrogate]] = {
    k.kind: k for k in (TensorSurrogate, TrainSurrogate, SplineSurrogate, SliderSurrogate)
}


def save(surrogate: ChebyshevSurrogate, path: Path | str, notes: Mapping[str, Any] | None = None) -> Path:
    """Write both files and return the card's path.

    Parameters
    ----------
    path : path
        Without suffix; its folder exists. Files of that name are replaced.
    notes : mapping, optional
        What a reader should know (function, errors measured, rounding tolerance, versions); JSON-clean.

    Raises
    ------
    StoreError
        Notes that are not JSON, or a file that cannot be written.
    """
    tensors, meta = surrogate.payload()
    data = encode({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    card = {
        "format": FORMAT,
        "kind": surrogate.kind,
        "box": [
            {"name": a.name, "lower": a.lower, "upper": a.upper, "unit": a.unit} for a in surrogate.box.axes
        ],
        "meta": meta,
        "tensors": {n: {"dtype": str(t.dtype), "shape": list(t.shape)} for n, t in sorted(tensors.items())},
        "notes": dict(notes or {}),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    card["card_sha256"] = _digest(card, Path(path))
    tensors_path, card_path = _paths(path)
    _write(tensors_path, data)
    _write(card_path, json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n")
    return card_path


def load(path: Path | str) -> ChebyshevSurrogate:
    """Read a surrogate, on the CPU and in the dtype it was saved in.

    Raises
    ------
    StoreError
        A file is missing, damaged, of another format, or the two do not belong together.
    """
    tensors_path, card_path = _paths(path)
    card = read_card(path)
    data = _read(tensors_path)
    found = hashlib.sha256(data).hexdigest()
    if found != card["sha256"]:
        raise StoreError(
            f"{tensors_path}: expected sha256 {card['sha256'][:12]}… as its card says, got {found[:12]}…: the "
            f"file is damaged or belongs to another card"
        )
    try:
        tensors = decode(data)
        box = Box(tuple(Axis(**axis) for axis in card["box"]))
        stated = {n: (t["dtype"], tuple(t["shape"])) for n, t in card["tensors"].items()}
        if stated != {n: (str(t.dtype), tuple(t.shape)) for n, t in tensors.items()}:
            raise StoreError(f"{card_path}: its list of tensors is not that of {tensors_path.name}")
        return _KINDS[card["kind"]].from_payload(box, tensors, card["meta"])
    except (SafetensorError, DomainError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{card_path}: no {card['kind']} surrogate can be made of it: {error}") from error


def read_card(path: Path | str) -> dict[str, Any]:
    """Read and check the card alone (``notes`` are the writer's); raises StoreError."""
    _, card_path = _paths(path)
    try:
        card = strict_json(_read(card_path))
    except ValueError as error:
        raise StoreError(f"{card_path}: expected JSON, got a torn or damaged file ({error})") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        got = card.get("format") if isinstance(card, dict) else type(card).__name__
        raise StoreError(f"{card_path}: expected a card of format {FORMAT!r}, got {got!r}")
    if card.get("card_sha256") != _digest(card, card_path):
        raise StoreError(
            f"{card_path}: its sha256 is not that of its contents: the card was edited or damaged"
        )
    missing = {"kind", "box", "meta", "tensors", "sha256"} - card.keys()
    if missing or card["kind"] not in _KINDS:
        raise StoreError(
            f"{card_path}: expected a card of one of {sorted(_KINDS)}, got {card.get('kind')!r} without "
            f"{sorted(missing)}"
        )
    return card


def _paths(path: Path | str) -> tuple[Path, Path]:
    base = Path(path)
    return base.with_name(base.name + ".safetensors"), base.with_name(base.name + ".json")


def _digest(card: Mapping[str, Any], where: Path) -> str:
    plain = {key: value for key, value in card.items() if key != "card_sha256"}
    try:
        return canonical_sha256(plain)
    except StoreError as error:
        raise StoreError(f"{where}: card: {error}") from error


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: expected a surrogate's file, got {error.strerror}") from error
