"""Deposits, overnight deposits, FRAs, futures and tenor basis swaps: QuantLib's bootstrap, its instruments, and bumps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import QuantLib as ql
import torch

from xva import dates
from xva.market import DiscountCurve, Market, MarketConfig, QuoteSet, build_market, quote_info
from xva.market.config import CurveTerms
from xva.market.conventions import STANDARD_INDICES
from xva.market.par_dates import instrument_dates
from xva.numerics.types import Dates, Floats

AS_OF = np.datetime64("2026-01-15")
TODAY = ql.Date(15, 1, 2026)
A365 = ql.Actual365Fixed()
CALENDAR = ql.TARGET()
OIS = {t: 0.019 + 0.0006 * k for k, t in enumerate(("3M", "1Y", "2Y", "5Y", "10Y"))}
SWAPS = {t: 0.0235 + 0.0007 * k for k, t in enumerate(("2Y", "3Y", "5Y", "10Y"))}
FRAS = {3: 0.0222, 6: 0.0226, 9: 0.0229}
FUTURES = {"2026-03": (97.86, 0.00001), "2026-06": (97.83, 0.00003), "2026-09": (97.79, 0.00007)}
BASIS = {t: 0.0009 + 0.00005 * k for k, t in enumerate(("2Y", "5Y", "10Y"))}
OVER = {t: 0.0013 + 0.00005 * k for k, t in enumerate(("1Y", "5Y", "10Y"))}
QUOTES: dict[str, float] = {
    "MM/RATE/EUR/0D/1D": 0.0193,
    "MM/RATE/EUR/1D/1D": 0.0194,
    **{f"IR_SWAP/RATE/EUR/2D/1D/{t}": v for t, v in OIS.items()},
    "MM/RATE/EUR/2D/6M": 0.0219,
    **{f"FRA/RATE/EUR/{m}M/6M": v for m, v in FRAS.items()},
    **{f"IR_SWAP/RATE/EUR/2D/6M/{t}": v for t, v in SWAPS.items()},
    "MM/RATE/EUR/2D/3M": 0.0207,
    **{f"MM_FUTURE/PRICE/EUR/{m}/XEUR/3M": p for m, (p, _) in FUTURES.items()},
    **{f"MM_FUTURE/CONVEXITY/EUR/{m}/XEUR/3M": c for m, (_, c) in FUTURES.items()},
    **{f"BASIS_SWAP/BASIS_SPREAD/6M/3M/EUR/{t}": v for t, v in BASIS.items()},
    **{f"BASIS_SWAP/BASIS_SPREAD/1M/1D/EUR/{t}": v for t, v in OVER.items()},
    **{f"BASIS_SWAP/BASIS_SPREAD/12M/6M/EUR/{t}": v for t, v in BASIS.items()},
}
CURVES = ("EUR-ESTR", "EUR-EURIBOR-6M", "EUR-EURIBOR-3M", "EUR-EURIBOR-1M", "EUR-EURIBOR-12M")
OTHER = {
    "EUR-EURIBOR-3M": "EUR-EURIBOR-6M",
    "EUR-EURIBOR-12M": "EUR-EURIBOR-6M",
    "EUR-EURIBOR-1M": "EUR-ESTR",
}
DAYS = np.arange(1, 10 * 365, 37)


@pytest.fixture(scope="module")
def market() -> Market:
    return built(QuoteSet.from_mapping(QUOTES))


def built(quotes: QuoteSet) -> Market:
    return build_market(quotes, MarketConfig.standard(AS_OF, "EUR", ("EUR",)))


def years(days: Dates) -> Floats:
    return np.asarray(dates.years(AS_OF, days))


def handle(value: float) -> ql.QuoteHandle:
    return ql.QuoteHandle(ql.SimpleQuote(value))


def copied(market: Market, name: str) -> ql.YieldTermStructureHandle:
    """Our nodes in a QuantLib curve with the same interpolation."""
    curve = market.curves[name]
    nodes = [TODAY, *(TODAY + round(float(t) * 365) for t in curve.times)]
    copy = ql.DiscountCurve(nodes, [1.0, *curve.discount(curve.times).tolist()], A365)
    copy.enableExtrapolation()
    return ql.YieldTermStructureHandle(copy)


def estr_helpers(market: Market) -> list[ql.RateHelper]:
    short = [
        ql.DepositRateHelper(handle(QUOTES[f"MM/RATE/EUR/{lag}D/1D"]), ql.Period("1D"), lag, CALENDAR, ql.ModifiedFollowing,
                             False, ql.Actual360())
        for lag in (0, 1)
    ]  # fmt: skip
    return short + [
        ql.OISRateHelper(2, ql.Period(t), handle(v), ql.Estr(), paymentLag=1, paymentFrequency=ql.Annual,
                         paymentConvention=ql.ModifiedFollowing, telescopicValueDates=True)
        for t, v in OIS.items()
    ]  # fmt: skip


def six_month_helpers(market: Market) -> list[ql.RateHelper]:
    index, discount = ql.Euribor6M(), copied(market, "EUR-ESTR")
    found: list[ql.RateHelper] = [ql.DepositRateHelper(handle(QUOTES["MM/RATE/EUR/2D/6M"]), index)]
    found += [ql.FraRateHelper(handle(v), m, index) for m, v in FRAS.items()]
    thirty = ql.Thirty360(ql.Thirty360.BondBasis)
    return found + [
        ql.SwapRateHelper(handle(v), ql.Period(t), CALENDAR, ql.Annual, ql.ModifiedFollowing, thirty, index,
                          ql.QuoteHandle(), ql.Period("0D"), discount)
        for t, v in SWAPS.items()
    ]  # fmt: skip


def three_month_helpers(market: Market) -> list[ql.RateHelper]:
    found: list[ql.RateHelper] = [ql.DepositRateHelper(handle(QUOTES["MM/RATE/EUR/2D/3M"]), ql.Euribor3M())]
    for month, (price, convexity) in FUTURES.items():
        begins = ql.IMM.nextDate(ql.Date(f"{month}-01", "%Y-%m-%d"))
        found.append(ql.FuturesRateHelper(handle(price), begins, ql.Euribor3M(), handle(convexity)))
    long = ql.Euribor6M(copied(market, "EUR-EURIBOR-6M"))
    return found + basis_helpers(market, ql.Euribor3M(), long, BASIS, True)


def twelve_month_helpers(market: Market) -> list[ql.RateHelper]:
    short = ql.Euribor6M(copied(market, "EUR-EURIBOR-6M"))
    return basis_helpers(market, short, ql.Euribor1Y(), BASIS, False)


def one_month_helpers(market: Market) -> list[ql.RateHelper]:
    estr = ql.Estr(copied(market, "EUR-ESTR"))
    return [
        ql.OvernightIborBasisSwapRateHelper(handle(v), ql.Period(t), 2, CALENDAR, ql.ModifiedFollowing, False, estr,
                                            ql.Euribor1M(), copied(market, "EUR-ESTR"))
        for t, v in OVER.items()
    ]  # fmt: skip


def basis_helpers(
    market: Market, short: ql.IborIndex, long: ql.IborIndex, quotes: dict[str, float], short_is_built: bool
) -> list[ql.RateHelper]:
    return [
        ql.IborIborBasisSwapRateHelper(handle(v), ql.Period(t), 2, CALENDAR, ql.ModifiedFollowing, False, short, long,
                                       copied(market, "EUR-ESTR"), short_is_built)
        for t, v in quotes.items()
    ]  # fmt: skip


HELPERS: dict[str, Callable[[Market], list[ql.RateHelper]]] = dict(
    zip(
        CURVES,
        (estr_helpers, six_month_helpers, three_month_helpers, one_month_helpers, twelve_month_helpers),
    )
)


@pytest.mark.parametrize("name", CURVES)
def test_discount_factors_are_those_of_quantlibs_bootstrap(market: Market, name: str) -> None:
    ql.Settings.instance().evaluationDate = TODAY
    theirs = ql.PiecewiseLogLinearDiscount(TODAY, HELPERS[name](market), A365)
    theirs.enableExtrapolation()
    ours = market.curves[name].discount(DAYS / 365.0).numpy()
    expected = [theirs.discount(float(d) / 365.0) for d in DAYS]
    np.testing.assert_allclose(ours, expected, rtol=2e-10)


@pytest.mark.parametrize("name", CURVES)
def test_instruments_are_repriced(market: Market, name: str) -> None:
    """Floating less fixed, or less the other leg and its spread, leg by leg on the finished curves."""
    index, other = STANDARD_INDICES[name], STANDARD_INDICES[OTHER.get(name, name)]
    own, home = market.curves[name], market.curves["EUR-ESTR"]

    def floating(curve: DiscountCurve, starts: Dates, ends: Dates, pays: Dates) -> float:
        growth = curve.discount(years(starts)) / curve.discount(years(ends)) - 1.0
        return float((growth * home.discount(years(pays))).sum())

    ids = [i for i in market.sources[name].quote_ids if quote_info(i).family != "future convexity"]
    assert len(ids) == len(own.times)
    for quote_id in ids:
        d, value = instrument_dates(AS_OF, quote_id, index, other), QUOTES[quote_id]
        if quote_info(quote_id).family == "future":
            value = (100.0 - value) / 100.0 - QUOTES[quote_id.replace("PRICE", "CONVEXITY")]
        fixed = value * float((torch.from_numpy(d.accruals) * home.discount(years(d.fixed_pays))).sum())
        total = floating(own, d.starts, d.ends, d.float_pays) - fixed
        if d.other is not None:
            total -= floating(market.curves[other.name], d.other.starts, d.other.ends, d.other.ends)
        assert abs(total) < 1e-12, quote_id


def test_every_quote_is_used_and_gradients_are_those_of_bumps() -> None:
    """Of a discount factor of each curve to each quote, against central differences; every kind moves something."""
    leaf = QuoteSet.from_mapping(QUOTES).as_leaf()
    market = built(leaf)
    assert market.unused == ()
    at = np.array([0.4, 0.9, 1.7, 6.3])
    curves = sorted(market.curves)
    values = torch.cat([market.curves[c].discount(at) for c in curves])
    unit = torch.eye(len(values), dtype=torch.float64)
    (gradient,) = torch.autograd.grad(values, [leaf.values], unit, is_grads_batched=True)
    plain = QuoteSet.from_mapping(QUOTES)
    for k, quote_id in enumerate(plain.ids):
        h = 1e-3 if quote_id.startswith("MM_FUTURE/PRICE") else 1e-5
        up, down = (built(plain.shifted(quote_id, s * h)) for s in (1.0, -1.0))
        bumped = torch.cat([up.curves[c].discount(at) - down.curves[c].discount(at) for c in curves]) / (
            2.0 * h
        )
        torch.testing.assert_close(gradient[:, k], bumped, rtol=2e-6, atol=2e-8)
        assert float(gradient[:, k].abs().max()) > 1e-5, quote_id


def test_a_future_begins_on_the_third_wednesday() -> None:
    for year in (2026, 2027, 2028):
        for month in (3, 6, 9, 12):
            begins = ql.IMM.nextDate(ql.Date(1, month, year))
            assert str(dates.third_wednesday(f"{year}-{month:02}")) == begins.ISO()


def test_without_convexity_a_futures_rate_is_the_forward(market: Market) -> None:
    ids = [i for i in QUOTES if i.startswith("MM_FUTURE/CONVEXITY")]
    plain = built(QuoteSet.from_mapping({k: v for k, v in QUOTES.items() if k not in ids}))
    start, end = (np.asarray(dates.years(AS_OF, np.datetime64(d))) for d in ("2026-09-16", "2026-12-16"))
    for found, convexity in ((plain, 0.0), (market, FUTURES["2026-09"][1])):
        growth = found.curves["EUR-EURIBOR-3M"].log_discount(start) - found.curves[
            "EUR-EURIBOR-3M"
        ].log_discount(end)
        rate = float(torch.expm1(growth)) / (91 / 360)
        assert rate == pytest.approx((100.0 - FUTURES["2026-09"][0]) / 100.0 - convexity, abs=1e-12)


def test_basis_swaps_beside_swaps_are_left_alone_unless_named() -> None:
    """An index with swaps of its own is built from them; what a job names goes first."""
    swaps = {f"IR_SWAP/RATE/EUR/2D/3M/{t}": v - 0.001 for t, v in SWAPS.items()}
    quotes = QuoteSet.from_mapping({k: v for k, v in QUOTES.items() if "1D" in k or "6M" in k} | swaps)
    config = MarketConfig.standard(AS_OF, "EUR", ("EUR",))
    basis = tuple(i for i in quotes.ids if i.startswith("BASIS_SWAP/BASIS_SPREAD/6M/3M"))
    assert set(basis) <= set(build_market(quotes, config).unused)
    named = {"EUR-EURIBOR-3M": CurveTerms(("BASIS_SWAP/BASIS_SPREAD/6M/3M/*",))}
    chosen = build_market(
        quotes, MarketConfig(AS_OF, "EUR", config.discount, config.projection, curves=named)
    )
    assert set(swaps) <= set(chosen.unused)
    assert not set(basis) & set(chosen.unused)


@pytest.mark.parametrize(
    ("quote_id", "family", "curve", "tenor"),
    [
        ("FRA/RATE/PLN/3M/6M", "FRA", "PLN-WIBOR-6M", "9M"),
        ("MM_FUTURE/PRICE/EUR/2026-03/XEUR/3M", "future", "EUR-EURIBOR-3M", "2026-06-18"),
        ("BASIS_SWAP/BASIS_SPREAD/6M/3M/SEK/5Y", "tenor basis", "SEK-STIBOR-3M", "5Y"),
        ("MM/RATE/CHF/0D/1D", "deposit", "CHF-SARON", "1D"),
    ],
)
def test_labels(quote_id: str, family: str, curve: str, tenor: str) -> None:
    info = quote_info(quote_id)
    assert (info.family, info.curve, info.tenor) == (family, curve, tenor)
