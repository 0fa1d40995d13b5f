#!/usr/bin/env bash
# QuantLib 1.44 (Python): several calendars keep the holidays that follow the moon as lists of dates, and the lists end,
# some of them within months. Beyond the last listed year isBusinessDay and holidayList answer as ever, without an error or
# a way to ask how far a calendar knows: only holidays of fixed date are left. Seen, non-weekend holidays in the year 2026
# and in 2030: HongKong 14 and 8, China (interbank) 19 and 1, India 20 and 5, Taiwan 15 and 4, Singapore 11 and 5,
# Indonesia 22 and 5; Malaysia 15 and 5; Turkey knows 2030 (11) but not 2040 (4), South Korea 2050 (13) but not 2060 (8).
# Lunar New Year 2030 falls on 3 to 6 February (a weekend and two weekdays that Hong Kong's law makes holidays): QuantLib
# calls Monday 4 and Tuesday 5 February 2030 business days in Hong Kong, the package `holidays` does not. A five-year HKD
# or CNY swap booked today is scheduled and paid on days that are none. By rule, so not affected: TARGET, UK, US (SOFR), Japan.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check QuantLib==1.44 holidays==0.109
"$folder/venv/bin/python" - <<'PY'
import datetime

import holidays
import QuantLib as ql


def count(calendar, year):
    return len(calendar.holidayList(ql.Date(1, 1, year), ql.Date(31, 12, year), False))


print(f"QuantLib {ql.__version__}, holidays {holidays.__version__}; holidays off weekends by year")
seen = {
    "HongKong": (ql.HongKong(), {2026: 14, 2030: 8}),
    "China IB": (ql.China(ql.China.IB), {2026: 19, 2030: 1}),
    "India": (ql.India(), {2026: 20, 2030: 5}),
    "Taiwan": (ql.Taiwan(), {2026: 15, 2030: 4}),
    "Singapore": (ql.Singapore(), {2026: 11, 2030: 5}),
    "Indonesia": (ql.Indonesia(), {2026: 22, 2030: 5}),
    "Malaysia": (ql.Malaysia(), {2026: 15, 2030: 5}),
    "Turkey": (ql.Turkey(), {2030: 11, 2040: 4}),
    "SouthKorea": (ql.SouthKorea(), {2050: 13, 2060: 8}),
    "TARGET": (ql.TARGET(), {2026: 5, 2060: 3}),
    "UK": (ql.UnitedKingdom(), {2026: 8, 2060: 8}),
    "US SOFR": (ql.UnitedStates(ql.UnitedStates.SOFR), {2026: 12, 2060: 12}),
    "Japan": (ql.Japan(), {2026: 19, 2060: 18}),
}
for name, (calendar, stated) in seen.items():
    found = {year: count(calendar, year) for year in stated}
    print(f"  {name}: {found}")
    assert found == stated, (name, found, stated)
law = holidays.HongKong(years=2030)
for day in (4, 5):
    assert ql.HongKong().isBusinessDay(ql.Date(day, 2, 2030))
    assert datetime.date(2030, 2, day) in law, day
    print(f"  2030-02-0{day}: QuantLib a business day, holidays: {law[datetime.date(2030, 2, day)]}")
PY
echo "as stated"
