"""The case draft: everything that a credible lead carries, as the other side gets it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from serve.cases.event_table import Bilingual
from serve.cases.positions import AskedPosition
from vision.finding import FindingKind, Measure, ModelRef

Short = Annotated[str, Field(max_length=300)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceChannel(_Part):
    """Where the lead comes from, among the case system's named sources."""

    code: Literal["video", "drone_survey"]
    name: Bilingual


class DraftEvent(_Part):
    """The event class, by the table that applied."""

    code: Short
    table_version: Short
    class_name: Bilingual
    name: Bilingual
    responsible: Bilingual


class DraftRule(_Part):
    """Which rule fired, where, with which thresholds, and what was measured."""

    name: Short
    version: Short
    zone: Short | None = None
    thresholds: dict[str, float | str]
    measured: dict[str, Measure]
    attributes: dict[str, str]


class SeenAt(_Part):
    """When something was seen, and by which clock."""

    at: AwareDatetime = Field(description="in the city's time zone")
    time_zone: Short = Field(description="IANA name")
    clock: Bilingual = Field(description="what the time was read from")


class DraftPosition(_Part):
    """Where it is."""

    longitude: float = Field(description="WGS-84, degrees")
    latitude: float = Field(description="WGS-84, degrees")
    asked: AskedPosition
    of: Literal["outline", "camera"] = Field(
        description="whether it is the thing's own position or the camera's"
    )


class DraftSource(_Part):
    """The camera, or the pair of surveys."""

    type: Literal["camera", "survey_pair"]
    camera_id: Short | None = Field(None, description="GB/T 28181 id, or the city's own")
    camera_name: Short | None = None
    site: Short | None = None
    comparison_id: Short | None = None
    survey_before: Short | None = None
    survey_after: Short | None = None
    before_sha256: Short | None = None
    after_sha256: Short | None = None
    gsd_m: float | None = Field(None, description="ground sample distance of the later survey")


class DraftEvidence(_Part):
    """A picture or clip. Sealed originals are named, and shown on request only."""

    id: Short
    role: Short
    name: Bilingual
    media_type: Short
    taken_at: AwareDatetime | None = None
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    sealed: bool
    url: str | None = Field(None, max_length=1000, description="good until `url_ends_at`")
    url_ends_at: AwareDatetime | None = None


class DraftModel(_Part):
    """The learned model that took part, and how sure it was."""

    name: Short
    version: Short
    sha256: Short

    @classmethod
    def of(cls, model: ModelRef | None) -> DraftModel | None:
        """Return what a draft says of a finding's model."""
        return None if model is None else cls(**model.model_dump())


class DraftReview(_Part):
    """Who decided, what, and when."""

    reviewer: Short
    decision: Literal["confirmed", "auto_confirmed"]
    decided_at: AwareDatetime
    edits: dict[str, Any] = Field(description="what the reviewer corrected: kind, geometry …")


class DraftLimit(_Part):
    """A suggested time limit."""

    working_hours: float | None = None
    working_days: int | None = None
    what: Bilingual
    due_at: AwareDatetime
    counted_from: AwareDatetime
    calendar_version: Short
    holidays_known: bool = Field(description="false: only weekends were taken as free")


class CaseDraft(_Part):
    """A lead for a case system. Software only ever suspects; a person there decides."""

    schema_version: Literal["1"] = "1"
    dedupe_key: Short = Field(description="stable: the same lead has the same key, for ever")
    status: Literal["suspected"] = "suspected"
    source_channel: SourceChannel
    kind: FindingKind
    finding_id: Short
    case_id: Short
    event: DraftEvent
    language: Literal["zh", "en"] = Field(description="of `title` and `text`")
    title: str = Field(max_length=300)
    text: str = Field(max_length=4000)
    titles: Bilingual
    texts: Bilingual
    rule: DraftRule
    first_seen: SeenAt | None = None
    last_seen: SeenAt | None = None
    times_seen: int = Field(ge=1, description="how often the same thing was flagged")
    position: DraftPosition | None = None
    outline: dict[str, Any] | None = Field(None, description="GeoJSON geometry, WGS-84")
    bbox_xyxy: tuple[float, float, float, float] | None = Field(
        None, description="in the camera's frame, pixels"
    )
    cell_code: Short | None = None
    unit: Short | None = None
    address: Bilingual | None = None
    source: DraftSource
    evidence: tuple[DraftEvidence, ...]
    model: DraftModel | None = None
    score: float = Field(ge=0, le=1)
    reasons: tuple[dict[str, Any] | str, ...] = Field(
        (), description="what the city's registers make of it"
    )
    review: DraftReview
    limit: DraftLimit
    further_limits: tuple[DraftLimit, ...] = ()
    callback_url: str = Field(max_length=1000, description="where changes of state are told")


def local(at: datetime, zone: Any) -> datetime:  # noqa: ANN401
    """Return a time on the city's clock, to the second."""
    return at.astimezone(zone).replace(microsecond=0)
