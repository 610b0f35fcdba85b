"""Raw photos by NodeODM, against a server that speaks its protocol."""

import zipfile
from datetime import timedelta

import pytest
import sqlalchemy as sa

from serve.db.tables import Survey
from serve.errors import TooLarge, Unavailable
from serve.service import Service
from serve.surveys import nodeodm, photos
from serve.surveys.nodeodm import NodeOdm, TaskRefused
from serve.workflows import photos as work
from serve.workflows import stopping
from serve.workflows import survey as survey_work
from serve.workflows.queues import WorkQueue
from serve.workflows.runtime import Runtime
from tests.serve.conftest import settings_for, sign_in
from tests.serve.processes import given_up
from tests.serve.surveys.flying import make_site, upload, wait_for, write_ortho
from tests.serve.surveys.odm import Odm


@pytest.fixture
def odm(tmp_path):
    ortho = write_ortho(tmp_path / "odm.tif").read_bytes()
    server = Odm({nodeodm.ORTHOPHOTO: ortho, "../../evil.txt": b"x", "report.pdf": b"x"}).start()
    yield server
    server.stop()


@pytest.fixture
def resting(tmp_path, odm):
    """A service that does nothing by itself: tests take the steps."""
    stopping.begin()
    service = Service(settings_for(tmp_path, nodeodm_url=odm.url))
    yield service, sign_in(service, "operator")
    service.close()


def fly_photos(client, count=3):
    ids = [upload(client, bytes([n]) * 100, f"../IMG {n}.JPG") for n in range(count)]
    body = {"flown_at": "2026-05-01T09:00:00+08:00", "photo_upload_ids": ids}
    made = client.post(f"sites/{make_site(client)}/surveys", json=body)
    assert made.status_code == 201, made.text
    return made.json()["id"]


def row_of(service, survey):
    with service.database.read() as session:
        return session.scalars(sa.select(Survey).where(Survey.id == survey)).one()


def test_photos_become_a_survey(tmp_path, odm, monkeypatch):
    monkeypatch.setattr(work, "LOOK_EVERY_S", 0.5)
    service = Service(settings_for(tmp_path, nodeodm_url=odm.url))
    runtime = Runtime(service, queues=(WorkQueue.SURVEY, WorkQueue.PHOTOS))
    runtime.launch()
    client = sign_in(service, "operator")
    survey = fly_photos(client)
    row = wait_for(client, f"surveys/{survey}")
    assert row["state"] == "ready", row
    (task,) = odm.tasks.values()
    assert task["photos"] == {f"0000{n}.jpg": bytes([n]) * 100 for n in range(3)}
    assert odm.sent == ["00000.jpg", "00001.jpg", "00002.jpg"]
    assert odm.tokens == {odm.token}
    runtime.close()
    assert {o.key.split("/")[1] for o in service.storage.list("uploads")} <= {survey}
    service.close()


def test_photos_that_were_sent_are_not_sent_again(resting, odm):
    service, client = resting
    survey = fly_photos(client)
    odm.fail_uploads = 0
    upload_photo = NodeOdm.upload
    sent = []

    def breaks_at_the_second(self, task_id, name, photo):
        sent.append(name)
        if len(sent) == 2:
            odm.fail_uploads = 1
        upload_photo(self, task_id, name, photo)

    NodeOdm.upload = breaks_at_the_second
    try:
        with pytest.raises(Unavailable, match="503"):
            photos.send(service, survey)
        before = row_of(service, survey)
        assert (before.state, before.photos_sent) == ("sending", 1)
        assert before.nodeodm_task_id in odm.tasks
        assert photos.send(service, survey) == {"follow": True}
    finally:
        NodeOdm.upload = upload_photo
    assert odm.sent == ["00000.jpg", "00001.jpg", "00002.jpg"]
    # Cut off after the commit and before it was noted: sent once more, it is known there.
    with service.database.write() as session:
        session.get(Survey, survey).state = "sending"
    assert photos.send(service, survey) == {"follow": True}
    assert len(odm.tasks) == 1


def test_a_task_begun_and_not_noted_costs_nothing_but_an_id(resting, odm):
    service, client = resting
    survey = fly_photos(client)
    with NodeOdm(odm.url) as server:
        photos._begin_task(service, server, row_of(service, survey))
    with service.database.write() as session:
        session.get(Survey, survey).nodeodm_task_id = None
    assert photos.send(service, survey) == {"follow": True}
    assert len(odm.tasks) == 2


def test_a_server_that_is_away_is_waited_for(resting, odm):
    service, client = resting
    survey = fly_photos(client)
    photos.send(service, survey)
    port = odm.stop()
    assert photos.follow(service, survey) == {"again": True}
    odm.start(port)
    assert photos.follow(service, survey) == {"again": True}
    assert photos.follow(service, survey) == {"fetch": True}
    odm.stop()
    with pytest.raises(Unavailable) as told:
        photos.fetch(service, survey)
    assert odm.token not in str(told.value)
    odm.start(port)
    assert photos.fetch(service, survey)["ready"]
    # Killed before that was noted: it is found done.
    assert photos.fetch(service, survey) == {"ready": True, "spent": []}
    row = row_of(service, survey)
    assert (row.state, row.dsm_upload_id) == ("received", None)
    photos.leave(service, survey)
    assert [task["state"] for task in odm.tasks.values()] == ["remove"]


def test_a_server_set_up_anew_knows_nothing(resting, odm):
    service, client = resting
    survey = fly_photos(client)
    photos.send(service, survey)
    odm.tasks.clear()
    assert "Try again" in photos.follow(service, survey)["failed"]


def test_a_failed_task_says_why_and_may_be_tried_again(resting, odm):
    service, client = resting
    odm.verdict, odm.looks_until_done = (30, "not enough\x00 overlap"), 1
    survey = fly_photos(client)
    photos.send(service, survey)
    came = photos.follow(service, survey)
    assert "not enough overlap" in came["failed"]
    work.preparing.end(service, survey, "failed", came["failed"])
    assert client.post(f"surveys/{survey}/retry").json()["state"] == "received"
    photos.send(service, survey)
    assert len(odm.tasks) == 2


def test_looks_that_the_engine_gave_up_fail_the_survey(tmp_path, odm):
    service = Service(settings_for(tmp_path, nodeodm_url=odm.url))
    runtime = Runtime(service, queues=[])
    runtime.launch()
    client = sign_in(service, "operator")
    survey = fly_photos(client)
    photos.send(service, survey)
    with service.database.write() as session:
        session.get(Survey, survey).created_at -= timedelta(hours=1)

    def swept():
        survey_work.sweep(service)
        return row_of(service, survey).state

    attempt = row_of(service, survey).attempt
    assert swept() == "processing"
    work._look_later(survey, attempt, 1)
    given_up(service, f"photos-{survey}-{attempt}")
    assert swept() == "processing"
    given_up(service, f"photos-look-{survey}-{attempt}-1")
    assert swept() == "failed"
    assert "without a result" in row_of(service, survey).problem
    assert client.post(f"surveys/{survey}/retry").json()["state"] == "received"
    runtime.close()
    service.close()


def test_cancelling_stops_the_task_too(resting, odm):
    service, client = resting
    survey = fly_photos(client)
    photos.send(service, survey)
    assert client.post(f"surveys/{survey}/cancel").json()["state"] == "cancelled"
    assert photos.follow(service, survey) == {"cancelled": True}
    assert photos.fetch(service, survey) == {"cancelled": True}
    photos.leave(service, survey)
    assert [task["state"] for task in odm.tasks.values()] == ["remove"]
    assert list(service.storage.list("uploads")) == []


def test_archives_are_not_believed(tmp_path):
    archive, target = tmp_path / "a.zip", tmp_path / "out.tif"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(nodeodm.ORTHOPHOTO, bytes(5_000_000))
    with pytest.raises(TooLarge):
        nodeodm.unpack(archive, nodeodm.ORTHOPHOTO, target, max_bytes=1_000_000)
    assert not nodeodm.unpack(archive, nodeodm.SURFACE, target, max_bytes=10)
    content = bytearray(archive.read_bytes())
    # Claims to be small, and is not.
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    archive.write_bytes(content)
    try:
        nodeodm.unpack(archive, nodeodm.ORTHOPHOTO, target, max_bytes=1_000_000)
    except TaskRefused:
        pass
    assert not target.exists() or target.stat().st_size <= 1_000_000
    archive.write_bytes(b"no zip")
    with pytest.raises(TaskRefused, match="no readable ZIP"):
        nodeodm.unpack(archive, nodeodm.ORTHOPHOTO, target, max_bytes=10)


def test_photos_need_a_server(browser):
    client = browser("operator")
    body = {"flown_at": "2026-05-01T09:00:00Z", "photo_upload_ids": [upload(client, b"x")]}
    answer = client.post(f"sites/{make_site(client)}/surveys", json=body)
    assert answer.status_code == 422
    assert "CITYEYE_NODEODM_URL" in answer.json()["detail"]
