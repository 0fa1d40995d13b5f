#!/usr/bin/env bash
# ORE 1.8.17.0 (the wheel): a cross-currency swap whose legs say nothing of `Exchanges` exchanges no notional, neither at the
# start nor at the end, without a warning; but where one leg resets with FX (`FXReset`) the differences of its notional are
# paid on every reset date all the same. So the same two legs, 11m USD against 10m EUR for two years, are worth with
# exchanges -2,555 EUR (-2,613 resetting), without the node 183,927 and 44,039. In the market both kinds exchange.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check open-source-risk-engine==1.8.17.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import csv
from pathlib import Path

from ORE import OREApp, Parameters


def tag(element, *inner, **attributes):
    said = "".join(f' {k}="{v}"' for k, v in attributes.items())
    return f"<{element}{said}>{''.join(map(str, inner))}</{element}>"


def settings(**values):
    return "".join(tag("Parameter", v, name=k) for k, v in values.items())


def flat_curve(currency):
    quotes = "".join(tag("Quote", f"ZERO/RATE/{currency}/{currency}-OIS/A365F/{t}") for t in ("1Y", "60Y"))
    segment = tag("Direct", tag("Type", "Zero"), tag("Quotes", quotes), tag("Conventions", "ZERO"))
    head = tag("CurveId", f"{currency}-OIS"), tag("CurveDescription"), tag("Currency", currency), tag("DiscountCurve")
    how = tag("InterpolationVariable", "Discount"), tag("InterpolationMethod", "LogLinear")
    return tag("YieldCurve", *head, tag("Segments", segment), *how, tag("YieldCurveDayCounter", "A365F"))


BOTH = tag("Exchanges", tag("NotionalInitialExchange", "true"), tag("NotionalFinalExchange", "true"))
RESET = tag("FXReset", tag("ForeignCurrency", "USD"), tag("ForeignAmount", 11_000_000), tag("FXIndex", "FX-ECB-USD-EUR"))


def leg(currency, amount, index, payer, more):
    rules = tag("StartDate", "20250115"), tag("EndDate", "20270115"), tag("Tenor", "6M")
    rules += tag("Calendar", "NullCalendar"), tag("Convention", "U")
    floating = tag("FloatingLegData", tag("Index", index), tag("Spreads", tag("Spread", "0.0")))
    head = tag("LegType", "Floating"), tag("Payer", payer), tag("Currency", currency)
    paid = tag("DayCounter", "A365F"), tag("PaymentConvention", "U"), floating
    notionals = tag("Notionals", tag("Notional", amount), more)
    return tag("LegData", *head, notionals, *paid, tag("ScheduleData", tag("Rules", *rules)))


def swap(trade_id, dollars, euros):
    envelope = tag("Envelope", tag("CounterParty", "C"), tag("NettingSetId", "C"), tag("AdditionalFields"))
    legs = leg("USD", 11_000_000, "USD-SOFR", "false", dollars), leg("EUR", 10_000_000, "EUR-ESTER", "true", euros)
    return tag("Trade", tag("TradeType", "Swap"), envelope, tag("SwapData", *legs), id=trade_id)


zero = tag("Id", "ZERO"), tag("TenorBased", "true"), tag("DayCounter", "A365F"), tag("Compounding", "Continuous")
zero += tag("CompoundingFrequency", "Annual"), tag("TenorCalendar", "NullCalendar"), tag("SpotLag", 0)
zero += tag("SpotCalendar", "NullCalendar"), tag("RollConvention", "U"), tag("EOM", "false")
pair = tag("Id", "EUR-USD-FX"), tag("SpotDays", 0), tag("SourceCurrency", "EUR"), tag("TargetCurrency", "USD")
pair += tag("PointsFactor", 10_000), tag("AdvanceCalendar", "NullCalendar")
curves = {"EUR": "Yield/EUR/EUR-OIS", "USD": "Yield/USD/USD-OIS"}
discounting = "".join(tag("DiscountingCurve", v, currency=k) for k, v in curves.items())
indices = tag("Index", curves["EUR"], name="EUR-ESTER") + tag("Index", curves["USD"], name="USD-SOFR")
spot = tag("FxSpots", tag("FxSpot", "FX/EUR/USD", pair="EURUSD"), id="default")
engines = {"Swap": "DiscountingSwapEngine", "CrossCurrencySwap": "DiscountingCrossCurrencySwapEngine"}
trades = swap("exchanged", BOTH, BOTH), swap("silent", "", ""), swap("resetting", BOTH, RESET + BOTH), swap("resetting, silent", "", RESET)
files = {
    "market.txt": "".join(
        f"20250115 ZERO/RATE/{c}/{c}-OIS/A365F/{t} {r}\n" for c, r in (("EUR", 0.03), ("USD", 0.04)) for t in ("1Y", "60Y")
    ) + "20250115 FX/RATE/EUR/USD 1.1\n",
    "fixings.txt": "20250115 FX-ECB-USD-EUR 0.9090909090909091\n",
    "conventions.xml": tag("Conventions", tag("Zero", *zero), tag("FX", *pair)),
    "curveconfig.xml": tag("CurveConfiguration", tag("YieldCurves", *map(flat_curve, curves))),
    "todaysmarket.xml": tag(
        "TodaysMarket", tag("Configuration", tag("DiscountingCurvesId", "default"), id="default"),
        tag("DiscountingCurves", discounting, id="default"), tag("IndexForwardingCurves", indices, id="default"), spot,
    ),
    "engines.xml": tag("PricingEngines", *(
        tag("Product", tag("Model", "DiscountedCashflows"), tag("ModelParameters"), tag("Engine", e), tag("EngineParameters"), type=p)
        for p, e in engines.items()
    )),
    "portfolio.xml": tag("Portfolio", *trades),
    "ore.xml": tag("ORE", tag("Setup", settings(
        asofDate="2025-01-15", inputPath="in", outputPath="out", logFile="log.txt", logMask=15, marketDataFile="market.txt",
        fixingDataFile="fixings.txt", implyTodaysFixings="Y", curveConfigFile="curveconfig.xml", conventionsFile="conventions.xml",
        marketConfigFile="todaysmarket.xml", pricingEnginesFile="engines.xml", portfolioFile="portfolio.xml",
    )), tag("Markets", settings(pricing="default")), tag("Analytics",
        tag("Analytic", settings(active="Y", baseCurrency="EUR", outputFileName="npv.csv"), type="npv"),
        tag("Analytic", settings(active="Y", outputFileName="flows.csv"), type="cashflow"),
    )),
}
Path("in").mkdir()
for name, text in files.items():
    Path("in", name).write_text(text)
parameters = Parameters()
parameters.fromFile("in/ore.xml")
app = OREApp(parameters)
app.run()
assert not list(app.getErrors())


def rows(name):
    return list(csv.DictReader(Path("out", name).read_text().lstrip("#").splitlines()))


values = {row["TradeId"]: float(row["NPV(Base)"]) for row in rows("npv.csv")}
paid = {name: [row["PayDate"] for row in rows("flows.csv") if row["TradeId"] == name and row["FlowType"] == "Notional"] for name in values}
for name in values:
    print(f"{name}: {values[name]:,.0f} EUR, flows of notional on {', '.join(sorted(set(paid[name]))) or 'no date'}")
stated = {"exchanged": -2555, "silent": 183927, "resetting": -2613, "resetting, silent": 44039}
assert {name: round(value) for name, value in values.items()} == stated
assert not paid["silent"]
assert sorted(set(paid["resetting, silent"])) == ["2025-07-15", "2026-01-15", "2026-07-15"]
PY
echo "as stated"
