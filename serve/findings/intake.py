"""Taking findings in, from either door: once per sighting, joined with what was found before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from serve.db.tables import EvidenceRow, FindingRow, Review, Sighting, utc_now
from serve.findings import joining
from serve.findings.outlines import place_outline
from serve.findings.pending import note
from serve.findings.titles import title_of
from serve.registers.suspicion import apply
from serve.settings import Settings
from vision.errors import InputError
from vision.finding import Evidence, Finding, stable_id

log = structlog.get_logger()

AUTOMATIC = "auto"
"""Who decided where the city lets findings above a score be posted without a person."""
ACTOR = "worker"
_LONGEST_ID = 36
_PLACE_LOCK = 7266603


@dataclass(frozen=True)
class StoredFile:
    """A piece of evidence that lies in the storage.

    Attributes:
        evidence: What it is.
        key: Where it lies.
        sealed: Whether it is an original, to be seen by few and never unnoticed.
    """

    evidence: Evidence
    key: str
    sealed: bool


@dataclass(frozen=True)
class Origin:
    """Which door a finding came through, and where that is.

    Attributes:
        site_id: Site of the surveys.
        comparison_id: Their comparison.
        camera_id: Id of the camera's row.
        zone: Its zone.
        longitude: WGS-84 position of the camera.
        latitude: WGS-84 position of the camera.
        gsd_m: Ground sample distance of the later survey.
    """

    site_id: str | None = None
    comparison_id: str | None = None
    camera_id: str | None = None
    zone: str | None = None
    longitude: float | None = None
    latitude: float | None = None
    gsd_m: float | None = None


@dataclass(frozen=True)
class Taken:
    """What became of a sighting.

    Attributes:
        finding_id: The finding it belongs to.
        new: Whether the finding is new.
        joined: Whether the sighting joined a finding that was there.
        outbox: Messages to case systems that wait, where it was confirmed automatically; the sweep
            sends them in any case, `serve.workflows.delivery.begin` at once.
    """

    finding_id: str
    new: bool
    joined: bool
    outbox: tuple[str, ...] = ()


def take(
    session: Session,
    finding: Finding,
    *,
    sighting_id: str,
    origin: Origin,
    files: Sequence[StoredFile],
    ended: bool = True,
    settings: Settings,
) -> Taken:
    """Take one sighting in, within the caller's writing transaction.

    Idempotent per sighting: called again it updates what is known of the sighting and adds files
    that are new.

    Args:
        session: The open writing transaction.
        finding: What was found.
        sighting_id: Stable id of this sighting, at most 80 characters.
        origin: Where it comes from.
        files: Its evidence, already in the storage.
        ended: Whether it is over; one that goes on is taken in again when it is.
        settings: Of the service.
    """
    _queue_up(session, origin)
    sighting = session.get(Sighting, sighting_id)
    if sighting is not None:
        return _again(session, sighting, finding, origin=origin, files=files, ended=ended)
    match = joining.same_thing(session, finding, origin, settings)
    if match is None:
        row = _new_row(session, finding, sighting_id, origin)
    else:
        row = match.row
        row.sightings += 1
        row.revision += 1
        _absorb(row, finding, origin, newest=match.is_same_kind)
    session.add(
        Sighting(
            id=sighting_id, finding_id=row.id, ended=ended,
            document=finding.model_dump(mode="json"),
        )
    )  # fmt: skip
    session.flush()
    _add_files(session, row.id, sighting_id, files)
    reopened = match is not None and joining.reopen(session, row, match)
    apply(session, row, settings=settings)
    detail: dict[str, Any] = {"sighting": sighting_id, "kind": finding.kind.value}
    if match is None:
        note(session, ACTOR, "finding.new", "finding", row.id, detail)
    else:
        note(session, ACTOR, "finding.sighted", "finding", row.id, detail | {"reopened": reopened})
    outbox = _confirm_automatically(session, row, settings) if match is None or reopened else ()
    return Taken(row.id, new=match is None, joined=match is not None, outbox=outbox)


def _queue_up(session: Session, origin: Origin) -> None:
    """Make takers of one place wait for each other, or both would call the same thing new."""
    if session.get_bind().dialect.name == "postgresql":
        place = origin.camera_id or origin.site_id or ""
        key = sa.func.hashtext(place)
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_PLACE_LOCK, key)))


def _again(
    session: Session,
    sighting: Sighting,
    finding: Finding,
    *,
    origin: Origin,
    files: Sequence[StoredFile],
    ended: bool,
) -> Taken:
    row = session.get_one(FindingRow, sighting.finding_id)
    document = finding.model_dump(mode="json")
    joined = _first_sighting(session, row.id) != sighting.id
    added = _add_files(session, row.id, sighting.id, files)
    # What is over stays over: a message that comes late must not open it again.
    if sighting.document == document or (sighting.ended and not ended):
        if added:
            note(session, ACTOR, "finding.evidence", "finding", row.id, {"files": added})
        return Taken(row.id, new=False, joined=joined)
    sighting.document, sighting.ended = document, ended
    is_newest = joining.newest_sighting(session, row.id) == sighting.id
    _absorb(row, finding, origin, newest=is_newest and row.document.get("id") == finding.id)
    row.revision += 1
    detail = {"sighting": sighting.id, "ended": ended, "files": added}
    note(session, ACTOR, "finding.updated", "finding", row.id, detail)
    return Taken(row.id, new=False, joined=joined)


def _first_sighting(session: Session, finding_id: str) -> str | None:
    return session.scalar(
        sa.select(Sighting.id)
        .where(Sighting.finding_id == finding_id)
        .order_by(Sighting.at, Sighting.id)
        .limit(1)
    )


def _new_row(session: Session, finding: Finding, sighting_id: str, origin: Origin) -> FindingRow:
    # The same files compared for two sites give the same id twice; then the sighting names it.
    own = finding.id
    if len(own) > _LONGEST_ID or session.get(FindingRow, own) is not None:
        own = stable_id(sighting_id)
    now = utc_now()
    row = FindingRow(
        id=own,
        kind=finding.kind.value,
        state="suspected",
        risk=0.0,
        title_zh="",
        title_en="",
        seen_at=finding.first_seen or finding.last_seen or now,
        sightings=1,
        register_versions={},
        reasons=[],
        held=False,
        created_at=now,
        revision=1,
    )
    _absorb(row, finding, origin, newest=True)
    session.add(row)
    return row


def _absorb(row: FindingRow, finding: Finding, origin: Origin, *, newest: bool) -> None:
    """Let a finding say what its sighting says, but for what a reviewer corrected."""
    times = [t for t in (row.first_seen, finding.first_seen) if t is not None]
    row.first_seen = min(times, default=None)
    times = [t for t in (row.last_seen, finding.last_seen) if t is not None]
    row.last_seen = max(times, default=None)
    row.updated_at = utc_now()
    row.plate = row.plate or (finding.attributes.get("plate_text") or None)
    if not newest:
        return
    row.site_id, row.camera_id = origin.site_id, origin.camera_id
    row.comparison_id = origin.comparison_id or row.comparison_id
    row.zone, row.gsd_m = origin.zone, origin.gsd_m
    row.document = finding.model_dump(mode="json")
    model = finding.model
    row.model_name, row.model_version = (model.name, model.version) if model else (None, None)
    row.score, row.assessment = finding.score, finding.assessment.value
    corrected = row.corrected or {}
    if "kind" not in corrected:
        row.kind = finding.kind.value
    if "bbox_xyxy" not in corrected:
        row.bbox_xyxy = list(finding.bbox_xyxy) if finding.bbox_xyxy else None
    if finding.geometry is not None and "geometry" not in corrected:
        place_outline(row, finding.geometry.to_shape())
    elif finding.geometry is None and row.geometry is None:
        row.longitude, row.latitude = origin.longitude, origin.latitude
    entitle(row)


def entitle(row: FindingRow) -> None:
    """Give a finding the title that follows from its kind, size and place."""
    words = title_of(
        Finding.model_validate(row.document), kind=row.kind, zone=row.zone, area_m2=row.area_m2
    )
    row.title_zh, row.title_en = words


def _add_files(
    session: Session, finding_id: str, sighting_id: str, files: Sequence[StoredFile]
) -> int:
    """Add what is not there yet; returns how many."""
    known = {
        (role, sha256)
        for role, sha256 in session.execute(
            sa.select(EvidenceRow.role, EvidenceRow.sha256).where(
                EvidenceRow.finding_id == finding_id, EvidenceRow.sighting_id == sighting_id
            )
        )
    }
    added = 0
    for file in files:
        evidence = file.evidence
        if (evidence.role, evidence.sha256) in known:
            continue
        known.add((evidence.role, evidence.sha256))
        added += 1
        session.add(
            EvidenceRow(
                finding_id=finding_id, sighting_id=sighting_id, role=evidence.role,
                media_type=evidence.media_type, key=file.key, sha256=evidence.sha256,
                size_bytes=evidence.size_bytes, taken_at=evidence.taken_at, sealed=file.sealed,
            )
        )  # fmt: skip
    session.flush()
    return added


def _confirm_automatically(
    session: Session, row: FindingRow, settings: Settings
) -> tuple[str, ...]:
    from serve.cases.filing import file_case, wants_auto_post
    from serve.warnings import reconsider

    try:
        is_wanted = wants_auto_post(row.kind, row.score, settings)
    except InputError as error:
        # A broken file of case systems keeps nothing from being found; a person will decide.
        log.warning("auto_post_not_known", detail=str(error))
        return ()
    if row.assessment != "suspected" or not is_wanted:
        return ()
    now = utc_now()
    before = {"state": row.state, "decided_by": row.decided_by, "decided_at": None}
    row.state, row.decided_by, row.decided_at = "confirmed", AUTOMATIC, now
    row.revision += 1
    session.add(
        Review(finding_id=row.id, action="auto_confirm", actor=AUTOMATIC, at=now,
               detail={"score": row.score}, before=before)
    )  # fmt: skip
    session.flush()
    reconsider(session, row, settings)
    outbox = file_case(session, row, reviewer=AUTOMATIC, decided_at=now, settings=settings)
    note(session, AUTOMATIC, "finding.auto_confirm", "finding", row.id, {"score": row.score})
    return outbox
