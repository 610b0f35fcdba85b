"""``kill -9`` at any point from upload to findings: nothing is lost, nothing is doubled.

A few points are died at by default; with CITYEYE_TEST_EVERY_POINT=1 all of them, before and after.
"""

import hashlib
import os
import re
import threading
import time
from contextlib import ExitStack, contextmanager

import httpx
import pytest
import sqlalchemy as sa

from serve import ledger
from serve.api.caller import COOKIE, CSRF_HEADER
from serve.db.tables import (
    Comparison,
    EvidenceRow,
    FindingRow,
    LedgerEntry,
    Sighting,
    Survey,
    Upload,
    UploadPart,
)
from serve.service import Service
from serve.uploads.receiving import PART_BYTES
from tests.serve.conftest import drop_postgres, postgres_url, settings_for, sign_in
from tests.serve.processes import (
    EVERY_POINT,
    cityeye,
    environment_for,
    free_port,
    served,
    wait_until,
)
from tests.serve.surveys.flying import STREAM, TUS, write_ortho

PATIENCE_S = 300
OURS = re.compile(r"survey|comparison|upload|finding|record_operation", re.IGNORECASE)


class Deployment:
    """Processes that are started again whenever they have died, and a client that persists.

    Either one ``cityeye serve`` that does all, and dies; or one that only answers, beside workers,
    each of which dies at its own point of that number.
    """

    def __init__(self, folder, database_url, *, workers=0, **crash):
        self.folder = folder
        self.service = Service(settings_for(folder, database_url=database_url))
        browser = sign_in(self.service, "operator")
        self.environment = environment_for(folder, database_url=database_url)
        self.port = free_port()
        self.stack = ExitStack()
        self.deaths = 0
        if workers:
            self.process = self._serve(words=("--no-workers",))
            self.workers = [self._work(**crash) for _ in range(workers)]
        else:
            self.process = self._serve(**crash)
            self.workers = []
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/api/v1",
            cookies={COOKIE: browser.client.cookies[COOKIE]},
            headers={CSRF_HEADER: browser.client.headers[CSRF_HEADER]},
            timeout=60,
        )

    def _serve(self, **more):
        _, process = self.stack.enter_context(
            served(folder=self.folder, environment=self.environment, port=self.port, **more)
        )
        return process

    def _work(self, **crash):
        words = ("worker", "--queues", "survey,upkeep")
        return self.stack.enter_context(
            cityeye(*words, folder=self.folder, environment=self.environment, **crash)
        )

    def again_if_dead(self):
        if not self.process.alive():
            self.deaths += 1
            self.process = self._serve()
        for place, worker in enumerate(self.workers):
            if not worker.alive():
                self.deaths += 1
                self.workers[place] = self._work()

    def ask(self, method, path, **more):
        """Send until there is an answer."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.client.request(method, path, **more)
            except httpx.TransportError:
                assert time.monotonic() < end, self.process.output[-3000:]
                time.sleep(0.2)
                self.again_if_dead()

    def close(self):
        self.client.close()
        self.stack.close()
        self.service.close()

    def create(self, path, key, **more):
        headers = {"Idempotency-Key": key, **more.pop("headers", {})}
        made = self.ask("POST", path, headers=headers, **more)
        assert made.status_code == 201, made.text
        return made.json()["id"]

    def upload(self, content, key):
        headers = {**TUS, "Upload-Length": str(len(content))}
        made = self.create("uploads", key, headers=headers)
        while True:
            head = self.ask("HEAD", f"uploads/{made}", headers=TUS)
            offset = int(head.headers["Upload-Offset"])
            if offset == len(content):
                return made
            # In two halves, so that there is a between.
            part = content[offset : max(offset + 1, len(content) // 2)]
            part = part if offset < len(content) // 2 else content[offset:]
            self.ask(
                "PATCH", f"uploads/{made}", content=part,
                headers={**STREAM, "Upload-Offset": str(offset)},
            )  # fmt: skip

    def rests(self, path):
        end = time.monotonic() + PATIENCE_S
        while True:
            row = self.ask("GET", path).json()
            if row["state"] not in ("received", "checking", "waiting", "running"):
                return row
            assert time.monotonic() < end, row
            time.sleep(0.3)
            self.again_if_dead()


def story(deployment, before, after):
    """Upload two surveys and wait for what was found."""
    site = deployment.create("sites", "site", json={"name": "ground"})
    surveys = []
    for number, path in enumerate((before, after), 1):
        upload = deployment.upload(path.read_bytes(), f"upload {number}")
        body = {"flown_at": f"2026-0{number}-01T08:00:00Z", "ortho_upload_id": upload}
        survey = deployment.create(f"sites/{site}/surveys", f"survey {number}", json=body)
        row = deployment.rests(f"surveys/{survey}")
        assert row["state"] == "ready", row
        surveys.append(survey)
    (made,) = deployment.ask("GET", f"sites/{site}/comparisons").json()["items"]
    done = deployment.rests(f"comparisons/{made['id']}")
    assert done["state"] == "done", done
    return outcome(deployment.service)


def outcome(service):
    """What there is at the end, and that it hangs together."""
    with service.database.read() as session:
        surveys = session.scalars(sa.select(Survey)).all()
        findings = sorted(session.scalars(sa.select(FindingRow.id)))
        sightings = session.scalar(sa.select(sa.func.count()).select_from(Sighting))
        comparisons = session.scalar(sa.select(sa.func.count()).select_from(Comparison))
        evidence = session.scalars(sa.select(EvidenceRow)).all()
        entries = session.scalars(sa.select(LedgerEntry).order_by(LedgerEntry.number)).all()
    for survey in surveys:
        stored = hashlib.sha256(service.storage.get(survey.ortho_key)).hexdigest()
        assert stored == survey.ortho_sha256
    for piece in evidence:
        assert hashlib.sha256(service.storage.get(piece.key)).hexdigest() == piece.sha256
    assert all(entry.sha256 == ledger.digest_of(entry) for entry in entries)
    actions = [entry.action for entry in entries]
    once = {a: actions.count(a) for a in ("survey.create", "survey.ready", "comparison.done")}
    return {
        "surveys": len(surveys), "comparisons": comparisons, "findings": findings,
        "sightings": sightings, "evidence": len(evidence), "entries": once,
        "new": actions.count("finding.new"),
    }  # fmt: skip


@pytest.fixture
def pictures(tmp_path):
    options = {"seed": 3, "size": 400}
    return (
        write_ortho(tmp_path / "before.tif", **options),
        write_ortho(tmp_path / "after.tif", roof=True, **options),
    )


@pytest.mark.parametrize(
    "workers", [pytest.param(0, id="sqlite"), pytest.param(3, id="postgresql-three-workers")]
)
def test_dying_anywhere_changes_nothing(tmp_path, pictures, workers):
    trace = tmp_path / "points.txt"
    first = tmp_path / "undisturbed"
    first.mkdir()
    # One of the workers alone passes all the points there are.
    deployment = Deployment(first, "", workers=min(workers, 1), crash_at=10**9, trace=trace)
    expected = story(deployment, *pictures)
    deployment.close()
    assert expected["entries"] == {"survey.create": 2, "survey.ready": 2, "comparison.done": 1}
    points = [line.split(" ", 1) for line in trace.read_text().splitlines()]
    ours = [int(number) for number, name in points if OURS.search(name)]
    assert len(ours) > 20
    chosen = ours if EVERY_POINT else ours[5 :: max(1, len(ours) // 3)][:3]
    deaths = 0
    for number in chosen:
        for when in ("before", "after") if EVERY_POINT else (("before", "after")[number % 2],):
            folder = tmp_path / f"{when}-{number}"
            folder.mkdir()
            with fresh_database(on_postgres=bool(workers)) as url:
                deployment = Deployment(folder, url, workers=workers, crash_at=number, when=when)
                try:
                    came = story(deployment, *pictures)
                    deaths += deployment.deaths
                finally:
                    deployment.close()
            assert came == expected, (when, number)
    # How often progress is written differs, so one of the last points may not be reached; of
    # several workers none may pass as many as one that does it all.
    assert deaths >= (len(chosen) // 2 if not workers else 1)


@contextmanager
def fresh_database(*, on_postgres):
    """A database of its own for each death; empty means the embedded one."""
    if not on_postgres:
        yield ""
        return
    url, name = postgres_url()
    try:
        yield url
    finally:
        drop_postgres(name)


def test_killed_in_the_middle_of_sending(tmp_path):
    """What the offset says after the restart is what is there, and the rest completes it."""
    content = os.urandom(3 * PART_BYTES + 12_345)
    deployment = Deployment(tmp_path, "")
    made = deployment.create("uploads", "u", headers={**TUS, "Upload-Length": str(len(content))})

    killed = threading.Event()

    def begun():
        """Two parts and a half; the rest is not sent before the service is dead."""
        for start in range(0, len(content), 2**19):
            if start > 2.5 * PART_BYTES:
                killed.wait(120)
            yield content[start : start + 2**19]

    def send():
        headers = {**STREAM, "Upload-Offset": "0"}
        try:
            deployment.client.patch(f"uploads/{made}", headers=headers, content=begun())
        except httpx.TransportError:
            return

    sender = threading.Thread(target=send)
    sender.start()
    with deployment.service.database.read() as session:
        query = sa.select(Upload.offset_bytes).where(Upload.id == made)

    def offset():
        with deployment.service.database.read() as session:
            return session.scalar(query)

    wait_until(offset, 60, every_s=0.05)
    deployment.process.kill()
    deployment.process.wait()
    killed.set()
    sender.join()
    deployment.again_if_dead()
    head = deployment.ask("HEAD", f"uploads/{made}", headers=TUS)
    kept = int(head.headers["Upload-Offset"])
    assert PART_BYTES <= kept < len(content)
    answer = deployment.ask(
        "PATCH", f"uploads/{made}", content=content[kept:],
        headers={**STREAM, "Upload-Offset": str(kept)},
    )  # fmt: skip
    assert answer.status_code == 204
    with deployment.service.database.read() as session:
        parts = session.scalars(sa.select(UploadPart).order_by(UploadPart.offset_bytes)).all()
    assert b"".join(deployment.service.storage.get(part.key) for part in parts) == content
    deployment.close()
