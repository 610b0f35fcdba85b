"""An hour of everything that case systems do wrong, run fast: every finding is exactly one case."""

import time

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from serve.cases.replaying import replay_letters
from serve.casesystem.modes import Mode
from serve.casesystem.server import CaseSystem
from serve.casesystem.trouble import Trouble
from serve.db.tables import Case, OutboxEntry
from serve.service import Service
from serve.workflows import delivery
from tests.serve.cases.lead import SECRET, file_leads, open311_to, webhook_to, write_targets
from tests.serve.conftest import settings_for
from tests.serve.processes import EVERY_POINT, free_port, wait_until

LEADS = 300 if EVERY_POINT else 100
HOUR = [
    (Mode.DOWN,), (Mode.SLOW,), (Mode.TOO_MANY,), (Mode.ERROR, Mode.ERROR_TAKEN),
    (Mode.NO_ID, Mode.NO_ID_TAKEN), (Mode.WRONG_ID, Mode.WRONG_ID_TAKEN), (Mode.HANG_TAKEN,),
    (Mode.MALFORMED, Mode.MALFORMED_TAKEN), (Mode.DUPLICATE,),
]  # fmt: skip
"""Each for six minutes of the hour; here, until it has befallen some requests."""
BEFALLEN = 6
AWAY_S = 3.0
PAIRS = [
    ("sqlite", webhook_to), ("postgresql", open311_to),
    *([("sqlite", open311_to), ("postgresql", webhook_to)] if EVERY_POINT else []),
]  # fmt: skip
"""Each database and each adapter; every one of the one with every one of the other on request."""


@pytest.mark.parametrize(("any_database_url", "adapter"), PAIRS, indirect=["any_database_url"])
def test_every_finding_becomes_exactly_one_case(tmp_path, any_database_url, working, adapter):
    port = free_port()
    system = begin_case_system(tmp_path, port)
    breaker = {"failures": 5, "open_s": 0.3, "longest_open_s": 0.6}
    file = write_targets(tmp_path, adapter(system), breaker=breaker)
    service = Service(settings_for(tmp_path, database_url=any_database_url, targets_file=file))
    working(service, schedules=delivery.SCHEDULES)
    leads = Leads(service, LEADS // (len(HOUR) + 1))
    # Nothing listens at all.
    system.close()
    leads.file()
    time.sleep(AWAY_S)
    system = begin_case_system(tmp_path, port)
    for modes in HOUR:
        system.troubles.set(Trouble(modes=modes, share=0.8, seconds=1.5))
        leads.file()
        wait_until(lambda: befallen(system, modes) >= BEFALLEN, 90)  # noqa: B023
    system.troubles.set(Trouble())

    def settled():
        with service.database.read() as session:
            waiting = session.scalar(
                sa.select(sa.func.count()).where(OutboxEntry.state == "waiting")
            )
            dead = session.scalars(sa.select(OutboxEntry).where(OutboxEntry.state == "dead")).all()
        # A foreign duplicate is given up after three times; a person replays it when all is well.
        if dead:
            assert all("duplicate" in letter.last_problem for letter in dead)
            replay(service, [letter.id for letter in dead])
        return waiting == 0 and not dead

    wait_until(settled, 300, every_s=1.0)
    kept = {case.dedupe_key: case.number for case in system.store.cases(limit=10_000)}
    with service.database.read() as session:
        ours = dict(map(tuple, session.execute(sa.select(Case.dedupe_key, Case.external_id))))
    assert len(ours) == LEADS
    assert kept == ours
    system.close()
    service.close()


class Leads:
    """Findings that are confirmed all the while."""

    def __init__(self, service, at_once):
        self.service, self.at_once, self.count = service, at_once, 0

    def file(self):
        delivery.begin(file_leads(self.service, self.at_once, start=self.count))
        self.count += self.at_once


def begin_case_system(folder, port):
    system = CaseSystem(folder / "case-system", SecretStr(SECRET), port=port, step_s=3600)
    system.start()
    return system


def befallen(system, modes):
    return sum(system.troubles.befallen.get(mode, 0) for mode in modes)


def replay(service, letters):
    with service.database.write() as session:
        done = replay_letters(session, letters, actor="test", settings=service.settings)
    delivery.begin(done)
