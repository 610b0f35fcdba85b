"""The versions of registers: imported whole or not at all, gone back to, and looked into."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve import ledger
from serve.db.tables import RegisterEntry, RegisterVersion, new_id, utc_now
from serve.errors import Conflict, NotFound
from serve.registers.kinds import Register
from serve.registers.rows import Entry, Fault
from vision.errors import InputError

MOST_FAULTS_TOLD = 1_000
_CHUNK = 2_000


class BadRows(InputError):
    """Rows of a register's file that cannot be used; nothing was changed."""

    def __init__(self, faults: list[Fault]) -> None:
        """Tell all of them, up to a bound."""
        shown = "; ".join(f"row {fault.row}: {fault.what}" for fault in faults[:3])
        more = f"; and {len(faults) - 3:,} more" if len(faults) > 3 else ""
        super().__init__(f"{len(faults):,} bad rows, nothing was changed: {shown}{more}")
        self.parts = [(f"row {f.row}", f.what) for f in faults[:MOST_FAULTS_TOLD]]


@dataclass(frozen=True)
class Origin:
    """Where a version came from."""

    file_name: str
    content: bytes
    imported_by: str


def add_version(
    session: Session, register: Register, entries: list[Entry], origin: Origin
) -> RegisterVersion:
    """Store a new version and make it the one that counts.

    Raises:
        InputError: There is no row; an empty register is made by going back, not by accident.
    """
    if not entries:
        raise InputError("the file has no rows; nothing was changed")
    number = session.scalar(
        sa.select(sa.func.max(RegisterVersion.number)).where(RegisterVersion.register == register)
    )
    bounds = [e.geometry.bounds for e in entries if e.geometry is not None]
    version = RegisterVersion(
        id=new_id(),
        register=register.value,
        number=(number or 0) + 1,
        active=True,
        file_name=origin.file_name,
        sha256=hashlib.sha256(origin.content).hexdigest(),
        rows=len(entries),
        imported_by=origin.imported_by,
        units=sorted({str(e.properties["unit"]) for e in entries if "unit" in e.properties}),
        widest=max((east - west for west, _, east, _ in bounds), default=0.0),
        tallest=max((north - south for _, south, _, north in bounds), default=0.0),
    )
    _deactivate(session, register)
    session.add(version)
    session.flush()
    for start in range(0, len(entries), _CHUNK):
        rows = [_row(version.id, entry) for entry in entries[start : start + _CHUNK]]
        session.execute(sa.insert(RegisterEntry), rows)
    _record(session, version, origin.imported_by, "register.import")
    return version


def activate(session: Session, register: Register, number: int, *, actor: str) -> RegisterVersion:
    """Make an earlier version the one that counts.

    Raises:
        NotFound: There is no such version.
        Conflict: It counts already.
    """
    version = version_of(session, register, number)
    if version.active:
        raise Conflict(f"version {number} of {register} counts already")
    _deactivate(session, register)
    version.active, version.activated_at, version.applied_at = True, utc_now(), None
    session.flush()
    _record(session, version, actor, "register.activate")
    return version


def version_of(session: Session, register: Register, number: int | None = None) -> RegisterVersion:
    """Return a version by its number, or the one that counts.

    Raises:
        NotFound: There is none.
    """
    query = sa.select(RegisterVersion).where(RegisterVersion.register == register.value)
    query = query.where(
        RegisterVersion.active if number is None else RegisterVersion.number == number
    )
    version = session.scalar(query)
    if version is None:
        what = "nothing was imported" if number is None else f"there is no version {number}"
        raise NotFound(f"{register}: {what}")
    return version


def _deactivate(session: Session, register: Register) -> None:
    session.execute(
        sa.update(RegisterVersion)
        .where(RegisterVersion.register == register.value, RegisterVersion.active)
        .values(active=False)
    )


def _record(session: Session, version: RegisterVersion, actor: str, action: str) -> None:
    detail = {"number": version.number, "rows": version.rows, "sha256": version.sha256}
    ledger.append(
        session, actor=actor, action=action, subject_type="register", subject=version.register,
        detail=detail,
    )  # fmt: skip


def _row(version_id: str, entry: Entry) -> dict[str, object]:
    west, south, east, north = entry.geometry.bounds if entry.geometry else (None,) * 4
    return {
        "id": new_id(),
        "version_id": version_id,
        "code": entry.code,
        "name": entry.name,
        "properties": entry.properties,
        "geometry": entry.geometry.wkb if entry.geometry else None,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "valid_from": entry.valid_from,
        "valid_to": entry.valid_to,
    }
