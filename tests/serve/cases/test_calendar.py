"""Working hours and days over nights, weekends, holidays, and changes of the clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from serve.cases.calendar import SHIPPED, WorkingCalendar, calendar_of
from serve.cases.documents import read_document
from tests.serve.conftest import settings_for
from vision.errors import InputError

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
CHINA = read_document(SHIPPED, WorkingCalendar, what="calendar")
NIGHTS = WorkingCalendar(
    version="nights", working_hours=("00:00-02:30", "22:00-24:00"), weekend=frozenset({"friday"})
)


def shanghai(text):
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-11-23 09:00", 2, "2026-11-23 11:00"),
        ("2026-11-23 09:00", 4, "2026-11-23 15:00"),  # over the noon break
        ("2026-11-23 12:30", 1, "2026-11-23 15:00"),  # in the break
        ("2026-11-23 17:00", 1, "2026-11-24 09:00"),  # over night
        ("2026-11-23 03:00", 1, "2026-11-23 09:30"),  # before work
        ("2026-11-20 17:00", 1, "2026-11-23 09:00"),  # over a weekend
        ("2026-11-21 10:00", 7, "2026-11-23 17:30"),  # from a Saturday; a whole day
        ("2026-09-30 17:00", 1, "2026-10-08 09:00"),  # over National Day
        ("2026-10-10 09:00", 1, "2026-10-10 10:00"),  # a Saturday on which work is done
        ("2026-02-14 17:00", 1, "2026-02-24 09:00"),  # over the Spring Festival
        ("2026-11-23 17:30", 0, "2026-11-24 08:30"),  # work is over at its very end
    ],
)
def test_working_hours(start, hours, due):
    assert CHINA.add_hours(shanghai(start), hours, SHANGHAI) == shanghai(due)


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2026-11-23 09:00", 1, "2026-11-24 17:30"),
        ("2026-11-20 23:59", 1, "2026-11-23 17:30"),
        ("2026-11-21 10:00", 5, "2026-11-27 17:30"),
        ("2026-09-30 09:00", 2, "2026-10-09 17:30"),
        ("2026-09-30 09:00", 3, "2026-10-10 17:30"),  # the Saturday counts
        ("2025-12-31 09:00", 1, "2026-01-04 17:30"),  # a Sunday, after the holidays
    ],
)
def test_working_days(start, days, due):
    assert CHINA.add_days(shanghai(start), days, SHANGHAI) == shanghai(due)


@pytest.mark.parametrize(
    ("first", "last", "known"),
    [("2025-03-01", "2026-12-01", True), ("2026-12-01", "2027-01-02", False)],
)
def test_years_without_a_list_of_holidays_are_told(first, last, known):
    assert CHINA.is_known(shanghai(first), shanghai(last), SHANGHAI) is known


def test_hours_are_true_hours_in_the_night_that_the_clock_changes():
    start = datetime(2026, 3, 28, 23, 0, tzinfo=BERLIN)  # clocks go from 2 to 3 that night
    due = NIGHTS.add_hours(start, 3, BERLIN)
    assert due - start.astimezone(UTC) == timedelta(hours=3)
    assert due.astimezone(BERLIN).hour == 3
    assert NIGHTS.hours_between(start, due, BERLIN) == pytest.approx(3)


TIMES = st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))
HOURS = st.integers(0, 12_000).map(lambda minutes: minutes / 60)
CALENDARS = st.sampled_from([(CHINA, SHANGHAI), (CHINA, BERLIN), (NIGHTS, BERLIN)])


@given(CALENDARS, TIMES, HOURS)
def test_what_was_added_lies_between(calendar, start, hours):
    book, zone = calendar
    due = book.add_hours(start, hours, zone)
    assert due >= start
    assert book.hours_between(start, due, zone) == pytest.approx(hours, abs=1e-6)


@given(CALENDARS, TIMES, HOURS, HOURS)
def test_adding_twice_is_adding_the_sum(calendar, start, first, second):
    book, zone = calendar
    once = book.add_hours(start, first + second, zone)
    twice = book.add_hours(book.add_hours(start, first, zone), second, zone)
    # At the seam between two stretches of work both ends name the same instant of working time.
    assert book.hours_between(min(once, twice), max(once, twice), zone) == pytest.approx(
        0, abs=1e-6
    )


@given(CALENDARS, TIMES, st.timedeltas(timedelta(0), timedelta(days=30)), HOURS)
def test_who_begins_later_is_not_due_earlier(calendar, start, delay, hours):
    book, zone = calendar
    assert book.add_hours(start, hours, zone) <= book.add_hours(start + delay, hours, zone)


@given(CALENDARS, TIMES, st.integers(1, 200))
def test_days_end_with_work_on_a_working_day(calendar, start, days):
    book, zone = calendar
    due = book.add_days(start, days, zone)
    # One that ends with the day ends at midnight, on the next one's date.
    last = (due - timedelta(seconds=1)).astimezone(zone).date()
    assert book.is_working_day(last)
    day, counted = start.astimezone(zone).date(), 0
    while day < last:
        day += timedelta(days=1)
        counted += book.is_working_day(day)
    assert counted == days


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"working_hours": ["09:00-25:00"]}, "not of the form"),
        ({"working_hours": ["17:00-09:00"]}, "ends before it begins"),
        ({"working_hours": ["09:00-12:00", "11:00-17:00"]}, "overlap"),
        ({"working_hours": []}, "working_hours"),
        ({"weekend": ["caturday"]}, "weekend"),
        ({"years": {2026: {"holidays": ["2028-05-01"]}}}, "another year"),
        ({"years": {2026: {"holidays": ["2026-05-03/2026-05-01"]}}}, "forward"),
        ({"years": {2026: {"holidays": ["2026-05-09"], "working_weekends": ["2026-05-09"]}}},
         "holiday and a working day"),
        ({"holiday": []}, "holiday"),
    ],
)  # fmt: skip
def test_a_wrong_calendar_says_what_is_wrong(tmp_path, change, wrong):
    file = tmp_path / "calendar.yaml"
    file.write_text(yaml.safe_dump({"version": "x", "working_hours": ["09:00-17:00"], **change}))
    with pytest.raises(InputError, match=wrong):
        calendar_of(settings_for(tmp_path, calendar_file=file))


def test_a_calendar_in_which_nobody_ever_works_ends_with_an_error():
    whole_week = frozenset({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday"})
    never = WorkingCalendar(
        version="never", working_hours=("09:00-17:00",), weekend=whole_week,
        years={
            year: {"holidays": [f"{year}-01-01/{year}-12-31"]} for year in range(2026, 2040)
        },
    )  # fmt: skip
    with pytest.raises(InputError, match="never gets to"):
        never.add_hours(datetime(2026, 1, 1, tzinfo=UTC), 1, SHANGHAI)
    assert not never.is_working_day(date(2026, 1, 4))
