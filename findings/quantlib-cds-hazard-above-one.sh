#!/usr/bin/env bash
# QuantLib 1.44 (Python): bootstrapping hazard rates from CDS (PiecewiseFlatHazardRate, SpreadCdsHelper) looks for a hazard
# between 2e-16 and 1 a year ("root not bracketed: f[2.22045e-16,1]"). Names close to default have more than 1, so strips that
# QuantLib's own engine prices from a flat hazard of 1.5 (88 % running, recovery 40 %) or from one bad year (5 %, but 250 %
# between one and two years: 2Y spread 43 %) are refused as if they had an arbitrage. Hazards of up to 1 are solved, inverted
# strips too, and with IterativeBootstrap(1e-12, 1e-12, 50.0) as the curve's last argument so are all of these. Who takes the
# default's refusal for the strip's fault calls a distressed name's quotes wrong.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check QuantLib==1.44
"$folder/venv/bin/python" - <<'PY'
import QuantLib as ql

TODAY, RECOVERY, TENORS = ql.Date(15, 1, 2026), 0.4, ("6M", "1Y", "2Y", "5Y")
ql.Settings.instance().evaluationDate = TODAY
RULE, CALENDAR, A360 = ql.DateGeneration.CDS2015, ql.WeekendsOnly(), ql.Actual360()
RATES = ql.YieldTermStructureHandle(ql.FlatForward(TODAY, 0.02, ql.Actual365Fixed()))


def contract(tenor, engine):
    end = ql.cdsMaturity(TODAY, ql.Period(tenor), RULE)
    schedule = ql.Schedule(
        TODAY, end, ql.Period(ql.Quarterly), CALENDAR, ql.Following, ql.Unadjusted, RULE, False
    )
    found = ql.CreditDefaultSwap(
        ql.Protection.Buyer, 1.0, 0.01, schedule, ql.Following, A360, True, True, TODAY + 1,
        ql.FaceValueClaim(), ql.Actual360(True), True, TODAY,
    )  # fmt: skip
    found.setPricingEngine(engine)
    return found


def spreads(hazards):
    """Fair spreads from given hazards, by QuantLib's own engine."""
    ends = [CALENDAR.adjust(ql.cdsMaturity(TODAY, ql.Period(t), RULE)) for t in TENORS]
    curve = ql.HazardRateCurve([TODAY, *ends], [hazards[0], *hazards], ql.Actual365Fixed())
    engine = ql.MidPointCdsEngine(ql.DefaultProbabilityTermStructureHandle(curve), RECOVERY, RATES)
    return [contract(t, engine).fairSpread() for t in TENORS]


def solves(quoted, *bound):
    helpers = [
        ql.SpreadCdsHelper(
            ql.QuoteHandle(ql.SimpleQuote(s)), ql.Period(t), 0, CALENDAR, ql.Quarterly, ql.Following, RULE, A360,
            RECOVERY, RATES, True, True, ql.Date(), ql.Actual360(True), True, ql.CreditDefaultSwap.Midpoint,
        )
        for s, t in zip(quoted, TENORS)
    ]  # fmt: skip
    curve = ql.PiecewiseFlatHazardRate(TODAY, helpers, ql.Actual365Fixed(), *bound)
    try:
        curve.hazardRate(TODAY + 100)
    except RuntimeError as error:
        assert "root not bracketed" in str(error) and ",1] ->" in str(error), error
        return False
    return True


print(f"QuantLib {ql.__version__}")
for hazards, stated in (
    ([0.9, 0.9, 0.9, 0.9], True),
    ([0.05, 0.05, 0.9, 0.05], True),
    ([1.5, 1.5, 1.5, 1.5], False),
    ([0.05, 0.05, 2.5, 0.05], False),
    ([3.0, 1.0, 1.0, 1.0], False),
):
    quoted = spreads(hazards)
    found = solves(quoted)
    print(f"  hazards {hazards}: spreads {[round(s, 4) for s in quoted]}: {'solved' if found else 'root not bracketed'}")
    assert found == stated, (hazards, found)
    assert solves(quoted, ql.IterativeBootstrap(1e-12, 1e-12, 50.0)), hazards
PY
echo "as stated"
