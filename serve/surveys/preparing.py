"""From complete uploads to a survey that is ready: each step may be run again at any point."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
import structlog
from shapely.geometry import shape

from serve import ledger
from serve.db.tables import Site, Survey, Upload
from serve.errors import StorageError
from serve.service import Service
from serve.surveys import scratch
from serve.surveys.children import ChildDied, ChildFailed, run_child
from serve.surveys.pairs import compare_neighbours
from serve.surveys.progress import Cancelled, Progress
from serve.uploads import keeping
from vision.errors import CityEyeError, InputError, NoOverlap

log = structlog.get_logger()

CHILD = "serve.surveys.child_prepare"
IN_WORK = ("received", "checking")
IN_WORK_EVER = (*IN_WORK, "sending", "processing")
ROLES = {"orthophoto": "ortho", "DSM": "dsm"}
_SLOWEST_BYTES_PER_S = 500_000
"""Below this a conversion is taken for stuck."""


def begin(service: Service, survey_id: str) -> list[str]:
    """Start on a survey; returns the roles of the files it has, none where it is not wanted."""
    with service.database.write() as session:
        row = session.get(Survey, survey_id, with_for_update=True)
        if row is None or row.state not in IN_WORK or row.ortho_upload_id is None:
            return []
        row.state = "checking"
        return ["orthophoto"] + (["DSM"] if row.dsm_upload_id else [])


def make_file(service: Service, survey_id: str, role: str) -> dict[str, Any]:
    """Check one file, make a COG of it, and store that.

    Returns:
        What came of it: ``key``, ``sha256`` and ``facts``; or ``refused`` or ``failed`` with a
        sentence; or ``cancelled``.
    """
    with service.database.read() as session:
        row = session.get(Survey, survey_id)
        if row is None:
            return {"cancelled": True}
        upload_id = row.ortho_upload_id if role == "orthophoto" else row.dsm_upload_id
        upload = session.get(Upload, upload_id) if upload_id else None
        both = row.dsm_upload_id is not None
    shown = "the upload" if upload is None else upload.file_name
    start, span = (0.0, 0.7 if both else 1.0) if role == "orthophoto" else (0.7, 0.3)
    told = Progress(service, Survey, survey_id, while_in=("checking",))

    def tick(stage: str, share: float, low: float, high: float) -> None:
        told(stage, start + span * (low + (high - low) * share))

    try:
        with scratch.folder(service) as work:
            raw, cog, preview = work / "received.tif", work / "cog.tif", work / "preview.png"
            names = {raw: shown, cog: shown}
            if upload is None:
                return {"cancelled": True}
            sha256 = keeping.assemble(
                service, upload.id, raw, tick=lambda share: tick("assemble", share, 0.0, 0.2)
            )
            job = {
                "role": role,
                "source": str(raw),
                "limits": service.settings.raster.model_dump(),
                "memory_bytes": service.settings.check_memory_bytes,
            }
            facts = run_child(
                CHILD, {**job, "task": "check"}, names=names,
                time_s=service.settings.check_time_s,
                tick=lambda _stage, share: tick("check", share, 0.2, 0.3),
            )  # fmt: skip
            run_child(
                CHILD,
                {
                    **job, "task": "convert", "target": str(cog),
                    "preview": str(preview) if role == "orthophoto" else None,
                },
                names=names,
                time_s=service.settings.check_time_s + _decoded_bytes(facts) / _SLOWEST_BYTES_PER_S,
                tick=lambda _stage, share: tick("convert", share, 0.3, 0.9),
            )  # fmt: skip
            facts["upload_sha256"] = sha256
            return {"facts": facts, **_store(service, survey_id, role, cog, preview)}
    except Cancelled:
        return {"cancelled": True}
    except InputError as error:
        return {"refused": str(error)}
    except ChildDied as error:
        return {"refused": f"{shown}: it cannot be read: {error}. Export it again as a COG"}
    except ChildFailed as error:
        return {"failed": str(error)}


def _decoded_bytes(facts: dict[str, Any]) -> int:
    width, height = facts["size_wh"]
    return int(width * height * facts["bands"] * np.dtype(facts["dtype"]).itemsize)


def _store(service: Service, survey_id: str, role: str, cog: Path, preview: Path) -> dict[str, Any]:
    # Keys tell contents apart: if two workers ever make the same file, both stay whole.
    sha256 = sha256_of(cog)
    key = f"surveys/{survey_id}/{ROLES[role]}-{sha256[:16]}.tif"
    service.storage.put(key, cog, media_type="image/tiff")
    stored = {"key": key, "sha256": sha256}
    if preview.exists():
        content = preview.read_bytes()
        name = f"preview-{hashlib.sha256(content).hexdigest()[:16]}.png"
        stored["preview_key"] = f"surveys/{survey_id}/{name}"
        service.storage.put(stored["preview_key"], content, media_type="image/png")
    return stored


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a local file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def finish(service: Service, survey_id: str, files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Make a survey ready, with the comparisons that calls for, in one transaction.

    Returns:
        Ids of ``comparisons`` to start and of ``spent`` uploads to discard; or ``refused``.
    """
    with service.database.write() as session:
        site_id = session.scalar(sa.select(Survey.site_id).where(Survey.id == survey_id))
        site = session.get(Site, site_id, with_for_update=True)
        row = session.get(Survey, survey_id, with_for_update=True)
        if site is None or row is None or row.state not in ("checking", "ready"):
            return {"comparisons": [], "spent": []}
        uploads = [u for u in (row.ortho_upload_id, row.dsm_upload_id) if u]
        if row.state == "ready":
            return {"comparisons": compare_neighbours(session, site, row), "spent": uploads}
        try:
            _check_place(site, files)
        except InputError as error:
            return {"refused": str(error)}
        ortho, dsm = files["orthophoto"], files.get("DSM")
        row.state, row.progress, row.problem = "ready", 1.0, None
        row.ortho_key, row.ortho_sha256 = ortho["key"], ortho["sha256"]
        row.preview_key = ortho.get("preview_key")
        row.facts = {"ortho": ortho["facts"]}
        if dsm is not None:
            row.dsm_key, row.dsm_sha256 = dsm["key"], dsm["sha256"]
            row.facts = {"ortho": ortho["facts"], "dsm": dsm["facts"]}
        row.revision += 1
        keeping.spend(session, uploads)
        comparisons = compare_neighbours(session, site, row)
        ledger.append(
            session, actor="worker", action="survey.ready", subject_type="survey", subject=row.id,
            detail={
                "ortho_sha256": row.ortho_sha256, "dsm_sha256": row.dsm_sha256,
                "uploads_sha256": {r: f["facts"]["upload_sha256"] for r, f in files.items()},
                "comparisons": comparisons,
            },
        )  # fmt: skip
    return {"comparisons": comparisons, "spent": uploads}


def _check_place(site: Site, files: dict[str, dict[str, Any]]) -> None:
    """Refuse files that lie beside each other or beside the site.

    Raises:
        NoOverlap: They do.
    """
    ortho = shape(files["orthophoto"]["facts"]["outline"])
    if "DSM" in files and not ortho.intersects(shape(files["DSM"]["facts"]["outline"])):
        raise NoOverlap(
            "the surface model and the orthophoto lie in different places; upload two of the "
            "same flight"
        )
    if site.area is not None and not ortho.intersects(shape(site.area)):
        place = shapely.centroid(ortho)
        raise NoOverlap(
            f"the orthophoto lies at {place.x:.5f}, {place.y:.5f}, outside the area of the site; "
            "check its coordinate reference system, and whether this is the right site"
        )


def end(service: Service, survey_id: str, state: str, problem: str | None) -> list[str]:
    """Put a survey that will not become ready to rest; returns its spent uploads."""
    with service.database.write() as session:
        row = session.get(Survey, survey_id, with_for_update=True)
        if row is None:
            return []
        uploads = [u for u in (row.ortho_upload_id, row.dsm_upload_id) if u]
        if row.state not in IN_WORK_EVER:
            # Ended already. What failed on our side may be tried again, so its uploads stay.
            return [] if row.state == "failed" else uploads
        row.state, row.problem = state, problem
        row.revision += 1
        if state != "failed":
            keeping.spend(session, [*uploads, *row.photo_upload_ids])
        ledger.append(
            session, actor="worker", action=f"survey.{state}", subject_type="survey",
            subject=row.id, detail={"problem": problem},
        )  # fmt: skip
        return [] if state == "failed" else [*uploads, *row.photo_upload_ids]


def discard_all(service: Service, upload_ids: list[str]) -> None:
    """Delete the bytes of spent uploads; what does not work now, the sweep does."""
    for upload_id in upload_ids:
        try:
            keeping.discard(service, upload_id)
        except CityEyeError as error:
            log.warning("upload_not_discarded", upload=upload_id, detail=str(error))


def drop_files(service: Service, survey_id: str) -> None:
    """Delete a survey's stored files; what does not work now, the sweep does."""
    try:
        for stored in list(service.storage.list(f"surveys/{survey_id}")):
            service.storage.delete(stored.key)
    except StorageError as error:
        log.warning("survey_files_left", survey=survey_id, detail=str(error))
