"""Figures at a glance: what was found and became of it, and how well the models do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import InstrumentedAttribute, Session

from serve.api.caller import Here
from serve.api.texts import NO_CONTROLS
from serve.cases.states import ENDED, CaseState
from serve.dashboard import (
    TALLIES,
    Stretch,
    count_by_day,
    count_by_kind,
    count_by_model,
    count_by_unit,
    units_of,
)
from serve.db.tables import CameraRow, Case, OutboxEntry, utc_now
from serve.findings.filters import State

router = APIRouter(tags=["dashboard"])

MOST_DAYS = 400


class Counts(BaseModel):
    """How many were found, and what became of findings and cases."""

    found: int = 0
    confirmed: int = 0
    rejected: int = 0
    closed: int = Field(0, description="cases that the case system closed")


class DayCounts(Counts):
    """Counts of one day and kind."""

    day: date = Field(description="in the city's time zone")
    kind: str


class UnitCounts(Counts):
    """Counts of one responsible unit and kind, over all days."""

    unit: str
    kind: str


class ModelPrecision(BaseModel):
    """How often reviewers confirmed what a model's version found."""

    kind: str
    model: str | None = Field(description="none: no learned model took part")
    version: str | None
    confirmed: int
    rejected: int
    precision: float = Field(description="confirmed of decided")


class Dashboard(BaseModel):
    """Figures of a stretch of days."""

    since: date
    until: date
    totals: dict[str, int] = Field(description="found, confirmed, rejected, filed, closed, open")
    days: list[DayCounts] = Field(description="days and kinds of which there is something")
    units: list[UnitCounts] = Field(description="what lies in no unit's cell is not here")
    precision: list[ModelPrecision]
    cameras: dict[str, int] = Field(description="enabled cameras by health")
    queue: dict[str, int] = Field(description="findings that wait for review, by kind")
    outbox: dict[str, int] = Field(description="messages by state")


@router.get("/dashboard")
def get_dashboard(
    service: Here,
    days: Annotated[int, Query(ge=1, le=MOST_DAYS, description="up to and with today")] = 30,
    unit: Annotated[
        str | None, Query(max_length=200, pattern=NO_CONTROLS, description="only this unit's")
    ] = None,
) -> Dashboard:
    """Return the figures of the last days."""
    zone = ZoneInfo(service.settings.time_zone)
    today = utc_now().astimezone(zone).date()
    stretch = Stretch(today - timedelta(days=days - 1), today, zone)
    with service.database.read() as session:
        by_day = _by_day(session, stretch, unit)
        return Dashboard(
            since=stretch.first,
            until=stretch.last,
            totals=_totals(session, by_day, stretch, unit),
            days=by_day,
            units=_by_unit(session, stretch, unit),
            precision=_precision(session, stretch, unit),
            cameras=_counts(session, CameraRow.health, CameraRow.enabled.is_(True)),
            queue={kind: n for kind, _, n in count_by_kind(session, [State.SUSPECTED])},
            outbox=_counts(session, OutboxEntry.state),
        )


def _by_day(session: Session, stretch: Stretch, unit: str | None) -> list[DayCounts]:
    rows = count_by_day(session, stretch, unit)
    counts = [DayCounts(day=day, kind=kind, **of) for day, kind, of in rows]
    return sorted(counts, key=lambda row: (row.day, row.kind))


def _by_unit(session: Session, stretch: Stretch, unit: str | None) -> list[UnitCounts]:
    units = units_of(session) if unit is None else [unit]
    rows = count_by_unit(session, stretch, units)
    counts = [UnitCounts(unit=name, kind=kind, **of) for name, kind, of in rows]
    return sorted(counts, key=lambda row: (row.unit, row.kind))


def _precision(session: Session, stretch: Stretch, unit: str | None) -> list[ModelPrecision]:
    return [
        ModelPrecision(
            kind=of.kind, model=of.model, version=of.version, confirmed=of.confirmed,
            rejected=of.rejected,
            precision=round(of.confirmed / (of.confirmed + of.rejected), 4),
        )
        for of in count_by_model(session, stretch, unit)
    ]  # fmt: skip


def _totals(
    session: Session, by_day: Iterable[DayCounts], stretch: Stretch, unit: str | None
) -> dict[str, int]:
    totals = dict.fromkeys((tally.name for tally in TALLIES), 0)
    for row in by_day:
        for name in totals:
            totals[name] += getattr(row, name)
    cases = sa.select(sa.func.count()).select_from(Case)
    if unit is not None:
        cases = cases.where(Case.unit == unit)
    going_on = [state.value for state in CaseState if state not in ENDED]
    return {
        **totals,
        "filed": session.scalar(cases.where(Case.created_at >= stretch.start)) or 0,
        "open": session.scalar(cases.where(Case.state.in_(going_on))) or 0,
    }


def _counts(
    session: Session, column: InstrumentedAttribute[str], *where: sa.ColumnElement[bool]
) -> dict[str, int]:
    query = sa.select(column, sa.func.count()).where(*where).group_by(column)
    return {name: count for name, count in session.execute(query)}
