"""The ledger: read and checked."""

from __future__ import annotations

import json
import threading
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from serve import ledger
from serve.api.caller import Here
from serve.api.paging import Cursor, Limit, Page, page_of
from serve.api.texts import Word
from serve.db.tables import LedgerEntry
from serve.errors import TooMany
from serve.ledger_check import verify_database

router = APIRouter(tags=["audit"])

_checking = threading.Lock()
CHECK_AGAIN_S = 10


class EntryPublic(BaseModel):
    """One entry of the ledger."""

    number: int
    at: str = Field(description="when, in UTC")
    actor: str = Field(description="user, token, worker or system")
    action: str = Field(description="what was done, as `finding.confirm`")
    subject_type: str
    subject: str
    detail: dict[str, Any]
    previous_sha256: str
    sha256: str


class BreakPublic(BaseModel):
    """Where the chain does not hold."""

    number: int
    what: str


class VerificationPublic(BaseModel):
    """What came of a check of the whole ledger."""

    holds: bool
    entries: int
    head_number: int
    head_sha256: str = Field(description="noted down, it proves later that nothing was cut off")
    breaks: list[BreakPublic] = Field(description="the first hundred")
    stamps: int = Field(description="time stamps that hold")
    stamped_number: int = Field(description="last entry that a time stamp proves; 0: none")


@router.get("/audit")
def list_entries(
    here: Here,
    actor: Annotated[Word | None, Query(description="only by this one")] = None,
    action: Annotated[
        Word | None, Query(description="only this; `finding.` for all of findings")
    ] = None,
    subject_type: Annotated[Word | None, Query(description="only of this kind")] = None,
    subject: Annotated[Word | None, Query(description="only of this one, by its id")] = None,
    since: Annotated[AwareDatetime | None, Query(description="from then on")] = None,
    until: Annotated[AwareDatetime | None, Query(description="before then")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[EntryPublic]:
    """List the ledger, newest first."""
    query = sa.select(LedgerEntry)
    if actor is not None:
        query = query.where(LedgerEntry.actor == actor)
    if action is not None:
        query = query.where(
            LedgerEntry.action.startswith(action, autoescape=True)
            if action.endswith(".")
            else LedgerEntry.action == action
        )
    if subject_type is not None:
        query = query.where(LedgerEntry.subject_type == subject_type)
    if subject is not None:
        query = query.where(LedgerEntry.subject == subject)
    if since is not None:
        query = query.where(LedgerEntry.at >= ledger.written(since))
    if until is not None:
        query = query.where(LedgerEntry.at < ledger.written(until))
    with here.database.read() as session:
        rows, following = page_of(session, query, (LedgerEntry.number,), limit=limit, cursor=cursor)
    return Page(items=[_public(row) for row in rows], next=following)


@router.get("/audit/verify")
def verify_ledger(here: Here) -> VerificationPublic:
    """Check the whole chain; one at a time, as it reads all of it."""
    if not _checking.acquire(blocking=False):
        raise TooMany("the ledger is being checked already", retry_after_s=CHECK_AGAIN_S)
    try:
        found = verify_database(here.database)
    finally:
        _checking.release()
    return VerificationPublic(
        holds=found.holds,
        entries=found.entries,
        head_number=found.head_number,
        head_sha256=found.head_sha256,
        breaks=[BreakPublic(number=each.number, what=each.what) for each in found.breaks],
        stamps=found.stamps,
        stamped_number=found.stamped_number,
    )


def _public(entry: LedgerEntry) -> EntryPublic:
    return EntryPublic(
        number=entry.number,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        subject_type=entry.subject_type,
        subject=entry.subject,
        detail=json.loads(entry.detail),
        previous_sha256=entry.previous_sha256,
        sha256=entry.sha256,
    )
