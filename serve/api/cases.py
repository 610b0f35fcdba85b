"""Cases: what was filed of findings, how its delivery fares, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy.orm import Session

from serve import ledger
from serve.api.caller import Here, Who
from serve.api.paging import Cursor, Limit, Page, page_of
from serve.api.ranged import ranged
from serve.api.texts import NO_CONTROLS
from serve.api.versions import tag
from serve.cases.evidence_links import MAX_TOKEN_LENGTH, read_link
from serve.cases.replaying import replay_letters
from serve.cases.states import WORDS, CaseState
from serve.cases.status import for_update
from serve.db.tables import Case, CaseEvent, EvidenceRow, FindingRow, OutboxEntry, utc_now
from serve.errors import Conflict, Gone, NotFound
from serve.workflows import delivery
from vision.finding import FindingKind

router = APIRouter(tags=["cases"])

Id = Annotated[str, Path(pattern=r"^[0-9a-f\-]{36}$", description="id of the case")]
EntryId = Annotated[str, Path(pattern=r"^[0-9a-f\-]{36}$", description="id of the message")]
Text = Annotated[str | None, Query(max_length=200, pattern=NO_CONTROLS)]


class StateName(BaseModel):
    """A state in both languages."""

    zh: str
    en: str


class CaseSummary(BaseModel):
    """A case in a list."""

    id: str
    finding_id: str
    target: str = Field(description="the case system")
    kind: str
    event_code: str
    title_zh: str
    title_en: str
    state: CaseState
    state_name: StateName
    external_id: str | None = Field(description="the case system's number")
    due_at: datetime | None = Field(description="suggested limit")
    cell_code: str | None
    unit: str | None
    longitude: float | None = Field(description="WGS-84, of the finding's point or of its camera")
    latitude: float | None
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    revision: int


class TimelineEntry(BaseModel):
    """One thing that happened to a case."""

    at: datetime = Field(description="when it happened, where the other side says so")
    recorded_at: datetime
    state: str = Field(description="`unknown` where the case system's word means nothing here")
    state_name: StateName | None
    origin: str = Field(description="us, delivery, callback, poll")
    detail: dict[str, Any]


class MessageState(BaseModel):
    """A message for the case system, and how its delivery fares."""

    id: str
    case_id: str
    target: str
    sequence: int
    action: str = Field(description="post, withdraw")
    state: str = Field(description="waiting, delivered, dead, cancelled")
    attempts: int
    replays: int
    held: bool = Field(description="held back until the case system answers again")
    first_sent_at: datetime | None
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    last_problem: str | None
    created_at: datetime

    @classmethod
    def of(cls, row: OutboxEntry) -> MessageState:
        """Return what is told of a row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class DeadLetter(MessageState):
    """A message that was given up, and which case it is of."""

    kind: str
    title_zh: str
    title_en: str

    @classmethod
    def of_case(cls, row: OutboxEntry, case: Case) -> DeadLetter:
        """Return what is told of a message and its case."""
        told = MessageState.of(row).model_dump()
        return cls(**told, kind=case.kind, title_zh=case.title_zh, title_en=case.title_en)


class CasePublic(CaseSummary):
    """A case with its timeline."""

    dedupe_key: str
    table_version: str
    draft: dict[str, Any] = Field(description="as built at the confirmation, with evidence links")
    timeline: list[TimelineEntry]
    messages: list[MessageState]


class SentMessage(BaseModel):
    """A message as the other side gets it."""

    id: str
    action: str
    state: str
    idempotency_key: str
    payload: dict[str, Any]


class Replayed(BaseModel):
    """What is tried again."""

    replayed: int
    messages: list[str] = Field(description="their ids")


@router.get("/cases")
def list_cases(
    service: Here,
    state: Annotated[list[CaseState] | None, Query(description="any of these")] = None,
    kind: Annotated[list[FindingKind] | None, Query(description="any of these")] = None,
    target: Text = None,
    unit: Text = None,
    cell_code: Text = None,
    finding_id: Text = None,
    external_id: Text = None,
    text: Annotated[
        str | None,
        Query(max_length=100, pattern=NO_CONTROLS, description="in a title, or a case number"),
    ] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    overdue: Annotated[bool, Query(description="open, and past the suggested limit")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CaseSummary]:
    """List cases, newest first."""
    query = sa.select(Case)
    if state:
        query = query.where(Case.state.in_([str(one) for one in state]))
    if kind:
        query = query.where(Case.kind.in_([str(one) for one in kind]))
    exact = {
        Case.target: target, Case.unit: unit, Case.cell_code: cell_code,
        Case.finding_id: finding_id, Case.external_id: external_id,
    }  # fmt: skip
    for column, value in exact.items():
        if value is not None:
            query = query.where(column == value)
    if text:
        query = query.where(
            sa.or_(
                Case.title_zh.icontains(text, autoescape=True),
                Case.title_en.icontains(text, autoescape=True),
                Case.external_id == text,
            )
        )
    if since is not None:
        query = query.where(Case.created_at >= since)
    if until is not None:
        query = query.where(Case.created_at < until)
    if overdue:
        ended = (CaseState.CLOSED, CaseState.REFUSED, CaseState.WITHDRAWN)
        query = query.where(Case.due_at < utc_now(), Case.state.not_in([str(one) for one in ended]))
    with service.database.read() as session:
        rows, after = page_of(
            session, query, (Case.created_at, Case.id), limit=limit, cursor=cursor
        )
        return Page(items=_summaries(session, rows), next=after)


@router.get("/cases/{case_id}")
def get_case(service: Here, case_id: Id, response: Response) -> CasePublic:
    """Return a case with its timeline and messages."""
    with service.database.read() as session:
        row = _case(session, case_id)
        events = session.scalars(
            sa.select(CaseEvent)
            .where(CaseEvent.case_id == case_id)
            .order_by(CaseEvent.at, CaseEvent.id)
        ).all()
        entries = _entries(session, case_id)
        tag(response, row)
        (summary,) = _summaries(session, [row])
        return CasePublic(
            **summary.model_dump(),
            dedupe_key=row.dedupe_key,
            table_version=row.table_version,
            draft=row.draft,
            timeline=sorted((_timeline(event) for event in events), key=lambda entry: entry.at),
            messages=[MessageState.of(entry) for entry in entries],
        )


@router.get("/cases/{case_id}/messages")
def get_case_messages(service: Here, case_id: Id) -> list[SentMessage]:
    """Return the messages of a case as the case system gets them."""
    with service.database.read() as session:
        _case(session, case_id)
        return [
            SentMessage(
                id=entry.id, action=entry.action, state=entry.state,
                idempotency_key=entry.idempotency_key, payload=entry.payload,
            )
            for entry in _entries(session, case_id)
        ]  # fmt: skip


@router.post("/cases/{case_id}/revoke-links")
def revoke_case_links(service: Here, caller: Who, case_id: Id) -> CaseSummary:
    """Make all evidence links that were given out for a case useless, at once."""
    with service.database.write() as session:
        row = for_update(session, case_id)
        if row is None:
            raise NotFound("there is no such case")
        row.links_issue += 1
        row.revision += 1
        row.updated_at = utc_now()
        ledger.append(
            session, actor=caller.name, action="case.revoke_links", subject_type="case",
            subject=case_id, detail={"issue": row.links_issue},
        )  # fmt: skip
        (summary,) = _summaries(session, [row])
        return summary


@router.get("/dead-letters")
def list_dead_letters(
    service: Here, target: Text = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[DeadLetter]:
    """List messages that were given up, newest first."""
    query = sa.select(OutboxEntry).where(OutboxEntry.state == "dead")
    if target is not None:
        query = query.where(OutboxEntry.target == target)
    with service.database.read() as session:
        rows, after = page_of(session, query, (OutboxEntry.id,), limit=limit, cursor=cursor)
        wanted = sa.select(Case).where(Case.id.in_({row.case_id for row in rows}))
        cases = {case.id: case for case in session.scalars(wanted)}
        return Page(items=[DeadLetter.of_case(row, cases[row.case_id]) for row in rows], next=after)


@router.post("/dead-letters/{entry_id}/replay")
def replay_dead_letter(service: Here, caller: Who, entry_id: EntryId) -> Replayed:
    """Try a dead letter again, with new evidence links."""
    with service.database.write() as session:
        if session.get(OutboxEntry, entry_id) is None:
            raise NotFound("there is no such message")
        done = replay_letters(session, [entry_id], actor=caller.name, settings=service.settings)
        if not done:
            raise Conflict(
                "this message is not a dead letter, or its case was withdrawn; look at its state"
            )
    delivery.begin(done)
    return Replayed(replayed=len(done), messages=done)


@router.get("/case-evidence/{token}", response_class=Response)
@router.head("/case-evidence/{token}", response_class=Response, include_in_schema=False)
def get_case_evidence(
    service: Here,
    request: Request,
    token: Annotated[str, Path(max_length=MAX_TOKEN_LENGTH, pattern=r"^[A-Za-z0-9_\-]+$")],
) -> Response:
    """Return evidence by the signed link in a draft, whole or by range."""
    link = read_link(token, now=utc_now(), settings=service.settings)
    with service.database.read() as session:
        case = session.get(Case, link.case_id)
        row = session.get(EvidenceRow, link.evidence_id)
        if case is None or row is None or row.finding_id != case.finding_id or row.sealed:
            raise NotFound("there is no evidence under this address")
        if case.links_issue != link.issue:
            raise Gone("this link to evidence was revoked; have the case's draft sent again")
        if row.deleted_at is not None:
            raise Gone("this evidence was deleted because its time was over")
        key, media_type, sha256 = row.key, row.media_type, row.sha256
    return ranged(request, service.storage, key, media_type=media_type, sha256=sha256)


def _case(session: Session, case_id: str) -> Case:
    row = session.get(Case, case_id)
    if row is None:
        raise NotFound("there is no such case")
    return row


def _entries(session: Session, case_id: str) -> list[OutboxEntry]:
    return list(
        session.scalars(
            sa.select(OutboxEntry)
            .where(OutboxEntry.case_id == case_id)
            .order_by(OutboxEntry.sequence)
        )
    )


def _summaries(session: Session, rows: Sequence[Case]) -> list[CaseSummary]:
    places = {
        finding_id: (longitude, latitude)
        for finding_id, longitude, latitude in session.execute(
            sa.select(FindingRow.id, FindingRow.longitude, FindingRow.latitude).where(
                FindingRow.id.in_({row.finding_id for row in rows})
            )
        )
    }
    names = set(CaseSummary.model_fields) - {"state", "state_name", "longitude", "latitude"}
    summaries = []
    for row in rows:
        longitude, latitude = places[row.finding_id]
        words = WORDS[CaseState(row.state)]
        summaries.append(
            CaseSummary(
                **{name: getattr(row, name) for name in names},
                state=CaseState(row.state),
                state_name=StateName(zh=words.zh, en=words.en),
                longitude=longitude,
                latitude=latitude,
            )
        )
    return summaries


def _timeline(event: CaseEvent) -> TimelineEntry:
    known = event.state in set(CaseState)
    words = WORDS[CaseState(event.state)] if known else None
    said = event.detail.get("at")
    return TimelineEntry(
        at=datetime.fromisoformat(said) if isinstance(said, str) else event.at,
        recorded_at=event.at,
        state=event.state,
        state_name=StateName(zh=words.zh, en=words.en) if words else None,
        origin=event.origin,
        detail=event.detail,
    )
