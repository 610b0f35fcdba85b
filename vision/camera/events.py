"""What passes between detection, association, rules and evidence.

Boxes are x1, y1, x2, y2 as shares of the frame, 0 to 1, so that a stream that changes its
resolution changes nothing here. Times are aware, in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vision.finding import FindingKind, Measures, RuleRef

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 as shares of the frame."""

Descriptor = NDArray[np.float32]
"""What a part of a picture looks like, float32 (n,), of unit length."""

VEHICLES = frozenset({"car", "bus", "truck", "muck_truck"})
VENDING = frozenset({"stall", "cart", "canopy"})


@dataclass(frozen=True, eq=False, slots=True)
class Observation:
    """One object as seen in one frame.

    Attributes:
        name: Class name of the street model.
        score: 0 to 1.
        box_xyxy: Where.
        descriptor: What it looks like.
        load: Probability of each load state, of a muck truck at a gate; empty for all else.
    """

    name: str
    score: float
    box_xyxy: Box
    descriptor: Descriptor
    load: Mapping[str, float] = field(default_factory=dict)


class Step(StrEnum):
    """Stations in the life of what a rule watches."""

    BEGAN = "began"
    """Something entered that may become a finding: the entry picture is worth keeping."""
    PICTURE = "picture"
    """This frame shows it well: worth keeping, with its quality."""
    FIRED = "fired"
    """The rule is broken: a finding."""
    ENDED = "ended"
    """What had fired is over."""
    DROPPED = "dropped"
    """What had begun is over without a finding: its pictures may go."""


@dataclass(frozen=True, slots=True)
class RuleEvent:
    """One step in the life of a candidate.

    Attributes:
        step: Which.
        key: Name of the candidate, the same through its life, unique in the camera, safe as a
            file name; does not depend on how often a process was restarted.
        kind: Of the finding it is or may become.
        zone: Name of the zone.
        at: When this step happened: time of the frame.
        box_xyxy: Where it is now.
        first_seen: When the candidate began.
        last_seen: When it was last seen.
        score: How sure, 0 to 1.
        measures: What was measured, by name with units (dwell_s …).
        attributes: Words about it (class, direction, load state …).
        rule: Rule and thresholds that applied.
        quality: Of a PICTURE, larger is better.
    """

    step: Step
    key: str
    kind: FindingKind
    zone: str
    at: datetime
    box_xyxy: Box
    first_seen: datetime
    last_seen: datetime
    score: float
    measures: Measures
    attributes: Mapping[str, str]
    rule: RuleRef
    quality: float = 0.0
