"""A service on each kind of database, and callers of every role."""

import atexit
import os
import shutil
import tempfile
import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import psycopg
import pytest
from fastapi.testclient import TestClient

from serve.api.access import Role
from serve.api.caller import COOKIE, CSRF_HEADER
from serve.app import make_app
from serve.db.engine import Database
from serve.db.migrate import upgrade
from serve.db.tables import LoginSession, User, new_id, utc_now
from serve.people.secrets import csrf_of, hash_password, new_secret, sha256_of
from serve.service import Service
from serve.settings import Settings

PASSWORD = "correct horse battery"  # noqa: S105
PASSWORD_HASH = hash_password(PASSWORD)
POSTGRES = os.environ.get("CITYEYE_TEST_POSTGRES", "host=/var/run/postgresql dbname=postgres")


# A database of each kind with all its tables is made once per process: copying it is quicker than
# migrating. That migrating works from nothing, tests of it and of the processes prove.
_template = []
"""Name of the one on PostgreSQL."""


@cache
def _embedded_template():
    """The file of the embedded one."""
    folder = Path(tempfile.mkdtemp(prefix="cityeye-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "cityeye.sqlite"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


def postgres_url():
    """The URL of a fresh database on the machine's PostgreSQL, or a skip."""
    if not _template:
        url, name = _fresh_postgres("template0")
        database = Database(url)
        upgrade(database)
        database.close()
        _template.append(name)
        atexit.register(drop_postgres, name)
    return _fresh_postgres(_template[0])


def _fresh_postgres(template):
    try:
        admin = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL answers here ({POSTGRES}): {str(error).splitlines()[0]}")
    name = f"cityeye_test_{uuid.uuid4().hex[:12]}"
    with admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        user, host = admin.info.user, admin.info.host
    return f"postgresql+psycopg://{user}@/{name}?host={host}", name


def drop_postgres(name):
    with psycopg.connect(POSTGRES, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database_url(request):
    """Run a test on SQLite and on PostgreSQL; empty means the embedded one."""
    if request.param == "sqlite":
        yield ""
        return
    url, name = postgres_url()
    yield url
    drop_postgres(name)


def settings_for(folder, **changes):
    """Settings of a service whose data lies in a folder, with an empty database there."""
    settings = Settings(
        environment="development", data_dir=folder / "data", _env_file=None, **changes
    )
    embedded = settings.data_dir / "cityeye.sqlite"
    if not settings.database_url and not embedded.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_embedded_template(), embedded)
    return settings


@pytest.fixture
def service(tmp_path):
    made = Service(settings_for(tmp_path))
    yield made
    made.close()


@dataclass
class Browser:
    """A signed-in browser of one role."""

    client: TestClient
    user_id: str
    name: str

    def __getattr__(self, verb):
        return getattr(self.client, verb)


def sign_in(service, role, *, name=None, app=None):
    """A browser of somebody with a role, signed in without the log-in page."""
    name = name or f"{role}-{uuid.uuid4().hex[:6]}"
    secret = new_secret()
    user_id = new_id()
    with service.database.write() as session:
        session.add(
            User(id=user_id, name=name, display_name=name, role=role, password_hash=PASSWORD_HASH)
        )
        session.flush()
        session.add(
            LoginSession(
                user_id=user_id, secret_sha256=sha256_of(secret),
                expires_at=utc_now() + timedelta(hours=1),
            )
        )  # fmt: skip
    client = TestClient(app or make_app(service), base_url="http://testserver/api/v1")
    client.cookies.set(COOKIE, secret)
    client.headers[CSRF_HEADER] = csrf_of(secret)
    return Browser(client, user_id, name)


@pytest.fixture
def browser(service):
    """Make signed-in browsers: ``browser("reviewer").get("findings")``."""
    app = make_app(service)
    return lambda role, **more: sign_in(service, Role(role), app=app, **more)
