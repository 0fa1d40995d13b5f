"""What every path-dependent product must do; its test class names one trade, still to start, and inherits the rest."""

from __future__ import annotations

import json
import pickle
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.path_world import (
    CONTEXT,
    days_of,
    names_of,
    paths_of,
    random_shares,
    total,
    with_prices,
)
from xva.errors import TradeError
from xva.trades import Trade, TradeContext, registry
from xva.trades.documents import from_document, to_document
from xva.trades.kinds import types_with
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths

LATTICE = (0.8, 0.96, 1.04, 1.3)


class PathTradeContract(ABC):
    """Base of a product's tests."""

    sizes: tuple[str, ...] = ("notional",)
    levels: tuple[float, ...] = ()
    """Prices where the payoff has a kink or an edge; also the scale of all prices (the first of them)."""
    seasoned = True
    """Whether fixings on its observation dates tell all of its past."""
    registered = True

    @abstractmethod
    def trade(self) -> PathTrade: ...

    @property
    def context(self) -> TradeContext:
        return CONTEXT

    # paths

    def report(self) -> np.ndarray:
        """Dates on and between observations, ``as_of`` and the maturity included."""
        start, end = self.context.as_of, self.trade().maturity
        between = start + ((end - start).astype(int) * np.array([0.15, 0.4, 0.63, 0.8])).astype(int)
        observed = self.trade().observation_dates(self.context)
        return np.unique(np.concatenate([[start, end], between, observed[len(observed) // 2 :][:1]]))

    def prices(self, n_paths: int, seed: int = 3) -> dict[str, Tensor]:
        days = days_of(self.trade(), self.context, self.report())
        years = torch.from_numpy(np.diff(self.context.times(days)))
        generator = torch.Generator().manual_seed(seed)
        found = {}
        for k, name in enumerate(names_of(self.trade())):
            draws = torch.randn(len(years), n_paths, generator=generator, dtype=torch.float64)
            steps = 0.35 * years.sqrt()[:, None] * draws
            logs = torch.cat([torch.zeros(1, n_paths, dtype=torch.float64), torch.cumsum(steps, 0)])
            found[name] = self.scale(k) * torch.exp(logs)
        return found

    def scale(self, number: int) -> float:
        """Of the prices of an underlying."""
        initial = getattr(self.trade(), "initial_prices", ())
        return initial[number] if initial else self.levels[0]

    def paths(self, n_paths: int, seed: int = 3, width: float = 0.0) -> Paths:
        days = days_of(self.trade(), self.context, self.report())
        domestic = names_of(self.trade())[0].split("/")[-1] if not self.trade().equities else "USD"
        prices = self.prices(n_paths, seed)
        return paths_of(days, prices, self.report(), self.context, width, domestic)

    def flows(self, paths: Paths, seed: int = 7, trade: PathTrade | None = None) -> Sequence[Flow]:
        product = trade or self.trade()
        return product.cashflows(paths, random_shares(product, paths, seed))

    # a value

    def test_is_registered_under_its_kind(self) -> None:
        if not self.registered:
            pytest.skip("a user's own product")
        assert registry[type(self.trade()).kind] is type(self.trade())

    def test_is_a_value_and_json(self) -> None:
        trade: Trade = self.trade()
        assert [f.name for f in fields(trade) if not f.kw_only] == ["trade_id", "netting_set"]
        assert trade == pickle.loads(pickle.dumps(trade))
        assert hash(trade) == hash(replace(trade))
        read = from_document(json.loads(json.dumps(to_document(trade))), types_with([type(trade)]))
        assert read == trade
        assert hash(read) == hash(trade)
        assert trade.claims(self.context) == ()

    def test_refuses_sizes_that_are_not_positive_numbers(self) -> None:
        for size in self.sizes:
            for value in (-1.0, 0.0, float("nan"), "1e6", None):
                with pytest.raises(TradeError, match=f"field {size}: expected a positive number, got "):
                    replace(self.trade(), **{size: value})

    # dates and flows

    def test_dates_are_sorted_and_to_come(self) -> None:
        trade = self.trade()
        seen, decided = trade.observation_dates(self.context), trade.exercise_dates(self.context)
        for days in (seen, decided):
            assert days.dtype == np.dtype("datetime64[D]")
            assert (np.diff(days) > np.timedelta64(0, "D")).all()
        assert len(seen)
        assert seen[0] > self.context.as_of
        assert set(decided) <= set(seen)
        assert seen[-1] <= trade.maturity

    def test_flows_are_to_come_in_time_and_vary(self) -> None:
        trade, paths = self.trade(), self.paths(400)
        flows = self.flows(paths)
        assert flows
        for flow in flows:
            assert self.context.as_of < flow.pay <= trade.maturity
            assert flow.observed in trade.observation_dates(self.context)
            assert flow.currency in trade.currencies
            assert flow.amount.shape == (400,)
            assert flow.amount.dtype == torch.float64
            assert bool(torch.isfinite(flow.amount).all())
        assert max(flow.pay for flow in flows) == trade.maturity
        assert float(total(paths, flows).std()) > 0.0

    def test_state_has_a_row_per_report_date(self) -> None:
        for report in (self.report(), self.report()[:0]):
            paths = replace(self.paths(50), report=report)
            for name, rows in self.trade().state(paths).items():
                assert rows.shape == (len(report), 50), name
                assert bool(torch.isfinite(rows).all()), name

    def test_nothing_is_left_at_maturity(self) -> None:
        context = TradeContext(self.trade().maturity)
        paths = replace(self.paths(5), context=context, report=self.report()[:0])
        assert not self.trade().cashflows(paths, self.trade().none_exercised(context, 5))

    # what flows depend on

    def test_flows_are_linear_in_what_is_exercised(self) -> None:
        trade, paths = self.trade(), self.paths(100)
        first, second = (random_shares(trade, paths, seed) for seed in (1, 2))
        mixed = trade.cashflows(paths, 0.3 * first + 0.7 * second)
        parts = zip(trade.cashflows(paths, first), trade.cashflows(paths, second), mixed, strict=True)
        for one, two, both in parts:
            torch.testing.assert_close(both.amount, 0.3 * one.amount + 0.7 * two.amount)

    def test_the_future_changes_nothing_before_it(self) -> None:
        trade, paths = self.trade(), self.paths(200)
        other = self.prices(200, seed=11)
        days = days_of(trade, self.context, self.report())
        flows, states = self.flows(paths), trade.state(paths)
        gains = trade.exercise_value(paths)
        changed = 0
        for k, day in enumerate(days[:-1]):
            prices = {n: torch.cat([v[: k + 1], other[n][k + 1 :]]) for n, v in self.prices(200).items()}
            moved = with_prices(paths, prices)
            for before, after in zip(flows, self.flows(moved), strict=True):
                if before.observed <= day:
                    assert torch.equal(before.amount, after.amount), (day, before.observed)
                else:
                    changed += not torch.equal(before.amount, after.amount)
            known = self.report() <= day
            for name, rows in trade.state(moved).items():
                assert torch.equal(rows[known], states[name][known]), (day, name)
            if gains is not None:
                decided = trade.exercise_dates(self.context) <= day
                again = trade.exercise_value(moved)
                assert again is not None
                assert torch.equal(again[decided], gains[decided])
        assert changed

    def test_the_other_side_has_the_opposite_flows(self) -> None:
        trade, paths = self.trade(), self.paths(100)
        other = replace(trade, side={"long": "short", "short": "long"}[trade.side])
        for ours, theirs in zip(self.flows(paths), self.flows(paths, trade=other), strict=True):
            assert torch.equal(ours.amount, -theirs.amount)
        for name, rows in trade.state(paths).items():
            assert torch.equal(rows, other.state(paths)[name])
        if len(trade.exercise_dates(self.context)):
            assert other.holder == -trade.holder

    def test_flows_are_linear_in_size(self) -> None:
        trade, paths = self.trade(), self.paths(100)
        larger = replace(trade, **{size: 8.0 * getattr(trade, size) for size in self.sizes})
        for once, more in zip(self.flows(paths), self.flows(paths, trade=larger), strict=True):
            torch.testing.assert_close(more.amount, 8.0 * once.amount)

    def test_state_is_all_the_past_that_matters(self) -> None:
        """Histories on a coarse lattice of prices, one future: equal states on a date, equal flows after it."""
        trade, n_paths = self.trade(), 4000
        days = days_of(trade, self.context, self.report())
        generator, chosen = np.random.default_rng(5), torch.tensor(LATTICE, dtype=torch.float64)
        same = 0
        for k, day in [(k, d) for k, d in enumerate(days) if d in self.report()][1:-1]:
            prices = {}
            for number, (name, values) in enumerate(self.prices(1).items()):
                pick = torch.from_numpy(generator.integers(0, len(LATTICE), (k + 1, n_paths)))
                pick[0], pick[k] = 1, 2
                past = self.scale(number) * chosen[pick]
                prices[name] = torch.cat([past, values[k + 1 :].expand(-1, n_paths)])
            paths = with_prices(replace(self.paths(1), n_paths=n_paths), prices)
            row = int(np.flatnonzero(self.report() == day)[0])
            states = [rows[row] for rows in trade.state(paths).values()]
            none = trade.none_exercised(self.context, n_paths)
            flows = [f.amount for f in trade.cashflows(paths, none) if f.observed > day]
            columns = torch.stack([*states, torch.zeros(n_paths, dtype=torch.float64)], 1)
            _, group = np.unique(np.round(columns.numpy(), 11), axis=0, return_inverse=True)
            same += n_paths - group.max() - 1
            for amount in flows:
                order = np.lexsort((amount.numpy(), group.ravel()))
                jumps = np.diff(amount.numpy()[order])[np.diff(group.ravel()[order]) == 0]
                assert np.abs(jumps).max(initial=0.0) < 1e-9 * (1.0 + float(amount.abs().max())), day
        assert same > 1000

    # fixings

    def test_a_seasoned_trade_pays_the_rest(self) -> None:
        if not self.seasoned:
            pytest.skip("its fixings alone do not tell its past")
        trade, n_paths = self.trade(), 12
        paths, days = self.paths(n_paths), days_of(self.trade(), self.context, self.report())
        seen = trade.observation_dates(self.context)
        for day in (seen[len(seen) // 2] - 1, seen[len(seen) // 2]):
            if day <= self.context.as_of:
                continue
            shares = random_shares(trade, paths, 7)
            late = trade.exercise_dates(self.context) > day
            whole = [f for f in trade.cashflows(paths, shares) if f.pay > day]
            states = trade.state(paths)
            for p in range(n_paths):
                known = {
                    (name, str(d)): float(v[k, p])
                    for name, v in self.prices(n_paths).items()
                    for k, d in enumerate(days)
                    if d <= day
                }
                context = TradeContext(day, fixings=known)
                live = days >= day
                rest = {name: v[live][:, p : p + 1] for name, v in self.prices(n_paths).items()}
                begun = days[live]
                if begun[0] > day:
                    begun = np.concatenate([[day], begun])
                    rest = {name: torch.cat([v[:1], v]) for name, v in rest.items()}
                report = self.report()[self.report() >= day]
                left = paths_of(begun, rest, report, context)
                flows = trade.cashflows(left, shares[late][:, p : p + 1])
                expected = [f for f in whole if not len(late) or f.observed > day]
                for one, two in zip(expected, flows, strict=True):
                    assert (one.pay, one.observed) == (two.pay, two.observed)
                    torch.testing.assert_close(one.amount[p : p + 1], two.amount)
                for name, rows in trade.state(left).items():
                    torch.testing.assert_close(rows[:, 0], states[name][self.report() >= day, p])

    def test_a_missing_fixing_is_named(self) -> None:
        seen = self.trade().observation_dates(self.context)
        if not self.seasoned or len(self.trade().exercise_dates(self.context)) or len(seen) < 2:
            pytest.skip("asks for no past fixing")
        context = TradeContext(seen[0] + 1)
        days = days_of(self.trade(), context, [])
        prices = {name: torch.full((len(days), 3), 1.1, dtype=torch.float64) for name in self.prices(1)}
        paths = paths_of(days, prices, (), context)
        with pytest.raises(TradeError, match=f"fixing of .*{seen[0]}") as caught:
            self.flows(paths)
        assert str(seen[0]) in caught.value.ids

    def test_the_price_of_the_day_stands_in_for_its_fixing(self) -> None:
        """A fixing on ``as_of`` is used where it is given, else the price of the paths; the context is told."""
        trade, seen = self.trade(), self.trade().observation_dates(self.context)
        if not self.seasoned or not names_of(trade):
            pytest.skip("looks at no fixing")
        day = seen[len(seen) // 2]
        names, past = names_of(trade), seen[seen < day]
        known = {(name, str(d)): 0.97 * self.scale(k) for k, name in enumerate(names) for d in past}
        now = {(name, str(day)): 1.02 * self.scale(k) for k, name in enumerate(names)}
        asked: list[str] = []
        listening = TradeContext(day, fixings=known, open_today=asked.append)
        days = days_of(trade, listening, [day])
        prices = {
            name: torch.full((len(days), 3), 1.02 * self.scale(k), dtype=torch.float64)
            for k, name in enumerate(names)
        }
        found = []
        for context in (listening, TradeContext(day, fixings=known | now)):
            paths = paths_of(days, prices, [day], context)
            flows = trade.cashflows(paths, trade.none_exercised(context, 3))
            found.append((total(paths, flows), *trade.state(paths).values()))
        for one, two in zip(*found, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-12, atol=0.0)
        assert set(asked) <= set(names)
        if day < trade.maturity and not len(trade.exercise_dates(self.context)):
            assert asked

    # derivatives

    @pytest.mark.parametrize("width", [0.0, 0.05])
    def test_derivatives_are_numbers_on_edges_too(self, width: float) -> None:
        trade, edges = self.trade(), torch.tensor(self.levels, dtype=torch.float64)
        generator = torch.Generator().manual_seed(2)
        drawn = self.prices(300)
        prices = {}
        for k, (name, values) in enumerate(drawn.items()):
            scale = self.scale(k) / self.levels[0]
            at = edges[torch.randint(len(edges), values.shape, generator=generator)] * scale
            edge = torch.rand(values.shape, generator=generator) < 0.3
            prices[name] = torch.where(edge, at, values).requires_grad_(True)
        paths = with_prices(self.paths(300), prices, width)
        states = [v.sum() for v in trade.state(paths).values()]
        for value in (total(paths, self.flows(paths)).sum(), *(s for s in states if s.requires_grad)):
            slopes = torch.autograd.grad(value, list(prices.values()), retain_graph=True, allow_unused=True)
            assert all(s is None or bool(torch.isfinite(s).all()) for s in slopes)

    def test_derivatives_are_those_of_the_flows(self) -> None:
        """Central differences path by path, with smooth decisions where the trade has any."""
        trade, n_paths = self.trade(), 200
        width = 0.05 if trade.jumps else 0.0
        paths, size = self.paths(n_paths, width=width), 1e-6
        base = self.prices(n_paths)
        for name in base:
            leaf = base[name].clone().requires_grad_(True)
            value = total(paths, self.flows(with_prices(paths, {**base, name: leaf})))
            (slope,) = torch.autograd.grad(value.sum(), [leaf])
            tilt = torch.linspace(0.5, 1.5, len(leaf), dtype=torch.float64)[:, None]  # not all alike
            exact = (slope * tilt * base[name]).sum(0)
            up, down = (
                total(paths, self.flows(with_prices(paths, {**base, name: base[name] * (1.0 + s * tilt)})))
                for s in (size, -size)
            )
            difference = (up - down) / (2.0 * size)
            scale = float(exact.abs().max()) + 1e-9
            off = (difference - exact).abs() > 1e-5 * scale
            assert int(off.sum()) <= 1, (name, int(off.sum()))  # a kink may lie between
            assert float(exact.abs().max()) > 0.0
