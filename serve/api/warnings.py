"""Warnings: which supervised objects and grid cells are red or yellow, and how they came to be."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from serve.api.caller import Here
from serve.api.paging import Cursor, Limit, Page, page_of
from serve.db.tables import RegisterEntry, RegisterVersion, WarningChange, WarningState
from serve.registers.kinds import Register
from serve.warning_rules import Colour, Subject

router = APIRouter(tags=["warnings"])

_SubjectType = Annotated[Subject | None, Query(description="only of this kind of subject")]


class WarningPublic(BaseModel):
    """The colour of a subject."""

    subject_type: str = Field(description="supervised_object or cell")
    subject: str = Field(description="its code in the register")
    name: str = Field(description="its name in the register that counts")
    colour: str
    since: datetime
    figures: dict[str, Any] = Field(description="what the rules counted")
    rules_version: str


class WarningChangePublic(BaseModel):
    """A change of colour."""

    id: str
    subject_type: str
    subject: str
    before: str | None
    after: str
    at: datetime
    why: dict[str, Any]
    rules_version: str


@router.get("/warnings")
def list_warnings(
    service: Here,
    subject_type: _SubjectType = None,
    colour: Annotated[Colour | None, Query(description="only of this colour")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[WarningPublic]:
    """List subjects with a colour; those that were never yellow or red are not in it."""
    query = sa.select(WarningState)
    if subject_type is not None:
        query = query.where(WarningState.subject_type == subject_type.value)
    if colour is not None:
        query = query.where(WarningState.colour == colour.value)
    order = (WarningState.since, WarningState.subject_type, WarningState.subject)
    registers = {
        Subject.SUPERVISED_OBJECT.value: Register.SUPERVISED_OBJECTS.value,
        Subject.CELL.value: Register.UNIT_GRID.value,
    }
    with service.database.read() as session:
        rows, following = page_of(session, query, order, limit=limit, cursor=cursor)
        found = session.execute(
            sa.select(RegisterVersion.register, RegisterEntry.code, RegisterEntry.name)
            .join(RegisterVersion, RegisterVersion.id == RegisterEntry.version_id)
            .where(RegisterVersion.active, RegisterEntry.code.in_([r.subject for r in rows]))
            .where(RegisterVersion.register.in_(list(registers.values())))
        )
        names = {(register, code): name for register, code, name in found}
    items = [
        WarningPublic(
            subject_type=row.subject_type, subject=row.subject,
            name=names.get((registers[row.subject_type], row.subject), ""), colour=row.colour,
            since=row.since, figures=row.figures, rules_version=row.rules_version,
        )
        for row in rows
    ]  # fmt: skip
    return Page(items=items, next=following)


@router.get("/warnings/changes")
def list_warning_changes(
    service: Here,
    subject_type: _SubjectType = None,
    subject: Annotated[
        str | None, Query(max_length=300, pattern=r"^[^\x00-\x1f]+$", description="its code")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[WarningChangePublic]:
    """List changes of colour, the newest first."""
    query = sa.select(WarningChange)
    if subject_type is not None:
        query = query.where(WarningChange.subject_type == subject_type.value)
    if subject is not None:
        query = query.where(WarningChange.subject == subject)
    with service.database.read() as session:
        rows, following = page_of(
            session, query, (WarningChange.at, WarningChange.id), limit=limit, cursor=cursor
        )
    items = [WarningChangePublic.model_validate(row, from_attributes=True) for row in rows]
    return Page(items=items, next=following)
