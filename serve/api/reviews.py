"""Reviews: claim what waits, decide, correct, comment, take back."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from serve.api import problems
from serve.api.access import Role
from serve.api.caller import Caller, Here, Who
from serve.api.findings import FindingId
from serve.api.once import CreateOnce
from serve.api.versions import IfMatch
from serve.db.tables import FindingRow
from serve.findings import claiming, reviewing
from serve.findings.filters import FindingFilters, Time
from serve.findings.public import Bilingual, FindingItem, items_of
from serve.findings.query import Order
from serve.findings.reject_reasons import REASONS, reasons_for
from serve.findings.reviewing import Correction, Reviewer
from serve.service import Service
from serve.workflows import delivery
from vision.errors import CityEyeError
from vision.finding import FindingKind, GeoPolygon

router = APIRouter(tags=["reviews"])

MOST_IN_BATCH = 200
MOST_PASSED = 200
"""Findings that a claim may be told to pass over."""
_Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
_Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z\-]{1,36}$", max_length=36)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ClaimCreate(_Request):
    """What to claim."""

    count: int = Field(default=1, ge=1, le=claiming.MOST_AT_ONCE, description="how many at most")
    filters: FindingFilters = Field(
        default_factory=FindingFilters, description="which; only findings that wait are claimed"
    )
    order: Order = Field(default=Order.RISK, description="which come first")
    except_ids: list[_Id] = Field(
        default=[], max_length=MOST_PASSED, description="findings to pass over: left to others"
    )
    finding_ids: list[_Id] = Field(
        default=[],
        max_length=claiming.MOST_AT_ONCE,
        description="these findings, as far as they wait and are free, and no others; filters, "
        "count and order are of no account then",
    )


class Claims(BaseModel):
    """What a reviewer holds."""

    items: list[FindingItem] = Field(description="the first to review first")
    lease_s: int = Field(default=claiming.LEASE_S, description="seconds that a claim lasts")


class HeldIds(_Request):
    """Findings that are held."""

    finding_ids: list[_Id] = Field(min_length=1, max_length=claiming.MOST_HELD)


class Released(BaseModel):
    """How many were given back."""

    released: int


class ConfirmCreate(_Request):
    """A confirmation."""

    text: _Text = Field(default="", description="a remark for the history")


class RejectCreate(_Request):
    """A rejection."""

    reason: str = Field(max_length=40, pattern=r"^[a-z_]+$", description="code of the reason")
    text: _Text = Field(default="", description="the reason in words; needed with `other`")


class CorrectCreate(_Request):
    """A correction; what is not given stays."""

    kind: FindingKind | None = Field(default=None, description="what it is")
    geometry: GeoPolygon | None = Field(default=None, description="outline, of a survey's finding")
    bbox_xyxy: tuple[float, float, float, float] | None = Field(
        default=None, description="box, of a camera's finding: shares of the frame"
    )
    text: _Text = Field(default="", description="a remark for the history")


class CommentCreate(_Request):
    """A comment."""

    text: _Text = Field(min_length=1, description="what to write into the history")


class UndoCreate(_Request):
    """Taking back."""

    text: _Text = Field(default="", description="why; case systems are told")


class BatchItem(_Request):
    """A finding of a batch."""

    finding_id: _Id
    revision: int | None = Field(
        default=None, ge=1, lt=2**53, description="as read; not needed for what is claimed"
    )


class BatchCreate(_Request):
    """One decision on many findings."""

    action: Literal["confirm", "reject"]
    items: list[BatchItem] = Field(min_length=1, max_length=MOST_IN_BATCH)
    reason: str | None = Field(default=None, max_length=40, pattern=r"^[a-z_]+$")
    text: _Text = ""


class BatchResult(BaseModel):
    """What became of one finding of a batch."""

    finding_id: str
    status: int = Field(description="HTTP status that deciding on it alone would have given")
    detail: str = Field(default="", description="what was wrong and how to mend it")
    revision: int | None = None


class BatchResults(BaseModel):
    """What became of a batch, in its order."""

    results: list[BatchResult]


class Tally(BaseModel):
    """What a reviewer decided; what was taken back does not count."""

    confirmed: int
    rejected: int


class RejectReason(Bilingual):
    """A reason for rejecting."""

    code: str


class RejectReasons(BaseModel):
    """The reasons, by kind."""

    kinds: dict[str, list[RejectReason]]


def _reviewer(caller: Caller) -> Reviewer:
    return Reviewer(caller.name, caller.role in (Role.SUPERVISOR, Role.ADMIN))


def _item(session: Session, row: FindingRow) -> FindingItem:
    return items_of(session, [row])[0]


@router.get("/reviews/reasons")
def list_reject_reasons() -> RejectReasons:
    """List the reasons that each kind may be rejected for."""
    return RejectReasons(
        kinds={
            kind.value: [
                RejectReason(code=code, zh=REASONS[code].zh, en=REASONS[code].en)
                for code in reasons_for(kind)
            ]
            for kind in FindingKind
        }
    )


@router.get("/reviews/tally")
def tally_own_reviews(
    service: Here, caller: Who, since: Annotated[Time, Query(description="decided at or after")]
) -> Tally:
    """Count what the caller decided since a time."""
    with service.database.read() as session:
        counts = reviewing.tally(session, caller.name, since)
    return Tally(confirmed=counts.get("confirm", 0), rejected=counts.get("reject", 0))


@router.post("/reviews/claims", status_code=201, response_model=Claims)
def create_claims(once: CreateOnce, caller: Who, body: ClaimCreate) -> Response:
    """Claim the next findings of the queue; nobody else gets them while the claim lasts."""

    def make(session: Session) -> Claims:
        if body.finding_ids:
            rows = claiming.claim_these(session, caller.name, body.finding_ids)
        else:
            rows = claiming.claim(
                session, caller.name, body.filters, count=body.count, order=body.order,
                except_ids=body.except_ids,
            )  # fmt: skip
        return Claims(items=items_of(session, rows))

    return once.create(body, make)


@router.get("/reviews/claims")
def list_claims(service: Here, caller: Who) -> Claims:
    """List what the caller holds."""
    with service.database.read() as session:
        return Claims(items=items_of(session, claiming.held_by(session, caller.name)))


@router.post("/reviews/claims/renew")
def renew_claims(service: Here, caller: Who, body: HeldIds) -> Claims:
    """Hold claimed findings for a whole lease from now on."""
    with service.database.write() as session:
        return Claims(
            items=items_of(session, claiming.renew(session, caller.name, body.finding_ids))
        )


@router.post("/reviews/claims/release")
def release_claims(service: Here, caller: Who, body: HeldIds) -> Released:
    """Give claimed findings back to the queue."""
    with service.database.write() as session:
        return Released(released=claiming.release(session, caller.name, body.finding_ids))


@router.post("/findings/{finding_id}/confirm", response_model=FindingItem)
def confirm_finding(
    service: Here, once: CreateOnce, caller: Who, finding_id: FindingId, body: ConfirmCreate,
    if_match: IfMatch = None,
) -> Response:  # fmt: skip
    """Confirm a finding; its case drafts are filed in the same transaction."""
    outbox: list[str] = []

    def make(session: Session) -> FindingItem:
        row, entries = reviewing.confirm(
            session, finding_id, _reviewer(caller), text=body.text, if_match=if_match,
            settings=service.settings,
        )  # fmt: skip
        outbox.extend(entries)
        return _item(session, row)

    return once.create(body, make, status=200, after=lambda _: delivery.begin(outbox))


@router.post("/findings/{finding_id}/reject", response_model=FindingItem)
def reject_finding(
    once: CreateOnce, caller: Who, finding_id: FindingId, body: RejectCreate,
    if_match: IfMatch = None,
) -> Response:  # fmt: skip
    """Reject a finding for a reason."""

    def make(session: Session) -> FindingItem:
        row = reviewing.reject(
            session, finding_id, _reviewer(caller), reason=body.reason, text=body.text,
            if_match=if_match,
        )  # fmt: skip
        return _item(session, row)

    return once.create(body, make, status=200)


@router.post("/findings/{finding_id}/correct", response_model=FindingItem)
def correct_finding(
    service: Here, once: CreateOnce, caller: Who, finding_id: FindingId, body: CorrectCreate,
    if_match: IfMatch = None,
) -> Response:  # fmt: skip
    """Correct a finding's kind, outline or box; what follows from them is computed anew."""
    correction = Correction(body.kind, body.geometry, body.bbox_xyxy)

    def make(session: Session) -> FindingItem:
        row = reviewing.correct(
            session, finding_id, _reviewer(caller), correction, text=body.text, if_match=if_match,
            settings=service.settings,
        )  # fmt: skip
        return _item(session, row)

    return once.create(body, make, status=200)


@router.post("/findings/{finding_id}/comments", status_code=201, response_model=FindingItem)
def comment_finding(
    once: CreateOnce, caller: Who, finding_id: FindingId, body: CommentCreate
) -> Response:
    """Write a comment into a finding's history."""

    def make(session: Session) -> FindingItem:
        row = reviewing.comment(session, finding_id, _reviewer(caller), text=body.text)
        return _item(session, row)

    return once.create(body, make)


@router.post("/findings/{finding_id}/undo", response_model=FindingItem)
def undo_finding(
    service: Here, once: CreateOnce, caller: Who, finding_id: FindingId, body: UndoCreate,
    if_match: IfMatch = None,
) -> Response:  # fmt: skip
    """Take the latest decision back: the own within ten minutes, any as a supervisor."""
    outbox: list[str] = []

    def make(session: Session) -> FindingItem:
        row, entries = reviewing.undo(
            session, finding_id, _reviewer(caller), text=body.text, if_match=if_match,
            settings=service.settings,
        )  # fmt: skip
        outbox.extend(entries)
        return _item(session, row)

    return once.create(body, make, status=200, after=lambda _: delivery.begin(outbox))


@router.post("/reviews/batch")
def decide_batch(service: Here, caller: Who, body: BatchCreate) -> BatchResults:
    """Decide on many findings, each for itself: what cannot be decided does not stop the others.

    Sending a batch again does no harm: what was decided answers that it is.
    """
    results = [_decide(service, _reviewer(caller), body, item) for item in body.items]
    return BatchResults(results=results)


def _decide(
    service: Service, reviewer: Reviewer, body: BatchCreate, item: BatchItem
) -> BatchResult:
    version = None if item.revision is None else str(item.revision)
    outbox: tuple[str, ...] = ()
    try:
        with service.database.write() as session:
            if body.action == "confirm":
                row, outbox = reviewing.confirm(
                    session, item.finding_id, reviewer, text=body.text, if_match=version,
                    settings=service.settings,
                )  # fmt: skip
            else:
                row = reviewing.reject(
                    session, item.finding_id, reviewer, reason=body.reason or "", text=body.text,
                    if_match=version,
                )  # fmt: skip
            revision = row.revision
    except CityEyeError as error:
        status = next(status for kind, status, _ in problems.STATUS if isinstance(error, kind))
        return BatchResult(finding_id=item.finding_id, status=status, detail=str(error))
    delivery.begin(outbox)
    return BatchResult(finding_id=item.finding_id, status=200, revision=revision)
