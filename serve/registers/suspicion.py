"""What the registers make of a finding: its cell, its unit, and the reasons to suspect or not.

The risk that the queue is ordered by is

    risk = clamp(score · importance(kind) + Σ weight(reason), 0, 1)

with the importances and weights below. They order work; they prove nothing.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import shapely
import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from serve.db.tables import FindingRow, RegisterEntry, Sighting
from serve.findings.outlines import metric, outline_of
from serve.registers.kinds import Register
from serve.registers.lookup import ActiveRegisters, valid_on
from serve.registers.reasons import Reason, reason
from serve.settings import Settings
from vision.finding import Assessment, FindingKind

IMPORTANCE: dict[FindingKind, float] = {
    FindingKind.NEW_STRUCTURE: 0.7,
    FindingKind.REMOVED_STRUCTURE: 0.3,
    FindingKind.LAND_CLEARING: 0.6,
    FindingKind.DUST_HOTSPOT: 0.55,
    FindingKind.ILLEGAL_PARKING: 0.45,
    FindingKind.STREET_VENDING: 0.45,
    FindingKind.MUCK_TRUCK_OVERLOAD: 0.6,
    FindingKind.MUCK_TRUCK_UNCOVERED: 0.6,
}
"""How much a kind weighs at full score; below 1 so that reasons can still move it up."""

COVERED_SHARE = 0.8
"""A permit covers a structure when so much of it lies inside: outlines are good to half a metre,
permits to their survey. The same as in the comparison itself."""
TOUCHED_SHARE = 0.05
"""Less than this inside a permit is a neighbour's permit."""
HEIGHT_TOLERANCE_M = 0.5
NEAR_M = 30.0
"""How far a camera stands from what it sees, at most: its position stands in for the thing's."""
_MARGIN_DEG = 0.001
"""Some 100 m: bounding boxes within it are looked at more closely."""

_BUILT = frozenset({FindingKind.NEW_STRUCTURE})
_EARTH = frozenset({FindingKind.LAND_CLEARING, FindingKind.DUST_HOTSPOT})
_TRUCKS = frozenset({FindingKind.MUCK_TRUCK_OVERLOAD, FindingKind.MUCK_TRUCK_UNCOVERED})


def apply(session: Session, row: FindingRow, *, settings: Settings) -> None:
    """Hold a finding against the registers that count, and weigh its risk anew.

    Sets cell, unit, supervised object, reasons, risk, whether it is permitted, and the versions of
    the registers that were asked.
    """
    registers = ActiveRegisters(session)
    kind = FindingKind(row.kind)
    place = _place(row)
    at = row.last_seen or row.seen_at
    reasons: list[Reason] = []
    row.assessment = str(row.document.get("assessment", Assessment.SUSPECTED.value))
    row.cell_code = row.unit = row.supervised_id = None
    if place is not None:
        _cell(registers, row, place)
        reasons += _supervised(registers, row, place)
        if kind in _BUILT:
            reasons += _permit(registers, row, place, at)
        if kind in _BUILT | _EARTH:
            reasons += _construction(registers, kind, place, at)
        if kind is FindingKind.STREET_VENDING:
            reasons += _vending(registers, place, at, ZoneInfo(settings.time_zone))
    if kind in _TRUCKS:
        reasons += _truck(registers, row.plate, at)
    reasons += _history(session, row)
    row.reasons = [item.as_json() for item in reasons]
    row.risk = risk_of(kind, row.score, reasons)
    row.register_versions = dict(registers.numbers)


def risk_of(kind: FindingKind, score: float, reasons: list[Reason]) -> float:
    """Return the risk by the formula above."""
    raw = score * IMPORTANCE[kind] + sum(item.weight for item in reasons)
    return round(min(max(raw, 0.0), 1.0), 4)


def _place(row: FindingRow) -> BaseGeometry | None:
    outline = outline_of(row)
    if outline is None and row.longitude is not None and row.latitude is not None:
        return shapely.Point(row.longitude, row.latitude)
    return outline


def _cell(registers: ActiveRegisters, row: FindingRow, place: BaseGeometry) -> None:
    """The cell with most of the finding in it; of a point the one that it lies in."""
    cells = [
        (place.intersection(shape).area, shape.intersects(place.representative_point()), entry)
        for entry, shape in registers.around(Register.UNIT_GRID, place)
        if shape.intersects(place)
    ]
    if cells:
        _, _, entry = max(cells, key=lambda cell: (cell[0], cell[1], cell[2].code))
        row.cell_code = entry.code
        row.unit = str(entry.properties.get("unit", "")) or None


def _supervised(registers: ActiveRegisters, row: FindingRow, place: BaseGeometry) -> list[Reason]:
    nearby = _near(registers, Register.SUPERVISED_OBJECTS, place)
    if not nearby:
        return []
    _, entry = nearby[0]
    row.supervised_id = entry.code
    return [reason("supervised_object", name=entry.name or entry.code)]


def _near(
    registers: ActiveRegisters, register: Register, place: BaseGeometry
) -> list[tuple[float, RegisterEntry]]:
    """Entries within reach of a place, the nearest first, with the distance in metres."""
    latitude = place.representative_point().y
    here = metric(place, at_latitude=latitude)
    found = []
    for entry, shape in registers.around(register, place, margin_deg=_MARGIN_DEG):
        distance_m = float(metric(shape, at_latitude=latitude).distance(here))
        if distance_m <= NEAR_M:
            found.append((distance_m, entry))
    return sorted(found, key=lambda pair: (pair[0], pair[1].code))


def _permit(
    registers: ActiveRegisters, row: FindingRow, place: BaseGeometry, at: datetime
) -> list[Reason]:
    if not registers.has(Register.BUILDING_PERMITS) or place.area == 0:
        return []
    matches = []
    for entry, shape in registers.around(Register.BUILDING_PERMITS, place):
        share = shape.intersection(place).area / place.area
        if share >= TOUCHED_SHARE:
            matches.append((valid_on(entry, at) == "valid", share, entry))
    if not matches:
        return [reason("no_permit")]
    is_valid, share, entry = max(matches, key=lambda m: (m[0], m[1], m[2].code))
    words = {"permit": entry.code, "share": f"{share:.0%}"}
    if not is_valid:
        code = "permit_not_yet" if valid_on(entry, at) == "early" else "permit_over"
        return [reason(code, **words)]
    if share < COVERED_SHARE:
        return [reason("beyond_permit", **words)]
    allowed_m = entry.properties.get("max_height_m")
    gained_m = row.document.get("measures", {}).get("height_gain_m", {}).get("value")
    if allowed_m is not None and gained_m is not None:
        if gained_m > float(allowed_m) + HEIGHT_TOLERANCE_M:
            heights = {"height": f"{gained_m:.1f}", "allowed": f"{allowed_m:g}"}
            return [reason("higher_than_permit", **words, **heights)]
    row.assessment = Assessment.PERMITTED.value
    return [reason("permitted", **words)]


def _construction(
    registers: ActiveRegisters, kind: FindingKind, place: BaseGeometry, at: datetime
) -> list[Reason]:
    if not registers.has(Register.CONSTRUCTION_SITES):
        return []
    for entry, shape in registers.around(Register.CONSTRUCTION_SITES, place):
        if shape.intersects(place) and valid_on(entry, at) == "valid":
            code = "on_site_dust" if kind is FindingKind.DUST_HOTSPOT else "on_site"
            return [reason(code, name=entry.name or entry.code)]
    return [reason("off_site")] if kind in _EARTH else []


def _vending(
    registers: ActiveRegisters, place: BaseGeometry, at: datetime, zone: ZoneInfo
) -> list[Reason]:
    if not registers.has(Register.VENDING_PERMITS):
        return []
    for _, entry in _near(registers, Register.VENDING_PERMITS, place):
        if valid_on(entry, at) != "valid":
            continue
        name = entry.name or entry.code
        hours = entry.properties.get("hours")
        if hours and not _within(hours, at.astimezone(zone).strftime("%H:%M")):
            return [reason("vending_hours", name=name, hours=", ".join(hours))]
        return [reason("vending_place", name=name)]
    return [reason("no_vending_place")]


def _within(spans: list[str], clock: str) -> bool:
    for span in spans:
        begins, ends = span.split("-")
        inside = begins <= clock < ends
        if ends < begins:  # over midnight
            inside = clock >= begins or clock < ends
        if inside:
            return True
    return False


def _truck(registers: ActiveRegisters, plate: str | None, at: datetime) -> list[Reason]:
    if not registers.has(Register.MUCK_TRUCKS):
        return []
    if not plate:
        return [reason("plate_not_read")]
    entry = registers.by_code(Register.MUCK_TRUCKS, plate)
    if entry is None:
        return [reason("truck_not_listed", plate=plate)]
    if valid_on(entry, at) != "valid":
        return [reason("truck_permit_over", plate=plate)]
    haulier = str(entry.properties.get("haulier", "")) or plate
    return [reason("truck_listed", plate=plate, haulier=haulier)]


def _history(session: Session, row: FindingRow) -> list[Reason]:
    if row.sightings < 2:
        return []
    said = [reason("seen_again", count=str(row.sightings))]
    if row.kind == FindingKind.NEW_STRUCTURE:
        newest = session.scalar(
            sa.select(Sighting.document)
            .where(Sighting.finding_id == row.id)
            .order_by(Sighting.at.desc(), Sighting.id.desc())
            .limit(1)
        )
        if newest and newest.get("kind") == FindingKind.REMOVED_STRUCTURE:
            said.append(reason("removed_since"))
    return said
