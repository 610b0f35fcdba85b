"""Building a draft from a confirmed finding and what the service knows around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import shapely
import sqlalchemy as sa
from pydantic import TypeAdapter
from shapely.geometry import mapping
from sqlalchemy.orm import Session

from serve.cases import draft_words as words
from serve.cases.calendar import WorkingCalendar, calendar_of
from serve.cases.draft import (
    CaseDraft,
    DraftEvent,
    DraftEvidence,
    DraftLimit,
    DraftModel,
    DraftPosition,
    DraftReview,
    DraftRule,
    DraftSource,
    SeenAt,
    SourceChannel,
    local,
)  # fmt: skip
from serve.cases.event_table import Bilingual, EventClass, Limit, event_table_of
from serve.cases.evidence_links import link_url
from serve.cases.positions import asked_position
from serve.cases.targets import CoordinateForm, Target
from serve.db.tables import CameraRow, Comparison, EvidenceRow, FindingRow, Site, Survey
from serve.settings import Settings
from vision.finding import Finding, FindingKind, SurveySource

AUTOMATIC = "auto"
"""Reviewer's name where a per-kind policy confirmed."""

_REASONS: TypeAdapter[tuple[dict[str, Any] | str, ...]] = TypeAdapter(
    tuple[dict[str, Any] | str, ...]
)


@dataclass(frozen=True)
class Confirmation:
    """What is being filed: a finding, who confirmed it, when."""

    row: FindingRow
    finding: Finding
    kind: FindingKind
    reviewer: str
    decided_at: datetime


@dataclass(frozen=True)
class Surroundings:
    """What is the same in the drafts for all targets."""

    source: DraftSource
    place: Bilingual
    evidence: Sequence[EvidenceRow]
    camera_position: tuple[float, float] | None


def confirmation(row: FindingRow, *, reviewer: str, decided_at: datetime) -> Confirmation:
    """Return what is being filed, with the reviewer's corrections."""
    finding = Finding.model_validate(row.document)
    kind = FindingKind((row.corrected or {}).get("kind") or row.kind)
    return Confirmation(row, finding, kind, reviewer, decided_at)


def surroundings(session: Session, row: FindingRow, finding: Finding) -> Surroundings:
    """Read the camera or the surveys, and the evidence."""
    evidence = session.scalars(
        sa.select(EvidenceRow)
        .where(EvidenceRow.finding_id == row.id, EvidenceRow.deleted_at.is_(None))
        .order_by(EvidenceRow.created_at, EvidenceRow.id)
    ).all()
    camera = session.get(CameraRow, row.camera_id) if row.camera_id else None
    site = session.get(Site, row.site_id) if row.site_id else None
    place = _place(row, camera, site)
    if isinstance(finding.source, SurveySource):
        return Surroundings(
            _survey_source(session, row, finding.source, site), place, evidence, None
        )
    source = DraftSource(
        type="camera",
        camera_id=camera.code if camera else finding.source.camera_id,
        camera_name=camera.name[:300] if camera else None,
        site=site.name[:300] if site else None,
    )
    at = None
    if camera and camera.longitude is not None and camera.latitude is not None:
        at = (camera.longitude, camera.latitude)
    return Surroundings(source, place, evidence, at)


def build_draft(
    what: Confirmation,
    around: Surroundings,
    target: Target,
    *,
    case_id: str,
    dedupe_key: str,
    settings: Settings,
) -> CaseDraft:
    """Return the draft for one case system."""
    row, finding = what.row, what.finding
    zone_of_time = ZoneInfo(settings.time_zone)
    table = event_table_of(settings)
    event = table.kinds[what.kind]
    channel = "drone_survey" if around.source.type == "survey_pair" else "video"
    seen = tuple(
        None if at is None else local(at, zone_of_time)
        for at in (row.first_seen or finding.first_seen, row.last_seen or finding.last_seen)
    )
    title = words.titles(what.kind, event, around.place)
    text = words.texts(
        finding, what.kind, place=around.place, zone=row.zone, seen=(seen[0], seen[1]),
        channel=channel, reviewer=what.reviewer,
    )  # fmt: skip
    calendar = calendar_of(settings)
    limits = [
        _limit(limit, what.decided_at, calendar, zone_of_time)
        for limit in (event.limit, *event.further_limits)
    ]
    language = "zh" if target.language == "zh" else "en"
    return CaseDraft(
        dedupe_key=dedupe_key,
        source_channel=SourceChannel(code=channel, name=words.CHANNELS[channel]),
        kind=what.kind,
        finding_id=row.id,
        case_id=case_id,
        event=_event(event, table.version, finding),
        language=language,
        title=getattr(title, language),
        text=getattr(text, language),
        titles=title,
        texts=text,
        rule=DraftRule(
            name=finding.rule.name, version=finding.rule.version, zone=row.zone,
            thresholds=finding.rule.thresholds, measured=finding.measures,
            attributes=finding.attributes,
        ),
        first_seen=_seen(seen[0], settings, channel),
        last_seen=_seen(seen[1], settings, channel),
        times_seen=max(row.sightings, 1),
        position=_position(row, around, target.coordinates),
        outline=_outline(row),
        bbox_xyxy=_box(row),
        cell_code=row.cell_code,
        unit=row.unit,
        address=around.place,
        source=around.source,
        evidence=draft_evidence(
            around.evidence, case_id, issue=1, now=what.decided_at, target=target,
            settings=settings,
        ),
        model=DraftModel.of(finding.model),
        score=finding.score,
        reasons=_REASONS.validate_python(row.reasons or ()),
        review=DraftReview(
            reviewer=what.reviewer,
            decision="auto_confirmed" if what.reviewer == AUTOMATIC else "confirmed",
            decided_at=local(what.decided_at, zone_of_time),
            edits=row.corrected or {},
        ),
        limit=limits[0],
        further_limits=tuple(limits[1:]),
        callback_url=f"{settings.public_url}/api/v1/callbacks/{target.name}",
    )  # fmt: skip


def draft_evidence(
    rows: Sequence[EvidenceRow],
    case_id: str,
    *,
    issue: int,
    now: datetime,
    target: Target,
    settings: Settings,
) -> tuple[DraftEvidence, ...]:
    """Return what a draft says of the evidence, with links good from now on.

    Sealed originals show faces and number plates unmasked: they are named by their hash, so that
    they can be asked for, and get no link.
    """
    zone = ZoneInfo(settings.time_zone)
    named = []
    for row in rows:
        url, ends_at = None, None
        if not row.sealed:
            url, ends_at = link_url(
                case_id, row.id, issue=issue, now=now, days=target.evidence_link_days,
                settings=settings,
            )  # fmt: skip
        named.append(
            DraftEvidence(
                id=row.id, role=row.role, name=words.role_name(row.role),
                media_type=row.media_type, size_bytes=row.size_bytes, sha256=row.sha256,
                taken_at=None if row.taken_at is None else local(row.taken_at, zone),
                sealed=row.sealed, url=url, url_ends_at=ends_at,
            )
        )  # fmt: skip
    return tuple(named)


def _event(event: EventClass, version: str, finding: Finding) -> DraftEvent:
    return DraftEvent(
        code=event.code,
        table_version=version,
        class_name=event.class_name,
        name=event.name,
        responsible=event.responsible_in(finding.attributes.get("jurisdiction")),
    )


def _limit(limit: Limit, start: datetime, calendar: WorkingCalendar, zone: ZoneInfo) -> DraftLimit:
    due = limit.due(start, calendar, zone)
    return DraftLimit(
        working_hours=limit.working_hours,
        working_days=limit.working_days,
        what=limit.what,
        due_at=local(due, zone),
        counted_from=local(start, zone),
        calendar_version=calendar.version,
        holidays_known=calendar.is_known(start, due, zone),
    )


def _seen(at: datetime | None, settings: Settings, channel: str) -> SeenAt | None:
    if at is None:
        return None
    return SeenAt(at=at, time_zone=settings.time_zone, clock=words.CLOCKS[channel])


def _position(row: FindingRow, around: Surroundings, form: CoordinateForm) -> DraftPosition | None:
    if row.geometry is not None and row.longitude is not None and row.latitude is not None:
        at, of = (row.longitude, row.latitude), "outline"
    elif around.camera_position is not None:
        at, of = around.camera_position, "camera"
    elif row.longitude is not None and row.latitude is not None:
        at, of = (row.longitude, row.latitude), "camera"
    else:
        return None
    return DraftPosition(
        longitude=at[0],
        latitude=at[1],
        asked=asked_position(*at, form),
        of=of,
    )


def _outline(row: FindingRow) -> dict[str, Any] | None:
    if row.geometry is None:
        return None
    return dict(mapping(shapely.from_wkb(row.geometry)))


def _box(row: FindingRow) -> tuple[float, float, float, float] | None:
    box = (row.corrected or {}).get("bbox_xyxy") or row.bbox_xyxy
    return None if box is None else (box[0], box[1], box[2], box[3])


def _place(row: FindingRow, camera: CameraRow | None, site: Site | None) -> Bilingual:
    names = [thing.name for thing in (site, camera) if thing is not None]
    names += [row.zone] if row.zone and camera else []
    names += [f"{row.longitude:.5f}, {row.latitude:.5f}"] if (
        not names and row.longitude is not None and row.latitude is not None
    ) else []  # fmt: skip
    if row.cell_code:
        zh, en = [*names, f"单元网格 {row.cell_code}"], [*names, f"cell {row.cell_code}"]
    else:
        zh = en = names
    if not zh:
        return Bilingual(zh="位置未登记", en="place not stated")
    return Bilingual(zh="，".join(zh)[:200], en=", ".join(en)[:200])


def _survey_source(
    session: Session, row: FindingRow, source: SurveySource, site: Site | None
) -> DraftSource:
    comparison = session.get(Comparison, row.comparison_id) if row.comparison_id else None
    after = session.get(Survey, comparison.after_id) if comparison else None
    gsd_m = (after.facts or {}).get("gsd_m") if after else None
    return DraftSource(
        type="survey_pair",
        site=site.name[:300] if site else None,
        comparison_id=row.comparison_id,
        survey_before=(comparison.before_id if comparison else source.before)[:300],
        survey_after=(comparison.after_id if comparison else source.after)[:300],
        before_sha256=source.before_sha256,
        after_sha256=source.after_sha256,
        gsd_m=float(gsd_m) if isinstance(gsd_m, int | float) else None,
    )
