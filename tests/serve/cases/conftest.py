"""A running case system, and a service that posts to it."""

import pytest
from pydantic import SecretStr

from serve.casesystem.server import CaseSystem
from serve.service import Service
from serve.workflows.queues import WorkQueue
from serve.workflows.runtime import Runtime
from tests.serve.cases.lead import SECRET, open311_to, webhook_to, write_targets
from tests.serve.conftest import settings_for


@pytest.fixture
def case_system(tmp_path):
    """A case system whose cases stand still after they were filed."""
    system = CaseSystem(tmp_path / "case-system", SecretStr(SECRET), step_s=3600)
    system.start()
    yield system
    system.close()


@pytest.fixture(params=["webhook", "open311"])
def target(request, case_system):
    """The case system by each adapter."""
    return {"webhook": webhook_to, "open311": open311_to}[request.param](case_system)


@pytest.fixture
def posting(tmp_path, target):
    """A service that posts to it, on SQLite, without a worker."""
    service = Service(settings_for(tmp_path, targets_file=write_targets(tmp_path, target)))
    yield service
    service.close()


@pytest.fixture
def working():
    """Give a service a worker in this process."""
    running = []

    def begin(service, **more):
        runtime = Runtime(service, queues=[WorkQueue.DELIVERY, WorkQueue.UPKEEP], **more)
        runtime.launch()
        running.append(runtime)
        return runtime

    yield begin
    for runtime in running:
        runtime.close()
