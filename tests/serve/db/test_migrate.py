"""The migrations make the tables that the code knows, on either database."""

import sqlite3
import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from serve.db.engine import Database
from serve.db.migrate import upgrade
from serve.db.tables import Base, User


@pytest.fixture
def database(any_database_url, tmp_path):
    made = Database(any_database_url or f"sqlite:///{tmp_path / 'x.sqlite'}")
    yield made
    made.close()


def test_the_tables_are_those_that_the_code_knows(database):
    upgrade(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [
            difference
            for difference in compare_metadata(context, Base.metadata)
            # The workflow engine's own tables, on a database that it shares.
            if not (difference[0] == "remove_table" and difference[1].schema == "dbos")
        ]
    assert differences == []


def test_upgrading_again_changes_nothing(database):
    upgrade(database)
    upgrade(database)


def test_several_processes_may_upgrade_at_once(tmp_path):
    errors = []

    def start():
        own = Database(f"sqlite:///{tmp_path / 'y.sqlite'}")
        try:
            upgrade(own)
        except Exception as error:
            errors.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_the_first_connection_waits_for_one_that_writes_a_file_just_made(tmp_path):
    path = tmp_path / "z.sqlite"
    # Not yet in the mode that we use, and written: SQLite refuses the switch without waiting.
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE t (x)")
    other.execute("BEGIN IMMEDIATE")
    ends = threading.Timer(0.3, other.execute, ["COMMIT"])
    ends.start()
    own = Database(f"sqlite:///{path}")
    try:
        upgrade(own)
        with own.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    finally:
        ends.join()
        own.close()
        other.close()


def test_an_error_does_not_tell_what_was_being_written(database):
    upgrade(database)
    row = {
        "id": "a",
        "name": "n",
        "display_name": "n",
        "role": "admin",
        "password_hash": "$secret$",
    }
    with pytest.raises(sa.exc.IntegrityError) as caught, database.write() as session:
        session.execute(sa.insert(User), [row, row])
    assert "$secret$" not in str(caught.value)
