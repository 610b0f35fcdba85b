"""Does it live, can it work, what are its figures; and the list of models."""

import json
import shutil
import signal
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from models.registry import SHIPPED_FOLDER
from serve.api.access import Role
from serve.app import make_app
from serve.db.tables import Worker, utc_now
from serve.people.secrets import new_secret
from serve.service import Service
from serve.workflows.runtime import SILENT_S
from tests.serve.conftest import settings_for, sign_in
from tests.serve.processes import environment_for, served, wait_until


def client_from(service, address="127.0.0.1", **headers):
    return TestClient(make_app(service), client=(address, 5000), headers=headers)


def test_a_process_that_answers_lives(service):
    assert client_from(service).get("/healthz").json() == {"status": "ok"}


def test_a_process_without_its_engine_is_not_ready(service):
    answer = client_from(service).get("/readyz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert checks.pop("workflows") != "ok"
    assert checks == {"database": "ok", "migrations": "ok", "storage": "ok"}


def test_what_is_missing_is_told_without_addresses(tmp_path):
    url = "postgresql+psycopg://city:HUNTER2@127.0.0.1:9/none"
    service = Service(settings_for(tmp_path))
    service.database = type(service.database)(url)
    answer = client_from(service).get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "failed (OperationalError)"
    assert "HUNTER2" not in answer.text
    service.close()


def test_tables_of_another_version_are_not_ready(service):
    with service.database.write() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    said = client_from(service).get("/readyz").json()["checks"]["migrations"]
    assert "9999" in said


def test_figures_are_given_to_this_machine(service):
    now = utc_now()
    with service.database.write() as session:
        session.add(Worker(executor_id="a", host="h", process=1, version="1", queues=[]))
        session.add(
            Worker(executor_id="b", host="h", process=1, version="1", queues=[], gone_at=now)
        )
    answer = client_from(service).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    for line in (
        "cityeye_workers_alive 1.0", 'cityeye_findings{state="suspected"} 0.0',
        'cityeye_outbox_entries{state="waiting"} 0.0', 'cityeye_outbox_entries{state="dead"} 0.0',
    ):  # fmt: skip
        assert line in answer.text.splitlines()


@pytest.mark.parametrize(
    ("address", "headers"),
    [("10.0.0.7", {}), ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}), ("strange", {}),
     ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}), ("::ffff:10.0.0.7", {})],
)  # fmt: skip
def test_figures_are_not_given_to_others_without_a_token(service, address, headers):
    assert client_from(service, address, **headers).get("/metrics").status_code == 401


@pytest.mark.parametrize(
    ("scopes", "status"),
    [(["metrics:read"], 200), (["*"], 200), (["metrics:write"], 200), (["users:read"], 403)],
)
def test_figures_are_given_for_a_token_of_their_scope(service, browser, scopes, status):
    made = browser("admin").post("tokens", json={"name": "prometheus", "scopes": scopes}).json()
    client = client_from(service, "10.0.0.7", Authorization=f"Bearer {made['secret']}")
    assert client.get("/metrics").status_code == status
    wrong = client_from(service, "10.0.0.7", Authorization=f"Bearer {new_secret()}")
    assert wrong.get("/metrics").status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_what_operators_ask_is_no_part_of_the_api(service, path):
    app = make_app(service)
    assert not any(path in each for each in app.openapi()["paths"])
    assert TestClient(app).get(f"/api/v1{path}").status_code == 404


def test_a_served_process_is_ready_logs_json_and_counts_its_queues(tmp_path, any_database_url):
    environment = environment_for(tmp_path, database_url=any_database_url)
    with served(folder=tmp_path, environment=environment) as (address, process):
        answer = wait_until(
            lambda: (got := httpx.get(f"{address}/readyz")).status_code == 200 and got, 30
        )
        assert set(answer.json()["checks"].values()) == {"ok"}
        figures = httpx.get(f"{address}/metrics").text
        assert "cityeye_workers_alive 1.0" in figures
        httpx.get(f"{address}/api/v1/auth/me", headers={"Authorization": "Bearer cityeye_HUNTER2"})
        wait_until(lambda: "who_am_i" in process.output, 10)
        process.kill(signal.SIGTERM)
        assert process.wait(40) == 0
    service = Service(settings_for(tmp_path, database_url=any_database_url))
    with service.database.read() as session:
        worker = session.scalars(sa.select(Worker)).one()
    service.close()
    # It said that it went, so that nobody waits for it to fall silent.
    assert utc_now() - worker.heard_at > timedelta(seconds=SILENT_S)
    lines = [json.loads(line) for line in process.output.splitlines()]
    assert {line["logger"] for line in lines} >= {"serve.api.passage"}
    assert "HUNTER2" not in process.output
    assert {line["event"] for line in lines if line.get("level") in ("error", "critical")} == set()


def test_models_are_listed_with_their_cards(browser):
    reviewer = browser("reviewer")
    listed = reviewer.get("models").json()
    assert listed["broken"] == []
    names = {item["name"] for item in listed["items"]}
    assert names == {folder.parent.name for folder in SHIPPED_FOLDER.glob("*/card.yaml")}
    one = listed["items"][0]
    got = reviewer.get(f"models/{one['name']}", params={"version": one["version"]}).json()
    assert got == one
    assert got["shipped"] is True
    assert got["card"]["licence"]


@pytest.mark.parametrize(("path", "status"), [("models/nothing", 404), ("models/..%2Fstreet", 404),
                                              ("models/street?version=99", 404),
                                              ("models/UPPER", 422)])  # fmt: skip
def test_a_model_that_is_not_there_is_not_found(browser, path, status):
    assert browser("reviewer").get(path).status_code == status


def test_the_city_s_own_models_are_told_apart_and_a_broken_card_is_told(tmp_path):
    own = tmp_path / "own"
    shutil.copytree(SHIPPED_FOLDER / "soil", own / "soil")
    (own / "bad").mkdir()
    (own / "bad" / "card.yaml").write_text("name: [")
    service = Service(settings_for(tmp_path, models_dir=own))
    listed = sign_in(service, Role.REVIEWER).get("models").json()
    assert [item["shipped"] for item in listed["items"] if item["name"] == "soil"] == [False]
    assert len(listed["broken"]) == 1
    assert str(tmp_path) not in listed["broken"][0]
    assert listed["broken"][0].startswith("bad/card.yaml")
    service.close()
