"""What CAMERA.yaml says: one camera, its zones and its privacy masks.

Every key is checked and unknown keys are errors, so that a misspelt threshold cannot pass for the
default. Coordinates are shares of the frame, 0 to 1, x to the right and y down.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from shapely.geometry import Polygon

from vision.errors import InputError

MAX_CONFIG_BYTES = 1_000_000
_HOURS = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):([0-5]\d)|24:00)$")

Point = tuple[float, float]
"""x and y as shares of the frame."""


def _checked_outline(points: tuple[Point, ...]) -> tuple[Point, ...]:
    if len(points) < 3:
        raise ValueError("a polygon needs at least three corners")
    if any(not (0 <= x <= 1 and 0 <= y <= 1) for x, y in points):
        raise ValueError("corners are shares of the frame, from 0 to 1")
    outline = Polygon(points)
    if not outline.is_valid or outline.area == 0:
        raise ValueError("the outline crosses itself or has no area")
    return points


def _checked_hours(text: str) -> str:
    found = _HOURS.match(text)
    if not found:
        raise ValueError(f"'{text}' is not of the form 07:00-08:30")
    if found[0].split("-")[0] == found[3]:
        raise ValueError(f"'{text}' has no length; leave active_hours out for the whole day")
    return text


Outline = Annotated[tuple[Point, ...], AfterValidator(_checked_outline)]
Hours = Annotated[str, AfterValidator(_checked_hours)]


class ZoneKind(StrEnum):
    """What is watched for in a zone."""

    NO_PARKING = "no_parking"
    NO_VENDING = "no_vending"
    VENDING_PERMITTED = "vending_permitted"
    TRUCK_GATE = "truck_gate"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Location(_Strict):
    """Where the camera stands, WGS-84 degrees."""

    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)


class Zone(_Strict):
    """A part of the picture and what must not happen there."""

    name: str = Field(min_length=1, max_length=80, title="Name", description="unique in the camera")
    kind: ZoneKind = Field(title="Kind", description="what is watched for")
    polygon: Outline = Field(title="Outline", description="corners as shares of the frame")
    dwell_s: float = Field(
        300.0,
        gt=0,
        le=86_400,
        title="Dwell",
        description="seconds something has to stay; 300 is what cities use for parking and vending",
    )
    dwell_s_by_class: Mapping[str, Annotated[float, Field(gt=0, le=86_400)]] = Field(
        default_factory=dict, title="Dwell by class", description="other dwell for some classes"
    )
    grace_s: float = Field(
        30.0,
        ge=0,
        le=3_600,
        title="Grace gap",
        description="seconds a thing may be unseen or outside without its dwell ending",
    )
    cooldown_s: float = Field(
        600.0,
        ge=0,
        le=86_400,
        title="Cooldown",
        description="seconds after a finding ended in "
        "which the same thing at the same place is no new one",
    )
    min_height: float = Field(
        0.02, ge=0, le=1, title="Least height", description="of a box, as a share of the frame's"
    )
    active_hours: tuple[Hours, ...] = Field(
        (),
        title="Active hours",
        description="in the camera's time zone, e.g. 22:00-06:00; none means always",
    )
    jurisdiction: str | None = Field(
        None, title="Jurisdiction", description="who is in charge: sidewalk, carriageway, …"
    )
    inward: Point | None = Field(
        None,
        title="Inward",
        description="truck_gate: a point of the frame on the site's side; "
        "who moves towards it comes in",
    )

    @model_validator(mode="after")
    def _inward_is_for_gates(self) -> Zone:
        if self.inward is not None and self.kind is not ZoneKind.TRUCK_GATE:
            raise ValueError("inward is for zones of the kind truck_gate")
        return self

    def dwell_of(self, name: str) -> float:
        """Return the dwell for a class, seconds."""
        return self.dwell_s_by_class.get(name, self.dwell_s)


class Camera(_Strict):
    """A camera as its CAMERA.yaml describes it."""

    id: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        title="Id",
        description="GB/T 28181 id "
        "(20 digits) or any id of letters, digits, dot, dash and underscore",
    )
    name: str = Field(min_length=1, max_length=120, title="Name", description="place, for people")
    location: Location | None = Field(None, title="Location", description="WGS-84")
    direction: str | None = Field(
        None, max_length=60, title="Direction", description="where it looks, for the overlay"
    )
    timezone: str = Field(
        "Asia/Shanghai", title="Time zone", description="IANA name; hours and overlays are in it"
    )
    source: str | None = Field(
        None,
        title="Source",
        description="stream address, used by --fleet; ${NAME} is taken from "
        "the environment, so that no password stands in the file",
    )
    sample_step_s: float | None = Field(
        None,
        ge=0.04,
        le=60,
        title="Sampling step",
        description="seconds between looks; none lets the zones' rules decide",
    )
    tiles: int = Field(
        1,
        ge=1,
        le=4,
        title="Tiles",
        description="n × n tiles the detector also looks at one by "
        "one, for small things far away; costs n² times as much",
    )
    thresholds: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict,
        title="Thresholds",
        description="least score by class, where the model card's does not fit this camera",
    )
    zones: tuple[Zone, ...] = Field(min_length=1, title="Zones", description="what is watched")
    privacy_masks: tuple[Outline, ...] = Field(
        (), title="Privacy masks", description="parts that are blackened in all that is stored"
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"'{name}' is no IANA time zone such as Asia/Shanghai") from error
        return name

    @field_validator("zones")
    @classmethod
    def _own_names(cls, zones: tuple[Zone, ...]) -> tuple[Zone, ...]:
        names = [zone.name for zone in zones]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two zones are called {', '.join(twice)}")
        return zones

    @property
    def tz(self) -> ZoneInfo:
        """The camera's time zone."""
        return ZoneInfo(self.timezone)

    def zone(self, name: str) -> Zone:
        """Return the zone of a name; raises KeyError where there is none."""
        for zone in self.zones:
            if zone.name == name:
                return zone
        raise KeyError(name)


def read_camera(path: Path) -> Camera:
    """Read a CAMERA.yaml.

    Raises:
        InputError: The file cannot be read, is no YAML mapping, or a key or value is wrong; the
            message names each of them.
    """
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise InputError(f"{path}: larger than {MAX_CONFIG_BYTES} bytes; not a camera file")
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: must be a mapping with id, name and zones")
    try:
        return Camera.model_validate(content)
    except ValidationError as error:
        # Values are not repeated: a source may hold a password.
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: "
            f"{item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False, include_url=False)
        )
        raise InputError(f"{path}: {wrong}") from None
