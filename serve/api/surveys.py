"""Surveys: one flight over a site each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.orm import Session

from serve import ledger
from serve.api.caller import Here, Who
from serve.api.once import CreateOnce
from serve.api.paging import Cursor, Limit, Page, page_of
from serve.api.ranged import ranged
from serve.api.sites import Id, site_of
from serve.api.versions import IfMatch, check_version, tag
from serve.db.tables import Comparison, Survey, new_id, utc_now
from serve.errors import Conflict, Gone, NotFound
from serve.service import Service
from serve.surveys import comparing, preparing
from serve.uploads import keeping
from serve.workflows.photos import begin_leaving
from serve.workflows.survey import begin_surveys
from vision.errors import InputError

router = APIRouter(tags=["surveys"])

MOST_PHOTOS = 5000
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_WORKED_ON = preparing.IN_WORK_EVER

UploadRef = Annotated[str, StringConstraints(pattern=r"^[0-9a-f\-]{36}$")]
SurveyState = Literal[
    "received", "sending", "processing", "checking", "ready", "refused", "failed", "cancelled"
]


class SurveyCreate(BaseModel):
    """A flight: an orthophoto with or without a surface model, or the photos to make them of."""

    model_config = ConfigDict(extra="forbid")

    flown_at: AwareDatetime = Field(description="when it was flown; orders the site's surveys")
    ortho_upload_id: UploadRef | None = Field(None, description="complete upload: the orthophoto")
    dsm_upload_id: UploadRef | None = Field(None, description="complete upload: the surface model")
    photo_upload_ids: list[UploadRef] = Field(
        default_factory=list,
        max_length=MOST_PHOTOS,
        description="complete uploads of raw photos, where a NodeODM server is set",
    )


class SurveyPublic(BaseModel):
    """A survey."""

    id: str
    site_id: str
    flown_at: datetime
    state: str = Field(
        description="received, sending and processing (photos), checking, ready, refused (the "
        "files cannot be used), failed (on our side; may be tried again), cancelled"
    )
    problem: str | None = Field(description="why it was refused or failed")
    progress: float = Field(description="share done, 0 to 1")
    facts: dict[str, Any] = Field(description="of `ortho` and `dsm`: crs, gsd_m, outline, size …")
    has_dsm: bool
    ortho_sha256: str | None = Field(description="of the stored COG")
    dsm_sha256: str | None
    created_by: str
    created_at: datetime
    revision: int


def _public(row: Survey) -> SurveyPublic:
    values = {name: getattr(row, name) for name in SurveyPublic.model_fields if name != "has_dsm"}
    return SurveyPublic(**values, has_dsm=row.dsm_key is not None)


def survey_of(session: Session, survey_id: str, *, lock: bool = False) -> Survey:
    """Return a survey.

    Raises:
        NotFound: There is none.
        Gone: It was deleted.
    """
    row = session.get(Survey, survey_id, with_for_update=lock or None)
    if row is None:
        raise NotFound("there is no such survey")
    if row.state == "deleted":
        raise Gone("this survey was deleted")
    return row


@router.post("/sites/{site_id}/surveys", status_code=201, response_model=SurveyPublic)
def create_survey(
    service: Here, caller: Who, once: CreateOnce, site_id: Id, body: SurveyCreate
) -> Response:
    """Make a survey of complete uploads; it is checked, stored and compared by itself."""
    if not _EARLIEST <= body.flown_at <= utc_now() + timedelta(days=1):
        raise InputError("flown_at: between 1990 and now")
    photos = body.photo_upload_ids
    if (body.ortho_upload_id is None) == (not photos):
        raise InputError("give either ortho_upload_id or photo_upload_ids")
    if photos and body.dsm_upload_id:
        raise InputError("dsm_upload_id: photos give their own surface model; leave it out")
    if photos and not service.settings.nodeodm_url:
        raise InputError(
            "photo_upload_ids: photos are not accepted here, no NodeODM server is set "
            "(CITYEYE_NODEODM_URL); upload an orthophoto"
        )
    roles = [(body.ortho_upload_id, "orthophoto"), (body.dsm_upload_id, "surface model")]
    used = [(u, role) for u, role in roles if u] + [
        (u, f"photo {number}") for number, u in enumerate(photos, 1)
    ]
    if len({upload_id for upload_id, _ in used}) < len(used):
        raise InputError("the same upload is named twice")

    def make(session: Session) -> SurveyPublic:
        site_of(session, site_id)
        for upload_id, role in used:
            keeping.use(session, upload_id, caller, role=role)
        row = Survey(
            id=new_id(), site_id=site_id, flown_at=body.flown_at,
            ortho_upload_id=body.ortho_upload_id, dsm_upload_id=body.dsm_upload_id,
            photo_upload_ids=list(photos), created_by=caller.name,
        )  # fmt: skip
        session.add(row)
        session.flush()
        ledger.append(
            session, actor=caller.name, action="survey.create", subject_type="survey",
            subject=row.id, detail={"site": site_id, "flown_at": body.flown_at.isoformat()},
        )  # fmt: skip
        return _public(row)

    return once.create(
        body, make, location=lambda made: f"/api/v1/surveys/{_id(made)}",
        after=lambda made: begin_surveys([_id(made)]),
    )  # fmt: skip


def _id(made: BaseModel) -> str:
    return str(made.model_dump()["id"])


@router.get("/sites/{site_id}/surveys")
def list_surveys(
    service: Here,
    site_id: Id,
    state: Annotated[SurveyState | None, Query(description="only those in this state")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SurveyPublic]:
    """List a site's surveys, last flown first."""
    with service.database.read() as session:
        site_of(session, site_id)
        query = sa.select(Survey).where(Survey.site_id == site_id, Survey.state != "deleted")
        if state is not None:
            query = query.where(Survey.state == state)
        rows, following = page_of(
            session, query, (Survey.flown_at, Survey.id), limit=limit, cursor=cursor
        )
        return Page(items=[_public(row) for row in rows], next=following)


@router.get("/surveys/{survey_id}")
def get_survey(service: Here, response: Response, survey_id: Id) -> SurveyPublic:
    """Return a survey and how far it is."""
    with service.database.read() as session:
        row = survey_of(session, survey_id)
        tag(response, row)
        return _public(row)


@router.post("/surveys/{survey_id}/cancel")
def cancel_survey(service: Here, caller: Who, survey_id: Id) -> SurveyPublic:
    """Stop the work on a survey; its uploads are deleted."""
    with service.database.write() as session:
        row = survey_of(session, survey_id, lock=True)
        if row.state != "cancelled":
            if row.state not in (*_WORKED_ON, "failed"):
                raise Conflict(f"this survey is {row.state}; there is nothing to cancel")
            row.state, row.problem = "cancelled", None
            row.revision += 1
            keeping.spend(session, _uploads(row))
            ledger.append(
                session, actor=caller.name, action="survey.cancel", subject_type="survey",
                subject=row.id,
            )  # fmt: skip
    # A worker notices within a second, and what it still does is not taken over.
    if row.nodeodm_task_id is not None:
        begin_leaving([row.id])
    preparing.discard_all(service, _uploads(row))
    return _public(row)


def _uploads(row: Survey) -> list[str]:
    return [u for u in (row.ortho_upload_id, row.dsm_upload_id, *row.photo_upload_ids) if u]


@router.post("/surveys/{survey_id}/retry")
def retry_survey(service: Here, caller: Who, survey_id: Id) -> SurveyPublic:
    """Try again what failed on our side; the uploads are still there."""
    with service.database.write() as session:
        row = survey_of(session, survey_id, lock=True)
        if row.state != "failed":
            raise Conflict(f"this survey is {row.state}; only failed ones are tried again")
        row.state, row.problem, row.progress = "received", None, 0.0
        row.attempt += 1
        if row.ortho_upload_id is None:
            # A new task: the server may have been set up anew, or have lost this one.
            row.nodeodm_task_id, row.photos_sent, row.heard_at = None, 0, None
        row.revision += 1
        ledger.append(
            session, actor=caller.name, action="survey.retry", subject_type="survey",
            subject=row.id,
        )  # fmt: skip
    begin_surveys([row.id])
    return _public(row)


@router.delete("/surveys/{survey_id}", status_code=204, response_class=Response)
def delete_survey(service: Here, caller: Who, survey_id: Id, if_match: IfMatch = None) -> Response:
    """Delete a survey's files. What was found with it stays, and so does the record of it."""
    with service.database.write() as session:
        row = survey_of(session, survey_id, lock=True)
        check_version(row, if_match)
        if row.state in _WORKED_ON:
            raise Conflict("work on this survey goes on; cancel it first")
        compared = session.scalar(
            sa.select(Comparison.id).where(
                sa.or_(Comparison.before_id == row.id, Comparison.after_id == row.id),
                Comparison.state.in_(comparing.IN_WORK),
            )
        )
        if compared is not None:
            raise Conflict(f"comparison {compared} of this survey goes on; cancel it first")
        row.state = "deleted"
        row.ortho_key = row.dsm_key = row.preview_key = None
        keeping.spend(session, _uploads(row))
        ledger.append(
            session, actor=caller.name, action="survey.delete", subject_type="survey",
            subject=row.id, detail={"ortho_sha256": row.ortho_sha256, "dsm_sha256": row.dsm_sha256},
        )  # fmt: skip
    preparing.discard_all(service, _uploads(row))
    preparing.drop_files(service, row.id)
    return Response(status_code=204)


def _file(service: Service, request: Request, survey_id: str, which: str) -> Response:
    with service.database.read() as session:
        row = survey_of(session, survey_id)
    key = {"ortho": row.ortho_key, "dsm": row.dsm_key, "preview": row.preview_key}[which]
    if key is None:
        raise NotFound(f"this survey has no {which}")
    return ranged(
        request,
        service.storage,
        key,
        media_type="image/png" if which == "preview" else "image/tiff",
        file_name=f"{which}-{row.flown_at.date()}.{'png' if which == 'preview' else 'tif'}",
        sha256={"ortho": row.ortho_sha256, "dsm": row.dsm_sha256}.get(which),
    )


@router.head("/surveys/{survey_id}/ortho", include_in_schema=False)
@router.get("/surveys/{survey_id}/ortho", response_class=Response)
def get_survey_ortho(service: Here, request: Request, survey_id: Id) -> Response:
    """Return the orthophoto, a COG, whole or by range."""
    return _file(service, request, survey_id, "ortho")


@router.head("/surveys/{survey_id}/dsm", include_in_schema=False)
@router.get("/surveys/{survey_id}/dsm", response_class=Response)
def get_survey_dsm(service: Here, request: Request, survey_id: Id) -> Response:
    """Return the surface model, a COG, whole or by range."""
    return _file(service, request, survey_id, "dsm")


@router.head("/surveys/{survey_id}/preview", include_in_schema=False)
@router.get("/surveys/{survey_id}/preview", response_class=Response)
def get_survey_preview(service: Here, request: Request, survey_id: Id) -> Response:
    """Return a small picture of the orthophoto."""
    return _file(service, request, survey_id, "preview")
