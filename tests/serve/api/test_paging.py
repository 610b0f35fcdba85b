"""Pages by cursor: everything once, whatever is added while one reads."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from serve.api.paging import page_of
from serve.db.engine import Database
from serve.db.migrate import upgrade
from serve.db.tables import Site
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
