"""Exports: training sets made of what reviewers decided."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from serve import ledger
from serve.api.caller import Here, Who
from serve.api.once import CreateOnce
from serve.api.paging import Cursor, Limit, Page, page_of
from serve.api.ranged import ranged
from serve.db.tables import ExportRow, utc_now
from serve.errors import Conflict, Gone, NotFound
from serve.exports.making import Form
from serve.findings.filters import FindingFilters
from serve.service import Service
from serve.workflows.export import begin_export

router = APIRouter(tags=["exports"])

ExportId = Annotated[str, Path(pattern=r"^[0-9A-Za-z\-]{1,36}$", max_length=36)]


class ExportCreate(BaseModel):
    """What to export."""

    model_config = ConfigDict(extra="forbid")

    form: Form = Field(
        description="yolo or coco: pictures with boxes from cameras; change_pairs: from surveys"
    )
    filters: FindingFilters = Field(
        default_factory=FindingFilters,
        description="which findings; confirmed and rejected ones where no state is given",
    )


class ExportPublic(BaseModel):
    """An export and how far it is."""

    id: str
    form: str
    filters: dict[str, Any]
    state: str = Field(description="waiting, running, done, failed or expired")
    progress: float
    problem: str | None
    counts: dict[str, Any] = Field(description="pictures and objects by split, and what was left")
    sha256: str | None
    size_bytes: int | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None = Field(description="when the file is deleted")


def _public(row: ExportRow) -> ExportPublic:
    names = set(ExportPublic.model_fields) - {"filters"}
    return ExportPublic(filters=row.query, **{name: getattr(row, name) for name in names})


def _row(session: Session, export_id: str) -> ExportRow:
    row = session.get(ExportRow, export_id)
    if row is None:
        raise NotFound(f"there is no export {export_id}")
    return row


@router.post("/exports", status_code=201, response_model=ExportPublic)
def create_export(once: CreateOnce, caller: Who, body: ExportCreate) -> Response:
    """Have a training set made; it is ready when its state says done."""
    body.filters.box()
    body.filters.polygon()

    def make(session: Session) -> ExportPublic:
        row = ExportRow(
            form=body.form.value,
            query=body.filters.model_dump(mode="json", exclude_defaults=True),
            created_by=caller.name,
        )
        session.add(row)
        session.flush()
        ledger.append(
            session, actor=caller.name, action="export.create", subject_type="export",
            subject=row.id, detail={"form": row.form, "filters": row.query},
        )  # fmt: skip
        return _public(row)

    def after(made: BaseModel) -> None:
        answer = made.model_dump(mode="json")
        begin_export(answer["id"], datetime.fromisoformat(answer["created_at"]))

    return once.create(
        body, make, location=lambda made: f"/api/v1/exports/{made.model_dump()['id']}", after=after
    )


@router.get("/exports")
def list_exports(service: Here, limit: Limit = 50, cursor: Cursor = None) -> Page[ExportPublic]:
    """List exports, the newest first."""
    with service.database.read() as session:
        rows, following = page_of(
            session, sa.select(ExportRow), (ExportRow.created_at, ExportRow.id), limit=limit,
            cursor=cursor,
        )  # fmt: skip
    return Page(items=[_public(row) for row in rows], next=following)


@router.get("/exports/{export_id}")
def get_export(service: Here, export_id: ExportId) -> ExportPublic:
    """Return one export and how far it is."""
    with service.database.read() as session:
        return _public(_row(session, export_id))


@router.get(
    "/exports/{export_id}/file",
    response_class=Response,
    responses={
        200: {"content": {"application/zip": {}}, "description": "the archive"},
        206: {"content": {"application/zip": {}}, "description": "a range of it"},
        304: {"description": "the caller has it"},
        416: {"description": "no such range"},
    },
)
def download_export(service: Here, caller: Who, request: Request, export_id: ExportId) -> Response:
    """Download an export, whole or by range."""
    with service.database.read() as session:
        row = _row(session, export_id)
    if row.state == "expired" or (row.expires_at is not None and row.expires_at < utc_now()):
        raise Gone("this export was kept for its time and deleted; make it again")
    if row.state != "done" or row.key is None:
        raise Conflict(f"this export is {row.state}; its file is there when it is done")
    if request.headers.get("range", "bytes=0-").startswith("bytes=0-"):
        _record_download(service, caller.name, export_id)
    return ranged(
        request,
        service.storage,
        row.key,
        media_type="application/zip",
        file_name=f"cityeye-{row.form}-{row.created_at:%Y%m%d}.zip",
        sha256=row.sha256,
    )


def _record_download(service: Service, actor: str, export_id: str) -> None:
    with service.database.write() as session:
        ledger.append(
            session, actor=actor, action="export.download", subject_type="export",
            subject=export_id,
        )  # fmt: skip
