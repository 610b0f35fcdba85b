"""Whether this process can do its work: each thing that it needs is tried, and given up on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, field

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from dbos import DBOS

from serve.db.migrate import MIGRATIONS
from serve.errors import NotFound
from serve.service import Service
from vision.errors import CityEyeError

PATIENCE_S = 3.0
OK = "ok"
_NO_SUCH_KEY = "health/nothing"


@dataclass
class Readiness:
    """Tries what a process needs, each thing by one thread at a time.

    What hangs is not tried again before it has let go: a database that is away for an hour must not
    gather a thread for every question.
    """

    service: Service
    _running: dict[str, Future[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> dict[str, str]:
        """Return what came of each trial: ``ok``, or what is wrong."""
        trials: Mapping[str, Callable[[], None]] = {
            "database": self._database,
            "migrations": self._migrations,
            "storage": self._storage,
            "workflows": _workflows,
        }
        futures = {name: self._begin(name, trial) for name, trial in trials.items()}
        said = {}
        for name, future in futures.items():
            try:
                said[name] = future.result(PATIENCE_S)
            except TooLate:
                said[name] = f"no answer within {PATIENCE_S:g} s"
        return said

    def _begin(self, name: str, trial: Callable[[], None]) -> Future[str]:
        with self._lock:
            running = self._running.get(name)
            if running is not None and not running.done():
                return running
            future: Future[str] = Future()
            self._running[name] = future
        threading.Thread(
            target=_try, args=(trial, future), name=f"ready-{name}", daemon=True
        ).start()
        return future

    def _database(self) -> None:
        with self.service.database.read() as session:
            session.execute(sa.select(sa.literal(1)))

    def _migrations(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        wanted = ScriptDirectory.from_config(config).get_current_head()
        with self.service.database.engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
        if found != wanted:
            raise _Wrong(f"the tables are of version {found}, this is {wanted}")

    def _storage(self) -> None:
        try:
            self.service.storage.head(_NO_SUCH_KEY)
        except NotFound:
            return


class _Wrong(CityEyeError):
    pass


def _workflows() -> None:
    # Fails where the engine was not launched, or its tables do not answer.
    DBOS.list_workflows(limit=1, load_input=False, load_output=False)


def _try(trial: Callable[[], None], future: Future[str]) -> None:
    try:
        trial()
    except CityEyeError as error:
        future.set_result(str(error))
    # Errors of others may hold addresses and passwords, so only their kind is told.
    except Exception as error:
        future.set_result(f"failed ({type(error).__name__})")
    else:
        future.set_result(OK)
