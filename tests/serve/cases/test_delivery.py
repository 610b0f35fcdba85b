"""Messages reach the case system once, whatever it does."""

import sqlalchemy as sa

from serve.db.tables import Case, OutboxEntry
from serve.workflows import delivery
from tests.serve.cases.lead import file_leads
from tests.serve.processes import wait_until


def states(service, table=OutboxEntry):
    with service.database.read() as session:
        rows = session.execute(sa.select(table.state, sa.func.count()).group_by(table.state))
        return dict(rows.all())


def delivered(service, count):
    return lambda: states(service) == {"delivered": count}


def test_confirmed_leads_become_cases(posting, case_system, working):
    working(posting)
    delivery.begin(file_leads(posting, 5))
    wait_until(delivered(posting, 5), 30)
    assert case_system.store.count() == {"received": 5}
    assert states(posting, Case) == {"delivered": 5}
