"""Registers: imported from files, versioned, gone back to, looked into."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import shapely
import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from serve.api.caller import Here, Who
from serve.api.once import CreateOnce
from serve.api.paging import Cursor, Limit, Page, page_of
from serve.db.tables import RegisterEntry, RegisterVersion
from serve.errors import NotFound, TooLarge
from serve.findings.filters import FindingFilters
from serve.findings.public import Bilingual
from serve.registers import versions
from serve.registers.kinds import LAYOUTS, Register
from serve.registers.reading import MAX_FILE_BYTES, read_rows
from serve.registers.rows import entries_of
from serve.registers.versions import BadRows
from serve.workflows.registers import begin_applying

router = APIRouter(tags=["registers"])

RegisterName = Annotated[Register, Path(description="which register")]
VersionNumber = Annotated[int, Path(ge=1, lt=2**31, description="number of the version")]


class VersionPublic(BaseModel):
    """A version of a register."""

    register_name: str = Field(serialization_alias="register")
    number: int
    active: bool = Field(description="whether it is the one that counts")
    file_name: str
    sha256: str
    rows: int
    imported_by: str
    imported_at: datetime
    activated_at: datetime
    applied_at: datetime | None = Field(
        description="when all undecided findings were held against it"
    )


class RegisterPublic(BaseModel):
    """A register, and the version of it that counts."""

    register_name: str = Field(serialization_alias="register")
    name: Bilingual
    fields: list[str] = Field(description="headings that files are read by, any of them")
    active: VersionPublic | None


class ImportPublic(BaseModel):
    """What an import made, or would make."""

    dry_run: bool
    rows: int
    version: VersionPublic | None = Field(default=None, description="none after a dry run")


class EntryPublic(BaseModel):
    """A row of a register."""

    code: str
    name: str
    properties: dict[str, Any]
    geometry: dict[str, Any] | None = Field(description="GeoJSON, WGS-84")
    valid_from: datetime | None
    valid_to: datetime | None = Field(description="from here on no longer")


async def uploaded(request: Request) -> bytes:
    """Return the body of a request, up to a bound.

    Raises:
        TooLarge: It is larger.
    """
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_FILE_BYTES:
            raise TooLarge(f"the file is larger than {MAX_FILE_BYTES // 2**20} MB; cut it")
    return bytes(content)


def _public(version: RegisterVersion) -> VersionPublic:
    names = set(VersionPublic.model_fields) - {"register_name"}
    return VersionPublic(
        register_name=version.register, **{name: getattr(version, name) for name in names}
    )


@router.get("/registers")
def list_registers(service: Here) -> list[RegisterPublic]:
    """List the registers, and which version of each counts."""
    with service.database.read() as session:
        found = session.scalars(sa.select(RegisterVersion).where(RegisterVersion.active)).all()
    active = {version.register: _public(version) for version in found}
    return [
        RegisterPublic(
            register_name=register.value,
            name=Bilingual(zh=layout.zh, en=layout.en),
            fields=[*layout.code, *(name for field in layout.fields for name in field.names)],
            active=active.get(register.value),
        )
        for register, layout in LAYOUTS.items()
    ]


@router.post(
    "/registers/{register}/versions",
    status_code=201,
    response_model=ImportPublic,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
    responses={200: {"model": ImportPublic, "description": "a dry run found nothing wrong"}},
)
def import_register(
    service: Here,
    once: CreateOnce,
    caller: Who,
    register: RegisterName,
    content: Annotated[bytes, Depends(uploaded)],
    file_name: Annotated[
        str, Query(max_length=200, pattern=r"^[^\x00-\x1f/\\]*$", description="for the record")
    ] = "",
    crs: Annotated[
        str | None,
        Query(
            pattern=r"^(EPSG:\d{4,6}|GCJ02)$",
            description="what the coordinates are in, where the file does not say: EPSG:… or GCJ02",
        ),
    ] = None,
    dry_run: Annotated[bool, Query(description="only look for bad rows")] = False,
) -> Response:
    """Import a register from GeoJSON, GeoPackage or CSV: all rows, or nothing and why.

    A bad row is reported by its number, all of them at once. The new version counts from now on;
    findings that nobody decided on yet are held against it.
    """
    rows = read_rows(content, crs=crs)
    entries, faults = entries_of(register, rows, zone=ZoneInfo(service.settings.time_zone))
    if faults:
        raise BadRows(faults)

    def make(session: Session) -> ImportPublic:
        origin = versions.Origin(file_name or "unnamed", content, caller.name)
        version = versions.add_version(session, register, entries, origin)
        return ImportPublic(dry_run=False, rows=len(entries), version=_public(version))

    if dry_run:
        return Response(
            ImportPublic(dry_run=True, rows=len(entries)).model_dump_json(by_alias=True),
            media_type="application/json",
        )
    return once.create(content, make, after=lambda _: begin_applying(service))


@router.get("/registers/{register}/versions")
def list_register_versions(
    service: Here, register: RegisterName, limit: Limit = 50, cursor: Cursor = None
) -> Page[VersionPublic]:
    """List the versions of a register, the newest first."""
    with service.database.read() as session:
        rows, following = page_of(
            session,
            sa.select(RegisterVersion).where(RegisterVersion.register == register.value),
            (RegisterVersion.number,),
            limit=limit,
            cursor=cursor,
        )
    return Page(items=[_public(row) for row in rows], next=following)


@router.get("/registers/{register}/versions/{number}/entries")
def list_register_entries(
    service: Here,
    register: RegisterName,
    number: VersionNumber,
    bbox: Annotated[
        str | None,
        Query(
            max_length=120,
            pattern=r"^[\d.,eE+\- ]+$",
            description="only rows whose bounds meet west,south,east,north (WGS-84 degrees)",
        ),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[EntryPublic]:
    """List the rows of a version, older ones too, by code."""
    box = FindingFilters(bbox=bbox).box()
    with service.database.read() as session:
        version = versions.version_of(session, register, number)
        query = sa.select(RegisterEntry).where(RegisterEntry.version_id == version.id)
        if box is not None:
            west, south, east, north = box
            query = query.where(
                RegisterEntry.west <= east, RegisterEntry.east >= west,
                RegisterEntry.south <= north, RegisterEntry.north >= south,
            )  # fmt: skip
        rows, following = page_of(
            session,
            query,
            (RegisterEntry.code,),
            limit=limit,
            cursor=cursor,
            descending=False,
        )
    return Page(items=[_entry(row) for row in rows], next=following)


@router.get("/registers/{register}/entries/{code}")
def get_register_entry(
    service: Here,
    register: RegisterName,
    code: Annotated[str, Path(max_length=300, pattern=r"^[^\x00-\x1f]+$")],
) -> EntryPublic:
    """Return one row of the version that counts."""
    with service.database.read() as session:
        version = versions.version_of(session, register)
        row = session.scalar(
            sa.select(RegisterEntry).where(
                RegisterEntry.version_id == version.id, RegisterEntry.code == code
            )
        )
    if row is None:
        raise NotFound(f"{register} has no {code}")
    return _entry(row)


@router.post("/registers/{register}/versions/{number}/activate", response_model=VersionPublic)
def activate_register_version(
    service: Here, caller: Who, register: RegisterName, number: VersionNumber
) -> VersionPublic:
    """Go back, or forward, to a version: from now on it is the one that counts."""
    with service.database.write() as session:
        version = _public(versions.activate(session, register, number, actor=caller.name))
    begin_applying(service)
    return version


def _entry(row: RegisterEntry) -> EntryPublic:
    shape = None if row.geometry is None else shapely.from_wkb(row.geometry)
    return EntryPublic(
        code=row.code,
        name=row.name,
        properties=row.properties,
        geometry=None if shape is None else shapely.geometry.mapping(shape),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )
