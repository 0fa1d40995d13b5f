"""What a surrogate is of: terms, model, dates, settings; and in words what sets two of them apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from surrogates.durable import canonical_json, canonical_sha256
from surrogates.labels import MarketBox
from xva.blocks.packing import pack
from xva.errors import StoreError
from xva.trades import PathTrade, TradeContext
from xva.trades.documents import to_document

NOT_TERMS = ("trade_id", "netting_set", "break_date", "booked_value")
"""Fields that do not change what a trade pays while it lives."""
_SHOWN = 4


@final
@dataclass(frozen=True)
class Identity:
    """Everything a surrogate's numbers follow from, as plain values.

    Parameters
    ----------
    trade : mapping
        `to_document` of the trade.
    as_of : str
        Valuation date.
    fixings : str
        Digest of the past fixings and index definitions that the trade may look at.
    model : mapping
        Digest of every tensor and number of the model by its place, ``/vols``; at the centre of the market box where there
        is one.
    days : tuple of str
        ISO dates of the surrogates.
    settings : mapping
        Of the training: seed, paths, fitter; JSON-clean.
    parameters : mapping
        Where the market is in the box, by name; empty without market parameters.
    """

    trade: Mapping[str, Any]
    as_of: str
    fixings: str
    model: Mapping[str, str]
    days: tuple[str, ...]
    settings: Mapping[str, Any]
    parameters: Mapping[str, float]

    @classmethod
    def of(
        cls,
        trade: PathTrade,
        context: TradeContext,
        model: Any,
        days: NDArray[np.datetime64],
        settings: Mapping[str, Any],
        parameters: Mapping[str, float] | None = None,
    ) -> Identity:
        """Of a trade, a model (or market bundle: frozen dataclasses of tensors), dates and settings."""
        canonical_json(dict(settings))
        return cls(
            to_document(trade),
            str(context.as_of),
            _known(trade, context),
            fingerprint(model),
            tuple(str(d) for d in days.astype("datetime64[D]")),
            dict(settings),
            dict(parameters or {}),
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Identity:
        """What `document` wrote; raises StoreError."""
        try:
            return cls(**{**document, "days": tuple(document["days"])})
        except (KeyError, TypeError) as error:
            raise StoreError(f"a stored identity does not fit this version: {error}") from error

    def document(self) -> dict[str, Any]:
        """JSON-clean."""
        return {**asdict(self), "days": list(self.days)}

    @property
    def trade_id(self) -> str:
        return str(self.trade["terms"]["trade_id"])

    @property
    def terms(self) -> dict[str, Any]:
        """What the trade pays: kind and terms without its names."""
        return _terms(self.trade)

    @property
    def key(self) -> str:
        """sha256 of terms, model, dates and settings: the same key asks for the same surrogate."""
        parts = {**self.document(), "trade": self.terms}
        del parts["parameters"]
        return canonical_sha256(parts)


def refusals(stored: Identity, box: MarketBox | None, asked: Identity) -> tuple[str, ...]:
    """Why a stored surrogate must not price what is asked; empty if it may."""
    found = _changed("trade terms", stored.terms, asked.terms)
    if stored.as_of != asked.as_of:
        found.append(f"valuation date: trained for {stored.as_of}, asked for {asked.as_of}")
    if stored.fixings != asked.fixings:
        found.append("past fixings: not those it was trained with")
    places = [p for p in sorted({*stored.model, *asked.model}) if stored.model.get(p) != asked.model.get(p)]
    if places:
        more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
        found.append(f"model: differs in {', '.join(places[:_SHOWN])}{more}")
    missing = [d for d in asked.days if d not in set(stored.days)]
    if missing:
        found.append(f"dates: {len(missing)} of {len(asked.days)} were not trained, the first {missing[0]}")
    return (*found, *_changed("settings", stored.settings, asked.settings), *_outside(box, asked.parameters))


def fingerprint(model: Any) -> dict[str, str]:
    """Digest of every tensor and number by its place in a structure of frozen dataclasses."""
    arrays, meta = pack(model)
    found = {"class": type(model).__qualname__}
    for place, array in arrays.items():
        head = f"{array.dtype.str}{array.shape}".encode()
        found[place] = hashlib.sha256(head + array.tobytes()).hexdigest()[:16]
    found["names and numbers"] = canonical_sha256(meta)[:16]
    return found


def _terms(trade: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in trade["terms"].items() if name not in NOT_TERMS}
    return {"kind": trade["kind"], **kept}


def _known(trade: PathTrade, context: TradeContext) -> str:
    wanted = {*trade.indices, *(f"EQ/{name}" for name, _ in trade.equities)}
    fixings = sorted(
        [name, day, float(value)]
        for (name, day), value in context.fixings.items()
        if name in wanted or name.startswith("FX/")
    )
    indices = {name: repr(context.indices.get(name)) for name in trade.indices}
    return canonical_sha256([fixings, indices])[:16]


def _changed(what: str, stored: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    return [
        f"{what}: {name} was {_plain(stored, name)}, asked for {_plain(asked, name)}"
        for name in sorted({*stored, *asked})
        if canonical_json(stored.get(name)) != canonical_json(asked.get(name))
    ]


def _plain(values: Mapping[str, Any], name: str) -> str:
    text = json.dumps(values.get(name), ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _outside(box: MarketBox | None, parameters: Mapping[str, float]) -> Sequence[str]:
    """Parameters beyond the box, with how far in units of its width."""
    names = () if box is None else box.names
    if set(names) != set(parameters):
        trained, given = (", ".join(sorted(n)) or "none" for n in (names, parameters))
        return [f"market parameters: trained with {trained}, asked with {given}"]
    if box is None:
        return []
    found = []
    for name, low, high in zip(box.names, box.low.tolist(), box.high.tolist(), strict=True):
        beyond = max(low - parameters[name], parameters[name] - high)
        if beyond > 0.0:
            found.append(
                f"market box: {name} = {parameters[name]:.6g} lies {beyond:.3g} outside [{low:.6g}, {high:.6g}], "
                f"{100.0 * beyond / (high - low):.2g} % of its width"
            )
    return found
