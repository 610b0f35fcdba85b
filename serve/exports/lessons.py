"""What a decision teaches: that something is there, that nothing is, or nothing at all.

A finding is rejected for many reasons. A vehicle in a queue is no parking offence, yet it is a
vehicle; calling its picture empty would teach the detector to overlook vehicles. So the reason
decides.
"""

from __future__ import annotations

from enum import StrEnum

from datasets.classes import STREET_CLASSES
from serve.db.tables import FindingRow
from vision.finding import FindingKind


class Lesson(StrEnum):
    """What a finding is an example of."""

    THERE = "there"
    NOTHING = "nothing"


SURVEY_KINDS = frozenset({FindingKind.NEW_STRUCTURE, FindingKind.REMOVED_STRUCTURE})
"""Kinds that change pairs are made of: the learned cue is about what was built."""
CAMERA_KINDS = frozenset(
    {
        FindingKind.ILLEGAL_PARKING,
        FindingKind.STREET_VENDING,
        FindingKind.MUCK_TRUCK_OVERLOAD,
        FindingKind.MUCK_TRUCK_UNCOVERED,
    }
)
_SEEN_RIGHT = frozenset({"permitted", "known", "passing", "traffic", "on_duty", "outside_zone"})
"""Rejected by the rule or the law, not for what the model saw."""
_SEEN_WRONG = frozenset(
    {
        "nothing_there",
        "shadow_or_light",
        "misaligned",
        "vegetation",
        "temporary_object",
        "roof_surface",
        "farming",
    }
)
_VEHICLES = frozenset({"two_wheeler", "car", "bus", "truck", "muck_truck"})


def lesson_of(row: FindingRow) -> Lesson | None:
    """Return what a reviewed finding teaches; none where the reason does not tell."""
    if row.state == "confirmed":
        return Lesson.THERE
    if row.state != "rejected" or row.reject_reason is None:
        return None
    if row.reject_reason in _SEEN_RIGHT:
        return Lesson.THERE
    return Lesson.NOTHING if row.reject_reason in _SEEN_WRONG else None


def label_of(row: FindingRow) -> str:
    """Return the detector's class of a camera finding, as corrected."""
    attributes = row.document.get("attributes", {})
    said = str(attributes.get("class", ""))
    kind = FindingKind(row.kind)
    if kind is FindingKind.ILLEGAL_PARKING:
        return said if said in _VEHICLES else "car"
    if kind is FindingKind.STREET_VENDING:
        parts = [*str(attributes.get("form", "")).split("+"), said]
        known = [p for p in parts if p in STREET_CLASSES and p not in _VEHICLES and p != "person"]
        return known[0] if known else "stall"
    return "muck_truck"
