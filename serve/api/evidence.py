"""Evidence: pictures and clips by range; originals under seal for few, and never unnoticed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Path, Request, Response

from serve import ledger
from serve.api.access import SEES_SEALED
from serve.api.caller import Caller, Here, Who
from serve.api.ranged import ranged
from serve.db.tables import EvidenceRow, LedgerEntry, utc_now
from serve.errors import Gone, NotAllowed, NotFound
from serve.service import Service

router = APIRouter(tags=["findings"])

ONE_VIEW_S = 600
"""Requests of one person for one original within this time are one view: players ask for a clip
piece by piece."""
_SUFFIXES = {
    "image/jpeg": "jpg", "image/png": "png", "video/mp4": "mp4", "application/json": "json",
    "image/webp": "webp", "image/tiff": "tif",
}  # fmt: skip

EvidenceId = Annotated[str, Path(pattern=r"^[0-9A-Za-z\-]{1,36}$", max_length=36)]


@router.api_route(
    "/evidence/{evidence_id}",
    methods=["GET"],
    response_class=Response,
    responses={
        200: {"content": {"*/*": {}}, "description": "the file"},
        206: {"content": {"*/*": {}}, "description": "a range of it"},
        304: {"description": "the caller has it"},
        416: {"description": "no such range"},
    },
)
def get_evidence(service: Here, caller: Who, request: Request, evidence_id: EvidenceId) -> Response:
    """Return a piece of evidence, whole or by range.

    Originals under seal are for reviewers, supervisors, auditors and admins; each view of one goes
    into the ledger before the first byte is sent.
    """
    with service.database.read() as session:
        row = session.get(EvidenceRow, evidence_id)
    if row is None:
        raise NotFound(f"there is no evidence {evidence_id}")
    if row.deleted_at is not None:
        raise Gone(f"this evidence was deleted on {row.deleted_at:%Y-%m-%d}, its time being over")
    if row.sealed:
        if caller.role not in SEES_SEALED:
            raise NotAllowed(f"originals under seal are not for the role {caller.role}")
        _record_view(service, caller, row, utc_now())
    return ranged(
        request,
        service.storage,
        row.key,
        media_type=row.media_type,
        file_name=f"{row.finding_id}-{row.role}.{_SUFFIXES.get(row.media_type, 'bin')}",
        sha256=row.sha256,
        # What a browser keeps is looked at without our knowing.
        max_age_s=0 if row.sealed else 300,
    )


def _record_view(service: Service, caller: Caller, row: EvidenceRow, now: datetime) -> None:
    since = (now - timedelta(seconds=ONE_VIEW_S)).isoformat(timespec="microseconds")
    known = sa.select(LedgerEntry.number).where(
        LedgerEntry.subject == row.id,
        LedgerEntry.action == "evidence.view",
        LedgerEntry.actor == caller.name,
        LedgerEntry.at > since,
    )
    with service.database.read() as session:
        if session.scalar(known.limit(1)) is not None:
            return
    with service.database.write() as session:
        detail = {"finding": row.finding_id, "role": row.role, "sha256": row.sha256}
        ledger.append(
            session, actor=caller.name, action="evidence.view", subject_type="evidence",
            subject=row.id, detail=detail,
        )  # fmt: skip
