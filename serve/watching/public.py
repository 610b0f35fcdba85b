"""What requests say of cameras and what answers show of them; an address is never shown whole."""

from __future__ import annotations

import math
from datetime import datetime
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from serve.api.texts import NO_CONTROLS
from serve.db.tables import CameraEvent, CameraRow
from serve.network import LONGEST_ADDRESS
from serve.watching.faring import WATCHED, Health
from vision.camera.config import Camera, Location, Outline, Zone
from vision.errors import InputError

MAX_ZONES = 64
MAX_CORNERS = 200
MAX_DEPTH = 8
LARGEST_NUMBER = 1e9
_DEFAULTS = Camera.model_fields


def refuse_unstorable(value: Any, depth: int = 0) -> None:  # noqa: ANN401
    """Refuse what no database stores, wherever it stands.

    Raises:
        ValueError: A text has control characters, a number is none, or a list is too long.
    """
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise ValueError("texts hold no control characters")
    elif isinstance(value, dict):
        if len(value) > MAX_CORNERS:
            raise ValueError(f"at most {MAX_CORNERS} entries")
        for key, each in value.items():
            refuse_unstorable(key, depth + 1)
            refuse_unstorable(each, depth + 1)
    elif isinstance(value, list | tuple):
        if len(value) > MAX_CORNERS:
            raise ValueError(f"at most {MAX_CORNERS} entries")
        for each in value:
            refuse_unstorable(each, depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("a number must be finite")
        if abs(value) > LARGEST_NUMBER:
            raise ValueError("a number is too large")


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


Address = Annotated[
    SecretStr,
    Field(
        min_length=5,
        max_length=LONGEST_ADDRESS,
        description="rtsp://, rtsps://, http:// or https://, with user and password "
        "percent-encoded; encrypted at rest and never returned",
    ),
]
Name = Annotated[
    str, Field(min_length=1, max_length=120, pattern=NO_CONTROLS, description="place, for people")
]
Code = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        max_length=64,
        description="GB/T 28181 id (20 digits), or any id of letters, digits, dot, dash and "
        "underscore; unique",
    ),
]
Direction = Annotated[
    str | None,
    Field(max_length=60, pattern=NO_CONTROLS, description="where it looks, for the overlay"),
]
TimeZone = Annotated[
    str, Field(max_length=64, description="IANA name; hours and overlays are in it")
]
Step = Annotated[
    float | None,
    Field(ge=0.04, le=60, description="seconds between looks; null lets the rules decide"),
]
Tiles = Annotated[
    int, Field(ge=1, le=4, description="n × n tiles that are also looked at one by one")
]
Thresholds = Annotated[
    dict[str, Annotated[float, Field(ge=0, le=1)]],
    Field(max_length=50, description="least score by class, where the model's does not fit"),
]
Zones = Annotated[
    list[Zone], Field(min_length=1, max_length=MAX_ZONES, description="what is watched")
]
Masks = Annotated[
    list[Outline],
    Field(max_length=MAX_ZONES, description="parts that are blackened in all that is stored"),
]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, content: Any) -> Any:  # noqa: ANN401
        if isinstance(content, dict):
            rest = {key: each for key, each in content.items() if key not in ("cameras", "csv")}
            refuse_unstorable(rest)
        return content

    @field_validator("timezone", check_fields=False)
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None and name not in _time_zones():
            raise ValueError("no IANA time zone such as Asia/Shanghai")
        return name


class CameraCreate(_Asked):
    """A camera to add."""

    code: Code
    name: Name
    address: Address
    location: Location | None = Field(default=None, description="where it stands, WGS-84")
    direction: Direction = None
    timezone: TimeZone = "Asia/Shanghai"
    sample_step_s: Step = None
    tiles: Tiles = 1
    thresholds: Thresholds = Field(default_factory=dict)
    zones: Zones
    privacy_masks: Masks = Field(default_factory=list)
    enabled: bool = Field(default=False, description="whether it is watched from now on")

    def camera(self) -> Camera:
        """Return the settings as the rules take them.

        Raises:
            InputError: They do not fit together.
        """
        return checked_camera(self.model_dump(mode="json", exclude={"address", "enabled"}))


class CameraUpdate(_Asked):
    """What to change of a camera; what is left out stays as it is."""

    name: Name | None = None
    address: Address | None = None
    location: Location | None = Field(default=None, description="where it stands, WGS-84")
    direction: Direction = None
    timezone: TimeZone | None = None
    sample_step_s: Step = None
    tiles: Tiles | None = None
    thresholds: Thresholds | None = None
    zones: Zones | None = None
    privacy_masks: Masks | None = None

    @model_validator(mode="after")
    def _something(self) -> CameraUpdate:
        may_be_null = {"location", "direction", "sample_step_s"}
        for name in self.model_fields_set - may_be_null:
            if getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null")
        if not self.model_fields_set:
            raise ValueError("name what to change")
        return self

    def changes(self) -> dict[str, Any]:
        """Return what is to be changed, the address left out."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"address"})


class CameraImport(_Asked):
    """Many cameras at once: all of them, or none."""

    cameras: list[CameraCreate] | None = Field(
        default=None, max_length=500, description="the cameras"
    )
    csv: str | None = Field(
        default=None,
        max_length=2_000_000,
        description="or the same as CSV with a header: code, name, address, lon, lat, direction, "
        "timezone, sample_step_s, tiles, zones, privacy_masks, thresholds, enabled; the three "
        "before the last as JSON",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> CameraImport:
        if (self.cameras is None) == (self.csv is None):
            raise ValueError("give either cameras or csv")
        return self


def checked_camera(content: dict[str, Any]) -> Camera:
    """Return settings as the rules take them.

    Raises:
        InputError: They do not fit together.
    """
    content = {("id" if key == "code" else key): value for key, value in content.items()}
    try:
        return Camera.model_validate(content)
    except ValidationError as error:
        # Values are not repeated.
        words = "; ".join(
            f"{'/'.join(map(str, item['loc'])) or 'camera'}: "
            f"{item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False, include_url=False)
        )
        raise InputError(words) from None


class FaultPublic(BaseModel):
    """What is wrong with a camera."""

    kind: str
    since: str | None = None
    message: str = Field(description="what is wrong and how to mend it")


class ServedPublic(BaseModel):
    """How well a camera is served by the worker that watches it."""

    sampled_fps: float = Field(description="pictures looked at a second")
    needed_fps: float = Field(description="that the zones' rules need")
    lag_p95_s: float = Field(description="from receipt of a picture to its verdict")
    faults: int = Field(description="since the worker took it")


class CameraPublic(BaseModel):
    """A camera, without its password."""

    id: str
    code: str
    name: str
    address: str = Field(description="without user, password and query")
    location: Location | None
    direction: str | None
    timezone: str
    sample_step_s: float | None
    tiles: int
    thresholds: dict[str, float]
    zones: list[Zone]
    privacy_masks: list[Outline]
    enabled: bool
    health: str = Field(description=f"one of {', '.join(Health)}")
    fault: FaultPublic | None
    served: ServedPublic | None = Field(description="none while nobody watches it")
    last_frame_at: datetime | None
    watched_by: str | None = Field(description="the worker")
    snapshot_at: datetime | None
    created_by: str
    created_at: datetime
    revision: int

    @classmethod
    def of(cls, row: CameraRow) -> CameraPublic:
        """Show a camera."""
        shown = {
            name: getattr(row, name)
            for name in ("id", "code", "name", "address", "enabled", "health", "last_frame_at",
                         "watched_by", "snapshot_at", "created_by", "created_at", "revision")
        }  # fmt: skip
        settings = {
            name: row.settings.get(name, _DEFAULTS[name].get_default(call_default_factory=True))
            for name in ("location", "direction", "timezone", "sample_step_s", "tiles",
                         "thresholds", "zones", "privacy_masks")
        }  # fmt: skip
        figures = row.figures or {}
        is_served = row.health in WATCHED and set(ServedPublic.model_fields) <= set(figures)
        served = figures if is_served else None
        return cls.model_validate({**shown, **settings, "fault": row.fault, "served": served})


class CameraImported(BaseModel):
    """Cameras that were added."""

    cameras: list[CameraPublic]


class TrialPublic(BaseModel):
    """What came of trying a camera out."""

    ok: bool
    problem: str | None = Field(description="what is wrong, in a sentence")
    problem_kind: str | None
    took_s: float
    size_wh: tuple[int, int] | None
    codec: str | None
    fps: float | None
    key_gap_s: float | None = Field(description="longest distance of key frames that was seen")
    clock_offset_s: float | None = Field(description="the camera's clock less ours")
    snapshot_jpeg_base64: str | None = Field(description="a picture, privacy masks burnt in")


class CameraEventPublic(BaseModel):
    """Something that happened to a camera."""

    id: str
    at: datetime
    kind: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, row: CameraEvent) -> CameraEventPublic:
        """Show an event."""
        return cls(id=row.id, at=row.at, kind=row.kind, detail=row.detail)


class SeenPublic(BaseModel):
    """What stood or moved in the picture at a time."""

    at: datetime
    classes: dict[str, int] = Field(description="how many of each class")


class StandingPublic(BaseModel):
    """Something that stands in a zone now."""

    zone: str
    name: str = Field(description="its class")
    box_xyxy: tuple[float, float, float, float] = Field(description="shares of the frame")
    first_seen: datetime = Field(description="since when it counts")
    last_seen: datetime
    dwell_s: float = Field(description="seconds that count so far")
    allowed_s: float = Field(description="seconds from which it breaks the rule")
    fired: bool = Field(description="whether it is a finding already")


class ActivityPublic(BaseModel):
    """What the rules saw in the last hour."""

    since: datetime
    health: str
    figures: dict[str, Any] = Field(description="pictures looked at, lag in seconds, decoding …")
    seen: list[SeenPublic] = Field(description="about once a minute")
    standing: list[StandingPublic] = Field(
        description="what stands in the zones now, nearest to its limit first"
    )
    gates: dict[str, dict[str, dict[str, int]]] = Field(
        description="passages of muck trucks, by gate, hour (UTC) and direction"
    )
    findings: dict[str, int] = Field(description="findings of the last hour, by kind")
    events: list[CameraEventPublic]
