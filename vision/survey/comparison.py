"""What goes into a survey comparison and what comes out: options, reports, the result."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from affine import Affine
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from vision.finding import Finding
from vision.survey.grid import Bounds
from vision.survey.limits import RasterLimits


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CompareOptions(_Frozen):
    """Thresholds and settings of one comparison; every one is copied into its result.

    The defaults of ``min_area_m2``, ``min_height_m`` and ``min_dust_area_m2`` are what Chinese
    city management uses: change patches of 10 m² and more, 2 m of new height, 100 m² of soil.
    """

    # Not a number compares as false with every limit below, so it would pass them all.
    model_config = ConfigDict(allow_inf_nan=False)

    working_gsd_m: float = Field(
        default=0.2,
        ge=0.02,
        le=2.0,
        title="Working pixel size",
        description="metres; coarser where a survey itself is coarser",
    )
    min_area_m2: float = Field(default=10.0, gt=0, title="Smallest structure")
    min_height_m: float = Field(
        default=2.0, gt=0, title="Least new height", description="where both surveys have a DSM"
    )
    min_dust_area_m2: float = Field(default=100.0, gt=0, title="Smallest dust hotspot")
    min_clearing_area_m2: float = Field(default=200.0, gt=0, title="Smallest land clearing")
    min_score: float = Field(default=0.5, ge=0, le=1, title="Least score of a finding")
    max_shift_m: float = Field(
        default=30.0,
        gt=0,
        title="Largest shift",
        description="metres at any place; room for 5 m of offset plus turn and scale over the area",
    )
    max_residual_px: float = Field(
        default=2.0,
        gt=0,
        title="Largest alignment residual",
        description="working pixels; beyond it the surveys count as not matched",
    )
    force_alignment: bool = Field(
        default=False,
        title="Compare even if the surveys do not match",
        description="uses the georeference as it is where no match is found",
    )
    permit_date: date | None = Field(
        default=None,
        title="Date permits must be valid on",
        description="default: the later survey's date, else today",
    )
    tile_px: int = Field(default=1024, ge=256, le=4096, title="Side of a processing window")
    workers: int = Field(default=0, ge=0, title="Threads", description="0: one for each core")
    limits: RasterLimits = Field(default_factory=RasterLimits)


class TiePoint(_Frozen):
    """A place found in both surveys.

    ``x_m``/``y_m`` is the place in the later survey, ``dx_m``/``dy_m`` the way to where the
    earlier survey shows it, ``residual_m`` its distance from the warp fitted without it.
    """

    x_m: float
    y_m: float
    dx_m: float
    dy_m: float
    residual_m: float
    kept: bool


class AlignmentReport(_Frozen):
    """How the earlier survey was laid onto the later one.

    Offset, rotation and scale are those of the affine part at the centre of the common area: what
    the earlier survey's georeference was off by against the later one's.
    """

    matched: bool
    offset_x_m: float
    offset_y_m: float
    rotation_deg: float
    scale: float
    local_warp_max_m: float = Field(description="largest correction beyond the affine part")
    tie_points_tried: int
    tie_points_kept: int
    residual_rmse_m: float = Field(description="of kept tie points, each left out of its own fit")
    residual_rmse_px: float = Field(description="the same in working pixels")
    tie_points: tuple[TiePoint, ...] = ()


class HeightDatum(_Frozen):
    """The vertical difference of two surface models, removed before they were compared."""

    offset_m: float = Field(description="later minus earlier at the centre, on stable ground")
    tilt_x_m_per_km: float
    tilt_y_m_per_km: float
    noise_m: float = Field(description="robust standard deviation on stable ground, after removal")
    stable_share: float = Field(description="share of the samples that counted as stable ground")
    samples: int


class SurveyInput(_Frozen):
    """An input file as it was read."""

    role: str = Field(description="before, after, before_dsm, after_dsm")
    path: str
    sha256: str
    file_bytes: int
    width: int
    height: int
    bands: int
    dtype: str
    crs: str
    gsd_m: float
    taken_at: AwareDatetime | None = None


class GroundSummary(_Frozen):
    """Totals over the compared area, in m²."""

    compared_area_m2: float
    bare_soil_before_m2: float
    bare_soil_after_m2: float
    net_covered_after_m2: float
    vegetation_before_m2: float
    vegetation_after_m2: float


class SurveyComparison(_Frozen):
    """The result of comparing two surveys."""

    findings: tuple[Finding, ...]
    alignment: AlignmentReport
    height_datum: HeightDatum | None
    ground: GroundSummary
    options: CompareOptions
    inputs: tuple[SurveyInput, ...]
    crs: str = Field(description="the working CRS")
    gsd_m: float
    width: int
    height: int
    cues: tuple[str, ...] = Field(description="the cues that took part")
    timings_s: dict[str, float]
    versions: dict[str, str]
    started_at: AwareDatetime
    finished_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG of a piece of ground.

    Attributes:
        jpeg: the encoded bytes, sRGB.
        size_wh: width and height in pixels.
        transform: pixel corners ``(col, row)`` to working-CRS map coordinates.
    """

    jpeg: bytes
    size_wh: tuple[int, int]
    transform: Affine

    @property
    def gsd_m(self) -> float:
        """Metres on the ground of one pixel."""
        return math.sqrt(abs(self.transform.determinant))

    @property
    def bounds(self) -> Bounds:
        """Outer edges in working-CRS map coordinates."""
        width, height = self.size_wh
        left, top = self.transform @ (0.0, 0.0)
        right, bottom = self.transform @ (float(width), float(height))
        return left, bottom, right, top


@dataclass(frozen=True, slots=True)
class FindingPictures:
    """The same ground in both surveys, at the same scale, with the finding's outline.

    Attributes:
        before: earlier survey, aligned.
        after: later survey, same size and transform.
        height: rendered height difference, where both surveys have a DSM.
        outline: the finding's polygon in working-CRS map coordinates.
        shift_m: how much further east and north the earlier survey's own georeference has the
            pictures' middle.
    """

    before: Picture
    after: Picture
    height: Picture | None
    outline: BaseGeometry
    shift_m: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class SurveyPictures:
    """Everything a report shows besides numbers; ``by_finding`` is keyed by finding id."""

    before: Picture
    after: Picture
    crs: CRS
    by_finding: dict[str, FindingPictures] = field(default_factory=dict)
    area: BaseGeometry | None = None


@dataclass(frozen=True, slots=True)
class ComparisonFiles:
    """Where a comparison was written."""

    folder: Path
    findings: Path
    comparison: Path
    change: Path
    report: Path
