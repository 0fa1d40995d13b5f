"""Values at t = 0 trade by trade: against the books, and options against their quoted volatilities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xva.exposure.claim_groups import CompiledExchange
from xva.exposure.engine import Book
from xva.exposure.parts.compile import compile_set
from xva.exposure.parts.date_context import date_context
from xva.exposure.parts.exchange_option import option_rows
from xva.exposure.parts.kernel import date_values
from xva.exposure.parts.netting_set import netting_set_inputs
from xva.exposure.reconciliation.quoted import OPTION_KINDS, QuotedValue, is_option, quoted_values
from xva.exposure.state.frame import make_frame
from xva.exposure.state.state import covariance_table
from xva.exposure.world import World
from xva.numerics import tree
from xva.numerics.types import Floats
from xva.pricing.deterministic import linear_values
from xva.trades import PathTrade, Trade
from xva.trades.book_claims import BookClaims
from xva.trades.claims import Asset, Claim, CompoundedFlow, EquityFlow, ExchangeOption, FixedFlow, IborFlow
from xva.trades.netting import NettingSet
from xva.trades.path_trade import living

_BY_CURVES = (FixedFlow, IborFlow, CompoundedFlow, EquityFlow)
_ANY_WIDTH = 1.0  # of exercises, all of which lie ahead at t = 0
_SAME_VOL = 5e-5  # half of what a note shows
SIMULATED = "valued by simulation"
_BY_POLICY = f"{SIMULATED} under a fitted exercise policy, whose own error is not in the ±"
_NOTHING_LEFT = "no option left: expired, or all is fixed"
Pair = tuple[str, str]


@final
@dataclass(frozen=True)
class Simulated:
    """Value at t = 0 of a trade without closed form and its standard error, in reporting currency.

    ``by_policy``: it has decisions, and they are a fitted policy's.
    """

    value: float
    error: float
    by_policy: bool = False


def reconcile(book: Book, world: World, simulated: Mapping[str, Simulated] | None = None) -> pd.DataFrame:
    """One row per trade, in the order of the book.

    Parameters
    ----------
    book : Book
    world : World
        Market and calibrated model.
    simulated : mapping of trade id to Simulated, optional
        Of the trades without closed form.

    Returns
    -------
    DataFrame
        Indexed by ``trade_id``: ``netting_set``, ``type``, ``value`` (the model's at t = 0),
        ``booked_value``, ``difference`` (value - booked), ``quoted_vol``, ``quoted_vol_value``,
        ``model_minus_quoted``, ``value_se``, ``note``.
        Values are in reporting currency, positive when in our favour; NaN where nothing is booked, quoted or
        optional, and for options ``note`` says why. They add up to the engine's ``value0`` by netting set; ``value_se``
        is the standard error of those that are simulated, and 0 for the others.
    """
    flat = tree.map_tensors(world, lambda t: t.detach())
    with torch.no_grad():
        claims = book.claims
        values, errors = _with_simulated(_values(book, claims, flat).numpy(), book, simulated or {})
        at_quotes = _at_quotes(book, claims, flat)
    booked = [np.nan if t.booked_value is None else t.booked_value for t in book.trades]
    quoted = np.array([_number(q.value) for q in at_quotes])
    return pd.DataFrame(
        {
            "netting_set": [t.netting_set for t in book.trades],
            "type": [t.kind for t in book.trades],
            "value": values,
            "booked_value": booked,
            "difference": values - np.array(booked),
            "quoted_vol": [_number(q.vol) for q in at_quotes],
            "quoted_vol_value": quoted,
            "model_minus_quoted": values - quoted,
            "value_se": errors,
            "note": [
                _note(book, t, n > 0, q.note, simulated or {})
                for t, n, q in zip(book.trades, claims.counts.tolist(), at_quotes)
            ],
        },
        pd.Index([t.trade_id for t in book.trades], name="trade_id"),
    )


def _with_simulated(values: Floats, book: Book, simulated: Mapping[str, Simulated]) -> tuple[Floats, Floats]:
    """Values and standard errors ``(trade,)``; NaN where a trade without closed form was not simulated."""
    alive = {t.trade_id for t in living(book.trades, book.context.as_of)}
    found, errors = values.copy(), np.zeros_like(values)
    for k, trade in enumerate(book.trades):
        if trade.trade_id in alive and _counts(book, k):
            one = simulated.get(trade.trade_id, Simulated(np.nan, np.nan))
            found[k], errors[k] = one.value, one.error
    return found, errors


def _note(
    book: Book, trade: Trade, promises: bool, at_quotes: str, simulated: Mapping[str, Simulated]
) -> str:
    """Why a trade counts as 0, how it is valued, or what there is to say of its quoted volatility."""
    if why := trade.ended(promises, book.context.as_of, book.breaks):
        return why
    if not isinstance(trade, PathTrade):
        return at_quotes
    one = simulated.get(trade.trade_id)
    return _BY_POLICY if one is not None and one.by_policy else SIMULATED


def trade_values(book: Book, world: World) -> Tensor:
    """``(trade,)`` values at t = 0 in reporting currency, differentiable in the world's tensors.

    Linear trades come off the curves, options and FX resets from the model.
    """
    return _values(book, book.claims, world)


def _values(book: Book, claims: BookClaims, world: World) -> Tensor:
    """Options, and resets (whose spread has a convexity), go through the engine's kernel, one unit each."""
    modelled = [k for k, parts in claims.others.items() if _needs_model(parts)]
    kept = np.array([_counts(book, k) for k in range(len(book.trades))], dtype=bool)
    kept[modelled] = False
    values = linear_values(claims.where(kept), world.market)
    if not modelled:
        return values
    found = _by_kernel(book, [book.trades[k] for k in modelled], world)
    return values.index_add(0, torch.tensor(modelled), found)


def _needs_model(claims: Iterable[Claim]) -> bool:
    """Whether any claim is more than flows that come off the curves."""
    return any(not isinstance(claim, _BY_CURVES) for claim in claims)


def _counts(book: Book, number: int) -> bool:
    """False for a trade that was broken off on or before the valuation date."""
    stop = book.trades[number].break_date
    return book.breaks == "ignore" or stop is None or bool(stop > book.context.as_of)


def _by_kernel(book: Book, trades: Sequence[Trade], world: World) -> Tensor:
    market, model = world.market, world.model
    alone = NettingSet("one trade each", "nobody", model.domestic, netted=False)
    own = [replace(trade, netting_set=alone.name) for trade in trades]
    compiled = compile_set(alone, own, book.context, book.breaks, book.fixing)
    day_zero = int(book.context.as_of.astype("datetime64[D]").astype(np.int64))
    frame, _ = make_frame(market, model, np.zeros(1), (), (compiled,), day_zero)
    inputs = netting_set_inputs(compiled, frame, _ANY_WIDTH)
    start = model.initial_state()[:, None]
    degrees = [inputs.highest_degree(0, row) for row in range(model.layout.n_rates)]
    at = date_context(0, start, model.layout, frame.centre[0], frame.scale[0], start.new_zeros(0, 1), degrees)
    return date_values(inputs, at).hard[:, 0]


def _number(value: Tensor | None) -> float:
    return np.nan if value is None else float(value)


def _at_quotes(book: Book, claims: BookClaims, world: World) -> list[QuotedValue]:
    """``(trade,)`` values at quoted volatilities; without value or note for what never was an option."""
    found = [QuotedValue(None, None, _NOTHING_LEFT if t.kind in OPTION_KINDS else "") for t in book.trades]
    live = [k for k, parts in claims.others.items() if is_option(parts)]
    options = [k for k in live if _counts(book, k)]
    trades, parts = [book.trades[k] for k in options], [claims[k] for k in options]
    quoted = quoted_values(trades, parts, book.context, world.market)
    for k, value in zip(options, _with_crosses(quoted, parts, world)):
        found[k] = value
    return found


def _with_crosses(
    quoted: Sequence[QuotedValue], claims: Sequence[Sequence[Claim]], world: World
) -> list[QuotedValue]:
    """FX crosses get a note: the model's volatility, which follows from other quotes, and how it differs."""
    found = list(quoted)
    asked: list[tuple[int, Pair, float]] = []
    for row, (value, (first, *_)) in enumerate(zip(quoted, claims)):
        if value.pair is not None and isinstance(first, ExchangeOption):
            asked.append((row, value.pair, first.expiry))
    vols = model_fx_vols([(pair, expiry) for _, pair, expiry in asked], world).tolist()
    for (row, pair, _), vol in zip(asked, vols):
        value = quoted[row]
        if value.vol is None:
            found[row] = value._replace(note=f"{value.note}; the model's is {100.0 * vol:.2f} %")
        elif abs(float(value.vol) - vol) > _SAME_VOL:
            told = f"quoted {100.0 * float(value.vol):.2f} %, model {100.0 * vol:.2f} %"
            found[row] = value._replace(note=f"volatility of {'/'.join(pair)}: {told}")
    return found


def model_fx_vols(asked: Sequence[tuple[Pair, float]], world: World) -> Tensor:
    """``(asked,)`` lognormal volatilities of FX forwards: two currencies and an expiry in years each."""
    if not asked:
        return torch.zeros(0, dtype=torch.float64)
    expiries = np.array([expiry for _, expiry in asked])
    options = tuple(
        CompiledExchange(k, ExchangeOption(Asset("FX", a, 1.0), Asset("FX", b, 1.0), expiry, 1), expiry)
        for k, ((a, b), expiry) in enumerate(asked)
    )
    table = covariance_table(world.model, [expiries])
    rows = option_rows(options, world.market, world.model, np.zeros(1), table)
    return rows.stdev / torch.from_numpy(np.sqrt(expiries))
