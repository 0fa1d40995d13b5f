"""What every part of a netting set's value must do: closed-form derivatives are those of autograd through everything."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.support.value_part_samples import FIXING, TIMES, WORLD, Promise
from xva.blocks.packing import pack, unpack
from xva.exposure.parts.compile import compile_set
from xva.exposure.parts.date_context import DateContext, date_context
from xva.exposure.parts.part import NettingSetSource, PartOfDate, ValuePart, Values
from xva.exposure.state.frame import make_frame
from xva.market.quotes import QuoteSet
from xva.numerics import tree
from xva.trades.claims import Claim
from xva.trades.netting import NettingSet

PATHS = 7


@dataclass(frozen=True)
class OnDate:
    """A part on one date, all that it may depend on being leaves."""

    part: ValuePart
    at: DateContext
    found: PartOfDate
    values: Values
    leaves: list[Tensor]
    state: Tensor
    events: Tensor
    mask: Tensor


class ValuePartContract(ABC):
    """Base of a part's tests."""

    @abstractmethod
    def kind(self) -> type[ValuePart]: ...

    @abstractmethod
    def claims(self) -> tuple[Claim, ...]:
        """Claims of which the part has something on some of the sample's dates."""

    def source(self, netted: bool = False, quotes: QuoteSet | None = None) -> NettingSetSource:
        return _source(self.claims(), netted, quotes)

    def part(self, netted: bool = False) -> ValuePart:
        return part_of(self.kind(), self.claims(), netted)

    def dates(self) -> Iterator[OnDate]:
        """Every date on which the part has value, on states of the right size; with two units and with one."""
        for netted in (False, True):
            yield from self._dates(self.source(netted), self.part(netted))

    def _dates(self, source: NettingSetSource, made: ValuePart) -> Iterator[OnDate]:
        with torch.no_grad():
            covariance = source.frame.table.at(TIMES)
            mean = source.frame.model.initial_state() + source.frame.model.drifts(covariance)
        rng = torch.Generator().manual_seed(3)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=rng, dtype=torch.float64)

        for t in range(len(TIMES)):
            part, leaves, _ = tree.cut(made)
            size = torch.sqrt(torch.diagonal(covariance[t]))[:, None]
            state = (mean[t][:, None] + size * normal(len(mean[t]), PATHS)).requires_grad_(True)
            events = (0.01 * normal(len(source.frame.event_of), PATHS)).requires_grad_(True)
            centre, scale = source.frame.centre[t], source.frame.scale[t]
            degrees = [part.degree(t, row) for row in range(len(centre))]
            at = date_context(t, state, source.frame.model.layout, centre, scale, events, degrees)
            found = part.on(at)
            if found is not None:
                nothing = torch.zeros(len(source.compiled.units), PATHS, dtype=torch.float64)
                values = found.add_to(Values(nothing, nothing, nothing))
                mask = (normal(*nothing.shape) > 0).to(nothing)
                yield OnDate(part, at, found, values, leaves, state, events, mask)

    def test_has_value_on_some_dates(self) -> None:
        found = [bool(one.values.soft.abs().sum(1).min() > 0.0) for one in self.dates()]
        assert any(found), f"{self.kind().__name__}: the sample's claims give it nothing, or to one unit only"

    def test_derivatives_to_states(self) -> None:
        for one in self.dates():
            for mask in (one.mask, None):
                weight = torch.ones_like(one.mask) if mask is None else mask
                expected = _gradients((weight * one.values.soft).sum(), [one.state])[0]
                found = torch.zeros_like(expected)
                with torch.no_grad():
                    one.found.add_state_gradient(found, mask)
                _close(found, expected)

    def test_derivatives_to_all_its_tensors(self) -> None:
        """Those of a date's rows; of all others, and of tensors that it does not name, there are none."""
        for one in self.dates():
            named = one.part.tensors()
            with torch.no_grad():
                adjoint = one.found.input_adjoint(one.mask)
            assert set(adjoint) <= set(named)
            known = [id(dated.value) for dated in named.values()]
            known += [id(value) for value in one.part.boundaries.values()]
            for side, weight in enumerate((one.mask, torch.ones_like(one.mask))):
                total = (weight * one.values.soft).sum()
                for name, dated in named.items():
                    expected = _gradients(total, [dated.value])[0]
                    found = torch.zeros_like(expected)
                    if name in adjoint:
                        found[dated.on(one.at.date)] = adjoint[name][side]
                    _close(found, expected, name)
                others = [leaf for leaf in one.leaves if id(leaf) not in known]
                for gradient in _gradients(total, others):
                    assert not gradient.any(), "values depend on a tensor that `tensors` does not name"

    def test_derivatives_to_events_and_boundaries(self) -> None:
        for one in self.dates():
            total = (one.mask * one.values.soft).sum()
            names = list(one.part.boundaries)
            expected = _gradients(total, [one.events, *(one.part.boundaries[n] for n in names)])
            events, boundaries = torch.zeros_like(one.events), [torch.zeros_like(e) for e in expected[1:]]
            with torch.no_grad():
                for decision in one.found.decisions():
                    slope = one.mask[decision.unit] * decision.slope
                    events[decision.event] += slope
                    boundaries[names.index(decision.boundary)][decision.place] -= slope.sum()
                for numbers, masked, every in one.found.event_gradients(one.mask):
                    assert (np.diff(numbers) > 0).all()
                    events[torch.from_numpy(numbers)] += masked
                    assert every.shape == masked.shape
            _close(events, expected[0])
            for found, wanted in zip(boundaries, expected[1:], strict=True):
                _close(found, wanted)
            touched = set(torch.nonzero(expected[0].abs().sum(1))[:, 0].tolist())
            assert touched <= set(one.part.events().tolist())

    def test_what_all_paths_give_is_a_mask_of_ones(self) -> None:
        for one in self.dates():
            ones = torch.ones_like(one.mask)
            with torch.no_grad():
                masked, every = one.found.event_gradients(one.mask), one.found.event_gradients(ones)
            for some, all_ in zip(masked, every, strict=True):
                _close(some.every, all_.masked)

    def test_exact_values_differ_where_events_decide(self) -> None:
        differ = any(bool((one.values.soft != one.values.hard).any()) for one in self.dates())
        assert differ == self.kind().decides
        for one in self.dates():
            if not self.kind().decides:
                assert one.values.hard is one.values.soft is one.values.half

    def test_is_stored_bit_for_bit(self) -> None:
        part = self.part()
        arrays, meta = pack(part)
        again, other = pack(unpack(self.kind(), arrays, meta))
        assert other == meta
        assert all(np.array_equal(arrays[k], again[k], equal_nan=True) for k in arrays)
        assert arrays.keys() == again.keys()

    def test_on_another_market_what_is_no_tensor_is_kept(self) -> None:
        base = self.part()
        quotes = WORLD.quotes()
        moved = QuoteSet(quotes.ids, quotes.values * 1.3)
        with torch.no_grad():
            found = self.kind().of(self.source(quotes=moved), base)
        for field in fields(base):  # type: ignore[arg-type]
            old, new = getattr(base, field.name), getattr(found, field.name)
            if isinstance(old, np.ndarray) and field.name != "error":
                assert np.array_equal(old, new), f"{field.name} moves with the market"
            if isinstance(old, Tensor):
                assert old.shape == new.shape, field.name

    def test_says_how_much_it_keeps_for_a_path(self) -> None:
        assert self.part().floats_per_path(5) > 0

    def test_a_set_without_claims_has_an_empty_one(self) -> None:
        source = self.source()
        nothing = compile_set(source.compiled.netting_set, [], WORLD.context())
        day_zero = int(WORLD.day.astype(np.int64))
        curves, model = source.frame.curves, source.frame.model
        frame, _ = make_frame(curves, model, TIMES, (nothing,), (nothing,), day_zero)
        part = self.kind().of(replace(source, compiled=nothing, frame=frame), None)
        assert not len(part.events())
        state = model.initial_state()[:, None].expand(-1, PATHS)
        centre, scale = frame.centre[0], frame.scale[0]
        at = date_context(0, state, model.layout, centre, scale, state.new_zeros(0, PATHS), [0] * len(centre))
        found = part.on(at)
        if found is not None:
            none = torch.zeros(0, PATHS, dtype=torch.float64)
            assert found.add_to(Values(none, none, none)).soft.shape == (0, PATHS)


@cache
def _source(claims: tuple[Claim, ...], netted: bool, quotes: QuoteSet | None) -> NettingSetSource:
    """The claims twice, as one unit or as two."""
    world = WORLD(quotes or WORLD.quotes())
    trades: list[Any] = [Promise("A", claims), Promise("B", claims)]
    compiled = compile_set(NettingSet("N", "C", "EUR", netted=netted), trades, WORLD.context(), fixing=FIXING)
    day_zero = int(WORLD.day.astype(np.int64))
    with torch.no_grad():
        frame, _ = make_frame(world.market, world.model, TIMES, (compiled,), (compiled,), day_zero)
    return NettingSetSource(compiled, frame, 0.3)


@cache
def part_of(kind: type[ValuePart], claims: tuple[Claim, ...], netted: bool = False) -> ValuePart:
    with torch.no_grad():
        return kind.of(_source(claims, netted, None), None)


def _gradients(total: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    if not inputs:
        return []
    return list(
        torch.autograd.grad(total, inputs, retain_graph=True, allow_unused=True, materialize_grads=True)
    )


def _close(found: Tensor, expected: Tensor, name: str = "") -> None:
    size = float(expected.detach().abs().max()) if expected.numel() else 0.0
    np.testing.assert_allclose(
        found.detach().numpy(), expected.detach().numpy(), rtol=0.0, atol=1e-11 * size, err_msg=name
    )
