"""The HTML report of a watched camera: one file, two languages, no network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath
from typing import Literal

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from shapely.geometry import Polygon, box

from vision import camera_texts
from vision.camera.config import Camera
from vision.camera.events import Box
from vision.evidence.previews import masked_view
from vision.finding import CameraSource, Evidence, Finding, FindingKind, Measure, ModelRef
from vision.report_drawing import Pin, place_pins, svg_path
from vision.report_evidence import Preview, ShownClip, clip_of, links_of, previews_of, small_jpeg
from vision.report_page import number, render_page, setting, text, write_page
from vision.report_texts import ASSESSMENTS

MOST_CARDS = 60
"""Findings that are shown with pictures, the latest: a report stays small enough to be mailed."""
_VIEW_WIDTH_PX = 1100
_PIN_RADIUS_PX = 12.0
_TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_MOST_TICKS = 8

SourceKind = Literal["stream", "snapshot", "file", "stills"]


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A time in which the camera was faulty.

    Attributes:
        kind: Name of the fault.
        since: When it began.
        lasted_s: None while it goes on.
        message: For people.
    """

    kind: str
    since: datetime
    lasted_s: float | None
    message: str = ""


@dataclass(frozen=True, eq=False)
class CameraReport:
    """What a report says.

    Attributes:
        camera: As its file describes it.
        folder: Of the results; evidence is read from it, and links are relative to it.
        findings: Numbered from 1 in this order.
        span: Times of the first and the last frame; None where there was none.
        source: Address without credentials, or name of the file.
        source_kind: What it is.
        figures: How it ran, by name: ``frames``, ``looked``, ``decoding``, ``sample_step_s`` …
        faults: In order of time.
        gates: Passages by zone, hour (ISO 8601) and direction, as the rules count them.
        models: Those that looked.
        snapshot: The view, uint8 (H, W, 3), as received.
        snapshot_seen: Class names and boxes of what is in it, so that it can be masked.
        versions: Of programs, by name.
        made_at: When the report is made.
    """

    camera: Camera
    folder: Path
    findings: tuple[Finding, ...]
    span: tuple[datetime, datetime] | None
    source: str
    source_kind: SourceKind
    figures: Mapping[str, float | str | bool | None] = field(default_factory=dict)
    faults: tuple[FaultSpan, ...] = ()
    gates: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    models: tuple[ModelRef, ...] = ()
    snapshot: NDArray[np.uint8] | None = None
    snapshot_seen: tuple[tuple[str, Box], ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class _Bar:
    """A stretch of time as shares of the width, in per cent."""

    left: float
    width: float
    running: float
    """Of it, the part before the time was up, per cent of the bar."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A finding as the report shows it."""

    number: int
    finding: Finding
    zone: str
    fired_at: datetime | None
    lasted: Measure | None
    bar: _Bar | None
    pin: Pin | None
    outline: str
    previews: tuple[Preview, ...]
    clip: ShownClip | None
    files: tuple[tuple[Evidence, str], ...]
    full: bool


def render_camera_report(report: CameraReport) -> str:
    """Render the report of a watched camera.

    Returns:
        One self-contained HTML page in Chinese and English.
    """
    view = None if report.snapshot is None else _view(report, report.snapshot)
    size_wh = (_VIEW_WIDTH_PX, round(_VIEW_WIDTH_PX * 9 / 16)) if view is None else view.size_wh
    rows = _rows(report, size_wh)
    shown = [row for row in rows if row.full]
    counts = Counter(finding.kind for finding in report.findings)
    zone_of = report.camera.tz
    return render_page(
        "camera.html",
        report=report,
        camera=report.camera,
        view=view,
        view_wh=size_wh,
        rows=rows,
        shown=shown,
        counts=[(kind, counts[kind]) for kind in FindingKind if counts[kind]],
        zones=[_zone_outline(zone.polygon, size_wh) for zone in report.camera.zones],
        ticks=_ticks(report),
        lanes=_lanes(report, rows),
        source=_source_name(report),
        fault_bars=[
            _bar(report, fault.since, _fault_end(report, fault)) for fault in report.faults
        ],
        gates=_gate_tables(report),
        local=lambda moment: _local(moment, report),
        clock=lambda moment: "–" if moment is None else f"{moment.astimezone(zone_of):%H:%M:%S}",
        hour=lambda moment: f"{moment.astimezone(zone_of):%Y-%m-%d %H:00}",
        duration=duration,
        figure=_figure,
        ASSESSMENTS=ASSESSMENTS,
        **{name: table for name, table in vars(camera_texts).items() if name.isupper()},
    )


def write_camera_report(path: Path, report: CameraReport) -> None:
    """Write the report of a watched camera to ``path``, whole or not at all.

    Raises:
        OutputError: The file could not be written; what was there before still is.
    """
    write_page(path, render_camera_report(report))


def duration(seconds: float) -> Markup:
    """Format a duration in hours, minutes and seconds, in both languages."""
    whole = max(0, round(seconds))
    if whole < 60:
        shown = number(seconds, 0 if seconds >= 10 or float(seconds).is_integer() else 1)
        return text("seconds", seconds=shown)
    if whole < 3600:
        return text("minutes_seconds", minutes=whole // 60, seconds=whole % 60)
    return text("hours_minutes", hours=number(whole // 3600, 0), minutes=whole % 3600 // 60)


def _figure(name: str, value: float | str | bool | None) -> Markup | str:
    if isinstance(value, str) and value in camera_texts.FIGURE_VALUES:
        words = camera_texts.FIGURE_VALUES[value]
        return Markup('<span lang="zh">{}</span><span lang="en">{}</span>').format(*words)
    if isinstance(value, int | float) and not isinstance(value, bool) and not name.endswith("_s"):
        return number(float(value))
    return setting("–" if value is None else value, name)


def _local(moment: datetime | None, report: CameraReport) -> str:
    if moment is None:
        return "–"
    return moment.astimezone(report.camera.tz).strftime("%Y-%m-%d %H:%M:%S")


def _source_name(report: CameraReport) -> str:
    """Return an address as it is, and of a file its name: where it lies is nobody's business."""
    if report.source_kind in ("file", "stills"):
        return PurePath(report.source).name or report.source
    return report.source


def _zone_name(finding: Finding) -> str:
    return finding.source.zone if isinstance(finding.source, CameraSource) else "–"


def _rows(report: CameraReport, size_wh: tuple[int, int]) -> list[_Row]:
    outlines = {
        index: _box_outline(finding.bbox_xyxy, size_wh)
        for index, finding in enumerate(report.findings)
        if finding.bbox_xyxy is not None
    }
    first_shown = max(0, len(report.findings) - MOST_CARDS)
    marked = [index for index in outlines if index >= first_shown]
    unit = size_wh[0] / _VIEW_WIDTH_PX
    names = [_zone_outline(zone.polygon, size_wh)[1:] for zone in report.camera.zones]
    placed = place_pins(
        [outlines[index] for index in marked],
        size_wh=size_wh,
        radius=_PIN_RADIUS_PX * unit,
        keep_clear=[(x - 60 * unit, y - 16 * unit, x + 60 * unit, y + 4 * unit) for x, y in names],
    )
    pins = dict(zip(marked, placed, strict=True))
    rows = []
    for index, finding in enumerate(report.findings):
        full = index >= first_shown
        fired_at = _fired_at(finding)
        rows.append(
            _Row(
                number=index + 1,
                finding=finding,
                zone=_zone_name(finding),
                fired_at=fired_at,
                lasted=finding.measures.get("dwell_s") or finding.measures.get("passage_s"),
                bar=_bar(report, finding.first_seen, finding.last_seen, fired_at),
                pin=pins.get(index),
                outline=svg_path(outlines[index]) if index in pins else "",
                previews=previews_of(report.folder, finding) if full else (),
                clip=clip_of(report.folder, finding) if full else None,
                files=links_of(report.folder, finding) if full else (),
                full=full,
            )
        )
    return rows


def _fired_at(finding: Finding) -> datetime | None:
    """Return when the rule was broken: the moment of the picture that was taken of it then."""
    return next((each.taken_at for each in finding.evidence if each.role == "scene_end"), None)


def _box_outline(xyxy: Box, size_wh: tuple[int, int]) -> Polygon:
    x1, y1, x2, y2 = np.multiply(xyxy, size_wh * 2).tolist()
    return box(x1, y1, x2, y2)


def _zone_outline(
    corners: Sequence[tuple[float, float]], size_wh: tuple[int, int]
) -> tuple[str, float, float]:
    """Return a zone's SVG path, and where its name goes."""
    outline = Polygon([(x * size_wh[0], y * size_wh[1]) for x, y in corners])
    top = min(outline.exterior.coords, key=lambda corner: corner[1])
    x = min(max(top[0], 0.08 * size_wh[0]), 0.92 * size_wh[0])
    return svg_path(outline), x, max(top[1] - 8 * size_wh[0] / _VIEW_WIDTH_PX, 18)


def _view(report: CameraReport, snapshot: NDArray[np.uint8]) -> Preview:
    rgb = masked_view(snapshot, report.snapshot_seen, report.camera.privacy_masks)
    return Preview("view", *small_jpeg(rgb, _VIEW_WIDTH_PX), taken_at=None)


def _bar(
    report: CameraReport,
    first: datetime | None,
    last: datetime | None,
    fired: datetime | None = None,
) -> _Bar | None:
    """Return where a stretch of time lies in the span that was watched."""
    if report.span is None or first is None:
        return None
    start, end = report.span
    whole = max((end - start).total_seconds(), 1.0)
    left = min(max((first - start).total_seconds() / whole, 0.0), 1.0)
    right = min(max(((last or first) - start).total_seconds() / whole, left), 1.0)
    lasted = ((last or first) - first).total_seconds()
    running = 0.0
    if fired is not None and lasted > 0:
        running = min(max((fired - first).total_seconds() / lasted, 0.0), 1.0)
    return _Bar(100 * left, 100 * (right - left), 100 * running)


def _fault_end(report: CameraReport, fault: FaultSpan) -> datetime | None:
    if fault.lasted_s is not None:
        return fault.since + timedelta(seconds=fault.lasted_s)
    return None if report.span is None else report.span[1]


def _lanes(report: CameraReport, rows: Sequence[_Row]) -> list[tuple[str, list[_Row]]]:
    """Return lanes of rows whose bars do not overlap, with the name of the zone on its first."""
    lanes = []
    for zone in report.camera.zones:
        stacked: list[list[_Row]] = []
        for row in rows:
            if row.zone == zone.name and row.bar is not None:
                free = next((lane for lane in stacked if _is_free(lane[-1], row)), None)
                if free is None:
                    stacked.append([row])
                else:
                    free.append(row)
        lanes += [(zone.name if index == 0 else "", lane) for index, lane in enumerate(stacked)]
    return lanes


def _is_free(before: _Row, row: _Row) -> bool:
    """Whether a row's bar begins after the one before it, with a gap that can be seen."""
    if before.bar is None or row.bar is None:
        return False
    return row.bar.left >= before.bar.left + before.bar.width + 0.5


def _ticks(report: CameraReport) -> list[tuple[float, str]]:
    """Return round times in the span: place in per cent, and what stands there."""
    if report.span is None:
        return []
    start, end = (moment.astimezone(report.camera.tz) for moment in report.span)
    whole = (end - start).total_seconds()
    if whole <= 0:
        return []
    step = next((s for s in _TICK_STEPS_S if whole / s <= _MOST_TICKS), None)
    step = step or 86_400 * math.ceil(whole / 86_400 / _MOST_TICKS)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    first = math.ceil((start - midnight).total_seconds() / step)
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%m-%d"
    ticks = []
    for count in range(first, first + _MOST_TICKS + 2):
        moment = midnight + timedelta(seconds=count * step)
        place = 100 * (moment - start).total_seconds() / whole
        if place <= 100:
            ticks.append((place, moment.strftime(form)))
    return ticks


def _gate_tables(
    report: CameraReport,
) -> list[tuple[str, list[tuple[datetime, Mapping[str, int]]], Counter[str]]]:
    """Return each gate's passages by hour, the latest first, and their sums."""
    tables = []
    for zone, hours in report.gates.items():
        table = sorted(
            ((datetime.fromisoformat(hour), counts) for hour, counts in hours.items()), reverse=True
        )
        total: Counter[str] = Counter()
        for _, counts in table:
            total.update(counts)
        if table:
            tables.append((zone, table, total))
    return tables
