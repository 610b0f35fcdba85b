"""From two surveys to findings: each step may be run again at any point."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from serve import ledger
from serve.db.tables import Comparison, Site, Survey, utc_now
from serve.service import Service
from serve.surveys import scratch
from serve.surveys.children import ChildFailed, named, run_child
from serve.surveys.options import for_vision
from serve.surveys.permits import write_permits
from serve.surveys.preparing import sha256_of
from serve.surveys.progress import Cancelled, Progress
from vision.errors import InputError
from vision.finding import Evidence, Finding
from vision.survey.comparison import SurveyComparison

log = structlog.get_logger()

CHILD = "serve.surveys.child_compare"
IN_WORK = ("waiting", "running")
LANGUAGES = ("zh", "en")
LEFT_ALONE_FOR = timedelta(minutes=1)
"""A worker that has not noticed yet that its comparison was cancelled may still store files."""
SWEPT_FOR = timedelta(days=2)
"""What came to nothing longer ago has been swept many times."""

_SPANS = {
    "begin": (0.02, 0.05),
    "align": (0.05, 0.2),
    "change": (0.2, 0.7),
    "findings": (0.7, 0.85),
    "pictures": (0.85, 0.9),
    "write": (0.9, 0.95),
}
_PAGE_START = b'<html lang="zh">'


def begin(service: Service, comparison_id: str) -> bool:
    """Start on a comparison; returns whether it is wanted."""
    with service.database.write() as session:
        row = session.get(Comparison, comparison_id, with_for_update=True)
        if row is None or row.state not in IN_WORK:
            return False
        row.state = "running"
        return True


def make(service: Service, comparison_id: str) -> dict[str, Any]:
    """Compare, and store what came of it.

    Returns:
        Keys of what was stored; or ``failed`` with a sentence; or ``cancelled``.
    """
    told = Progress(service, Comparison, comparison_id, while_in=("running",))

    def tick(stage: str, share: float) -> None:
        low, high = _SPANS.get(stage, (0.0, 0.0))
        told(stage, low + (high - low) * share)

    try:
        with scratch.folder(service) as work:
            told("fetch", 0.0)
            job, names = _job(service, comparison_id, work)
            if not job:
                return {"cancelled": True}
            made = run_child(CHILD, job, tick=tick, names=names)
            told("store", 0.95)
            stored = _store(service, comparison_id, Path(job["out"]), made["pictures"])
            return stored | {"model_problem": _model_problem(service, made["model_problem"])}
    except Cancelled:
        return {"cancelled": True}
    except InputError as error:
        return {"failed": str(error)}
    except ChildFailed as error:
        return {"failed": f"the comparison did not end well: {error}"}


def _model_problem(service: Service, problem: str | None) -> str | None:
    """Return why the learned model took no part, without the places of this machine."""
    if problem is None:
        return None
    own = service.settings.models_dir
    problem = named(problem, {} if own is None else {own.absolute(): "CITYEYE_MODELS_DIR"})
    log.warning("learned_model_not_used", problem=problem)
    return problem


def _job(
    service: Service, comparison_id: str, work: Path
) -> tuple[dict[str, Any], dict[Path, str]]:
    """Bring the files here; returns the child's job and people's names for the files."""
    zone = service.settings.time_zone
    with service.database.read() as session:
        row = session.get(Comparison, comparison_id)
        if row is None:
            return {}, {}
        site = session.get(Site, row.site_id)
        before, after = session.get(Survey, row.before_id), session.get(Survey, row.after_id)
        if site is None or before is None or after is None:
            return {}, {}
        inputs: dict[str, str | None] = {"permits": None, "area": None}
        permits = work / "permits.geojson"
        if write_permits(session, after.facts["ortho"]["outline"], permits, time_zone=zone):
            inputs["permits"] = str(permits)
    wanted = {"before": before.ortho_key, "after": after.ortho_key}
    if before.dsm_key and after.dsm_key:
        wanted |= {"before_dsm": before.dsm_key, "after_dsm": after.dsm_key}
    names: dict[Path, str] = {}
    for role, key in wanted.items():
        survey = before if role.startswith("before") else after
        if key is None:
            raise InputError("a survey of this comparison was deleted; compare two that are there")
        flown = survey.flown_at.astimezone(ZoneInfo(zone)).date()
        path = work / f"{role}-{flown}.tif"
        _bring(service, key, path)
        inputs[role] = str(path)
        names[path] = path.name
    if site.area is not None and row.options.get("within_area", True):
        area = work / "area.geojson"
        area.write_text(json.dumps(site.area), encoding="utf-8")
        inputs["area"] = str(area)
    names |= {permits: "the register of building permits", work / "area.geojson": "the site's area"}
    asked = dict(row.options)
    asked.setdefault("permit_date", after.flown_at.astimezone(ZoneInfo(zone)).date().isoformat())
    options = for_vision(asked, service.settings.raster)
    own = service.settings.models_dir
    return {
        "inputs": inputs,
        "out": str(work / "out"),
        "options": options.model_dump(mode="json"),
        "learned": asked.get("learned", True),
        "models_dir": None if own is None else str(own.absolute()),
    }, names


def _bring(service: Service, key: str, path: Path) -> None:
    """Have a stored file at a local path; without copying where it is on this disk."""
    if service.storage.folder is not None:
        try:
            os.link(service.storage.folder / key, path)
            return
        except OSError:
            # Another disk, or a file system without links.
            log.debug("not_linked", key=key)
    service.storage.fetch(key, path)


def _store(
    service: Service, comparison_id: str, out: Path, pictures: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    base = f"comparisons/{comparison_id}"
    stored: dict[str, Any] = {
        "document": f"{base}/comparison-{sha256_of(out / 'comparison.json')[:16]}.json",
        "change": f"{base}/change-{sha256_of(out / 'change.tif')[:16]}.tif",
        "reports": {},
        "pictures": {},
    }
    service.storage.put(stored["document"], out / "comparison.json", media_type="application/json")
    service.storage.put(stored["change"], out / "change.tif", media_type="image/tiff")
    report = out / "report.html"
    if report.exists():
        page = report.read_bytes()
        for language in LANGUAGES:
            content = _in_language(page, language)
            key = f"{base}/report-{language}-{hashlib.sha256(content).hexdigest()[:16]}.html"
            service.storage.put(key, content, media_type="text/html; charset=utf-8")
            stored["reports"][language] = key
    for finding_id, shown in pictures.items():
        for picture in shown:
            content = (out / "evidence" / picture["name"]).read_bytes()
            sha256 = hashlib.sha256(content).hexdigest()
            key = f"{base}/evidence/{finding_id}-{picture['role']}-{sha256[:16]}.jpg"
            service.storage.put(key, content, media_type="image/jpeg")
            stored["pictures"].setdefault(finding_id, []).append(
                {
                    "role": picture["role"],
                    "key": key,
                    "sha256": sha256,
                    "bytes": len(content),
                    "ground": picture.get("ground"),
                }
            )
    return stored


def _in_language(page: bytes, language: str) -> bytes:
    """Return the report, which holds both languages, so that it opens in one of them."""
    start = f'<html lang="{language}" data-language="{language}">'.encode()
    page = page.replace(_PAGE_START, start, 1)
    if language == "en":
        # Without scripts the switch that is set decides.
        page = page.replace(b' checked>\n<input class="switch" type="radio" name="language" id='
                            b'"lang-en" aria-label="English" autocomplete="off">',
                            b'>\n<input class="switch" type="radio" name="language" id="lang-en" '
                            b'aria-label="English" autocomplete="off" checked>', 1)  # fmt: skip
    return page


def finish(service: Service, comparison_id: str, made: dict[str, Any]) -> list[str] | None:
    """Take the findings in and mark the comparison done, in one transaction.

    Returns:
        Messages to case systems that wait to be delivered; none at all when the comparison is
        not wanted any more, and what was stored of it is of no use.
    """
    document = SurveyComparison.model_validate_json(service.storage.get(made["document"]))
    outbox: list[str] = []
    with service.database.write() as session:
        row = session.get(Comparison, comparison_id, with_for_update=True)
        if row is None or row.state not in ("running", "done"):
            return None
        if row.state == "done":
            # A step that died after its commit; the deliveries' sweep finds what waits.
            return []
        after = session.get(Survey, row.after_id)
        if after is None or after.state != "ready":
            row.state, row.problem = "failed", "the later survey was deleted meanwhile"
            row.finished_at = utc_now()
            return None
        for finding in document.findings:
            outbox += _take(service, session, row, after, finding, made, document.gsd_m)
        row.state, row.stage, row.progress, row.problem = "done", None, 1.0, None
        row.change_key, row.report_keys = made["change"], made["reports"]
        row.result = _summary(document) | {
            "document_key": made["document"],
            # None where it did, or was not asked for; works begun before this was told lack it.
            "model_problem": made.get("model_problem"),
        }
        row.finished_at = utc_now()
        ledger.append(
            session, actor="worker", action="comparison.done", subject_type="comparison",
            subject=row.id, detail={"findings": len(document.findings)},
        )  # fmt: skip
    return outbox


def _take(
    service: Service,
    session: Session,
    row: Comparison,
    after: Survey,
    finding: Finding,
    made: dict[str, Any],
    gsd_m: float,
) -> tuple[str, ...]:
    from serve.findings.intake import Origin, StoredFile, take

    files = []
    for picture in made["pictures"].get(finding.id, []):
        evidence = Evidence(
            role=picture["role"],
            media_type="image/jpeg",
            path=picture["key"].removeprefix(f"comparisons/{row.id}/"),
            sha256=picture["sha256"],
            size_bytes=picture["bytes"],
            taken_at=after.flown_at if picture["role"] == "after" else None,
            ground=picture.get("ground"),
        )
        files.append(StoredFile(evidence, picture["key"], sealed=False))
    place = None if finding.geometry is None else finding.geometry.to_shape()
    point = None if place is None or place.is_empty else place.representative_point()
    # When it was flown is what the operator said; a file's own time has no zone.
    finding = finding.model_copy(
        update={
            "first_seen": after.flown_at,
            "last_seen": after.flown_at,
            "evidence": tuple(file.evidence for file in files),
        }
    )
    origin = Origin(
        site_id=row.site_id,
        comparison_id=row.id,
        longitude=None if point is None else point.x,
        latitude=None if point is None else point.y,
        gsd_m=gsd_m,
    )
    taken = take(
        session, finding, sighting_id=f"{row.id}:{finding.id}", origin=origin, files=files,
        settings=service.settings,
    )  # fmt: skip
    return taken.outbox


def _summary(document: SurveyComparison) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for finding in document.findings:
        counts[finding.kind.value] = counts.get(finding.kind.value, 0) + 1
    whole = document.model_dump(
        mode="json", exclude={"findings": True, "alignment": {"tie_points"}}
    )
    return {"findings": counts} | whole


def end(service: Service, comparison_id: str, problem: str) -> None:
    """Put a comparison that came to nothing to rest."""
    with service.database.write() as session:
        row = session.get(Comparison, comparison_id, with_for_update=True)
        if row is None or row.state not in IN_WORK:
            return
        row.state, row.problem, row.stage = "failed", problem, None
        row.finished_at = utc_now()
        ledger.append(
            session, actor="worker", action="comparison.failed", subject_type="comparison",
            subject=row.id, detail={"problem": problem},
        )  # fmt: skip


def drop_files(service: Service, comparison_id: str) -> None:
    """Delete what was stored of a comparison that nobody wants any more.

    Raises:
        StorageError: The storage did not answer.
    """
    for stored in list(service.storage.list(f"comparisons/{comparison_id}")):
        service.storage.delete(stored.key)


def sweep_files(service: Service) -> None:
    """Delete what workers that died left of comparisons that came to nothing."""
    now = utc_now()
    with service.database.read() as session:
        over = session.scalars(
            sa.select(Comparison.id).where(
                Comparison.state.in_(("cancelled", "failed")),
                Comparison.finished_at.between(now - SWEPT_FOR, now - LEFT_ALONE_FOR),
            )
        ).all()
    for comparison_id in over:
        drop_files(service, comparison_id)
