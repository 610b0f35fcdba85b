"""The reference case system by itself, as a command, and as what ``serve --dev`` brings along."""

import json
import time

import httpx
import pytest
import sqlalchemy as sa
import yaml
from pydantic import SecretStr

from serve.cases.filing import withdraw_case
from serve.cases.signing import signed_headers
from serve.cases.targets import target_named
from serve.casesystem.embedded import start_embedded
from serve.casesystem.modes import Mode
from serve.casesystem.server import CaseSystem
from serve.casesystem.trouble import Trouble
from serve.db.tables import Case, FindingRow, OutboxEntry, utc_now
from serve.service import Service
from serve.workflows import delivery
from tests.serve.cases.lead import SECRET, file_leads, open311_to, webhook_to, write_targets
from tests.serve.conftest import settings_for
from tests.serve.processes import cityeye, environment_for, free_port, served, wait_until


def post(system, message, *, secret=SECRET, now=None):
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    headers = signed_headers(SecretStr(secret), body, now=now or utc_now())
    return httpx.post(f"{system.url}/drafts", content=body, headers=headers)


@pytest.fixture
def message(tmp_path, case_system):
    """A draft as it is posted."""
    file = write_targets(tmp_path, webhook_to(case_system))
    service = Service(settings_for(tmp_path, targets_file=file))
    file_leads(service, 1)
    with service.database.read() as session:
        payload = session.scalars(sa.select(OutboxEntry.payload)).one()
    service.close()
    return payload


def test_a_draft_is_filed_once(case_system, message):
    first, again = post(case_system, message), post(case_system, message)
    assert (first.status_code, again.status_code) == (201, 409)
    assert first.json()["id"] == again.json()["id"]
    assert again.json()["dedupe_key"] == message["dedupe_key"]
    page = httpx.get(f"{case_system.url}/").text
    assert first.json()["id"] in page
    assert message["draft"]["title"] in page


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda m: {**m, "draft": {**m["draft"], "status": "proven"}}, 422),
        (lambda m: {**m, "draft": {k: v for k, v in m["draft"].items() if k != "review"}}, 422),
        (lambda m: {**m, "dedupe_key": "another"}, 422),
        (lambda m: [m], 400),
        (lambda _: b"{", 400),
    ],
)
def test_what_is_no_draft_is_refused(case_system, message, change, status):
    assert post(case_system, change(message)).status_code == status
    assert case_system.store.count() == {}


def test_a_draft_that_is_not_signed_is_refused(case_system, message):
    assert post(case_system, message, secret="somebody else's secret").status_code == 401  # noqa: S106
    late = utc_now().replace(year=2025)
    assert post(case_system, message, now=late).status_code == 401
    assert httpx.post(f"{case_system.url}/admin/trouble", json={}).status_code == 401


@pytest.mark.parametrize("adapter", [webhook_to, open311_to])
def test_a_withdrawal_reaches_it(tmp_path, case_system, working, adapter):
    file = write_targets(tmp_path, adapter(case_system))
    service = Service(settings_for(tmp_path, targets_file=file))
    working(service)
    delivery.begin(file_leads(service, 1))
    wait_until(lambda: case_system.store.cases(), 30)
    case_system.troubles.set(Trouble(modes=(Mode.ERROR_TAKEN,), times=1))
    with service.database.write() as session:
        row = session.scalars(sa.select(FindingRow)).one()
        told = withdraw_case(session, row, reviewer="li", why="no", settings=service.settings)
    delivery.begin(told)

    def delivered():
        with service.database.read() as session:
            return set(session.scalars(sa.select(OutboxEntry.state))) == {"delivered"}

    wait_until(delivered, 30)
    assert [entry["reason"][:2] for entry in case_system.store.withdrawals()] == ["no"]
    with service.database.read() as session:
        assert session.scalars(sa.select(Case.state)).one() == "withdrawn"
    service.close()


@pytest.mark.parametrize("adapter", [webhook_to, open311_to])
def test_states_are_asked_for_where_no_callback_comes(tmp_path, working, adapter):
    system = CaseSystem(tmp_path / "case-system", SecretStr(SECRET), step_s=0.1)
    system.start()
    system.troubles.set(Trouble(modes=(Mode.CALLBACKS_LOST,)))
    file = write_targets(tmp_path, adapter(system), poll_interval_s=1)
    service = Service(settings_for(tmp_path, targets_file=file))
    working(service)
    delivery.begin(file_leads(service, 3))

    def closed():
        delivery.poll()
        with service.database.read() as session:
            return set(session.scalars(sa.select(Case.state))) == {"closed"}

    wait_until(closed, 60, every_s=0.5)
    service.close()
    system.close()


def test_it_runs_as_a_command_and_keeps_its_cases(tmp_path, message):
    port = free_port()
    words = ("case-system", "--data", tmp_path / "kept", "--port", port, "--fail", "error")
    environment = {"CITYEYE_CASE_SYSTEM_SECRET": SECRET}

    class At:
        url = f"http://127.0.0.1:{port}"

    def up():
        try:
            return httpx.get(At.url).status_code == 200
        except httpx.HTTPError:
            return False

    admin = {"Authorization": f"Bearer {SECRET}"}
    with cityeye(*words, folder=tmp_path, environment=environment):
        wait_until(up, 60)
        assert post(At, message).status_code == 500
        well = {"modes": []}
        assert httpx.post(f"{At.url}/admin/trouble", json=well, headers=admin).status_code == 200
        number = post(At, message).json()["id"]
    with cityeye(*words[:-2], folder=tmp_path, environment=environment):
        wait_until(up, 60)
        assert post(At, message).json()["id"] == number


def test_it_does_not_start_without_a_secret(tmp_path):
    words = ("case-system", "--data", tmp_path / "kept", "--port", free_port())
    with cityeye(*words, folder=tmp_path, environment={"CITYEYE_CASE_SYSTEM_SECRET": ""}) as run:
        assert run.wait(60) == 3
        assert "CITYEYE_CASE_SYSTEM_SECRET" in run.output


def test_the_embedded_one_leads_to_itself_and_keeps_its_secret(tmp_path):
    settings, system = start_embedded(settings_for(tmp_path, case_system_step_s=0.25))
    assert system.step_s == 0.25
    target = target_named("embedded", settings)
    assert target.url == f"{system.url}/drafts"
    secret_file = tmp_path / "data/case-system/secret"
    assert secret_file.stat().st_mode & 0o777 == 0o600
    first = target.secret.get_secret_value()
    assert first not in yaml.safe_dump(target.model_dump(mode="json"))
    system.close()
    again, system = start_embedded(settings_for(tmp_path))
    assert target_named("embedded", again).secret.get_secret_value() == first
    system.close()


@pytest.mark.parametrize("mode", [Mode.CALLBACKS_DOUBLED, Mode.CALLBACKS_SHUFFLED])
def test_odd_callbacks_end_with_a_closed_case(tmp_path, mode):
    """The whole way round, by the command: a lead is posted, walked through and told closed."""
    system = CaseSystem(tmp_path / "case-system", SecretStr(SECRET), step_s=0.2)
    system.start()
    system.troubles.set(Trouble(modes=(mode,)))
    port = free_port()
    file = write_targets(tmp_path, webhook_to(system))
    more = {"targets_file": file, "public_url": f"http://127.0.0.1:{port}"}
    service = Service(settings_for(tmp_path, **more))
    file_leads(service, 2)
    with served(folder=tmp_path, environment=environment_for(tmp_path, **more), port=port):

        def closed():
            with service.database.read() as session:
                return set(session.scalars(sa.select(Case.state))) == {"closed"}

        wait_until(closed, 120, every_s=0.5)
        time.sleep(0.5)
        assert closed()
    service.close()
    system.close()
