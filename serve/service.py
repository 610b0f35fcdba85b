"""What every part of the service stands on: settings, database, storage."""

from __future__ import annotations

from pathlib import Path

from serve.db.engine import Database
from serve.db.migrate import upgrade
from serve.settings import Settings
from serve.storage import Storage
from vision.errors import InputError


class Service:
    """One process's hold on the service. Workflows reach it by `current`."""

    def __init__(self, settings: Settings) -> None:
        """Open database and storage, and bring the tables up to date.

        Raises:
            InputError: The secret is the default one, or cameras on this machine are allowed,
                outside development.
        """
        if settings.environment != "development" and settings.secret_is_weak:
            raise InputError(
                "CITYEYE_SECRET is not set or shorter than 32 characters; set a long random one "
                "(openssl rand -hex 32), or CITYEYE_ENVIRONMENT=development to try things out"
            )
        if settings.environment != "development" and settings.camera_allow_loopback:
            raise InputError(
                "CITYEYE_CAMERA_ALLOW_LOOPBACK is for trying things out; unset it, or set "
                "CITYEYE_ENVIRONMENT=development"
            )
        self.settings = settings
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.database = Database(settings.effective_database_url)
        self.storage = Storage(settings.storage_url, folder=settings.data_dir / "files")
        upgrade(self.database)

    @property
    def scratch(self) -> Path:
        """A local folder for files in the making; nothing in it is needed after a crash."""
        folder = self.settings.data_dir / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()


_current: list[Service] = []


def install(service: Service) -> None:
    """Make a service the one that this process's workflows use."""
    _current[:] = [service]


def current() -> Service:
    """Return the service of this process.

    Raises:
        RuntimeError: None was installed; a workflow ran outside a worker.
    """
    if not _current:
        raise RuntimeError("no service is installed in this process")
    return _current[0]
