"""Confirmed findings for tests: a camera, a survey, evidence in the storage, targets files."""

import hashlib
from datetime import UTC, datetime, timedelta

import yaml

from serve.cases.filing import file_case
from serve.db.tables import (
    CameraRow,
    Comparison,
    EvidenceRow,
    FindingRow,
    Site,
    Survey,
    new_id,
)  # fmt: skip
from serve.findings.outlines import place_outline
from tests.serve.city import MONDAY, square, surveyed, watched

SECRET = "shared with the case system"  # noqa: S105
DECIDED = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)  # Monday, 11:00 in Shanghai
CAMERA = "44011500081320000001"


def write_targets(folder, *targets, **changes):
    """A targets file with quick retries; returns its path."""
    secret = folder / "target-secret"
    secret.write_text(SECRET)
    whole = []
    for target in targets:
        whole.append(
            {
                "secret_file": str(secret), "allow_plain_http": True,
                "retry": {
                    "first_s": 0.2, "longest_s": 2, "attempts": 200, "answer_timeout_s": 1.0,
                    "connect_timeout_s": 1.0,
                },
                "breaker": {"failures": 4, "open_s": 0.5, "longest_open_s": 2},
                **target, **changes,
            }
        )  # fmt: skip
    path = folder / "targets.yaml"
    path.write_text(yaml.safe_dump({"targets": whole}))
    return path


def webhook_to(system, **changes):
    return {"name": "hooked", "adapter": "webhook", "url": f"{system.url}/drafts", **changes}


def open311_to(system, **changes):
    return {
        "name": "geo", "adapter": "open311", "url": f"{system.url}/open311",
        "withdraw_service_code": "withdraw", **changes,
    }  # fmt: skip


def add_camera(session):
    camera = CameraRow(
        code=CAMERA, name="Jinlong Road east gate", settings={}, address="rtsp://10.0.0.1/",
        sealed_address=b"x", longitude=113.53, latitude=22.79, created_by="test",
    )  # fmt: skip
    session.add(camera)
    session.flush()
    return camera.id


def add_survey_pair(session):
    site = Site(name=f"North works {new_id()[-6:]}")
    session.add(site)
    session.flush()
    surveys = [
        Survey(site_id=site.id, flown_at=MONDAY - timedelta(days=d), state="ready",
               facts={"gsd_m": 0.05}, created_by="test")
        for d in (30, 0)
    ]  # fmt: skip
    session.add_all(surveys)
    session.flush()
    pair = Comparison(
        site_id=site.id, before_id=surveys[0].id, after_id=surveys[1].id, created_by="test"
    )
    session.add(pair)
    session.flush()
    return site.id, pair.id


def add_finding(session, name, *, camera_id=None, kind="illegal_parking", pair=None, **row):
    """A confirmed finding, as intake and review leave it."""
    if camera_id is not None:
        finding = watched((100.0, 200.0, 300.0, 400.0), name=name, kind=kind)
    else:
        finding = surveyed(square(10, 10, 20), name=name, kind=kind, area_m2=400.0)
    made = FindingRow(
        id=finding.id, kind=kind, state="confirmed", score=finding.score, risk=0.9,
        title_zh="疑似", title_en="Suspected", first_seen=finding.first_seen,
        last_seen=finding.last_seen, camera_id=camera_id, zone="kerb" if camera_id else None,
        site_id=pair[0] if pair else None, comparison_id=pair[1] if pair else None,
        bbox_xyxy=list(finding.bbox_xyxy) if finding.bbox_xyxy else None,
        document=finding.model_dump(mode="json"), decided_by="li", decided_at=DECIDED, **row,
    )  # fmt: skip
    if finding.geometry is not None:
        place_outline(made, finding.geometry.to_shape())
    session.add(made)
    session.flush()
    return made


def add_evidence(service, session, row, *, role="scene_start", content=b"a picture", sealed=False):
    digest = hashlib.sha256(content).hexdigest()
    key = f"evidence/{digest[:2]}/{digest}.jpg"
    service.storage.put(key, content)
    made = EvidenceRow(
        finding_id=row.id, sighting_id="s", role=role, media_type="image/jpeg", key=key,
        sha256=digest, size_bytes=len(content), taken_at=MONDAY, sealed=sealed,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def file_leads(service, count, *, start=0, kind="illegal_parking"):
    """Confirm so many findings; returns the outbox entries that wait."""
    entries = []
    with service.database.write() as session:
        camera = session.query(CameraRow).first()
        camera_id = camera.id if camera else add_camera(session)
        for number in range(start, start + count):
            row = add_finding(session, f"lead {number}", camera_id=camera_id, kind=kind)
            entries += file_case(
                session, row, reviewer="li", decided_at=DECIDED, settings=service.settings
            )
    return entries
