"""Creating once, however often it is asked for."""

import threading

import pytest
import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.testclient import TestClient
from pydantic import BaseModel

from serve.api.access import ACCESS, EVERYBODY
from serve.api.caller import COOKIE, CSRF_HEADER
from serve.api.once import CreateOnce
from serve.app import PREFIX, make_app
from serve.db.tables import AnsweredRequest, Site
from serve.errors import Conflict
from serve.service import Service

from .. import conftest

KEY = {"Idempotency-Key": "a"}


class Make(BaseModel):
    name: str


class Made(BaseModel):
    id: str
    name: str
    revision: int


@pytest.fixture
def started():
    return []


@pytest.fixture
def client(any_database_url, tmp_path, monkeypatch, started):
    service = Service(conftest.settings_for(tmp_path, database_url=any_database_url))
    router = APIRouter(tags=["sites"])

    @router.post("/made", status_code=201)
    def make_for_test(body: Make, once: CreateOnce) -> Made:
        def make(session):
            if body.name == "refused":
                raise Conflict("no")
            row = Site(name=body.name)
            session.add(row)
            session.flush()
            return Made(id=row.id, name=row.name, revision=row.revision)

        return once.create(
            body, make, location=lambda m: f"/made/{m.id}", after=lambda m: started.append(m.id)
        )

    monkeypatch.setitem(ACCESS, "make_for_test", EVERYBODY)
    app = make_app(service)
    from fastapi import Depends

    from serve.api.caller import authorise

    app.include_router(router, prefix=PREFIX, dependencies=[Depends(authorise)])
    browser = conftest.sign_in(service, "operator", app=app)
    browser.client.service = service
    yield browser.client
    service.close()


def sites(client):
    with client.service.database.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Site))


def test_without_a_key_each_request_creates(client):
    assert client.post("made", json={"name": "a"}).status_code == 201
    assert client.post("made", json={"name": "b"}).status_code == 201
    assert sites(client) == 2


def test_the_same_key_gets_the_same_answer_and_creates_once(client, started):
    first = client.post("made", json={"name": "a"}, headers=KEY)
    again = client.post("made", json={"name": "a"}, headers=KEY)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first.headers["Location"] == again.headers["Location"]
    assert first.headers["ETag"] == again.headers["ETag"] == '"1"'
    assert sites(client) == 1
    # What follows is begun again: the first process may have died before it got there.
    assert started == [first.json()["id"]] * 2


def test_the_same_key_for_something_else_is_refused(client):
    client.post("made", json={"name": "a"}, headers=KEY)
    answer = client.post("made", json={"name": "b"}, headers=KEY)
    assert answer.status_code == 409
    assert "idempotency key" in answer.json()["detail"]
    assert sites(client) == 1


def test_a_refusal_is_not_remembered(client):
    assert client.post("made", json={"name": "refused"}, headers=KEY).status_code == 409
    assert client.post("made", json={"name": "a"}, headers=KEY).status_code == 201


def test_the_same_name_twice_is_a_conflict_not_a_failure(client):
    client.post("made", json={"name": "a"})
    answer = client.post("made", json={"name": "a"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"


def test_eight_at_once_create_one(client):
    answers = []
    gate = threading.Barrier(8)

    def ask():
        own = TestClient(client.app, base_url=client.base_url)
        own.cookies.set(COOKIE, client.cookies[COOKIE])
        own.headers[CSRF_HEADER] = client.headers[CSRF_HEADER]
        gate.wait()
        answers.append(own.post("made", json={"name": "a"}, headers=KEY))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sites(client) == 1
    with client.service.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(AnsweredRequest)) == 1
