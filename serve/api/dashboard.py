"""Figures at a glance: what was found and became of it, and how well the models do."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import InstrumentedAttribute, Session

from serve.api.caller import Here
from serve.api.texts import NO_CONTROLS
from serve.db.tables import CameraRow, Case, FindingRow, OutboxEntry, utc_now

router = APIRouter(tags=["dashboard"])

MOST_DAYS = 400
MOST_GROUPS = 500


class DayCount(BaseModel):
    """One day of one kind and unit."""

    day: date = Field(description="in the city's time zone")
    kind: str
    unit: str | None
    found: int = 0
    confirmed: int = 0
    rejected: int = 0
    closed: int = Field(0, description="cases that the case system closed")


class ModelPrecision(BaseModel):
    """How often reviewers confirmed what a model's version found."""

    kind: str
    model: str | None = Field(description="none: no learned model took part")
    version: str | None
    confirmed: int
    rejected: int
    precision: float | None = Field(description="confirmed of decided; none where none was")


class Dashboard(BaseModel):
    """Figures of a stretch of days."""

    since: date
    until: date
    totals: dict[str, int] = Field(description="found, confirmed, rejected, filed, closed, open")
    days: list[DayCount]
    precision: list[ModelPrecision]
    cameras: dict[str, int] = Field(description="enabled cameras by health")
    queue: dict[str, int] = Field(description="findings that wait for review, by kind")
    outbox: dict[str, int] = Field(description="messages by state")


@router.get("/dashboard")
def get_dashboard(
    service: Here,
    days: Annotated[int, Query(ge=1, le=MOST_DAYS, description="up to and with today")] = 30,
    unit: Annotated[str | None, Query(max_length=200, pattern=NO_CONTROLS)] = None,
) -> Dashboard:
    """Return the figures of the last days."""
    zone = ZoneInfo(service.settings.time_zone)
    today = utc_now().astimezone(zone).date()
    first = today - timedelta(days=days - 1)
    start = datetime.combine(first, datetime.min.time(), tzinfo=zone)
    with service.database.read() as session:
        found = _by_day(session, start, zone, unit)
        return Dashboard(
            since=first,
            until=today,
            totals=_totals(found, _open_cases(session, unit), _filed(session, start, unit)),
            days=sorted(found.values(), key=lambda row: (row.day, row.kind, row.unit or "")),
            precision=_precision(session, start, unit),
            cameras=_counts(session, CameraRow.health, CameraRow.enabled.is_(True)),
            queue=_counts(session, FindingRow.kind, FindingRow.state == "suspected"),
            outbox=_counts(session, OutboxEntry.state),
        )


Key = tuple[date, str, str | None]


def _by_day(
    session: Session, start: datetime, zone: ZoneInfo, unit: str | None
) -> dict[Key, DayCount]:
    rows: dict[Key, DayCount] = {}

    def add(
        name: str,
        at: InstrumentedAttribute[Any],
        table: type[FindingRow] | type[Case],
        *where: sa.ColumnElement[bool],
    ) -> None:
        # By name in the grouping: spelt out twice, their parameters would make them differ.
        columns = (table.kind, table.unit)
        day = _day(session, at, zone, start)
        query = sa.select(day.label("day"), *columns, sa.func.count().label("n")).where(at >= start)
        for condition in where:
            query = query.where(condition)
        if unit is not None:
            query = query.where(table.unit == unit)
        for row in session.execute(query.group_by("day", *columns)):
            # SQLite gives a date as text.
            on = row.day if isinstance(row.day, date) else date.fromisoformat(str(row.day)[:10])
            key = (on, row.kind, row.unit)
            counts = rows.setdefault(key, DayCount(day=on, kind=row.kind, unit=row.unit))
            setattr(counts, name, row.n)

    add("found", FindingRow.created_at, FindingRow)
    add("confirmed", FindingRow.decided_at, FindingRow, FindingRow.state == "confirmed")
    add("rejected", FindingRow.decided_at, FindingRow, FindingRow.state == "rejected")
    add("closed", Case.closed_at, Case, Case.state == "closed")
    return rows


def _day(
    session: Session, at: InstrumentedAttribute[Any], zone: ZoneInfo, start: datetime
) -> sa.ColumnElement[date]:
    if session.get_bind().dialect.name == "postgresql":
        return sa.cast(sa.func.timezone(zone.key, at), sa.Date)
    # SQLite knows no zones; the offset of the stretch's start is right but for daylight saving.
    offset_s = int((start.utcoffset() or timedelta()).total_seconds())
    return sa.func.date(at, f"{offset_s:+d} seconds")


def _precision(session: Session, start: datetime, unit: str | None) -> list[ModelPrecision]:
    model = FindingRow.document["model"]["name"].as_string()
    version = FindingRow.document["model"]["version"].as_string()
    query = (
        sa.select(
            FindingRow.kind,
            model.label("model"),
            version.label("version"),
            sa.func.count().filter(FindingRow.state == "confirmed").label("confirmed"),
            sa.func.count().filter(FindingRow.state == "rejected").label("rejected"),
        )
        .where(FindingRow.state.in_(("confirmed", "rejected")), FindingRow.decided_at >= start)
        .group_by(FindingRow.kind, "model", "version")
        .order_by(FindingRow.kind, "model", "version")
        .limit(MOST_GROUPS)
    )
    if unit is not None:
        query = query.where(FindingRow.unit == unit)
    return [
        ModelPrecision(
            kind=row.kind, model=row.model, version=row.version, confirmed=row.confirmed,
            rejected=row.rejected,
            precision=round(row.confirmed / (row.confirmed + row.rejected), 4),
        )
        for row in session.execute(query)
    ]  # fmt: skip


def _open_cases(session: Session, unit: str | None) -> int:
    query = sa.select(sa.func.count()).where(Case.state.not_in(("closed", "refused", "withdrawn")))
    if unit is not None:
        query = query.where(Case.unit == unit)
    return session.scalar(query) or 0


def _filed(session: Session, start: datetime, unit: str | None) -> int:
    query = sa.select(sa.func.count()).select_from(Case).where(Case.created_at >= start)
    if unit is not None:
        query = query.where(Case.unit == unit)
    return session.scalar(query) or 0


def _totals(found: dict[Key, DayCount], open_cases: int, filed: int) -> dict[str, int]:
    names = ("found", "confirmed", "rejected", "closed")
    totals = {name: sum(getattr(row, name) for row in found.values()) for name in names}
    return {**totals, "filed": filed, "open": open_cases}


def _counts(
    session: Session, column: InstrumentedAttribute[str], *where: sa.ColumnElement[bool]
) -> dict[str, int]:
    query = sa.select(column, sa.func.count()).group_by(column)
    for condition in where:
        query = query.where(condition)
    return {name: count for name, count in session.execute(query)}
