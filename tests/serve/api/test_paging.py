"""Pages by cursor: everything once, whatever is added while one reads."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from serve.api.paging import page_of
from serve.db.engine import Database
from serve.db.migrate import upgrade
from serve.db.tables import FindingRow, LedgerEntry, RegisterVersion, Site
from vision.errors import InputError

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def database(any_database_url, tmp_path):
    made = Database(any_database_url or f"sqlite:///{tmp_path / 'x.sqlite'}")
    upgrade(made)
    yield made
    made.close()


def fill(database, numbers):
    with database.write() as session:
        for number in numbers:
            # Many share a time: the id decides then.
            at = START + timedelta(microseconds=number // 7)
            session.add(Site(id=f"{number:08d}", name=f"site {number}", created_at=at))


def walk(database, *, limit=10, descending=True, between=lambda: None):
    cursor, seen = None, []
    while True:
        with database.read() as session:
            rows, cursor = page_of(
                session, sa.select(Site), (Site.created_at, Site.id), limit=limit, cursor=cursor,
                descending=descending,
            )  # fmt: skip
        seen += [row.id for row in rows]
        if cursor is None:
            return seen
        between()


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("count", [0, 1, 10, 11, 95])
def test_every_row_comes_once_in_order(database, count, descending):
    fill(database, range(count))
    expected = sorted((f"{n:08d}" for n in range(count)), reverse=descending)
    assert walk(database, descending=descending) == expected


def test_rows_added_at_the_front_move_nothing(database):
    fill(database, range(40))
    later = iter(range(1000, 1100))
    seen = walk(database, between=lambda: fill(database, [next(later)]))
    assert seen == [f"{n:08d}" for n in reversed(range(40))]


@pytest.mark.parametrize(
    "cursor", ["x", "e30=", "WzFd", "W251bGwsbnVsbF0=", "WyIyMDI2LTAzLTAxIl0=", "WzEsMl0="]
)
def test_a_made_up_cursor_is_refused(database, cursor):
    with database.read() as session, pytest.raises(InputError, match="cursor"):
        page_of(
            session, sa.select(Site), (Site.created_at, Site.id), limit=5, cursor=cursor
        )  # fmt: skip


def _cursor(*values):
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


BY_TIME = (Site.created_at, Site.id)
BY_RISK = (FindingRow.risk, FindingRow.id)


@pytest.mark.parametrize(
    ("order", "values"),
    [
        (BY_TIME, ["9999-12-31T23:59:59-05:00", "x"]),
        (BY_TIME, ["0001-01-01T00:00:00+05:00", "x"]),
        (BY_TIME, ["10000-01-01T00:00:00+00:00", "x"]),
        (BY_TIME, [10**400, "x"]),
        (BY_TIME, ["2026-03-01T00:00:00+00:00", "\ud800"]),
        (BY_TIME, ["2026-03-01T00:00:00+00:00", "\0"]),
        (BY_RISK, [float("nan"), "x"]),
        (BY_RISK, [float("inf"), "x"]),
        (BY_RISK, [10**400, "x"]),
        (BY_RISK, [True, "x"]),
        ((LedgerEntry.number,), [True]),
        ((LedgerEntry.number,), [2**63]),
        ((RegisterVersion.number,), [2**31]),
        ((RegisterVersion.number,), [-(2**31) - 1]),
    ],
)
def test_a_cursor_that_no_row_can_have_given_is_refused(database, order, values):
    table = order[0].class_
    with database.read() as session, pytest.raises(InputError, match="cursor"):
        page_of(session, sa.select(table), order, limit=5, cursor=_cursor(*values))


@pytest.mark.parametrize(
    ("order", "values"),
    [
        (BY_TIME, ["9999-12-31T23:59:59.999999+00:00", "x"]),
        (BY_TIME, ["0001-01-01T00:00:00+00:00", "x"]),
        (BY_RISK, [1, "x"]),
        (BY_RISK, [1e300, "x"]),
        ((LedgerEntry.number,), [2**63 - 1]),
        ((RegisterVersion.number,), [2**31 - 1]),
    ],
)
def test_a_cursor_at_the_ends_of_its_type_begins_there(database, order, values):
    table = order[0].class_
    with database.read() as session:
        query = sa.select(table)
        assert page_of(session, query, order, limit=5, cursor=_cursor(*values)) == ([], None)
