"""Counting findings and cases, quick at a million rows.

Grouping sorts or hashes every row that it counts. The groups here are known before: days, kinds,
units. So each is counted by itself, as a stretch of an index, which takes a tenth of the time, and
is the same on SQLite and PostgreSQL. The indexes are those that begin with ``ix_…_count``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from serve.cases.states import CaseState
from serve.db.columns import UtcTime
from serve.db.tables import Case, FindingRow
from serve.findings.filters import State
from vision.finding import FindingKind

MOST_UNITS = 2_000
Condition = sa.ColumnElement[bool]


@dataclass(frozen=True)
class Tally:
    """Something that is counted by its time.

    Attributes:
        name: What it is called.
        table: Where the rows lie.
        at: The time that they count for.
        state: What state they must be in; none for any.
    """

    name: str
    table: type[FindingRow] | type[Case]
    at: InstrumentedAttribute[Any]
    state: str | None = None


TALLIES = (
    Tally("found", FindingRow, FindingRow.created_at),
    Tally("confirmed", FindingRow, FindingRow.decided_at, State.CONFIRMED.value),
    Tally("rejected", FindingRow, FindingRow.decided_at, State.REJECTED.value),
    Tally("closed", Case, Case.closed_at, CaseState.CLOSED.value),
)


@dataclass(frozen=True)
class Stretch:
    """Whole days of a time zone.

    Attributes:
        first: The first day.
        last: The last day.
        zone: The time zone.
    """

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """When the first day begins."""
        return self._midnight(self.first)

    def days(self) -> list[tuple[str, datetime, datetime]]:
        """Return each day with its beginning and its end; some are longer than others."""
        count = (self.last - self.first).days + 1
        all_days = [self.first + timedelta(days=number) for number in range(count)]
        return [
            (day.isoformat(), self._midnight(day), self._midnight(day + timedelta(days=1)))
            for day in all_days
        ]

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, datetime.min.time(), tzinfo=self.zone)


Counts = dict[str, int]
"""By name of the tally."""


def count_by_day(
    session: Session, stretch: Stretch, unit: str | None
) -> Iterator[tuple[date, str, Counts]]:
    """Yield days and kinds with their counts, where there are any.

    Args:
        session: To read in.
        stretch: The days.
        unit: Only this responsible unit's; none for all.
    """
    columns = (
        sa.column("day", sa.String()),
        sa.column("begins", UtcTime()),
        sa.column("ends", UtcTime()),
    )
    days, kinds = sa.values(*columns).data(stretch.days()).cte("days"), _kinds()

    def of_day(tally: Tally) -> list[Condition]:
        of_unit = [] if unit is None else [tally.table.unit == unit]
        return [
            *of_unit,
            tally.table.kind == kinds.c.kind,
            tally.at >= days.c.begins,
            tally.at < days.c.ends,
        ]

    groups = days.join(kinds, sa.true())
    for day, kind, counts in _counted(session, groups, days.c.day, kinds.c.kind, where=of_day):
        yield date.fromisoformat(day), kind, counts


def count_by_unit(
    session: Session, stretch: Stretch, units: Sequence[str]
) -> Iterator[tuple[str, str, Counts]]:
    """Yield responsible units and kinds with their counts over all days, where there are any.

    Args:
        session: To read in.
        stretch: The days.
        units: Which units.
    """
    if not units:
        return
    named, kinds = _column_of("unit", units), _kinds()

    def of_unit(tally: Tally) -> list[Condition]:
        return [
            tally.table.unit == named.c.unit,
            tally.table.kind == kinds.c.kind,
            tally.at >= stretch.start,
        ]

    groups = named.join(kinds, sa.true())
    yield from _counted(session, groups, named.c.unit, kinds.c.kind, where=of_unit)


def _counted(
    session: Session,
    groups: sa.Join,
    *keys: sa.ColumnElement[Any],
    where: Callable[[Tally], list[Condition]],
) -> Iterator[tuple[Any, str, Counts]]:
    """Count every tally in every group, and yield the two keys of those that hold anything."""
    names = [tally.name for tally in TALLIES]
    counts = []
    for tally in TALLIES:
        query = sa.select(sa.func.count()).select_from(tally.table).where(*where(tally))
        if tally.state is not None:
            query = query.where(tally.table.state == tally.state)
        counts.append(query.scalar_subquery().label(tally.name))
    for first, second, *numbers in session.execute(sa.select(*keys, *counts).select_from(groups)):
        if any(numbers):
            yield first, second, dict(zip(names, numbers, strict=True))


def units_of(session: Session) -> list[str]:
    """Return the units that findings or cases are of, in order."""
    named = {unit for table in (FindingRow, Case) for unit in _units_in(session, table)}
    return sorted(named)[:MOST_UNITS]


def _units_in(session: Session, table: type[FindingRow] | type[Case]) -> list[str]:
    """Step from one unit to the next in the index; neither database does so for a DISTINCT."""
    first = sa.select(sa.func.min(table.unit).label("unit"))
    step = first.cte("units", recursive=True)
    following = sa.select(sa.func.min(table.unit)).where(table.unit > step.c.unit)
    walk = step.union_all(sa.select(following.scalar_subquery()).where(step.c.unit.is_not(None)))
    query = sa.select(walk.c.unit).where(walk.c.unit.is_not(None)).limit(MOST_UNITS)
    return list(session.scalars(query))


@dataclass(frozen=True)
class Decided:
    """How reviewers decided on what a version of a model found.

    Attributes:
        kind: Of the findings.
        model: The model's name; none where no learned model took part.
        version: The model's version.
        confirmed: How many were confirmed.
        rejected: How many were rejected.
    """

    kind: str
    model: str | None
    version: str | None
    confirmed: int
    rejected: int


def count_by_model(session: Session, stretch: Stretch, unit: str | None) -> list[Decided]:
    """Return how reviewers decided, by kind and version of the model."""
    counts: dict[tuple[str, str | None, str | None], dict[State, int]] = {}
    models = (FindingRow.model_name, FindingRow.model_version)
    for kind, state in product(FindingKind, (State.CONFIRMED, State.REJECTED)):
        query = (
            sa.select(*models, sa.func.count())
            .where(
                FindingRow.state == state.value,
                FindingRow.kind == kind.value,
                FindingRow.decided_at >= stretch.start,
            )
            .group_by(*models)
        )
        if unit is not None:
            query = query.where(FindingRow.unit == unit)
        for model, version, count in session.execute(query):
            counts.setdefault((kind.value, model, version), {})[state] = count
    return [
        Decided(kind, model, version, of.get(State.CONFIRMED, 0), of.get(State.REJECTED, 0))
        for (kind, model, version), of in sorted(
            counts.items(), key=lambda item: tuple(part or "" for part in item[0])
        )
    ]


def count_by_kind(
    session: Session, states: Sequence[State] = tuple(State)
) -> Iterator[tuple[str, str, int]]:
    """Yield kinds and states of findings with their counts, where there are any."""
    kinds, wanted = _kinds(), _column_of("state", [state.value for state in states])
    count = sa.select(sa.func.count()).where(
        FindingRow.kind == kinds.c.kind, FindingRow.state == wanted.c.state
    )
    query = sa.select(kinds.c.kind, wanted.c.state, count.scalar_subquery())
    for kind, state, number in session.execute(query.select_from(kinds.join(wanted, sa.true()))):
        if number:
            yield kind, state, number


def _kinds() -> sa.CTE:
    return _column_of("kind", [kind.value for kind in FindingKind])


def _column_of(name: str, values: Sequence[str]) -> sa.CTE:
    rows = [(value,) for value in values]
    return sa.values(sa.column(name, sa.String())).data(rows).cte(f"every_{name}")
