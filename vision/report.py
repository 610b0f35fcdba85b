"""The HTML report of a survey comparison: one file, two languages, no network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from vision.finding import Finding, FindingKind, Measure
from vision.report_drawing import (
    Pin,
    ScaleBar,
    in_picture,
    north_angle_deg,
    place_pins,
    polygons_of,
    scale_bar,
    svg_path,
    tie_point_arrows,
)
from vision.report_page import render_page, write_page
from vision.report_texts import (
    ASSESSMENTS,
    ATTRIBUTE_VALUES,
    ATTRIBUTES,
    CUES,
    KINDS,
    MEASURES,
    OPTIONS,
    PERMIT_NOTES,
    ROLES,
    THRESHOLDS,
    TIMINGS,
)
from vision.survey.comparison import (
    FindingPictures,
    Picture,
    SurveyComparison,
    SurveyInput,
    SurveyPictures,
)
from vision.survey.pictures import HEIGHT_RANGE_M, height_colours

# The overview is drawn for this many CSS pixels; marks are sized so that they read well there.
_MAP_WIDTH_PX = 1100
_MAP_HEIGHT_PX = 900
_PIN_RADIUS_PX = 12.0
_MAP_BAR_SHARE = 0.2
_PANEL_WH = (720.0, 480.0)
# Measures that a reader looks for first; the rest follow as they were given.
_FIRST_MEASURES = ("area_m2", "height_gain_m", "height_loss_m")
# Forms that say no more than the kind does.
_PLAIN_FORMS = (None, "building", "ground", "unknown")


@dataclass(frozen=True, slots=True)
class _Row:
    """A finding as the report shows it: numbered, with its place and its drawings.

    Attributes:
        number: from 1, in the order of the comparison.
        lon_lat: degrees, of a point inside the finding.
        map_path: outline over the overview.
        pin: None where the finding has no place on the overview.
        pictures: crops of the ground.
        crop_path: outline over the crops.
        crop_scale: of the crops.
    """

    number: int
    finding: Finding
    lon_lat: tuple[float, float] | None
    map_path: str
    pin: Pin | None
    pictures: FindingPictures | None
    crop_path: str
    crop_scale: ScaleBar | None

    @property
    def rise(self) -> Measure | None:
        """The height gained, or less than nothing where height was lost."""
        lost = self.finding.measures.get("height_loss_m")
        if lost is not None:
            return Measure(value=-abs(lost.value), unit=lost.unit)
        return self.finding.measures.get("height_gain_m")

    @property
    def remark(self) -> str | None:
        """The attribute that tells this finding from others of its kind."""
        words = self.finding.attributes
        form = words.get("form")
        return words.get("trend") or (None if form in _PLAIN_FORMS else form)

    @property
    def measures(self) -> dict[str, Measure]:
        """The measures, the most telling ones first."""
        given = self.finding.measures
        first = {key: given[key] for key in _FIRST_MEASURES if key in given}
        return first | given


def _lon_lat(finding: Finding) -> tuple[float, float] | None:
    if finding.geometry is None:
        return None
    point = finding.geometry.to_shape().representative_point()
    return None if point.is_empty else (point.x, point.y)


def _map_outline(
    finding: Finding, pictures: SurveyPictures, to_map: Transformer
) -> BaseGeometry | None:
    """Return a finding's outline in the working CRS, None where it has none."""
    crops = pictures.by_finding.get(finding.id)
    if crops is not None:
        return crops.outline
    if finding.geometry is None:
        return None
    lon_lat = finding.geometry.to_shape()
    x, y = to_map.transform(*shapely.get_coordinates(lon_lat).T)
    return shapely.set_coordinates(lon_lat, np.column_stack([x, y]))


def _outline_in(picture: Picture, outline: BaseGeometry) -> BaseGeometry:
    return polygons_of(in_picture(outline, picture.transform), tolerance_px=0.3)


def _rows(comparison: SurveyComparison, pictures: SurveyPictures, unit: float) -> list[_Row]:
    """Number the findings and draw each over the overview and over its crops."""
    to_map = Transformer.from_crs("EPSG:4326", pictures.crs, always_xy=True)
    outlines: dict[int, BaseGeometry] = {}
    for index, finding in enumerate(comparison.findings):
        outline = _map_outline(finding, pictures, to_map)
        if outline is not None and not outline.is_empty:
            outlines[index] = _outline_in(pictures.after, outline)
    width, height = pictures.after.size_wh
    bar_right = 24 * unit + width * scale_bar(pictures.after, share=_MAP_BAR_SHARE).width_share
    placed = place_pins(
        list(outlines.values()),
        size_wh=(width, height),
        radius=_PIN_RADIUS_PX * unit,
        keep_clear=(
            (0, height - 40 * unit, bar_right, height),
            (width - 48 * unit, 0, width, 48 * unit),
        ),
    )
    pins = dict(zip(outlines, placed, strict=True))
    rows = []
    for index, finding in enumerate(comparison.findings):
        crops = pictures.by_finding.get(finding.id)
        rows.append(
            _Row(
                number=index + 1,
                finding=finding,
                lon_lat=_lon_lat(finding),
                map_path=svg_path(outlines[index]) if index in outlines else "",
                pin=pins.get(index),
                pictures=crops,
                crop_path=svg_path(_outline_in(crops.after, crops.outline)) if crops else "",
                crop_scale=scale_bar(crops.after, share=0.45) if crops else None,
            )
        )
    return rows


def _flat(options: Mapping[str, Any]) -> Iterable[tuple[str, object]]:
    """Yield options by name, nested groups opened up."""
    for key, value in options.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        else:
            yield key, value


def _input(comparison: SurveyComparison, role: str) -> SurveyInput | None:
    return next((given for given in comparison.inputs if given.role == role), None)


@cache
def _crs_name(crs: str | CRS) -> str:
    """Return a CRS by name and code, without the long text that a file may hold."""
    try:
        known = CRS.from_user_input(crs)
    except CRSError:
        return str(crs)
    code = known.to_authority()
    return known.name if code is None else f"{known.name} · {':'.join(code)}"


def _height_legend() -> str:
    """Return a CSS gradient from the lowest to the highest colour of the height pictures."""
    steps = np.linspace(-HEIGHT_RANGE_M, HEIGHT_RANGE_M, 17, dtype=np.float32)
    colours = height_colours(steps[None])[0].tolist()
    return "linear-gradient(90deg, " + ", ".join(f"rgb({r},{g},{b})" for r, g, b in colours) + ")"


def _file_name(path: str) -> str:
    """Return the last part of a path, whichever system wrote it."""
    return PurePosixPath(path.replace("\\", "/")).name or path


def render_survey_report(comparison: SurveyComparison, pictures: SurveyPictures) -> str:
    """Render the report of a survey comparison.

    Args:
        comparison: findings are numbered from 1 in the order given.
        pictures: both surveys, and crops for the findings that have them.

    Returns:
        One self-contained HTML page in Chinese and English.
    """
    width, height = pictures.after.size_wh
    map_width = min(_MAP_WIDTH_PX, _MAP_HEIGHT_PX * width / height)
    unit = width / map_width
    rows = _rows(comparison, pictures, unit)
    counts = Counter(finding.kind for finding in comparison.findings)
    area = pictures.area
    alignment = comparison.alignment
    return render_page(
        "survey.html",
        comparison=comparison,
        pictures=pictures,
        before=_input(comparison, "before"),
        after=_input(comparison, "after"),
        file_name=_file_name,
        rows=rows,
        counts=[(kind, counts[kind]) for kind in FindingKind if counts[kind]],
        permitted=sum(finding.assessment == "permitted" for finding in comparison.findings),
        map_unit=unit,
        map_width=round(map_width),
        map_scale=scale_bar(pictures.after, share=_MAP_BAR_SHARE),
        north_deg=north_angle_deg(pictures.after.transform),
        area_path="" if area is None else svg_path(_outline_in(pictures.after, area)),
        arrows=tie_point_arrows(alignment.tie_points, pictures.after, panel_wh=_PANEL_WH),
        height_legend=_height_legend(),
        height_range_m=HEIGHT_RANGE_M,
        crs_name=_crs_name,
        offset_m=math.hypot(alignment.offset_x_m, alignment.offset_y_m),
        options=dict(_flat(comparison.options.model_dump())),
        KINDS=KINDS,
        ASSESSMENTS=ASSESSMENTS,
        CUES=CUES,
        MEASURES=MEASURES,
        ATTRIBUTES=ATTRIBUTES,
        ATTRIBUTE_VALUES=ATTRIBUTE_VALUES,
        OPTIONS=OPTIONS,
        ROLES=ROLES,
        THRESHOLDS=THRESHOLDS,
        TIMINGS=TIMINGS,
        PERMIT_NOTES=PERMIT_NOTES,
    )


def write_survey_report(path: Path, comparison: SurveyComparison, pictures: SurveyPictures) -> None:
    """Write the report of a survey comparison to ``path``, whole or not at all.

    Raises:
        OutputError: the file could not be written; what was there before still is.
    """
    write_page(path, render_survey_report(comparison, pictures))
