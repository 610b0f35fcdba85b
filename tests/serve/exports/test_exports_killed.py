"""Workers killed at every step: exports come out whole, registers are applied, nothing twice."""

import hashlib
import json
from collections import Counter

import cv2
import numpy as np
import pytest
import sqlalchemy as sa

from serve.db.tables import ExportRow, FindingRow, LedgerEntry, RegisterVersion, utc_now
from serve.registers.kinds import Register
from serve.registers.rows import Entry
from serve.registers.versions import Origin, add_version
from serve.service import Service
from serve.workflows.export import begin_export, fail_given_up
from serve.workflows.registers import begin_applying
from serve.workflows.runtime import Runtime
from tests.serve.city import City, file_of, square, surveyed, watched
from tests.serve.conftest import settings_for
from tests.serve.processes import (
    EVERY_POINT,
    cityeye,
    crash_points,
    environment_for,
    given_up,
    wait_until,
)

MOST_POINTS = 16
QUEUES = "export,upkeep"


@pytest.fixture
def killing(tmp_path, any_database_url):
    """A city whose workers are other processes; this one only puts work on queues."""
    service = Service(settings_for(tmp_path, database_url=any_database_url))
    city = City(service)
    for number in range(3):
        taken = city.take(
            watched((0.4, 0.4, 0.6, 0.6), name=str(number), plate=f"粤A0000{number}"),
            files=[scene(service, number)],
        )
        with city.writing() as session:
            row = session.get_one(FindingRow, taken.finding_id)
            row.state, row.decided_by, row.decided_at = "confirmed", "r", utc_now()
    city.take(surveyed(square(0, 0, 10)))
    runtime = Runtime(service, queues=[])
    runtime.launch()
    yield service, environment_for(tmp_path, database_url=any_database_url)
    runtime.close()
    service.close()


def scene(service, number):
    pixels = np.full((360, 640, 3), 40 + number, np.uint8)
    content = cv2.imencode(".jpg", pixels)[1].tobytes()
    file = file_of(content, "sealed_scene_end", sealed=True)
    service.storage.put(file.key, content)
    return file


def ask(service, number):
    """Ask for an export, and import a register that puts all findings into another cell."""
    with service.database.write() as session:
        row = ExportRow(form="coco", query={}, created_by="tests")
        session.add(row)
        cell = Entry(f"cell-{number}", "", {"unit": "u"}, square(-50, -50, 100), None, None)
        add_version(session, Register.UNIT_GRID, [cell], Origin("g", b"", "tests"))
    begin_export(row.id, row.created_at)
    begin_applying(service)


def settled(service):
    with service.database.read() as session:
        states = session.scalars(sa.select(ExportRow.state)).all()
        waiting = session.scalars(
            sa.select(RegisterVersion.id).where(
                RegisterVersion.active, RegisterVersion.applied_at.is_(None)
            )
        ).all()
    return set(states) == {"done"} and not waiting


def worker(folder, environment, **crash):
    return cityeye("worker", "--queues", QUEUES, folder=folder, environment=environment, **crash)


def test_killed_at_every_step_exports_and_registers_come_out_whole(tmp_path, killing):
    service, environment = killing
    died, asked = 0, 0
    for point in crash_points(MOST_POINTS):
        asked = point
        ask(service, asked)
        with worker(tmp_path, environment, crash_at=point) as process:
            wait_until(lambda: not process.alive() or settled(service), 120)
            if process.alive():
                break
            died += 1
    with worker(tmp_path, environment):
        wait_until(lambda: settled(service), 120)
    assert died >= (5 if EVERY_POINT else 2)
    with service.database.read() as session:
        exports = session.scalars(sa.select(ExportRow)).all()
        done = session.scalars(
            sa.select(LedgerEntry.subject).where(LedgerEntry.action == "export.done")
        ).all()
        views = session.scalars(
            sa.select(LedgerEntry.detail).where(LedgerEntry.action == "evidence.view")
        ).all()
        suspected = session.scalars(
            sa.select(FindingRow.cell_code).where(FindingRow.state == "suspected")
        ).all()
    assert Counter(done) == {row.id: 1 for row in exports}
    assert Counter(json.loads(v)["export"] for v in views) == {row.id: 3 for row in exports}
    for row in exports:
        assert hashlib.sha256(service.storage.get(row.key)).hexdigest() == row.sha256
    # The newest register counts.
    assert suspected == [f"cell-{asked}"]


def test_an_export_that_the_engine_gave_up_has_failed_and_says_why(killing):
    service, _ = killing
    ask(service, 1)
    with service.database.read() as session:
        (row,) = session.scalars(sa.select(ExportRow)).all()
    given_up(service, f"export-{row.id}-0")
    fail_given_up()
    fail_given_up()
    with service.database.read() as session:
        row = session.get_one(ExportRow, row.id)
        told = session.scalars(
            sa.select(LedgerEntry.subject).where(LedgerEntry.action == "export.failed")
        ).all()
    assert row.state == "failed"
    assert "worker ended" in row.problem
    assert told == [row.id]
