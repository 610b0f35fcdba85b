"""A service whose process works on surveys."""

import pytest

from serve.service import Service
from serve.workflows.catalog import SCHEDULES  # noqa: F401 - registers every workflow
from serve.workflows.queues import WorkQueue
from serve.workflows.runtime import Runtime
from tests.serve.conftest import settings_for, sign_in


@pytest.fixture
def working(tmp_path, any_database_url):
    """A service that works, on either database, and a signed-in operator."""
    with_worker = Service(settings_for(tmp_path, database_url=any_database_url))
    runtime = Runtime(with_worker, queues=(WorkQueue.SURVEY, WorkQueue.UPKEEP))
    runtime.launch()
    yield with_worker, sign_in(with_worker, "operator")
    runtime.close()
    with_worker.close()


@pytest.fixture
def embedded(tmp_path):
    """The same on the embedded database alone."""
    with_worker = Service(settings_for(tmp_path))
    runtime = Runtime(with_worker, queues=(WorkQueue.SURVEY, WorkQueue.UPKEEP))
    runtime.launch()
    yield with_worker, sign_in(with_worker, "operator")
    runtime.close()
    with_worker.close()
