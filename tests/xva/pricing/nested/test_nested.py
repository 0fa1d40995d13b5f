"""Nested Monte Carlo against closed forms at every outer state, its errors, its derivatives, its bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import QuantLib as ql
import torch
from torch import Tensor

from tests.support.statistics import three_sigma
from xva.errors import DomainError, TradeError
from xva.market.curves import DiscountCurve
from xva.market.indices import RateIndex
from xva.models.cross_asset import CrossAssetModel, LognormalAsset
from xva.models.cross_asset_paths import PathMarket
from xva.models.deterministic_rates import RateCurve
from xva.models.equity_basket import EquityBasket
from xva.models.heston import HestonBasket
from xva.models.lgm import Lgm
from xva.models.path_model import PathModel, Walk, join_times, walk
from xva.models.random import PathNoise, brownian_rotation
from xva.pricing.closed_form.black_scholes import black_scholes
from xva.pricing.closed_form.heston import heston
from xva.pricing.exercise.simulation import ExercisePaths
from xva.pricing.exercise.training import train_policy
from xva.pricing.nested import InnerPaths, NestedBook, NestedValues, nested_values
from xva.trades import TradeContext
from xva.trades.american_option import AmericanOption
from xva.trades.asian_option import AsianOption
from xva.trades.barrier_option import BarrierOption
from xva.trades.basket_option import BasketOption
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths
from xva.trades.terms import Terms

AS_OF = np.datetime64("2026-01-15")
CONTEXT = TradeContext(AS_OF)
RATE, VOL, DIVIDEND = 0.03, 0.25, 0.01
STATES = 12
INNER = InnerPaths(seed=7, scrambles=32, points=128)


def day(months: int) -> np.datetime64:
    return (AS_OF.astype("datetime64[M]") + months).astype("datetime64[D]") + np.timedelta64(14, "D")


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def equity() -> EquityBasket:
    spot, vol, dividend = (number(x)[None] for x in (100.0, VOL, DIVIDEND))
    return EquityBasket.flat("EUR", ("A",), spot, vol, number(RATE), dividend)


def outer(book: NestedBook, report: np.datetime64, states: int = STATES, longest: float = 10.0) -> Walk:
    times = join_times(book.times, book.context.times(np.array([report])))
    noise = PathNoise(3, 1, states, brownian_rotation(times[1:]), book.model.n_normals)
    return walk(book.model, times, noise.grid(0))


def single(trade: PathTrade, model: PathModel | None = None, **options: object) -> NestedBook:
    return NestedBook(equity() if model is None else model, (trade,), CONTEXT, **options)  # type: ignore[arg-type]


def years(start: np.datetime64, end: np.datetime64) -> float:
    return CONTEXT.time(end) - CONTEXT.time(start)


def assert_all(found: Tensor, error: Tensor, exact: Tensor, scrambles: int = 32) -> None:
    """Every number within its 99.73 % Student quantile, shared among all of them; the errors as large as they say."""
    quantile = three_sigma(scrambles, found.numel())
    z = ((found - exact) / error).numpy()
    assert np.abs(z).max() < quantile, z
    if found.numel() >= STATES:
        assert 0.5 < np.sqrt(np.mean(z**2)) < 1.6, z


def call_and_delta(
    log_spot: Tensor, strike: Tensor | float, time: float, maturity: float, sign: int = 1
) -> tuple[Tensor, Tensor]:
    """Deflated value and its derivative to ln S, ``(path,)``."""
    x = log_spot.detach().requires_grad_(True)
    strikes = torch.as_tensor(strike, dtype=torch.float64) * torch.ones_like(x)
    left = number(maturity - time)
    value = black_scholes(torch.exp(x), strikes, left, number(RATE), number(VOL), number(DIVIDEND), sign)
    value = value * np.exp(-RATE * time)
    return value.detach(), torch.autograd.grad(value.sum(), x)[0]


def european(months: int = 18, **changes: object) -> AsianOption:
    """A European option is an average over one date."""
    return asian(**({"trade_id": "CALL", "averaging_dates": (day(months),)} | changes))


def asian(**changes: object) -> AsianOption:
    terms = {
        "trade_id": "ASIAN", "netting_set": "N", "underlying": "EQ/A", "currency": "EUR", "side": "long",
        "option_type": "call", "quantity": 1.0, "strike": 100.0,
        "averaging_dates": (day(3), day(6), day(9), day(15)),
    }  # fmt: skip
    return AsianOption(**(terms | changes))  # type: ignore[arg-type]


def test_european_values_and_deltas_at_every_state() -> None:
    book, report = single(european()), day(6)
    paths = outer(book, report)
    found = nested_values(book, paths, report, INNER, gradient=True)
    value, delta = call_and_delta(paths.states[-2][0], 100.0, years(AS_OF, report), years(AS_OF, day(18)))
    assert_all(found.value, found.error, value)
    assert_all(found.gradient[0], found.gradient_error[0], delta)
    assert bool((found.error < 0.01 * found.value + 0.05).all())
    assert found.cost.paths == STATES * 32 * 128 == found.cost.steps
    assert "nested paths" in str(found.cost)


def test_a_book_is_the_sum_and_forwards_cost_no_error() -> None:
    trades = (european(), european(trade_id="PUT", option_type="put", side="short"))
    book, report = NestedBook(equity(), trades, CONTEXT), day(6)
    paths = outer(book, report)
    found = nested_values(book, paths, report, INNER, gradient=True)
    now, end = years(AS_OF, report), years(AS_OF, day(18))
    grown = torch.exp(paths.states[-2][0]) * np.exp(-DIVIDEND * (end - now) - RATE * now)
    assert_all(found.value, found.error, grown - 100.0 * np.exp(-RATE * end))
    assert_all(found.gradient[0], found.gradient_error[0], grown)
    assert float(found.error.max()) < 0.05  # plain Monte Carlo: 0.4


def test_history_counts() -> None:
    """An average of which one price is open is a call on it with a strike of the path's own."""
    book, report = single(asian(pay_date=day(16), strike=105.0)), day(12)
    paths = outer(book, report)
    found = nested_values(book, paths, report, INNER, gradient=True)
    times = [paths.place(CONTEXT.time(day(m))) for m in (3, 6, 9)]
    seen = torch.stack([torch.exp(paths.states[k][0]) for k in times]).sum(0)
    now = paths.states[paths.place(CONTEXT.time(report))][0]
    value, delta = call_and_delta(now, 420.0 - seen, years(AS_OF, report), years(AS_OF, day(15)))
    later = 0.25 * np.exp(-RATE * years(day(15), day(16)))
    open_ = value > 0.3  # elsewhere few nested paths end in the money
    assert int(open_.sum()) >= 5
    assert_all(found.value[open_], found.error[open_], later * value[open_])
    assert_all(found.gradient[0, open_], found.gradient_error[0, open_], later * delta[open_])


def test_a_price_seen_today_is_history() -> None:
    """On a fixing date the derivative to the state leaves the fixing where it is."""
    book, report = single(asian(averaging_dates=(day(9), day(15)))), day(9)
    paths = outer(book, report)
    found = nested_values(book, paths, report, INNER, gradient=True)
    now = paths.states[paths.place(CONTEXT.time(report))][0]
    value, delta = call_and_delta(now, 200.0 - torch.exp(now), years(AS_OF, report), years(AS_OF, day(15)))
    assert_all(found.value, found.error, 0.5 * value)
    assert_all(found.gradient[0], found.gradient_error[0], 0.5 * delta)


def test_known_flows_are_exact() -> None:
    book, report = single(european(6, pay_date=day(9))), day(7)
    paths = outer(book, report)
    found = nested_values(book, paths, report, INNER, gradient=True)
    payoff = torch.relu(torch.exp(paths.states[paths.place(CONTEXT.time(day(6)))][0]) - 100.0)
    torch.testing.assert_close(found.value, payoff * np.exp(-RATE * years(AS_OF, day(9))))
    assert bool((found.error == 0).all() & (found.gradient == 0).all())
    assert found.cost.paths == 0


def test_today() -> None:
    book = single(european())
    found = nested_values(book, outer(book, AS_OF, 2), AS_OF, INNER)
    value, _ = call_and_delta(torch.log(number(100.0))[None], 100.0, 0.0, years(AS_OF, day(18)))
    assert_all(found.value, found.error, value.expand(2))
    with pytest.raises(DomainError, match="gradient=True"):
        found.gradient  # noqa: B018


def test_jumps_are_differentiated_by_likelihood_ratio() -> None:
    """An up-and-out call watched at expiry only: a call spread less a digital."""
    trade = BarrierOption(
        trade_id="UO", netting_set="N", underlying="EQ/A", currency="EUR", side="long", option_type="call",
        quantity=1.0, strike=100.0, barrier=130.0, barrier_type="up-and-out", expiry_date=day(18),
        monitoring_dates=(day(18),),
    )  # fmt: skip
    assert trade.jumps
    book, report = single(trade), day(6)
    paths = outer(book, report)
    inner = replace(INNER, scrambles=128, points=32)  # few points: one of them at the jump is no rare event
    found = nested_values(book, paths, report, inner, gradient=True)
    x = paths.states[-2][0].detach().requires_grad_(True)
    now, end = years(AS_OF, report), years(AS_OF, day(18))
    low, high = (
        black_scholes(
            torch.exp(x),
            k * torch.ones_like(x),
            number(end - now),
            number(RATE),
            number(VOL),
            number(DIVIDEND),
        )
        for k in (100.0, 130.0)
    )
    deviation = VOL * (end - now) ** 0.5
    d2 = (x - np.log(130.0) + (RATE - DIVIDEND) * (end - now)) / deviation - 0.5 * deviation
    value = (low - high - 30.0 * torch.special.ndtr(d2) * np.exp(-RATE * (end - now))) * np.exp(-RATE * now)
    assert_all(found.value, found.error, value.detach(), 128)
    assert_all(found.gradient[0], found.gradient_error[0], torch.autograd.grad(value.sum(), x)[0], 128)
    smooth = nested_values(replace(book, width=0.02), paths, report, inner, gradient=True)
    assert float((smooth.value - value.detach()).abs().max()) < 0.2


@dataclass(frozen=True)
class TwicePut(PathTrade):
    """A put, exercisable on two dates, paid three months later; linear in what is exercised."""

    kind: ClassVar[str] = "twice"

    @property
    def currencies(self) -> tuple[str, ...]:
        return ("EUR",)

    @property
    def maturity(self) -> np.datetime64:
        return day(15)

    def _check(self, terms: Terms) -> None:
        return

    def observation_dates(self, context: TradeContext) -> np.ndarray:
        return np.array([day(6), day(12)])

    def exercise_dates(self, context: TradeContext) -> np.ndarray:
        return self.observation_dates(context)

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        days = self.exercise_dates(paths.context)
        later = [d + np.timedelta64(90, "D") for d in days]
        return [
            Flow("EUR", d, p, share * torch.relu(100.0 - paths.equity("A", d)))
            for d, p, share in zip(days, later, exercised)
        ]


class Below:
    """Exercises below 95, in the end below 100."""

    def exercised(self, trade: PathTrade, paths: Paths, level: float = 0.0) -> Tensor:
        first, last = (paths.equity("A", d) for d in trade.exercise_dates(paths.context))
        early = (first < 95.0).to(torch.float64)
        return torch.stack([early, (1.0 - early) * (last < 100.0)])


def test_exercise_by_a_policy() -> None:
    """Between the dates: who has exercised waits for the money, who has not holds a put."""
    book, report = single(TwicePut("T", "N"), policies={"T": Below()}), day(8)
    paths = outer(book, report, 24)
    found = nested_values(book, paths, report, INNER, gradient=True)
    at_first = torch.exp(paths.states[paths.place(CONTEXT.time(day(6)))][0])
    now = paths.states[paths.place(CONTEXT.time(report))][0]
    value, delta = call_and_delta(now, 100.0, years(AS_OF, report), years(AS_OF, day(12)), -1)
    gone = at_first < 95.0
    assert 4 < int(gone.sum()) < 20
    assert torch.equal(found.alive[0], (~gone).to(torch.float64))
    paid = day(6) + np.timedelta64(90, "D")
    torch.testing.assert_close(
        found.known[gone], (100.0 - at_first[gone]) * np.exp(-RATE * years(AS_OF, paid))
    )
    assert bool((found.to_come[gone] == 0).all() & (found.known[~gone] == 0).all())
    waited = np.exp(-RATE * 90 / 365)
    live = ~gone
    assert_all(found.value[live], found.error[live], waited * value[live])
    # a spot's slope is counted where it pays: one point more or less in one scramble may be the first of its kind
    one_point = torch.exp(now[live]) / (INNER.scrambles * INNER.points)
    error = found.gradient_error[0, live] + one_point
    assert float(error.max()) < 0.15
    assert_all(found.gradient[0, live], error, waited * delta[live])
    with pytest.raises(TradeError, match="expected a policy"):
        single(TwicePut("T", "N"))


@dataclass(frozen=True)
class Payer(PathTrade):
    """Annual forward rate against a fixed rate, fixed at the start of each year and paid at its end."""

    kind: ClassVar[str] = "payer"

    @property
    def currencies(self) -> tuple[str, ...]:
        return ("EUR",)

    @property
    def indices(self) -> tuple[str, ...]:
        return ("EUR-1Y",)

    @property
    def maturity(self) -> np.datetime64:
        return day(60)

    def _check(self, terms: Terms) -> None:
        return

    def observation_dates(self, context: TradeContext) -> np.ndarray:
        return np.array([day(12 * k) for k in range(1, 5)])

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        days = [day(12 * k) for k in range(1, 6)]
        return [
            Flow("EUR", a, b, 100.0 * (paths.forward("EUR-1Y", a, a, b, 1.0) - 0.03))
            for a, b in zip(days[:-1], days[1:])
        ]


class Curves:
    def discount_curve(self, currency: str) -> DiscountCurve:
        return DiscountCurve.flat(currency, 0.02)

    def projection_curve(self, index: str) -> DiscountCurve:
        return DiscountCurve.flat(index, 0.025)


def shares() -> PathMarket:
    """One equity beside the rate."""
    lgm = Lgm("EUR", number(0.03), np.array([1.0]), number(0.01)[None])
    asset = LognormalAsset("A", "EUR", number(100.0), np.array([1.0]), number(VOL)[None], number(DIVIDEND))
    joint = CrossAssetModel("EUR", {"EUR": lgm}, {}, {"A": asset}, torch.eye(2, dtype=torch.float64))
    return PathMarket.select(Curves(), joint, [], equities=["A"])


def rates() -> PathMarket:
    lgm = Lgm("EUR", number(0.03), np.array([1.0]), number(0.01)[None])
    model = CrossAssetModel("EUR", {"EUR": lgm}, {}, {}, torch.eye(1, dtype=torch.float64))
    index = RateIndex("EUR-1Y", "EUR", "1Y", "NULL", "A365")
    return PathMarket.select(Curves(), model, ["EUR"], [index])


def test_swap_under_lgm() -> None:
    """Coupons to come are bonds and forwards of the state (with a deterministic basis), a fixed one is a bond."""
    book, report = single(Payer("P", "N"), rates()), day(18)
    paths = outer(book, report)
    found = nested_values(book, paths, report, INNER, gradient=True)
    k = paths.place(CONTEXT.time(report))
    x = paths.states[k].detach().requires_grad_(True)
    before = Payer("P", "N").observation_dates(CONTEXT)[0]
    fixed = paths.place(CONTEXT.time(before))
    states = [*paths.states[:k], x]
    observer = book.model.observe(paths.times[: k + 1], states)
    t = CONTEXT.time(report)
    days = [CONTEXT.time(day(12 * n)) for n in range(1, 6)]
    money = observer.deflator("EUR", t)
    forwards = [observer.growth("EUR-1Y", t, a, b) for a, b in zip(days[1:-1], days[2:])]
    open_ = (
        torch.stack([(f - 1.03) * observer.bond("EUR", t, b) for f, b in zip(forwards, days[2:])]).sum(0)
        * money
    )
    coupon = observer.growth("EUR-1Y", float(paths.times[fixed]), days[0], days[1]) - 1.03
    known = coupon * observer.bond("EUR", t, days[1]) * money
    assert_all(found.to_come, found.error, 100.0 * open_.detach())
    torch.testing.assert_close(found.known, 100.0 * known.detach())
    exact = torch.autograd.grad(100.0 * open_.sum(), x)[0]
    assert_all(found.gradient, found.gradient_error, exact)


def test_heston_on_a_fine_grid() -> None:
    parameters = (100.0, 0.04, 1.5, 0.05, 0.3, -0.6)
    values = (number(p)[None] for p in parameters)
    one = torch.eye(1, dtype=torch.float64)
    model = HestonBasket("EUR", ("A",), *values, number(DIVIDEND)[None], RateCurve.of(RATE), one)
    book, report = single(european(12), model), day(6)
    paths = outer(book, report, 4)
    found = nested_values(book, paths, report, replace(INNER, longest=1 / 24), gradient=True)
    assert found.cost.steps == 13 * found.cost.paths
    state = paths.states[paths.place(CONTEXT.time(report))].detach().requires_grad_(True)
    left = years(report, day(12))
    strike, rest = number(100.0), [number(p) for p in parameters[2:]]
    prices = [
        heston(torch.exp(x), strike, number(left), number(RATE), v, *rest, DIVIDEND) for x, v in state.T
    ]
    exact = torch.stack(prices) * np.exp(-RATE * years(AS_OF, report))
    assert_all(found.value, found.error + 1e-3, exact.detach())
    slope = torch.autograd.grad(exact.sum(), state)[0]
    allowed = 2e-3 * slope.abs()
    assert_all(found.gradient, found.gradient_error + allowed, slope)
    jump = replace(european(12), trade_id="J")
    object.__setattr__(jump, "jumps", True)
    with pytest.raises(DomainError, match="HestonBasket; smooth the jump"):
        nested_values(single(jump, model), paths, report, INNER, gradient=True)


def same(a: NestedValues, b: NestedValues) -> bool:
    pairs = [(a.means, b.means), (a.known, b.known), (a.alive, b.alive)]
    if a.gradients is not None and b.gradients is not None:
        pairs.append((a.gradients, b.gradients))
    return all(torch.equal(x, y) for x, y in pairs)


def test_cutting_changes_no_bit() -> None:
    """Outer states in two lots are the same bits; another memory, the same numbers."""
    three = EquityBasket.flat(
        "EUR", ("A", "B", "C"), *(torch.full((3,), x, dtype=torch.float64) for x in (100.0, VOL)), RATE,
        correlation=0.5 * (torch.ones(3, 3, dtype=torch.float64) + torch.eye(3, dtype=torch.float64)),
    )  # fmt: skip
    basket = BasketOption(
        trade_id="B", netting_set="N", underlyings=("EQ/A", "EQ/B", "EQ/C"), currency="EUR", side="long",
        weights=(0.3, 0.3, 0.4), option_type="call", quantity=1.0, strike=100.0, expiry_date=day(18),
    )  # fmt: skip
    book, report = NestedBook(three, (basket, asian()), CONTEXT), day(7)
    paths, inner = outer(book, report, 13), InnerPaths(seed=5, scrambles=8, points=32)
    whole = nested_values(book, paths, report, inner, gradient=True)
    lots = [slice(0, 5), slice(5, 13)]
    parts = [
        nested_values(book, _rows(paths, lot), report, inner, gradient=True, first=lot.start) for lot in lots
    ]
    assert torch.equal(torch.cat([p.means for p in parts], 1), whole.means)
    assert whole.gradients is not None
    assert torch.equal(torch.cat([p.gradients for p in parts if p.gradients is not None], 2), whole.gradients)
    for memory in (1, 200_000, 1_500_000):
        thrifty = nested_values(book, paths, report, replace(inner, memory=memory), gradient=True)
        torch.testing.assert_close(thrifty.means, whole.means, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(thrifty.gradients, whole.gradients, rtol=1e-12, atol=1e-12)
    other = nested_values(book, _rows(paths, lots[1]), report, inner)
    assert not torch.equal(other.means, whole.means[:, 5:])


def _rows(paths: Walk, rows: slice) -> Walk:
    states = tuple(s[:, rows] for s in paths.states)
    return Walk(paths.times, states, states)


def test_states_have_errors_of_their_own() -> None:
    """The same state many times: errors are not the same, and their mean falls as they promise."""
    book, report = single(european()), day(6)
    one = outer(book, report, 2)
    states = tuple(s[:, :1].expand(-1, 64) for s in one.states)
    paths = Walk(one.times, states, states)
    found = nested_values(book, paths, report, InnerPaths(seed=11, scrambles=16, points=16))
    exact, _ = call_and_delta(
        states[one.place(CONTEXT.time(report))][0], 100.0, years(AS_OF, report), years(AS_OF, day(18))
    )
    gap = found.value - exact
    assert float(gap.abs().min()) > 0
    spread = float(gap.std())
    assert 0.7 < spread / float((found.error**2).mean().sqrt()) < 1.4
    assert abs(float(gap.mean())) < 3.5 * spread / 8.0


def test_antithetic_pairs() -> None:
    """Each point with both signs of its normals: unbiased, twice the paths."""
    book, report = single(european()), day(6)
    paths = outer(book, report)
    found = nested_values(book, paths, report, replace(INNER, antithetic=True), gradient=True)
    value, delta = call_and_delta(paths.states[-2][0], 100.0, years(AS_OF, report), years(AS_OF, day(18)))
    assert_all(found.value, found.error, value)
    assert_all(found.gradient[0], found.gradient_error[0], delta)
    assert found.cost.paths == 2 * STATES * INNER.n_paths
    noise = replace(INNER, antithetic=True)
    knots, scrambles = np.array([0.0, 0.5, 2.0]), slice(0, 3)
    z = noise.normals(noise.digits(scrambles, 2), scrambles, report, slice(4, 6), knots)
    assert z.shape == (2, 1, 2 * 2 * 3 * 128)
    half = z.shape[-1] // 2
    assert torch.equal(z[..., :half], -z[..., half:])


def test_what_cannot_be_valued_is_refused() -> None:
    book, report = single(asian()), day(12)
    paths = outer(book, report)
    with pytest.raises(DomainError, match="outer walk that stops at"):
        nested_values(book, paths, day(11), INNER)
    thin = Walk(paths.times[[0, -2, -1]], (paths.states[0], *paths.states[-2:]), paths.carries[-3:])
    with pytest.raises(DomainError, match="outer walk that stops at"):
        nested_values(book, thin, report, INNER)
    with pytest.raises(TradeError, match="at least one trade"):
        NestedBook(equity(), (), CONTEXT)
    with pytest.raises(DomainError, match="power of two"):
        InnerPaths(1, points=100)
    with pytest.raises(DomainError, match="Sobol"):
        nested_values(book, paths, report, replace(INNER, longest=1e-5))


def bermudan() -> NestedBook:
    trade = AmericanOption(
        trade_id="AM", netting_set="N", underlying="EQ/A", currency="EUR", side="long", option_type="put",
        quantity=1.0, strike=110.0, expiry_date=day(12), exercise=(day(4), day(8)), settlement_lag="2D",
    )  # fmt: skip
    source = ExercisePaths.draw(trade, CONTEXT, equity(), seed=1, scrambles=2, block_size=512, n_blocks=2)
    return single(trade, policies={"AM": train_policy(source, equity())})


def test_a_trained_policy_against_a_lattice() -> None:
    """A lower bound that is nearly the value; QuantLib's tree with 2,400 steps."""
    book = bermudan()
    found = nested_values(book, outer(book, AS_OF, 2), AS_OF, INNER)
    today = ql.Date(15, 1, 2026)
    ql.Settings.instance().evaluationDate = today
    flat = [
        ql.YieldTermStructureHandle(ql.FlatForward(today, r, ql.Actual365Fixed())) for r in (RATE, DIVIDEND)
    ]
    vol = ql.BlackVolTermStructureHandle(
        ql.BlackConstantVol(today, ql.NullCalendar(), VOL, ql.Actual365Fixed())
    )
    spot = ql.QuoteHandle(ql.SimpleQuote(100.0))
    process = ql.BlackScholesMertonProcess(spot, flat[1], flat[0], vol)
    when = ql.BermudanExercise([today + int((d - AS_OF).astype(int)) for d in (day(4), day(8), day(12))])
    option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, 110.0), when)
    option.setPricingEngine(ql.BinomialVanillaEngine(process, "crr", 2400))
    lag = option.NPV() * RATE * 2 / 365  # paid some days later
    assert bool((found.value < option.NPV() + 4 * found.error).all())
    assert bool((found.value > option.NPV() * 0.995 - 2 * lag - 4 * found.error).all())
