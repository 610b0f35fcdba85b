"""Holding a finding: what a supervisor holds, retention leaves alone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from serve import ledger
from serve.api.caller import Here, Who
from serve.api.texts import Line
from serve.db.tables import FindingRow, Review, utc_now
from serve.errors import NotFound
from serve.service import Service

router = APIRouter(tags=["findings"])

FindingId = Annotated[str, Path(max_length=36, pattern=r"^[0-9A-Za-z\-]{1,36}$")]


class Hold(BaseModel):
    """Why a finding is held."""

    model_config = ConfigDict(extra="forbid")

    reason: Line = Field(description="as the history will say", min_length=1)


@router.put("/findings/{finding_id}/hold", status_code=204, response_class=Response)
def hold_finding(finding_id: FindingId, body: Hold, here: Here, who: Who) -> Response:
    """Keep a finding and its evidence for as long as it is held, whatever retention says."""
    _set(here, finding_id, held=True, actor=who.name, detail={"reason": body.reason})
    return Response(status_code=204)


@router.delete("/findings/{finding_id}/hold", status_code=204, response_class=Response)
def release_finding(finding_id: FindingId, here: Here, who: Who) -> Response:
    """Let retention have its way with a finding again."""
    _set(here, finding_id, held=False, actor=who.name, detail={})
    return Response(status_code=204)


def _set(
    service: Service, finding_id: str, *, held: bool, actor: str, detail: dict[str, str]
) -> None:
    action = "hold" if held else "release"
    with service.database.write() as session:
        row = session.get(FindingRow, finding_id, with_for_update=True)
        if row is None:
            raise NotFound(f"there is no finding {finding_id}")
        if row.held == held:
            return
        row.held = held
        row.updated_at, row.revision = utc_now(), row.revision + 1
        session.add(Review(finding_id=row.id, action=action, actor=actor, detail=dict(detail)))
        ledger.append(
            session,
            actor=actor,
            action=f"finding.{action}",
            subject_type="finding",
            subject=row.id,
            detail=detail,
        )
