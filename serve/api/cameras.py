"""Cameras: added, changed, tried out, watched, and how they fare."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy.orm import Session

from serve import ledger
from serve.api.caller import Caller, Here, Who
from serve.api.once import CreateOnce
from serve.api.paging import Cursor, Limit, Page, page_of
from serve.api.ranged import ranged
from serve.api.texts import NO_CONTROLS
from serve.api.versions import IfMatch, check_version, tag
from serve.db.tables import CameraEvent, CameraRow, FindingRow, Sighting, utc_now
from serve.errors import NotFound, TooMany
from serve.network import CheckedAddress
from serve.watching import registering
from serve.watching.faring import WATCHED, Health, thumbnail
from serve.watching.opening import address_of, camera_of, source_maker
from serve.watching.public import (
    ActivityPublic,
    CameraCreate,
    CameraEventPublic,
    CameraImport,
    CameraImported,
    CameraPublic,
    CameraUpdate,
    SeenPublic,
    StandingPublic,
    TrialPublic,
)
from serve.watching.trial import PATIENCE, Trial, try_source
from serve.workflows.camera import begin
from vision.camera.config import Outline
from vision.camera.sources import FaultKind

router = APIRouter(tags=["cameras"])

CameraId = Annotated[
    str,
    Path(description="id of the camera", pattern=r"^[0-9a-f\-]{36}$", min_length=36, max_length=36),
]
TRIALS_AT_ONCE = 4
ACTIVITY_S = 3600.0
THUMBNAIL_MAX_AGE_S = 60
ACTIVITY_EVENTS = 200
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
_trials = threading.BoundedSemaphore(TRIALS_AT_ONCE)


def _note(session: Session, caller: Caller, action: str, row: CameraRow, **detail: object) -> None:
    ledger.append(
        session, actor=caller.name, action=f"camera.{action}", subject_type="camera",
        subject=row.id, detail={"code": row.code, **detail},
    )  # fmt: skip


@router.post("/cameras", status_code=201, response_model=CameraPublic)
def create_camera(body: CameraCreate, service: Here, caller: Who, once: CreateOnce) -> Response:
    """Add a camera; its address has to lie in the networks of cameras."""

    def make(session: Session) -> CameraPublic:
        row = registering.add(session, body, by=caller.name, settings=service.settings)
        _note(session, caller, "create", row, enabled=row.enabled)
        return CameraPublic.of(row)

    return once.create(
        body, make,
        location=lambda made: f"/api/v1/cameras/{getattr(made, 'id', '')}",
        after=lambda made: _begin(service, [str(getattr(made, "id", ""))]),
    )  # fmt: skip


@router.post("/cameras/import", status_code=201, response_model=CameraImported)
def import_cameras(body: CameraImport, service: Here, caller: Who, once: CreateOnce) -> Response:
    """Add many cameras: all of them, or none and the reasons by row."""

    def make(session: Session) -> CameraImported:
        rows = [
            registering.add(session, camera, by=caller.name, settings=service.settings)
            for camera in registering.wanted(body, session, service.settings)
        ]
        for row in rows:
            _note(session, caller, "create", row, enabled=row.enabled)
        return CameraImported(cameras=[CameraPublic.of(row) for row in rows])

    def after(made: BaseModel) -> None:
        _begin(service, [str(_id_of(each)) for each in getattr(made, "cameras", [])])

    return once.create(body, make, after=after)


def _id_of(made: object) -> object:
    return made.get("id") if isinstance(made, dict) else getattr(made, "id", None)


def _begin(service: Here, ids: list[str]) -> None:
    """Have those watched that are to be."""
    with service.database.read() as session:
        rows = session.execute(
            sa.select(CameraRow.id, CameraRow.watch_epoch).where(
                CameraRow.id.in_(ids), CameraRow.enabled, CameraRow.deleted_at.is_(None)
            )
        ).all()
    begin((row.id, row.watch_epoch) for row in rows)


@router.get("/cameras")
def list_cameras(
    service: Here,
    health: Annotated[Health | None, Query(description="how they fare")] = None,
    fault: Annotated[FaultKind | None, Query(description="what is wrong with them")] = None,
    enabled: Annotated[bool | None, Query(description="whether they are to be watched")] = None,
    text: Annotated[
        str | None,
        Query(max_length=100, pattern=NO_CONTROLS, description="part of the name or the code"),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CameraPublic]:
    """List cameras, the newest first."""
    query = sa.select(CameraRow).where(CameraRow.deleted_at.is_(None))
    if health is not None:
        query = query.where(CameraRow.health == health)
    if fault is not None:
        query = query.where(CameraRow.fault["kind"].as_string() == fault)
    if enabled is not None:
        query = query.where(CameraRow.enabled.is_(enabled))
    if text:
        query = query.where(
            sa.or_(
                CameraRow.name.icontains(text, autoescape=True),
                CameraRow.code.icontains(text, autoescape=True),
            )
        )
    with service.database.read() as session:
        rows, following = page_of(
            session, query, (CameraRow.created_at, CameraRow.id), limit=limit, cursor=cursor
        )
        return Page(items=[CameraPublic.of(row) for row in rows], next=following)


class CameraCounts(BaseModel):
    """How many cameras there are, and how they fare."""

    total: int
    enabled: int
    health: dict[str, int] = Field(description="by health")
    faults: dict[str, int] = Field(description="those that are faulty, by kind of fault")


@router.get("/cameras/counts")
def count_cameras(service: Here) -> CameraCounts:
    """Count all cameras by health and by fault."""
    kind = CameraRow.fault["kind"].as_string()
    with service.database.read() as session:
        rows = session.execute(
            sa.select(CameraRow.health, kind, CameraRow.enabled, sa.func.count())
            .where(CameraRow.deleted_at.is_(None))
            .group_by(CameraRow.health, kind, CameraRow.enabled)
        ).all()
    counts = CameraCounts(total=0, enabled=0, health={}, faults={})
    for health, fault, enabled, count in rows:
        counts.total += count
        counts.enabled += count if enabled else 0
        counts.health[health] = counts.health.get(health, 0) + count
        if health == Health.FAULTY and fault:
            counts.faults[fault] = counts.faults.get(fault, 0) + count
    return counts


@router.get("/cameras/{camera_id}")
def get_camera(service: Here, camera_id: CameraId, response: Response) -> CameraPublic:
    """Return a camera with its zones, masks and health; never its password."""
    with service.database.read() as session:
        row = registering.row_of(session, camera_id)
        tag(response, row)
        return CameraPublic.of(row)


@router.patch("/cameras/{camera_id}")
def update_camera(
    body: CameraUpdate,
    service: Here,
    caller: Who,
    camera_id: CameraId,
    response: Response,
    if_match: IfMatch = None,
) -> CameraPublic:
    """Change a camera; what it remembers of zones that stay the same is kept."""
    with service.database.write() as session:
        row = registering.row_of(session, camera_id, lock=True)
        check_version(row, if_match)
        registering.change(row, body, service.settings)
        _note(session, caller, "update", row, fields=sorted(body.model_fields_set))
        tag(response, row)
        made = CameraPublic.of(row)
    _begin(service, [camera_id])
    return made


@router.delete("/cameras/{camera_id}", status_code=204)
def delete_camera(
    service: Here, caller: Who, camera_id: CameraId, if_match: IfMatch = None
) -> None:
    """Delete a camera and its address; findings and history stay."""
    with service.database.write() as session:
        row = registering.row_of(session, camera_id, lock=True)
        check_version(row, if_match)
        registering.remove(row)
        _note(session, caller, "delete", row)


@router.post("/cameras/{camera_id}/enable")
def enable_camera(
    service: Here, caller: Who, camera_id: CameraId, response: Response
) -> CameraPublic:
    """Have a camera watched; a recording that is over is watched again."""
    with service.database.write() as session:
        row = registering.row_of(session, camera_id, lock=True)
        before = row.watch_epoch
        registering.enable(row)
        if row.watch_epoch != before:
            row.revision += 1
            _note(session, caller, "enable", row)
        tag(response, row)
        made = CameraPublic.of(row)
    _begin(service, [camera_id])
    return made


@router.post("/cameras/{camera_id}/disable")
def disable_camera(
    service: Here, caller: Who, camera_id: CameraId, response: Response
) -> CameraPublic:
    """Have a camera watched no more."""
    with service.database.write() as session:
        row = registering.row_of(session, camera_id, lock=True)
        if row.enabled:
            registering.disable(row)
            row.revision += 1
            _note(session, caller, "disable", row)
        tag(response, row)
        return CameraPublic.of(row)


def try_out(row: CameraRow, address: CheckedAddress, masks: tuple[Outline, ...]) -> Trial:
    """Connect to a camera for some seconds.

    Args:
        row: The camera, stored or not.
        address: Where it lies, checked.
        masks: Parts that nobody is to see.

    Raises:
        TooMany: Others are being tried out.
    """
    if not _trials.acquire(blocking=False):
        raise TooMany("others are trying cameras out; try again in a moment", retry_after_s=15)
    try:
        make = source_maker(address, row, patience=PATIENCE)
        return try_source(make(), address, masks)
    finally:
        _trials.release()


def trial_public(trial: Trial) -> TrialPublic:
    """Show what came of trying a camera out."""
    jpeg = trial.snapshot
    return TrialPublic(
        ok=trial.problem is None,
        problem=trial.problem,
        problem_kind=trial.problem_kind,
        took_s=trial.took_s,
        size_wh=trial.size_wh,
        codec=trial.codec,
        fps=trial.fps,
        key_gap_s=trial.key_gap_s,
        clock_offset_s=trial.clock_offset_s,
        snapshot_jpeg_base64=None if jpeg is None else base64.b64encode(jpeg).decode(),
    )


@router.post("/cameras/{camera_id}/test")
def try_camera(service: Here, caller: Who, camera_id: CameraId) -> TrialPublic:
    """Connect for some seconds and say what the camera sends, or what is wrong."""
    with service.database.read() as session:
        row = registering.row_of(session, camera_id)
    trial = try_out(row, address_of(row, service.settings), camera_of(row).privacy_masks)
    with service.database.write() as session:
        _note(session, caller, "test", row, ok=trial.problem is None)
    return trial_public(trial)


@router.get(
    "/cameras/{camera_id}/snapshot",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}, "description": "the latest picture"}},
)
def get_camera_snapshot(
    service: Here,
    camera_id: CameraId,
    request: Request,
    width_px: Annotated[
        int | None, Query(ge=64, le=1100, description="make it smaller, for lists")
    ] = None,
) -> Response:
    """Return the latest picture, about a minute old, privacy masks burnt in."""
    with service.database.read() as session:
        row = registering.row_of(session, camera_id)
    if row.snapshot_key is None:
        raise NotFound("there is no picture of this camera yet; enable it, or try it out")
    if width_px is not None:
        small = thumbnail(service.storage.get(row.snapshot_key), width_px)
        headers = {"Cache-Control": f"private, max-age={THUMBNAIL_MAX_AGE_S}"}
        return Response(small, media_type="image/jpeg", headers=headers)
    return ranged(
        request, service.storage, row.snapshot_key, media_type="image/jpeg",
        file_name=f"{row.code}.jpg", max_age_s=0,
    )  # fmt: skip


@router.get("/cameras/{camera_id}/events")
def list_camera_events(
    service: Here,
    camera_id: CameraId,
    kind: Annotated[
        str | None,
        Query(max_length=40, pattern=r"^[a-z_]*$", description="fault, recovered, count …"),
    ] = None,
    since: Annotated[
        AwareDatetime | None, Query(ge=EARLIEST, le=LATEST, description="not before this time")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CameraEventPublic]:
    """List faults, recoveries, overload, counts and findings, the latest first."""
    query = sa.select(CameraEvent).where(CameraEvent.camera_id == camera_id)
    if kind:
        query = query.where(CameraEvent.kind == kind)
    if since is not None:
        query = query.where(CameraEvent.at >= since)
    with service.database.read() as session:
        registering.row_of(session, camera_id)
        rows, following = page_of(
            session, query, (CameraEvent.at, CameraEvent.id), limit=limit, cursor=cursor
        )
        return Page(items=[CameraEventPublic.of(row) for row in rows], next=following)


@router.get("/cameras/{camera_id}/activity")
def get_camera_activity(service: Here, camera_id: CameraId) -> ActivityPublic:
    """Return what the rules saw in the last hour: what stood there, what passed, what was found."""
    now = utc_now()
    since = now - timedelta(seconds=ACTIVITY_S)
    with service.database.read() as session:
        row = registering.row_of(session, camera_id)
        kinds = session.scalars(
            sa.select(FindingRow.kind)
            .join(Sighting, Sighting.finding_id == FindingRow.id)
            .where(FindingRow.camera_id == camera_id, Sighting.at >= since)
        ).all()
        events = session.scalars(
            sa.select(CameraEvent)
            .where(CameraEvent.camera_id == camera_id, CameraEvent.at >= since)
            .order_by(CameraEvent.at.desc(), CameraEvent.id.desc())
            .limit(ACTIVITY_EVENTS)
        ).all()
    figures = dict(row.figures or {})
    seen = [SeenPublic.model_validate(each) for each in figures.pop("seen", [])]
    standing = figures.pop("standing", [])
    return ActivityPublic(
        since=since,
        health=row.health,
        gates=figures.pop("gates", {}),
        figures=figures,
        seen=[each for each in seen if each.at >= since],
        # Of a camera that nobody watches, nothing is known of now.
        standing=[StandingPublic.model_validate(each) for each in standing]
        if row.health in WATCHED
        else [],
        findings=dict(Counter(kinds)),
        events=[CameraEventPublic.of(event) for event in events],
    )
