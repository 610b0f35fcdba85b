"""What every decision asks finds its rows by the index that leads to few of them.

A plan is told by SQLite without statistics, as a new service has none: it must not go by luck.
"""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from serve import warnings
from serve.db.engine import Database
from serve.db.migrate import upgrade
from serve.findings import claiming
from serve.settings import Settings
from serve.warning_rules import Subject


@pytest.fixture
def database(tmp_path):
    made = Database(f"sqlite:///{tmp_path / 'x.sqlite'}")
    upgrade(made)
    yield made
    made.close()


def plans(database, ask):
    """How SQLite means to find the findings that `ask` selects."""
    asked = []
    sa.event.listen(
        database.engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, values, *_: asked.append((statement, values)),
    )
    with database.write() as session:
        ask(session)
    with database.engine.connect() as connection:
        return " ".join(
            row[3]
            for statement, values in list(asked)
            if "FROM findings" in statement
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        )


def test_what_a_reviewer_holds(database):
    plan = plans(database, lambda session: claiming.held_by(session, "li"))
    assert "ix_findings_claimed" in plan


@pytest.mark.parametrize(
    ("subject", "index"),
    [(Subject.CELL, "ix_findings_cell"), (Subject.SUPERVISED_OBJECT, "ix_findings_supervised")],
)
def test_what_was_confirmed_of_a_subject(database, subject, index):
    def weigh(session):
        warnings.weigh(session, subject, "c", settings=Settings(), now=datetime.now(UTC))

    assert index in plans(database, weigh)


def test_statistics_reach_connections_that_are_open(database):
    with database.write() as session:
        session.execute(sa.text("CREATE TABLE spread (a INTEGER, b INTEGER)"))
        session.execute(sa.text("CREATE INDEX by_a ON spread (a)"))
        session.execute(sa.text("CREATE INDEX by_b ON spread (b)"))
        session.execute(
            sa.text("INSERT INTO spread VALUES (:a, :b)"),
            [{"a": number % 2, "b": number} for number in range(1000)],
        )
    ask = sa.text("EXPLAIN QUERY PLAN SELECT 1 FROM spread WHERE a = 1 AND b = 1")

    def plan():
        with database.read() as session:
            return session.execute(ask).one()[3]

    plan()
    database.analyse()
    assert "by_b" in plan()
    with database.write() as session:
        session.execute(sa.text("UPDATE spread SET a = b, b = b % 2"))
    database.analyse()
    assert "by_a" in plan()
