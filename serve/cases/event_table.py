"""The event table: which code a kind of finding gets, who is responsible, and for how long."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from serve.cases.calendar import WorkingCalendar
from serve.cases.documents import read_document
from serve.settings import Settings
from vision.finding import FindingKind

SHIPPED = Path(__file__).with_name("event_table.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bilingual(_Strict):
    """A text in both languages."""

    zh: str = Field(min_length=1, max_length=4000)
    en: str = Field(min_length=1, max_length=4000)


class Limit(_Strict):
    """Working time within which something is to be done."""

    working_hours: float | None = Field(None, gt=0, le=10_000)
    working_days: int | None = Field(None, gt=0, le=2_000)
    what: Bilingual

    @model_validator(mode="after")
    def _one_unit(self) -> Limit:
        if (self.working_hours is None) == (self.working_days is None):
            raise ValueError("give either working_hours or working_days")
        return self

    def due(self, start: datetime, calendar: WorkingCalendar, zone: ZoneInfo) -> datetime:
        """Return when it runs out, begun at `start`."""
        if self.working_hours is not None:
            return calendar.add_hours(start, self.working_hours, zone)
        return calendar.add_days(start, self.working_days or 0, zone)


class EventClass(_Strict):
    """What a kind of finding is in the city's table."""

    code: str = Field(min_length=1, max_length=40)
    class_name: Bilingual
    name: Bilingual
    responsible: Bilingual
    by_jurisdiction: dict[str, Bilingual] = Field(default_factory=dict)
    limit: Limit
    further_limits: tuple[Limit, ...] = ()

    def responsible_in(self, jurisdiction: str | None) -> Bilingual:
        """Return who is responsible in a zone of some jurisdiction."""
        return self.by_jurisdiction.get(jurisdiction or "", self.responsible)


class EventTable(_Strict):
    """The table of a city."""

    version: str = Field(min_length=1, max_length=60)
    kinds: dict[FindingKind, EventClass]

    @model_validator(mode="after")
    def _complete(self) -> EventTable:
        missing = sorted(set(FindingKind) - set(self.kinds))
        if missing:
            raise ValueError(f"kinds: {', '.join(missing)} missing; every kind needs its event")
        return self


def event_table_of(settings: Settings) -> EventTable:
    """Return the event table of a deployment.

    Raises:
        InputError: Its file is wrong; the message says where.
    """
    return read_document(settings.event_table_file or SHIPPED, EventTable, what="event table")
