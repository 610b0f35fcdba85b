"""A worker that dies at any point of taking a finding in: nothing is lost, nothing is doubled."""

import hashlib
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from serve.db.tables import CameraEvent, CameraRow, EvidenceRow, FindingRow, LedgerEntry, Sighting
from serve.service import Service
from serve.workflows import camera as watching
from serve.workflows.runtime import Runtime
from tests.make_watch import film_of_one_parked_car, write_models
from tests.serve.conftest import drop_postgres, postgres_url, settings_for
from tests.serve.processes import EVERY_POINT, cityeye, environment_for, wait_until
from tests.serve.watching.making import add_camera

TAKING_IN = ("/evidence/", "commit StoredResults.append", "commit _end")
"""What the worker is killed at, the first of each: other points come whenever they like."""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return film_of_one_parked_car(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def postgresql():
    url, name = postgres_url()
    yield url
    drop_postgres(name)


class Street:
    """A recording that is to be watched, and how it stands."""

    def __init__(self, folder, film, models, database_url=""):
        folder.mkdir(parents=True)
        self.folder = folder
        where = {"database_url": database_url, "models_dir": models}
        self.service = Service(settings_for(folder, **where))
        clips = self.service.settings.data_dir / "clips"
        clips.mkdir()
        (clips / "film.mp4").write_bytes(film.read_bytes())
        self.environment = environment_for(folder, **where)
        self.camera_id, epoch = add_camera(self.service, "clip:film.mp4")
        giver = Runtime(self.service, queues=())
        giver.launch()
        watching.begin([(self.camera_id, epoch)])
        giver.close()

    def worker(self, **crash):
        return cityeye(
            "worker", "--queues", "camera", folder=self.folder, environment=self.environment,
            **crash,
        )  # fmt: skip

    def all(self, table):
        with self.service.database.read() as session:
            return session.scalars(sa.select(table)).all()

    def health(self):
        with self.service.database.read() as session:
            return session.get(CameraRow, self.camera_id).health

    def claim(self):
        """How many workers have begun to watch it."""
        with self.service.database.read() as session:
            return session.get(CameraRow, self.camera_id).claim

    def result(self):
        """What is there in the end, checked against itself."""
        (finding,) = self.all(FindingRow)
        (sighting,) = self.all(Sighting)
        evidence = self.all(EvidenceRow)
        for row in evidence:
            content = self.service.storage.get(row.key)
            assert hashlib.sha256(content).hexdigest() == row.sha256
        assert sighting.ended
        assert finding.sightings == 1
        told = [e.detail["state"] for e in self.all(CameraEvent) if e.kind == "finding"]
        news = [e for e in self.all(LedgerEntry) if e.action == "finding.new"]
        assert len(news) == 1
        return finding.kind, sorted(row.role for row in evidence), sorted(told)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, film, models):
    """What a film brings when nobody dies, and the points that its worker passes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    trace = folder / "points.txt"
    whole = Street(folder / "whole", film, models)
    with whole.worker(crash_at=10**6, trace=trace):
        wait_until(lambda: whole.health() == "ended", 180)
    expected = whole.result()
    whole.service.close()
    assert expected[0] == "illegal_parking"
    assert expected[2] == ["ended", "ongoing"]
    return expected, [line.split(" ", 1) for line in trace.read_text().splitlines()]


@pytest.mark.parametrize("mark", TAKING_IN)
def test_a_worker_dies_while_a_finding_is_taken_in(tmp_path, film, models, undisturbed, mark):
    expected, points = undisturbed
    number = next(int(number) for number, name in points if mark in name)
    for when in ("before", "after")[mark == TAKING_IN[0] :]:
        street = Street(tmp_path / when, film, models)
        with street.worker(crash_at=number, when=when) as dying:
            dying.wait(180)
        with street.worker():
            wait_until(lambda street=street: street.health() == "ended", 180)
        assert street.result() == expected, (number, when)
        street.service.close()


@pytest.mark.parametrize("mark", TAKING_IN if EVERY_POINT else TAKING_IN[1:2])
def test_on_postgresql_another_worker_takes_over_at_once(
    tmp_path, film, models, undisturbed, mark, postgresql
):
    """Three workers; the one that watches dies, and one of the others goes on."""
    expected, points = undisturbed
    number = next(int(number) for number, name in points if mark in name)
    street = Street(tmp_path / "street", film, models, postgresql)
    with ExitStack() as running:
        dying = running.enter_context(street.worker(crash_at=number, when="after"))
        wait_until(lambda: street.claim() == 1 or not dying.alive(), 180)
        for _ in range(2):
            running.enter_context(street.worker())
        dying.wait(180)
        wait_until(lambda: street.health() == "ended", 180)
    assert street.claim() == 2
    assert street.result() == expected
    street.service.close()
