#!/usr/bin/env bash
# QuantLib 1.44 (Python): a coupon whose period is not its index's tenor is not projected at the index. A leg on Euribor 6M
# with quarterly periods has, until a coupon fixes, the simple rate over the coupon's own three months of the 6M curve ("at
# par"); and the method that is called `indexFixing()` of the coupon returns that rate too, not what the index's own
# `fixing()` gives for the same date. Seen on a curve that rises from 2 % to 5 % in ten years: coupon 2.6542 %, indexFixing
# 2.6542 %, index.fixing of that date 2.7379 %, 8.4 bp more. Once the date has passed the index's stored fixing is paid, so
# such a leg jumps by the difference on every fixing date. IborCoupon.createIndexedCoupons() switches it, for the process.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check QuantLib==1.44
"$folder/venv/bin/python" - <<'PY'
import QuantLib as ql

today = ql.Date(15, 1, 2025)
ql.Settings.instance().evaluationDate = today


def first_coupon():
    curve = ql.ZeroCurve([today, today + 3650], [0.02, 0.05], ql.Actual365Fixed())
    index = ql.Euribor6M(ql.YieldTermStructureHandle(curve))
    start, end = ql.Date(20, 1, 2026), ql.Date(20, 1, 2028)
    quarterly = ql.Schedule(
        start, end, ql.Period("3M"), ql.TARGET(), ql.ModifiedFollowing, ql.ModifiedFollowing, ql.DateGeneration.Forward, False
    )
    coupon = ql.as_floating_rate_coupon(ql.IborLeg([1e6], quarterly, index)[0])
    days = ql.Actual360()
    at_par = curve.discount(coupon.accrualStartDate()) / curve.discount(coupon.accrualEndDate()) - 1.0
    at_par /= days.yearFraction(coupon.accrualStartDate(), coupon.accrualEndDate())
    return coupon.rate(), coupon.indexFixing(), index.fixing(coupon.fixingDate()), at_par


rate, called, fixing, at_par = first_coupon()
print(f"QuantLib {ql.__version__}: coupon {rate:.6%}, its indexFixing() {called:.6%}, index.fixing() {fixing:.6%}")
assert rate == called
assert abs(rate - at_par) < 1e-15
assert abs((fixing - rate) * 1e4 - 8.3676) < 1e-3, fixing - rate
ql.IborCoupon.createIndexedCoupons()
rate, called, fixing, _ = first_coupon()
print(f"  after createIndexedCoupons(): coupon {rate:.6%}")
assert rate == called == fixing
PY
echo "as stated"
