"""What findings can be asked for by: one model for lists, claims and exports."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import shapely
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from shapely.geometry.base import BaseGeometry

from serve.findings.outlines import checked_polygon
from vision.errors import InputError
from vision.finding import FindingKind


class State(StrEnum):
    """What became of a finding."""

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    EXPIRED = "expired"


def _sane(at: datetime) -> datetime:
    """Refuse times that no database can hold in every time zone."""
    if not 1970 <= at.year < 2200:
        raise ValueError("a year between 1970 and 2199")
    return at.astimezone(UTC)


Key = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[\w\-.]+$")]
Words = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Time = Annotated[AwareDatetime, AfterValidator(_sane)]
_MOST = 50


class FindingFilters(BaseModel):
    """Filters; a finding has to pass all that are given."""

    model_config = ConfigDict(extra="forbid")

    kind: list[FindingKind] = Field(default=[], max_length=8, description="any of these kinds")
    state: list[State] = Field(default=[], max_length=4, description="any of these states")
    camera_id: list[Key] = Field(default=[], max_length=_MOST, description="any of these cameras")
    site_id: list[Key] = Field(default=[], max_length=_MOST, description="any of these sites")
    cell: list[Words] = Field(default=[], max_length=_MOST, description="any of these grid cells")
    unit: list[Words] = Field(default=[], max_length=_MOST, description="any of these units")
    supervised_id: Words | None = Field(default=None, description="the supervised object")
    plate: Words | None = Field(default=None, description="the plate, as read by machine")
    bbox: str | None = Field(
        default=None,
        max_length=120,
        pattern=r"^[\d.,eE+\- ]+$",
        description="west,south,east,north in WGS-84 degrees, of the finding's point; one that "
        "crosses the antimeridian is refused",
    )
    area: str | None = Field(
        default=None,
        max_length=8000,
        pattern=r"^[A-Za-z\d.,eE+\-() ]+$",
        description="polygon as WKT in WGS-84, in which the finding's point lies",
    )
    seen_from: Time | None = Field(default=None, description="first seen at or after")
    seen_to: Time | None = Field(default=None, description="first seen before")
    min_score: Share | None = Field(default=None, description="least score")
    max_score: Share | None = Field(default=None, description="largest score")
    text: Words | None = Field(
        default=None,
        description="words, all of which must occur: in the kind's name, the names of site, camera "
        "and unit, or at the beginning of cell, plate or id",
    )

    def box(self) -> tuple[float, float, float, float] | None:
        """Return the bounding box.

        Raises:
            InputError: It is none.
        """
        if self.bbox is None:
            return None
        try:
            west, south, east, north = (float(part) for part in self.bbox.split(","))
        except ValueError as error:
            raise InputError("bbox: give west,south,east,north") from error
        if not all(math.isfinite(v) for v in (west, south, east, north)):
            raise InputError("bbox: give finite numbers")
        if west > east:
            raise InputError("bbox: west lies beyond east; a box may not cross the antimeridian")
        if south > north or west < -180 or east > 180 or south < -90 or north > 90:
            raise InputError("bbox: give west,south,east,north in degrees, west and south first")
        return west, south, east, north

    def polygon(self) -> BaseGeometry | None:
        """Return the polygon.

        Raises:
            InputError: It is none.
        """
        if self.area is None:
            return None
        try:
            outline = shapely.force_2d(shapely.from_wkt(self.area))
        except (shapely.errors.ShapelyError, ValueError) as error:
            raise InputError("area: is no WKT polygon in WGS-84 degrees") from error
        return checked_polygon(outline, what="area")
