"""Asking for findings, quick at a million rows on both databases.

SQLite's planner knows nothing of how the rows are spread, and PostgreSQL's guesses badly with a
limit. So the way is chosen here: the narrowest filter that has an index is walked in the order
asked for; where there are several kinds or states, each has its own stretch of the index and the
stretches are merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session, defer
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from serve.api.paging import beyond, cursor_at, page_of
from serve.db.tables import CameraRow, FindingRow, RegisterVersion, Site
from serve.findings.filters import FindingFilters, State
from serve.findings.titles import kind_words
from serve.registers.kinds import Register
from vision.finding import FindingKind

FEW = 5_000
"""Findings that are sooner fetched and sorted than looked for along an order."""
MOST_WORDS = 6
MOST_NAMED = 200
"""Sites, cameras or units whose names a word may fit."""
SHORTEST_BEGINNING = 3
"""Characters of a cell or plate that are looked up; fewer fit half the city."""
_BATCH = 2_000
_MOST_BATCHES = 15
MOST_COUNTED = 10_000
_MOST_STRETCHES = 40

Condition = sa.ColumnElement[bool]


class Order(StrEnum):
    """What findings are ordered by, the largest first."""

    RISK = "risk"
    TIME = "time"


_ORDERS: dict[Order, tuple[InstrumentedAttribute[Any], ...]] = {
    Order.RISK: (FindingRow.risk, FindingRow.id),
    Order.TIME: (FindingRow.seen_at, FindingRow.id),
}


def order_columns(order: Order) -> tuple[InstrumentedAttribute[Any], ...]:
    """Return what an order sorts by, the largest first."""
    return _ORDERS[order]


@dataclass(frozen=True)
class Asked:
    """Filters as conditions.

    Attributes:
        leading: Alternatives, each with the index to walk; one of them must hold.
        rest: What must hold beside, looked at row by row.
        few: Narrow ranges that an index answers at once, tried before walking.
    """

    leading: list[Condition | None]
    rest: list[Condition]
    few: list[list[Condition]]


def list_findings(
    session: Session,
    filters: FindingFilters,
    *,
    order: Order,
    limit: int,
    cursor: str | None,
    with_documents: bool = False,
    also: Sequence[Condition] = (),
) -> tuple[list[FindingRow], str | None]:
    """Return a page of findings, the largest first, and the next cursor.

    With an area a page may be shorter than asked for, or empty, though another follows. `also` are
    conditions beside the filters, looked at row by row.

    Raises:
        InputError: A filter or the cursor cannot be used.
    """
    if filters.area is None:
        return _page(session, filters, order, limit, cursor, with_documents, also)
    return _page_in_area(session, filters, order, limit, cursor, with_documents, also)


def _page(
    session: Session,
    filters: FindingFilters,
    order: Order,
    limit: int,
    cursor: str | None,
    with_documents: bool,
    also: Sequence[Condition],
) -> tuple[list[FindingRow], str | None]:
    asked = conditions(session, filters)
    asked.rest.extend(also)
    columns = _ORDERS[order]
    query = sa.select(FindingRow)
    if not with_documents:
        query = query.options(defer(FindingRow.document), defer(FindingRow.geometry))
    for narrow in asked.few:
        ids = _few(session, narrow)
        if ids is not None:
            every = [c for c in (_any(asked.leading), *asked.rest) if c is not None]
            query = query.where(FindingRow.id.in_(ids), *every)
            return page_of(session, query, columns, limit=limit, cursor=cursor)
    for narrow in asked.few:
        asked.rest.extend(_unindexed(session, narrow))
    if len(asked.leading) == 1:
        leading = [c for c in asked.leading if c is not None]
        query = query.where(*leading, *asked.rest)
        return page_of(session, query, columns, limit=limit, cursor=cursor)
    stretches = []
    for alternative in asked.leading:
        stretch = sa.select(FindingRow.id).where(*asked.rest)
        if alternative is not None:
            stretch = stretch.where(alternative)
        if cursor:
            stretch = stretch.where(beyond(cursor, columns))
        stretch = stretch.order_by(*(c.desc() for c in columns)).limit(limit + 1)
        stretches.append(sa.select(stretch.subquery().c.id))
    together = sa.union_all(*stretches).subquery()
    query = query.where(FindingRow.id.in_(sa.select(together.c.id)))
    # The stretches are cut already; sorting what they gave needs no index.
    rows = list(session.scalars(query))
    rows.sort(key=lambda row: tuple(getattr(row, c.key) for c in columns), reverse=True)
    following = cursor_at(rows[limit - 1], columns) if len(rows) > limit else None
    return rows[:limit], following


def _page_in_area(
    session: Session,
    filters: FindingFilters,
    order: Order,
    limit: int,
    cursor: str | None,
    with_documents: bool,
    also: Sequence[Condition],
) -> tuple[list[FindingRow], str | None]:
    polygon = filters.polygon()
    if polygon is None:
        return [], None
    shapely.prepare(polygon)
    within = filters.model_copy(update={"area": None})
    if filters.bbox is None:
        bounds = ",".join(repr(float(v)) for v in polygon.bounds)
        within = within.model_copy(update={"bbox": bounds})
    columns = _ORDERS[order]
    found: list[FindingRow] = []
    for _ in range(_MOST_BATCHES):
        rows, following = _page(session, within, order, _BATCH, cursor, with_documents, also)
        places = np.array([(row.longitude, row.latitude) for row in rows], np.float64)
        inside: Any = shapely.contains_xy(polygon, places) if rows else []
        for row, is_inside in zip(rows, inside, strict=True):
            if is_inside:
                found.append(row)
                if len(found) > limit:
                    return found[:limit], cursor_at(found[limit - 1], columns)
        if following is None:
            return found, None
        cursor = following
    return found, cursor


def all_ids(session: Session, filters: FindingFilters, *, most: int) -> list[str]:
    """Return the ids of all findings that pass, in the order of their ids, up to a number."""
    polygon = filters.polygon()
    asked = conditions(session, filters.model_copy(update={"area": None}))
    every = [c for c in (_any(asked.leading), *asked.rest) if c is not None]
    every += [condition for narrow in asked.few for condition in narrow]
    if polygon is not None:
        west, south, east, north = polygon.bounds
        every += _in_box((west, south, east, north))
    query = sa.select(FindingRow.id, FindingRow.longitude, FindingRow.latitude).where(*every)
    found = session.execute(query.order_by(FindingRow.id).limit(most)).all()
    if polygon is None:
        return [row.id for row in found]
    return [r.id for r in found if shapely.contains_xy(polygon, r.longitude, r.latitude)]


def count_findings(
    session: Session, filters: FindingFilters
) -> tuple[dict[tuple[str, str], int], bool]:
    """Return how many findings there are by kind and state, and whether that is all of them.

    Without filters but kind and state the count is from an index and exact; otherwise counting
    ends at `MOST_COUNTED`.

    Raises:
        InputError: A filter cannot be used.
    """
    asked = conditions(session, filters)
    every = [c for c in (_any(asked.leading), *asked.rest) if c is not None]
    every += [condition for narrow in asked.few for condition in narrow]
    pair = sa.select(FindingRow.kind, FindingRow.state, FindingRow.longitude, FindingRow.latitude)
    others = filters.model_dump(exclude={"kind", "state"}, exclude_defaults=True)
    if not others:
        # All groups at once come from an index alone; a condition on the state would not.
        plain = sa.select(FindingRow.kind, FindingRow.state, sa.func.count())
        rows = session.execute(plain.group_by(FindingRow.kind, FindingRow.state)).all()
        return {
            (kind, state): int(count)
            for kind, state, count in rows
            if (not filters.kind or kind in filters.kind)
            and (not filters.state or state in filters.state)
        }, True
    polygon = filters.polygon()
    if polygon is not None:
        west, south, east, north = polygon.bounds
        every += _in_box((west, south, east, north))
    found = session.execute(pair.where(*every).limit(MOST_COUNTED + 1)).all()
    counts: dict[tuple[str, str], int] = {}
    for row in found[:MOST_COUNTED]:
        if polygon is None or shapely.contains_xy(polygon, row.longitude, row.latitude):
            counts[row.kind, row.state] = counts.get((row.kind, row.state), 0) + 1
    return counts, len(found) <= MOST_COUNTED


def conditions(session: Session, filters: FindingFilters) -> Asked:
    """Return filters as conditions; the area is not among them.

    Raises:
        InputError: A filter cannot be used.
    """
    rest: list[Condition] = []
    leading: list[Condition | None] = []
    few = _narrow(filters)
    # From the narrowest down: the first one given is walked, the others are looked at on the way.
    for column, values in (
        (FindingRow.plate, [filters.plate] if filters.plate else []),
        (FindingRow.supervised_id, [filters.supervised_id] if filters.supervised_id else []),
        (FindingRow.cell_code, filters.cell),
        (FindingRow.camera_id, filters.camera_id),
        (FindingRow.site_id, filters.site_id),
        (FindingRow.unit, filters.unit),
    ):
        if values and not leading:
            leading = [column == value for value in dict.fromkeys(values)]
        elif values:
            rest.append(column.in_(values))
    for word in (filters.text or "").split()[:MOST_WORDS]:
        alternatives = list(_meanings(session, word))
        if len(alternatives) > _MOST_STRETCHES:
            # A word in the names of most cameras: what fits is met soon along any order.
            few.append([sa.or_(*alternatives)])
        elif not leading and alternatives:
            leading = [*alternatives]
        else:
            rest.append(sa.or_(*alternatives) if alternatives else sa.false())
    kinds = [kind.value for kind in dict.fromkeys(filters.kind)]
    states = [state.value for state in dict.fromkeys(filters.state)]
    if leading:
        if kinds:
            rest += _unindexed(session, [FindingRow.kind.in_(kinds)])
        if states:
            rest += _unindexed(session, [FindingRow.state.in_(states)])
    elif kinds:
        pairs = product(kinds, states or [state.value for state in State])
        leading = [sa.and_(FindingRow.kind == k, FindingRow.state == s) for k, s in pairs]
    elif states:
        leading = [FindingRow.state == state for state in states]
    if filters.min_score is not None:
        rest.append(FindingRow.score >= filters.min_score)
    if filters.max_score is not None:
        rest.append(FindingRow.score <= filters.max_score)
    if len(leading) > _MOST_STRETCHES:
        leading = [_any(leading)]
    return Asked(leading or [None], rest, few)


def _narrow(filters: FindingFilters) -> list[list[Condition]]:
    few: list[list[Condition]] = []
    box = filters.box()
    if box is not None:
        few.append(_in_box(box))
    times: list[Condition] = []
    if filters.seen_from is not None:
        times.append(FindingRow.seen_at >= filters.seen_from)
    if filters.seen_to is not None:
        times.append(FindingRow.seen_at < filters.seen_to)
    if times:
        few.append(times)
    return few


def _in_box(box: tuple[float, float, float, float]) -> list[Condition]:
    west, south, east, north = box
    return [
        FindingRow.longitude.between(west, east),
        FindingRow.latitude.between(south, north),
    ]


def _few(session: Session, narrow: list[Condition]) -> list[str] | None:
    """Return the ids of what a range holds, if they are few."""
    ids = list(session.scalars(sa.select(FindingRow.id).where(*narrow).limit(FEW + 1)))
    return ids if len(ids) <= FEW else None


def _any(alternatives: Sequence[Condition | None]) -> Condition | None:
    given = [condition for condition in alternatives if condition is not None]
    return sa.or_(*given) if given else None


def _unindexed(session: Session, given: list[Condition]) -> list[Condition]:
    """Return conditions that SQLite does not choose an index by; PostgreSQL knows better."""
    if session.get_bind().dialect.name != "sqlite":
        return given
    # A unary plus hides a term from SQLite's planner (https://sqlite.org/optoverview.html).
    return [
        UnaryExpression(condition.self_group(), operator=custom_op("+"), type_=sa.Boolean())
        for condition in given
    ]


def _meanings(session: Session, word: str) -> Iterator[Condition]:
    """Yield what a word may mean, each by an index."""
    pattern = f"%{_escaped(word)}%"
    folded = word.casefold()
    kinds = [
        kind.value for kind in FindingKind
        if any(folded in text.casefold() for text in (*kind_words(kind.value), kind.value))
    ]  # fmt: skip
    for kind in kinds:
        for state in State:
            yield sa.and_(FindingRow.kind == kind, FindingRow.state == state.value)
    sites = sa.select(Site.id).where(Site.name.ilike(pattern, escape="\\")).limit(MOST_NAMED)
    for site in session.scalars(sites):
        yield FindingRow.site_id == site
    cameras = sa.select(CameraRow.id).where(
        sa.or_(
            CameraRow.name.ilike(pattern, escape="\\"), CameraRow.code.ilike(pattern, escape="\\")
        )
    )
    for camera in session.scalars(cameras.limit(MOST_NAMED)):
        yield FindingRow.camera_id == camera
    for unit in _units(session, folded):
        yield FindingRow.unit == unit
    yield FindingRow.id == word.lower()
    if len(word) >= SHORTEST_BEGINNING:
        yield _begins(FindingRow.cell_code, word)
        yield _begins(FindingRow.plate, word.upper())


def _units(session: Session, folded: str) -> list[str]:
    """Units of the grid whose name holds a word."""
    names = session.scalar(
        sa.select(RegisterVersion.units).where(
            RegisterVersion.active, RegisterVersion.register == Register.UNIT_GRID.value
        )
    )
    return [name for name in names or () if folded in name.casefold()][:MOST_NAMED]


def _begins(column: InstrumentedAttribute[Any], text: str) -> Condition:
    """Return that a column begins with a text, as a range that any index answers."""
    return sa.and_(column >= text, column < text + "\U0010ffff")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
