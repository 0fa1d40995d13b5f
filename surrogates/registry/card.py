"""A trained trade as two files' bytes: tensors as safetensors, all else on a JSON card. Reading them runs no code."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as decode
from safetensors.torch import save as encode
from torch import Tensor

from surrogates.certificate import Certificate, Evidence, Route
from surrogates.durable import canonical_json, strict_json
from surrogates.labels import MarketBox
from surrogates.registry.identity import Identity
from surrogates.registry.trained import Trained
from surrogates.regression import Surrogate
from surrogates.regression.domain import Domain
from surrogates.regression.pricer import SurrogatePricer
from xva.blocks.packing import pack, unpack
from xva.errors import StoreError, XvaError
from xva.pricing.exercise import ExercisePolicy

FORMAT = "trade surrogate 2"
LIBRARIES = ("torch", "numpy", "safetensors", "xva-platform")
_PARTS: dict[str, Any] = {"policy": ExercisePolicy, "evidence": tuple[Evidence, ...]}

Kinds = Mapping[str, type[Surrogate]]
Tensors = dict[str, Tensor]


def to_bytes(trained: Trained) -> tuple[bytes, bytes]:
    """The card and the tensors; equal surrogates have equal bytes under equal libraries.

    Raises
    ------
    StoreError
        Settings or a surrogate's parameters that are not JSON.
    """
    tensors: Tensors = {}
    pricer = trained.pricer
    surrogates = [_put_surrogate(s, f"surrogate/{k}", tensors) for k, s in enumerate(pricer.surrogates)]
    for k, domain in enumerate(pricer.domains):
        tensors |= {f"domain/{k}/low": domain.low, f"domain/{k}/high": domain.high}
    parts = {name: _put(getattr(trained, name), name, tensors) for name in _PARTS}
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in sorted(tensors.items())}
    data: bytes = encode(plain)
    card = {
        "format": FORMAT,
        "trade_id": trained.identity.trade_id,
        "identity": trained.identity.document(),
        "key": trained.identity.key,
        "features": list(pricer.features),
        "surrogates": surrogates,
        "domains": [{"names": list(d.names)} for d in pricer.domains],
        "box": _put_box(trained.box),
        "parts": parts,
        "certificate": trained.certificate.document(),
        "route": trained.route.document(),
        "libraries": {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()},
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    canonical_json(card)
    return (json.dumps(card, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode(), data


def read_card(text: bytes, where: str) -> dict[str, Any]:
    """A card's contents; raises StoreError where it is torn or of another format."""
    try:
        card = strict_json(text)
    except ValueError as error:
        raise StoreError(f"{where}: expected JSON, got a torn or damaged file ({error})") from error
    got = card.get("format") if isinstance(card, dict) else type(card).__name__
    if got != FORMAT:
        raise StoreError(f"{where}: expected a card of format {FORMAT!r}, got {got!r} -> train again")
    return dict(card)


def from_bytes(card: Mapping[str, Any], data: bytes, kinds: Kinds, where: str) -> Trained:
    """What `to_bytes` wrote, from the card's contents.

    Parameters
    ----------
    kinds : mapping
        Classes of surrogates by their ``kind``; only these are made.

    Raises
    ------
    StoreError
        The tensors are damaged or another card's, or do not make what the card says.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != card.get("sha256"):
        raise StoreError(
            f"{where}: expected tensors of sha256 {str(card.get('sha256'))[:12]}… as the card says, got {found[:12]}…: "
            f"the file is damaged or another card's"
        )
    try:
        tensors = decode(data)
        days = np.array(card["identity"]["days"], dtype="datetime64[D]")
        surrogates = [
            _take_surrogate(s, f"surrogate/{k}", tensors, kinds) for k, s in enumerate(card["surrogates"])
        ]
        domains = [
            Domain(tuple(d["names"]), tensors[f"domain/{k}/low"], tensors[f"domain/{k}/high"])
            for k, d in enumerate(card["domains"])
        ]
        parts = {name: _take(name, card["parts"][name], tensors) for name in _PARTS}
        return Trained(
            Identity.from_document(card["identity"]),
            SurrogatePricer(tuple(card["features"]), days, tuple(surrogates), tuple(domains)),
            Certificate.from_document(card["certificate"]),
            Route.from_document(card["route"]),
            box=take_box(card),
            **parts,
        )
    except StoreError:
        raise
    except (SafetensorError, XvaError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise StoreError(f"{where}: no surrogate can be made of it: {error!r}") from error


def take_box(card: Mapping[str, Any]) -> MarketBox | None:
    """The market box on a card."""
    stored = card["box"]
    if stored is None:
        return None
    low, high = (torch.tensor(stored[side], dtype=torch.float64) for side in ("low", "high"))
    return MarketBox(tuple(stored["names"]), low, high)


def _put_box(box: MarketBox | None) -> dict[str, Any] | None:
    if box is None:
        return None
    return {"names": list(box.names), "low": box.low.tolist(), "high": box.high.tolist()}


def _put_surrogate(surrogate: Surrogate, place: str, tensors: Tensors) -> dict[str, Any]:
    own, meta = surrogate.parameters()
    tensors |= {f"{place}/{name}": tensor for name, tensor in own.items()}
    return {"kind": surrogate.kind, "meta": meta}


def _take_surrogate(stored: Mapping[str, Any], place: str, tensors: Tensors, kinds: Kinds) -> Surrogate:
    kind = stored["kind"]
    if kind not in kinds:
        raise StoreError(f"a surrogate of kind {kind!r}: expected one of {', '.join(sorted(kinds))}")
    own = {name[len(place) + 1 :]: t for name, t in tensors.items() if name.startswith(f"{place}/")}
    return kinds[kind].from_parameters(own, stored["meta"])


def _put(value: Any, place: str, tensors: Tensors) -> Any:
    """A part as packed by `pack`."""
    if value is None:
        return None
    arrays, meta = pack(value, place)
    tensors |= {name: torch.from_numpy(array) for name, array in arrays.items()}
    return {"meta": meta}


def _take(place: str, stored: Mapping[str, Any] | None, tensors: Tensors) -> Any:
    if stored is None:
        return None
    arrays = {n: t.numpy() for n, t in tensors.items() if n == place or n.startswith(f"{place}/")}
    return unpack(_PARTS[place], arrays, stored["meta"], place)
