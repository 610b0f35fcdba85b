"""Tables of the city's registers and of warnings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from serve.db.columns import Base, id_column, utc_now


class RegisterVersion(Base):
    """One import of a register. One of them is active; the others stay for the record."""

    __tablename__ = "register_versions"
    id: Mapped[str] = id_column()
    # unit_grid, building_permits, vending_permits, construction_sites, muck_trucks,
    # supervised_objects
    register: Mapped[str]
    number: Mapped[int]
    active: Mapped[bool] = mapped_column(default=True)
    file_name: Mapped[str]
    sha256: Mapped[str]
    rows: Mapped[int]
    imported_by: Mapped[str]
    imported_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Largest extents of its entries, degrees: they bound what a lookup has to read.
    widest: Mapped[float] = mapped_column(default=0.0)
    tallest: Mapped[float] = mapped_column(default=0.0)
    units: Mapped[list[str]] = mapped_column(default=list)  # responsible units, of the unit grid
    activated_at: Mapped[datetime] = mapped_column(default=utc_now)
    applied_at: Mapped[datetime | None]  # to all undecided findings, since it was activated
    __table_args__ = (
        sa.UniqueConstraint("register", "number"),
        sa.Index("ix_register_versions_active", "active", "register"),
    )


class RegisterEntry(Base):
    """One row of a register."""

    __tablename__ = "register_entries"
    id: Mapped[str] = id_column()
    version_id: Mapped[str] = mapped_column(
        sa.ForeignKey("register_versions.id", ondelete="CASCADE")
    )
    code: Mapped[str]  # cell code, permit number, plate, object id
    name: Mapped[str] = mapped_column(default="")
    properties: Mapped[dict[str, Any]] = mapped_column(default=dict)
    geometry: Mapped[bytes | None]  # WGS-84, WKB
    west: Mapped[float | None]
    south: Mapped[float | None]
    east: Mapped[float | None]
    north: Mapped[float | None]
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    __table_args__ = (
        sa.UniqueConstraint("version_id", "code"),
        sa.Index("ix_register_entries_place", "version_id", "west", "east", "south", "north"),
    )


class WarningState(Base):
    """Red, yellow or green: of a supervised object or of a grid cell."""

    __tablename__ = "warning_states"
    subject_type: Mapped[str] = mapped_column(primary_key=True)  # supervised_object, cell
    subject: Mapped[str] = mapped_column(primary_key=True)
    colour: Mapped[str] = mapped_column(index=True)
    since: Mapped[datetime]
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)
    rules_version: Mapped[str]


class WarningChange(Base):
    """A warning that changed colour."""

    __tablename__ = "warning_changes"
    id: Mapped[str] = id_column()
    subject_type: Mapped[str]
    subject: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    why: Mapped[dict[str, Any]] = mapped_column(default=dict)
    rules_version: Mapped[str]
    __table_args__ = (sa.Index("ix_warning_changes_subject", "subject_type", "subject", "at"),)
