"""Comparisons of two surveys of a site."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from serve import ledger
from serve.api.caller import Here, Who
from serve.api.once import CreateOnce
from serve.api.paging import Cursor, Limit, Page, page_of
from serve.api.ranged import ranged
from serve.api.sites import Id, site_of
from serve.api.surveys import UploadRef, survey_of
from serve.db.tables import Comparison, Survey, new_id, utc_now
from serve.errors import Conflict, NotFound
from serve.service import Service
from serve.surveys import comparing
from serve.surveys.options import ComparisonOptions
from serve.workflows.survey import begin_comparisons
from vision.errors import InputError

router = APIRouter(tags=["comparisons"])

ComparisonState = Literal["waiting", "running", "done", "failed", "cancelled"]


class ComparisonCreate(BaseModel):
    """Two surveys to hold against each other."""

    model_config = ConfigDict(extra="forbid")

    before_id: UploadRef = Field(description="the earlier survey")
    after_id: UploadRef = Field(description="the later one; findings lie in its georeference")
    options: ComparisonOptions = Field(
        default_factory=ComparisonOptions, description="what is left out is as for the site"
    )


class ComparisonPublic(BaseModel):
    """A comparison."""

    id: str
    site_id: str
    before_id: str
    after_id: str
    options: dict[str, Any] = Field(description="those that applied; others had their defaults")
    state: str = Field(description="waiting, running, done, failed, cancelled")
    stage: str | None = Field(description="fetch, align, change, findings, pictures, write, store")
    progress: float = Field(description="share done, 0 to 1")
    problem: str | None = Field(description="why it failed")
    result: dict[str, Any] | None = Field(
        description="findings by kind, alignment, ground, times; model_problem: why the learned "
        "model took no part"
    )
    languages: list[str] = Field(description="in which there is a report")
    created_by: str
    created_at: datetime
    finished_at: datetime | None


def _public(row: Comparison) -> ComparisonPublic:
    values = {n: getattr(row, n) for n in ComparisonPublic.model_fields if n != "languages"}
    if row.result is not None:
        values["result"] = {n: v for n, v in row.result.items() if n != "document_key"}
    return ComparisonPublic(**values, languages=sorted(row.report_keys))


def _comparison_of(session: Session, comparison_id: str, *, lock: bool = False) -> Comparison:
    row = session.get(Comparison, comparison_id, with_for_update=lock or None)
    if row is None:
        raise NotFound("there is no such comparison")
    return row


@router.post("/sites/{site_id}/comparisons", status_code=201, response_model=ComparisonPublic)
def create_comparison(
    caller: Who, once: CreateOnce, site_id: Id, body: ComparisonCreate
) -> Response:
    """Compare two surveys, again and with other options where wanted."""

    def make(session: Session) -> ComparisonPublic:
        site = site_of(session, site_id)
        before = _ready(session, site_id, body.before_id, "before_id")
        after = _ready(session, site_id, body.after_id, "after_id")
        if (before.flown_at, before.id) >= (after.flown_at, after.id):
            raise InputError("before_id must name the survey that was flown earlier")
        row = Comparison(
            id=new_id(), site_id=site_id, before_id=before.id, after_id=after.id,
            options={**site.options, **body.options.given()}, created_by=caller.name,
        )  # fmt: skip
        session.add(row)
        session.flush()
        ledger.append(
            session, actor=caller.name, action="comparison.create", subject_type="comparison",
            subject=row.id, detail={"before": before.id, "after": after.id},
        )  # fmt: skip
        return _public(row)

    return once.create(
        body, make, location=lambda made: f"/api/v1/comparisons/{_id(made)}",
        after=lambda made: begin_comparisons([_id(made)]),
    )  # fmt: skip


def _id(made: BaseModel) -> str:
    return str(made.model_dump()["id"])


def _ready(session: Session, site_id: str, survey_id: str, where: str) -> Survey:
    row = survey_of(session, survey_id, lock=True)
    if row.site_id != site_id:
        raise InputError(f"{where}: a survey of another site")
    if row.state != "ready":
        raise Conflict(f"{where}: this survey is {row.state}; only ready ones are compared")
    return row


@router.get("/sites/{site_id}/comparisons")
def list_comparisons(
    service: Here,
    site_id: Id,
    state: Annotated[ComparisonState | None, Query(description="only those in this state")] = None,
    survey_id: Annotated[
        str | None, Query(pattern=r"^[0-9a-f\-]{36}$", description="only those of this survey")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ComparisonPublic]:
    """List a site's comparisons, newest first."""
    with service.database.read() as session:
        site_of(session, site_id)
        query = sa.select(Comparison).where(Comparison.site_id == site_id)
        if state is not None:
            query = query.where(Comparison.state == state)
        if survey_id is not None:
            query = query.where(
                sa.or_(Comparison.before_id == survey_id, Comparison.after_id == survey_id)
            )
        rows, following = page_of(
            session, query, (Comparison.created_at, Comparison.id), limit=limit, cursor=cursor
        )
        return Page(items=[_public(row) for row in rows], next=following)


@router.get("/comparisons/{comparison_id}")
def get_comparison(service: Here, comparison_id: Id) -> ComparisonPublic:
    """Return a comparison and how far it is."""
    with service.database.read() as session:
        return _public(_comparison_of(session, comparison_id))


@router.post("/comparisons/{comparison_id}/cancel")
def cancel_comparison(service: Here, caller: Who, comparison_id: Id) -> ComparisonPublic:
    """Stop a comparison."""
    with service.database.write() as session:
        row = _comparison_of(session, comparison_id, lock=True)
        if row.state != "cancelled":
            if row.state not in comparing.IN_WORK:
                raise Conflict(f"this comparison is {row.state}; there is nothing to cancel")
            row.state, row.stage, row.finished_at = "cancelled", None, utc_now()
            ledger.append(
                session, actor=caller.name, action="comparison.cancel",
                subject_type="comparison", subject=row.id,
            )  # fmt: skip
    return _public(row)


def _done(service: Service, comparison_id: str) -> Comparison:
    with service.database.read() as session:
        row = _comparison_of(session, comparison_id)
    if row.state != "done":
        raise Conflict(f"this comparison is {row.state}; its results come when it is done")
    return row


@router.head("/comparisons/{comparison_id}/change", include_in_schema=False)
@router.get("/comparisons/{comparison_id}/change", response_class=Response)
def get_comparison_change(service: Here, request: Request, comparison_id: Id) -> Response:
    """Return the change probability, a COG, whole or by range."""
    row = _done(service, comparison_id)
    if row.change_key is None:
        raise NotFound("the change raster was deleted")
    return ranged(
        request, service.storage, row.change_key, media_type="image/tiff",
        file_name=f"change-{row.id}.tif",
    )  # fmt: skip


@router.head("/comparisons/{comparison_id}/report", include_in_schema=False)
@router.get("/comparisons/{comparison_id}/report", response_class=Response)
def get_comparison_report(
    service: Here,
    request: Request,
    comparison_id: Id,
    lang: Annotated[Literal["zh", "en"], Query(description="language it opens in")] = "zh",
) -> Response:
    """Return the report, one page with all its pictures."""
    row = _done(service, comparison_id)
    key = row.report_keys.get(lang)
    if key is None:
        raise NotFound("this comparison has no report")
    return ranged(
        request, service.storage, key, media_type="text/html; charset=utf-8",
        file_name=f"report-{lang}-{row.id}.html",
    )  # fmt: skip


@router.head("/comparisons/{comparison_id}/document", include_in_schema=False)
@router.get("/comparisons/{comparison_id}/document", response_class=Response)
def get_comparison_document(service: Here, request: Request, comparison_id: Id) -> Response:
    """Return all of the result as JSON: findings in full, tie points, options, versions."""
    row = _done(service, comparison_id)
    key = (row.result or {}).get("document_key")
    if key is None:
        raise NotFound("the document was deleted")
    return ranged(
        request, service.storage, key, media_type="application/json",
        file_name=f"comparison-{row.id}.json",
    )  # fmt: skip
