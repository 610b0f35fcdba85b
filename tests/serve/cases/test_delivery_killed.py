"""Workers killed at every step of delivering: after that, every lead is exactly one case."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from serve.casesystem.modes import Mode
from serve.casesystem.trouble import Trouble
from serve.db.tables import Case, OutboxEntry
from serve.service import Service
from serve.workflows import delivery
from serve.workflows.runtime import Runtime
from tests.serve.cases.lead import file_leads, open311_to, webhook_to, write_targets
from tests.serve.conftest import drop_postgres, postgres_url, settings_for
from tests.serve.processes import EVERY_POINT, cityeye, crash_points, environment_for, wait_until

MOST_POINTS = 13
"""Two leads pass about ten; what a dead worker left behind comes on top."""
LEADS_EACH = 2
WALKS = {
    "sqlite-before-webhook": ("sqlite", "before", webhook_to),
    "postgresql-after-open311": ("postgresql", "after", open311_to),
}
if EVERY_POINT:
    WALKS |= {
        "sqlite-after-open311": ("sqlite", "after", open311_to),
        "postgresql-before-webhook": ("postgresql", "before", webhook_to),
    }


@pytest.fixture
def killing(tmp_path, any_database_url, case_system, adapter):
    """A service whose workers are other processes; this one only puts work on queues."""
    file = write_targets(tmp_path, adapter(case_system))
    service = Service(settings_for(tmp_path, database_url=any_database_url, targets_file=file))
    runtime = Runtime(service, queues=[])
    runtime.launch()
    yield service, environment_for(tmp_path, database_url=any_database_url, targets_file=file)
    runtime.close()
    service.close()


@pytest.mark.parametrize(
    ("any_database_url", "when", "adapter"),
    WALKS.values(), ids=WALKS.keys(), indirect=["any_database_url"],
)  # fmt: skip
def test_killed_at_every_step_each_lead_is_one_case(tmp_path, killing, case_system, when):
    service, environment = killing
    trace = Path(tmp_path / "points.txt")
    count, died = 0, 0
    for point in crash_points(MOST_POINTS):
        delivery.begin(file_leads(service, LEADS_EACH, start=count))
        count += LEADS_EACH
        with worker(tmp_path, environment, crash_at=point, when=when, trace=trace) as process:
            wait_until(lambda: not process.alive() or settled(service), 120)
            if settled(service) and process.alive():
                break
            died += 1
    with worker(tmp_path, environment):
        wait_until(lambda: settled(service), 120)
    kept = {case.dedupe_key: case.number for case in case_system.store.cases(limit=1000)}
    with service.database.read() as session:
        ours = dict(map(tuple, session.execute(sa.select(Case.dedupe_key, Case.external_id))))
    assert len(ours) == count
    assert kept == ours
    # Two leads pass four commits and two records of the engine at least.
    assert died >= (6 if EVERY_POINT else 2), trace.read_text()


def worker(folder, environment, **crash):
    words = ("worker", "--queues", "delivery")
    return cityeye(*words, folder=folder, environment=environment, **crash)


def settled(service):
    with service.database.read() as session:
        waiting = session.scalar(sa.select(sa.func.count()).where(OutboxEntry.state != "delivered"))
    return waiting == 0


def test_of_three_workers_one_is_killed_and_each_lead_is_one_case(tmp_path, case_system):
    url, name = postgres_url()
    file = write_targets(tmp_path, webhook_to(case_system))
    service = Service(settings_for(tmp_path, database_url=url, targets_file=file))
    runtime = Runtime(service, queues=[])
    runtime.launch()
    environment = environment_for(tmp_path, database_url=url, targets_file=file)
    case_system.troubles.set(Trouble(modes=(Mode.SLOW, Mode.ERROR_TAKEN), share=0.3, seconds=0.5))
    with ExitStack() as running:
        three = [running.enter_context(worker(tmp_path, environment)) for _ in range(3)]
        delivery.begin(file_leads(service, 60))
        wait_until(lambda: len(case_system.store.cases()) >= 15, 90)
        three[0].kill()
        delivery.begin(file_leads(service, 20, start=60))
        wait_until(lambda: settled(service), 120)
    kept = {case.dedupe_key: case.number for case in case_system.store.cases(limit=1000)}
    with service.database.read() as session:
        ours = dict(map(tuple, session.execute(sa.select(Case.dedupe_key, Case.external_id))))
    assert len(ours) == 80
    assert kept == ours
    runtime.close()
    service.close()
    drop_postgres(name)
