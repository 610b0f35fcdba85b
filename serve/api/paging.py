"""Pages by cursor: each answer names where the next one begins, whatever came in between."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import sqlalchemy as sa
from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import InstrumentedAttribute, Session

from serve.db.columns import UtcTime
from vision.errors import InputError

MAX_LIMIT = 200
Item = TypeVar("Item")
Row = TypeVar("Row")

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="how many at most")]
Cursor = Annotated[
    str | None,
    Query(max_length=500, description="`next` of the page before", pattern=r"^[\w\-=]*$"),
]


class Page(BaseModel, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next: str | None = Field(default=None, description="cursor of the next page; none at the end")


def page_of(
    session: Session,
    query: sa.Select[Row],
    order: tuple[InstrumentedAttribute[Any], ...],
    *,
    limit: int,
    cursor: str | None,
    descending: bool = True,
) -> tuple[list[Row], str | None]:
    """Return one page and the next cursor.

    Args:
        session: To read in.
        query: What to list, unordered.
        order: Columns of the order, none of which may be null; the last must be unique. An index
            over them makes any page as quick as the first.
        limit: Rows of a page.
        cursor: Where to begin; none at the start.
        descending: Whether largest first.

    Raises:
        InputError: The cursor is not one of ours.
    """
    if cursor:
        query = query.where(beyond(cursor, order, descending=descending))
    query = query.order_by(*(c.desc() if descending else c.asc() for c in order))
    rows: list[Any] = list(session.scalars(query.limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    rows = rows[:limit]
    return rows, cursor_at(rows[-1], order)


def beyond(
    cursor: str, order: tuple[InstrumentedAttribute[Any], ...], *, descending: bool = True
) -> sa.ColumnElement[bool]:
    """Return the condition that a row lies beyond a cursor.

    Raises:
        InputError: The cursor is not one of ours.
    """
    values = zip(_read(cursor, order), order, strict=True)
    after = sa.tuple_(*(sa.literal(value, column.type) for value, column in values))
    key = sa.tuple_(*order)
    return key < after if descending else key > after


def cursor_at(row: Any, order: tuple[InstrumentedAttribute[Any], ...]) -> str:  # noqa: ANN401
    """Return the cursor of the page that begins after a row."""
    return _write([getattr(row, column.key) for column in order])


def _write(values: list[Any]) -> str:
    plain = [v.isoformat() if isinstance(v, datetime) else v for v in values]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode()


def _read(cursor: str, order: tuple[InstrumentedAttribute[Any], ...]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if not isinstance(values, list) or len(values) != len(order):
            raise ValueError
        return [_value(value, column) for value, column in zip(values, order, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InputError("the cursor is not one that this list gave; begin without it") from error


def _value(value: Any, column: InstrumentedAttribute[Any]) -> Any:  # noqa: ANN401
    """Return a value as the database takes it, or raise where no column could hold it."""
    if isinstance(column.type, UtcTime):
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError("no zone")
        return at.astimezone(UTC)
    kind = column.type.python_type
    # For Python a truth value is a number; for PostgreSQL it is none.
    if isinstance(value, bool) or not isinstance(value, int | float if kind is float else kind):
        raise TypeError
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("no text")
        value.encode()  # half a surrogate pair is no text either
    elif kind is int and abs(value) >= 2 ** (63 if _is_big(column) else 31):
        raise ValueError("no number of ours")
    elif kind is float:
        value = float(value)
        if not math.isfinite(value):
            raise ValueError("no number")
    return value


def _is_big(column: InstrumentedAttribute[Any]) -> bool:
    return isinstance(column.type, sa.BigInteger)
