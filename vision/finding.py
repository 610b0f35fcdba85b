"""The one vocabulary for what CityEye finds, from the detector to the API.

All models are frozen: a finding is a statement about the past and does not change.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry


class FindingKind(StrEnum):
    """What kind of thing was found."""

    NEW_STRUCTURE = "new_structure"
    REMOVED_STRUCTURE = "removed_structure"
    LAND_CLEARING = "land_clearing"
    DUST_HOTSPOT = "dust_hotspot"
    ILLEGAL_PARKING = "illegal_parking"
    STREET_VENDING = "street_vending"
    MUCK_TRUCK_OVERLOAD = "muck_truck_overload"
    MUCK_TRUCK_UNCOVERED = "muck_truck_uncovered"


class Assessment(StrEnum):
    """What is claimed about a finding. Software only ever suspects; a person decides."""

    SUSPECTED = "suspected"
    PERMITTED = "permitted"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measure(_Frozen):
    """A measured value with its unit (UCUM spelling: ``m2``, ``m``, ``s``, ``1`` for a share)."""

    value: float
    unit: str


Measures = dict[str, Measure]
"""Measures by name. Names carry their unit too: ``area_m2``, ``height_gain_m``, ``dwell_s``."""


class PictureGround(_Frozen):
    """Which ground a picture shows, whole and north up."""

    crs: str = Field(description="projected, in metres: EPSG:… or WKT")
    bounds: tuple[float, float, float, float] = Field(
        description="min_x, min_y, max_x, max_y of the picture's edges in that CRS"
    )
    shift_m: tuple[float, float] = Field(
        default=(0.0, 0.0),
        description="how much further east and north the survey itself has the picture's middle: "
        "surveys are aligned to each other by so much",
    )


class Evidence(_Frozen):
    """A stored picture, clip or crop that supports a finding."""

    role: str = Field(description="what it shows: before, after, scene_start, close_up, clip …")
    media_type: str
    path: str = Field(description="relative to the folder of the results")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)
    taken_at: AwareDatetime | None = None
    ground: PictureGround | None = Field(
        default=None, description="of a picture cut from a survey: where it lies"
    )


class RuleRef(_Frozen):
    """The rule that fired, with every threshold that applied."""

    name: str
    version: str
    thresholds: dict[str, float | str] = Field(default_factory=dict)


class ModelRef(_Frozen):
    """The learned model that took part, by name, version and file hash."""

    name: str
    version: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class CueVote(_Frozen):
    """What one cue said about a finding.

    ``probability`` is the cue's own mean probability of change inside the outline, 0 to 1.
    """

    cue: Literal["height", "colour", "learned", "soil"]
    probability: float = Field(ge=0, le=1)


class PermitMatch(_Frozen):
    """The permit a structure was held against."""

    permit_id: str
    covered_share: float = Field(ge=0, le=1, description="share of the outline inside the permit")
    valid: bool = Field(description="valid on the date of the later survey")
    note: str = Field(description="why the permit does or does not cover the structure")


class SurveySource(_Frozen):
    """Two surveys of the same ground."""

    type: Literal["survey_pair"] = "survey_pair"
    before: str
    after: str
    before_sha256: str
    after_sha256: str


class CameraSource(_Frozen):
    """A camera and the zone whose rule fired."""

    type: Literal["camera"] = "camera"
    camera_id: str
    zone: str


Source = Annotated[SurveySource | CameraSource, Field(discriminator="type")]


class GeoPolygon(_Frozen):
    """A GeoJSON polygon or multipolygon in WGS-84, longitude first (RFC 7946)."""

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: Any

    @field_validator("coordinates", mode="before")
    @classmethod
    def _as_tuples(cls, value: object) -> object:
        """Hold positions as tuples however they came: JSON knows only lists."""
        if isinstance(value, list | tuple):
            return tuple(cls._as_tuples(part) for part in value)
        return value

    @classmethod
    def from_shape(cls, geometry: BaseGeometry) -> GeoPolygon:
        """Make from a shapely geometry whose coordinates are longitude, latitude."""
        return cls.model_validate(mapping(geometry))

    def to_shape(self) -> BaseGeometry:
        """Return the shapely geometry."""
        return shape(self.model_dump())


class Finding(_Frozen):
    """One thing that a person should look at."""

    id: str = Field(description="stable: the same input gives the same id")
    kind: FindingKind
    score: float = Field(ge=0, le=1)
    assessment: Assessment = Assessment.SUSPECTED
    geometry: GeoPolygon | None = None
    bbox_xyxy: tuple[float, float, float, float] | None = None
    first_seen: AwareDatetime | None = None
    last_seen: AwareDatetime | None = None
    measures: Measures = Field(default_factory=dict)
    attributes: dict[str, str] = Field(
        default_factory=dict, description="named words about the finding: form, trend …"
    )
    cues: tuple[CueVote, ...] = ()
    permit: PermitMatch | None = None
    rule: RuleRef
    model: ModelRef | None = None
    evidence: tuple[Evidence, ...] = ()
    source: Source


def stable_id(*parts: str | float | datetime | None) -> str:
    """Return an id that depends on nothing but ``parts``: 20 hex digits of their SHA-256."""
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:20]
