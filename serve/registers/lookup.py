"""Looking a place or a plate up in the registers that count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import shapely
import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from serve.db.tables import RegisterEntry, RegisterVersion
from serve.registers.kinds import Register

MOST_NEARBY = 200
"""Entries at one place that are held against a finding; more would be a broken register."""


class ActiveRegisters:
    """The registers that count, as one transaction sees them."""

    def __init__(self, session: Session) -> None:
        """Find out which versions count."""
        self._session = session
        self._versions = {
            Register(version.register): version
            for version in session.scalars(sa.select(RegisterVersion).where(RegisterVersion.active))
        }

    @property
    def numbers(self) -> dict[str, int]:
        """Number of the version that counts, by register."""
        return {r.value: version.number for r, version in sorted(self._versions.items())}

    def has(self, register: Register) -> bool:
        """Tell whether there is such a register at all: where none is, nothing is missing in it."""
        return register in self._versions

    def around(
        self, register: Register, place: BaseGeometry, *, margin_deg: float = 0.0
    ) -> list[tuple[RegisterEntry, BaseGeometry]]:
        """Return the entries whose bounding box meets that of a place, with their geometry."""
        version = self._versions.get(register)
        if version is None:
            return []
        west, south, east, north = place.bounds
        west, south = west - margin_deg, south - margin_deg
        east, north = east + margin_deg, north + margin_deg
        rows: Sequence[RegisterEntry] = self._session.scalars(
            sa.select(RegisterEntry)
            .where(
                RegisterEntry.version_id == version.id,
                # No entry is wider than the widest, so none that begins further west can reach.
                RegisterEntry.west.between(west - version.widest, east),
                RegisterEntry.east >= west,
                RegisterEntry.south.between(south - version.tallest, north),
                RegisterEntry.north >= south,
            )
            .limit(MOST_NEARBY)
        ).all()
        return [(row, shapely.from_wkb(row.geometry)) for row in rows if row.geometry]

    def by_code(self, register: Register, code: str) -> RegisterEntry | None:
        """Return the entry of a code."""
        version = self._versions.get(register)
        if version is None:
            return None
        return self._session.scalar(
            sa.select(RegisterEntry).where(
                RegisterEntry.version_id == version.id, RegisterEntry.code == code
            )
        )


def valid_on(entry: RegisterEntry, at: datetime) -> str:
    """Tell whether an entry is ``valid`` at a time, ``early`` or ``over``."""
    if entry.valid_from is not None and at < entry.valid_from:
        return "early"
    if entry.valid_to is not None and at >= entry.valid_to:
        return "over"
    return "valid"
