"""Working time: limits are given in working hours and days, so due times need a calendar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from serve.cases.documents import read_document
from serve.settings import Settings
from vision.errors import InputError

SHIPPED = Path(__file__).with_name("calendar.yaml")
MOST_DAYS = 3660
"""A limit that is not reached within ten years is a mistake in the calendar."""

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):([0-5]\d)|24:00)")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@dataclass(frozen=True)
class Shift:
    """A stretch of working time within a day, in minutes after midnight."""

    start_min: int
    end_min: int


@dataclass(frozen=True)
class Days:
    """A day, or the days from one to another."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        """Go through them."""
        for number in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=number)


def _shift(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = _HOURS.fullmatch(value)
    if not found:
        raise ValueError(f"'{value}' is not of the form 08:30-12:00")
    start = int(found[1]) * 60 + int(found[2])
    end = 24 * 60 if found[3] == "24:00" else int(found[4]) * 60 + int(found[5])
    if end <= start:
        raise ValueError(f"'{value}' ends before it begins; write two stretches across midnight")
    return Shift(start, end)


def _days(value: object) -> object:
    if isinstance(value, date):
        return Days(value, value)
    if not isinstance(value, str):
        return value
    first, _, last = value.partition("/")
    days = Days(date.fromisoformat(first), date.fromisoformat(last or first))
    if days.last < days.first or (days.last - days.first).days > 366:
        raise ValueError(f"'{value}' does not run forward, or is longer than a year")
    return days


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Year(_Strict):
    """What is out of the ordinary in a year."""

    holidays: tuple[Annotated[Days, BeforeValidator(_days)], ...] = ()
    working_weekends: tuple[date, ...] = ()


class WorkingCalendar(_Strict):
    """When work is done."""

    version: str = Field(min_length=1, max_length=60)
    working_hours: tuple[Annotated[Shift, BeforeValidator(_shift)], ...] = Field(min_length=1)
    weekend: frozenset[Weekday] = frozenset({"saturday", "sunday"})
    years: dict[int, Year] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> WorkingCalendar:
        for before, after in zip(self.working_hours, self.working_hours[1:], strict=False):
            if after.start_min < before.end_min:
                raise ValueError("working_hours overlap or are out of order")
        if len(self.weekend) == len(_WEEKDAYS):
            raise ValueError("weekend: no day of the week is left to work on")
        for number, year in self.years.items():
            free = {day for days in year.holidays for day in days}
            # A holiday at the turn of the year may reach into the other one.
            odd = [day for day in free if abs(day.year - number) > 1]
            odd += [day for day in year.working_weekends if day.year != number]
            if odd:
                raise ValueError(f"years.{number}: {odd[0]} lies in another year")
            both = free & set(year.working_weekends)
            if both:
                raise ValueError(f"years.{number}: {min(both)} is a holiday and a working day")
        return self

    def is_known(self, first: datetime, last: datetime, zone: ZoneInfo) -> bool:
        """Tell whether the holidays of all years between two times are listed."""
        years = range(first.astimezone(zone).year, last.astimezone(zone).year + 1)
        return all(year in self.years for year in years)

    def is_working_day(self, day: date) -> bool:
        """Tell whether work is done on a day."""
        for number in (day.year, day.year - 1, day.year + 1):
            year = self.years.get(number)
            if year is None:
                continue
            if day in year.working_weekends:
                return True
            if any(days.first <= day <= days.last for days in year.holidays):
                return False
        return _WEEKDAYS[day.weekday()] not in self.weekend

    def add_hours(self, start: datetime, hours: float, zone: ZoneInfo) -> datetime:
        """Return when so many working hours have passed.

        Args:
            start: Aware; outside working time the clock starts with the next stretch of it.
            hours: Zero gives the first working instant from `start` on.
            zone: Whose wall clock the working hours are.

        Raises:
            InputError: Ten years of the calendar do not hold so much working time.
        """
        left = timedelta(hours=hours)
        for opens, closes in self._stretches(start, zone):
            begins = max(opens, start.astimezone(UTC))
            if closes - begins >= left:
                return begins + left
            left -= closes - begins
        raise InputError(f"the working calendar {self.version} never gets to {hours} working hours")

    def add_days(self, start: datetime, days: int, zone: ZoneInfo) -> datetime:
        """Return the close of work on the `days`-th working day after the day of `start`.

        The day on which a limit begins to run does not count, as is usual for limits in days.

        Raises:
            InputError: Ten years of the calendar do not hold so many working days.
        """
        day, left = start.astimezone(zone).date(), days
        for _ in range(MOST_DAYS):
            if left == 0:
                return _at(day, self.working_hours[-1].end_min, zone)
            day += timedelta(days=1)
            left -= self.is_working_day(day)
        raise InputError(f"the working calendar {self.version} never gets to {days} working days")

    def hours_between(self, start: datetime, end: datetime, zone: ZoneInfo) -> float:
        """Return the working hours between two times."""
        total = timedelta()
        for opens, closes in self._stretches(start, zone):
            if opens >= end:
                break
            total += max(min(closes, end) - max(opens, start), timedelta())
        return total / timedelta(hours=1)

    def _stretches(self, start: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """Go through the working time that ends after `start`, in UTC.

        In UTC differences are true ones; on the wall clock a change of daylight saving hides an
        hour.
        """
        first = start.astimezone(zone).date()
        for number in range(MOST_DAYS):
            day = first + timedelta(days=number)
            if not self.is_working_day(day):
                continue
            for shift in self.working_hours:
                opens, closes = _at(day, shift.start_min, zone), _at(day, shift.end_min, zone)
                if closes > start:
                    yield opens, closes


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    if minute == 24 * 60:
        day, minute = day + timedelta(days=1), 0
    wall = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone)
    return wall.astimezone(UTC)


def calendar_of(settings: Settings) -> WorkingCalendar:
    """Return the working calendar of a deployment.

    Raises:
        InputError: Its file is wrong; the message says where.
    """
    return read_document(settings.calendar_file or SHIPPED, WorkingCalendar, what="calendar")
