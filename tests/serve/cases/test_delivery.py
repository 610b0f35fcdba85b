"""Messages reach the case system once, whatever it does."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from serve.api.access import Role
from serve.cases.breaker import state_of
from serve.casesystem.modes import Mode
from serve.casesystem.trouble import Trouble
from serve.db.tables import Case, OutboxEntry, TargetState
from serve.service import Service
from serve.workflows import delivery
from tests.serve.cases.lead import file_leads, open311_to, webhook_to, write_targets
from tests.serve.conftest import settings_for, sign_in
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


TEMPORARY = [
    Mode.DOWN, Mode.SLOW, Mode.TOO_MANY, Mode.ERROR, Mode.ERROR_TAKEN, Mode.NO_ID,
    Mode.NO_ID_TAKEN, Mode.WRONG_ID, Mode.WRONG_ID_TAKEN, Mode.HANG_TAKEN, Mode.MALFORMED,
    Mode.MALFORMED_TAKEN, Mode.DUPLICATE,
]  # fmt: skip


def test_whatever_goes_wrong_for_a_while_each_lead_is_one_case(posting, case_system, working):
    working(posting)
    delivery.begin(file_leads(posting, 1))
    wait_until(delivered(posting, 1), 30)
    count = 1
    for mode in TEMPORARY:
        case_system.troubles.set(Trouble(modes=(mode,), times=2, seconds=1.5))
        delivery.begin(file_leads(posting, 2, start=count))
        count += 2
        wait_until(delivered(posting, count), 40)
        assert case_system.troubles.befallen[mode] == 2, mode
        kept = case_system.store.cases()
        assert len(kept) == count, mode
        with posting.database.read() as session:
            ours = session.execute(sa.select(Case.dedupe_key, Case.external_id)).all()
        assert {case.dedupe_key: case.number for case in kept} == dict(map(tuple, ours)), mode


@pytest.mark.parametrize(
    ("mode", "problem"), [(Mode.FORBIDDEN, "403"), (Mode.REDIRECT, "redirects are not followed")]
)
def test_what_is_refused_for_good_is_a_dead_letter_until_replayed(
    posting, case_system, working, mode, problem
):
    working(posting)
    case_system.troubles.set(Trouble(modes=(mode,)))
    entries = file_leads(posting, 2)
    delivery.begin(entries)
    wait_until(lambda: states(posting) == {"dead": 2}, 30)
    assert states(posting, Case) == {"dead": 2}
    supervisor = sign_in(posting, Role.SUPERVISOR)
    letters = supervisor.get("dead-letters").json()["items"]
    assert {letter["id"] for letter in letters} == set(entries)
    assert problem in letters[0]["last_problem"]
    assert letters[0]["attempts"] == 1

    case_system.troubles.set(Trouble())
    answer = supervisor.post(f"dead-letters/{entries[0]}/replay")
    assert (answer.status_code, answer.json()["replayed"]) == (200, 1)
    wait_until(lambda: states(posting) == {"dead": 1, "delivered": 1}, 30)
    assert supervisor.post(f"dead-letters/{entries[0]}/replay").status_code == 409
    name = supervisor.get("targets").json()[0]["name"]
    assert supervisor.post(f"targets/{name}/replay").json()["replayed"] == 1
    wait_until(delivered(posting, 2), 30)
    assert case_system.store.count() == {"received": 2}


def test_a_lasting_foreign_duplicate_is_not_taken_for_ours(posting, case_system, working):
    working(posting)
    case_system.troubles.set(Trouble(modes=(Mode.DUPLICATE,)))
    delivery.begin(file_leads(posting, 1))
    wait_until(lambda: states(posting) == {"dead": 1}, 40)
    with posting.database.read() as session:
        entry = session.scalars(sa.select(OutboxEntry)).one()
    assert "not ours" in entry.last_problem
    assert entry.attempts == 3
    assert case_system.store.count() == {}


def test_while_a_case_system_is_away_messages_wait_and_few_are_tried(
    tmp_path, case_system, working
):
    breaker = {"failures": 4, "open_s": 4, "longest_open_s": 4}
    file = write_targets(tmp_path, webhook_to(case_system), breaker=breaker)
    service = Service(settings_for(tmp_path, targets_file=file))
    working(service)
    case_system.troubles.set(Trouble(modes=(Mode.ERROR,)))
    delivery.begin(file_leads(service, 40))

    def untried():
        with service.database.read() as session:
            return session.scalar(sa.select(sa.func.count()).where(OutboxEntry.turn == 0))

    wait_until(lambda: untried() == 0, 60)
    with service.database.read() as session:
        held = session.scalar(sa.select(sa.func.count()).where(OutboxEntry.held))
        attempts = sum(session.scalars(sa.select(OutboxEntry.attempts)))
    # Those under way when the breaker opened were tried; since then one every four seconds.
    assert held >= 15
    assert attempts <= 25
    case_system.troubles.set(Trouble())
    wait_until(delivered(service, 40), 90)
    assert case_system.store.count() == {"received": 40}
    assert open_breaker(service) is None
    service.close()


def open_breaker(service):
    with service.database.read() as session:
        state = session.scalars(sa.select(TargetState)).first()
        return state and state.open_until


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_heeded(posting, case_system, working, as_date):
    working(posting)
    case_system.troubles.set(
        Trouble(modes=(Mode.TOO_MANY,), times=1, seconds=3, retry_after_date=as_date)
    )
    entries = file_leads(posting, 1)
    delivery.begin(entries)
    wait_until(lambda: open_breaker(posting), 20)
    with posting.database.read() as session:
        entry = session.get(OutboxEntry, entries[0])
    # The breaker of the test's target is open for 2 s at most; the message itself waits longer.
    waited_s = (entry.next_attempt_at - entry.first_sent_at).total_seconds()
    assert 1.5 <= waited_s < 5
    wait_until(delivered(posting, 1), 30)


def test_an_open311_token_is_exchanged_and_one_that_yields_nothing_is_given_up(
    tmp_path, case_system, working
):
    retry = {"first_s": 0.2, "longest_s": 0.4, "token_patience_s": 3, "answer_timeout_s": 2}
    file = write_targets(tmp_path, open311_to(case_system), retry=retry)
    service = Service(settings_for(tmp_path, targets_file=file))
    working(service)
    case_system.troubles.set(Trouble(modes=(Mode.TOKEN,), times=1, seconds=1))
    delivery.begin(file_leads(service, 1))
    wait_until(delivered(service, 1), 30)
    with service.database.read() as session:
        assert session.scalars(sa.select(Case.external_id)).one() == (
            case_system.store.cases()[0].number
        )
        assert session.scalars(sa.select(OutboxEntry.remote_token)).one()
    case_system.troubles.set(Trouble(modes=(Mode.TOKEN_NEVER,), times=1))
    delivery.begin(file_leads(service, 1, start=1))
    wait_until(lambda: states(service) == {"delivered": 1, "dead": 1}, 30)
    assert len(case_system.store.cases()) == 1
    service.close()


def test_a_message_whose_process_died_before_the_queue_is_swept_up(posting, case_system, working):
    working(posting)
    file_leads(posting, 3)
    assert delivery.sweep() == 3
    wait_until(delivered(posting, 3), 30)
    assert delivery.sweep() == 0
    assert case_system.store.count() == {"received": 3}


def test_a_message_whose_workflow_ended_without_moving_it_on_is_begun_anew(
    posting, case_system, working
):
    working(posting)
    entries = file_leads(posting, 1)
    # As after a workflow that failed for good, under the very id that the entry waits for.
    delivery.begin(entries)
    wait_until(delivered(posting, 1), 30)
    with posting.database.write() as session:
        entry = session.get(OutboxEntry, entries[0])
        entry.state, entry.turn = "waiting", entry.turn - 1
        entry.created_at = entry.created_at - timedelta(hours=1)

    def delivered_after_sweeping():
        # As often as the schedule would: a workflow ends a little after its message is delivered.
        delivery.sweep()
        return delivered(posting, 1)()

    wait_until(delivered_after_sweeping, 30)
    assert case_system.store.count() == {"received": 1}


def test_a_wrong_configuration_makes_messages_wait_and_says_why(tmp_path, case_system, working):
    file = write_targets(tmp_path, webhook_to(case_system))
    service = Service(settings_for(tmp_path, targets_file=file))
    working(service)
    entries = file_leads(service, 1)
    (tmp_path / "target-secret").write_text("short")
    delivery.begin(entries)

    def problem():
        with service.database.read() as session:
            return session.get(OutboxEntry, entries[0]).last_problem

    assert "shorter than 16" in wait_until(problem, 30)
    with service.database.read() as session:
        entry = session.get(OutboxEntry, entries[0])
        assert (entry.state, entry.attempts) == ("waiting", 0)
    service.close()


def test_many_meeting_a_new_case_system_at_once_make_one_state_of_it(tmp_path, any_database_url):
    service = Service(settings_for(tmp_path, database_url=any_database_url))
    together = threading.Barrier(8)

    def meet(_):
        together.wait()
        with service.database.write() as session:
            state_of(session, "new", lock=True).failures += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(meet, range(8)))
    with service.database.read() as session:
        assert session.get(TargetState, "new").failures == 8
    service.close()
