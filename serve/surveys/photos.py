"""Raw flight photos: sent to NodeODM, followed, fetched; each step may be run again."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from serve import ledger
from serve.db.tables import Survey, Upload, UploadPart, utc_now
from serve.errors import TooLarge, Unavailable
from serve.service import Service
from serve.surveys import nodeodm, scratch
from serve.surveys.nodeodm import NodeOdm, TaskRefused
from serve.surveys.progress import Cancelled, Progress
from serve.uploads import keeping
from serve.uploads.receiving import PART_BYTES

log = structlog.get_logger()

_NAMESPACE = uuid.UUID("0d7f1b52-3c57-5d8f-9a3f-7c4d6f0b2a11")
_TRIES = 3
_MOST_FETCHED = 4
"""The archive of all results may be this many times the largest upload."""
SILENT_HOURS = 12
"""A server that does not answer for so long is given up; the survey may be tried again."""


def send(service: Service, survey_id: str) -> dict[str, Any]:
    """Give the photos to the server and have them worked on.

    Returns:
        ``follow`` when the server works on them, ``failed`` with a sentence, or ``cancelled``.

    Raises:
        Unavailable: The server does not answer; try again later.
    """
    row = _row(service, survey_id)
    if row is None or row.state not in ("received", "sending"):
        return {"follow": True} if row is not None and row.state == "processing" else {
            "cancelled": True
        }  # fmt: skip
    told = Progress(service, Survey, survey_id, while_in=("sending",))
    try:
        with NodeOdm(service.settings.nodeodm_url) as server, scratch.folder(service) as work:
            task_id = row.nodeodm_task_id or _begin_task(service, server, row)
            photos = row.photo_upload_ids
            for number in range(row.photos_sent, len(photos)):
                told("send", 0.1 * number / len(photos))
                path = work / "photo"
                keeping.assemble(service, photos[number], path, tick=lambda _share: None)
                with path.open("rb") as photo:
                    server.upload(task_id, _photo_name(service, photos[number], number), photo)
                _note(service, survey_id, photos_sent=number + 1)
            try:
                server.commit(task_id)
            except TaskRefused:
                # Committed before, and then this was cut off: then the server knows the task.
                server.info(task_id)
            _note(service, survey_id, state="processing", heard_at=utc_now())
    except Cancelled:
        return {"cancelled": True}
    except TaskRefused as error:
        return {"failed": str(error)}
    return {"follow": True}


def _row(service: Service, survey_id: str) -> Survey | None:
    with service.database.read() as session:
        return session.get(Survey, survey_id)


def _begin_task(service: Service, server: NodeOdm, row: Survey) -> str:
    """Begin a task and note its id before a photo is sent."""
    _note(service, row.id, state="sending")
    for number in range(_TRIES):
        # The same id each time, so that what was begun before a crash is found again.
        task_id = str(uuid.uuid5(_NAMESPACE, f"{row.id}:{row.attempt}:{number}"))
        try:
            server.init(task_id, f"survey {row.id}")
        except TaskRefused:
            if number == _TRIES - 1:
                raise
            continue
        break
    _note(service, row.id, nodeodm_task_id=task_id)
    return task_id


def _photo_name(service: Service, upload_id: str, number: int) -> str:
    with service.database.read() as session:
        upload = session.get(Upload, upload_id)
    suffix = Path("" if upload is None else upload.file_name).suffix.lower()
    known = suffix in (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".dng")
    return f"{number:05d}{suffix if known else '.jpg'}"


def _note(service: Service, survey_id: str, **values: Any) -> None:  # noqa: ANN401
    """Write into the row, as long as the survey is wanted.

    Raises:
        Cancelled: It is not.
    """
    with service.database.write() as session:
        row = session.get(Survey, survey_id, with_for_update=True)
        if row is None or row.state not in ("received", "sending", "processing"):
            raise Cancelled
        for name, value in values.items():
            setattr(row, name, value)


def follow(service: Service, survey_id: str) -> dict[str, Any]:
    """Ask once how far the task is.

    Returns:
        ``again`` to be asked later, ``fetch``, ``failed`` with a sentence, or ``cancelled``.
    """
    row = _row(service, survey_id)
    if row is None or row.state != "processing" or row.nodeodm_task_id is None:
        return {"cancelled": True}
    try:
        with NodeOdm(service.settings.nodeodm_url) as server:
            state = server.info(row.nodeodm_task_id)
    except Unavailable as error:
        silent = utc_now() - (row.heard_at or row.created_at)
        if silent > timedelta(hours=SILENT_HOURS):
            return {"failed": f"{error}, for {SILENT_HOURS} hours"}
        return {"again": True}
    except TaskRefused as error:
        return {"failed": f"{error}; it may have been set up anew. Try again"}
    try:
        _note(service, survey_id, heard_at=utc_now(), progress=0.1 + 0.5 * state.progress)
    except Cancelled:
        return {"cancelled": True}
    if state.code == nodeodm.COMPLETED:
        return {"fetch": True}
    if state.code in (nodeodm.FAILED, nodeodm.CANCELLED):
        why = state.said or ("cancelled there" if state.code == nodeodm.CANCELLED else "no reason")
        return {"failed": f"NodeODM could not make an orthophoto of these photos: {why}"}
    return {"again": True}


def fetch(service: Service, survey_id: str) -> dict[str, Any]:
    """Fetch the results and lay them down as uploads of the survey's: the usual way begins.

    Returns:
        ``ready`` for the usual way, with ``spent`` photos to discard; or ``failed``, ``cancelled``.

    Raises:
        Unavailable: The server does not answer; try again later.
    """
    row = _row(service, survey_id)
    if row is None or row.state != "processing" or row.nodeodm_task_id is None:
        mine = row is not None and row.state == "received" and row.ortho_upload_id is not None
        return {"ready": True, "spent": []} if mine else {"cancelled": True}
    most = service.settings.upload_max_bytes
    told = Progress(service, Survey, survey_id, while_in=("processing",))
    try:
        with NodeOdm(service.settings.nodeodm_url) as server, scratch.folder(service) as work:
            archive, ortho, dsm = work / "all.zip", work / "ortho.tif", work / "dsm.tif"
            server.download(
                row.nodeodm_task_id, archive, max_bytes=_MOST_FETCHED * most,
                tick=lambda share: told("fetch", 0.6 + 0.2 * share),
            )  # fmt: skip
            if not nodeodm.unpack(archive, nodeodm.ORTHOPHOTO, ortho, max_bytes=most):
                return {"failed": "NodeODM made no orthophoto of these photos"}
            has_dsm = nodeodm.unpack(archive, nodeodm.SURFACE, dsm, max_bytes=most)
            archive.unlink()
            made = {"ortho_upload_id": _lay_down(service, row, ortho, "orthophoto.tif")}
            if has_dsm:
                made["dsm_upload_id"] = _lay_down(service, row, dsm, "dsm.tif")
            return _hand_over(service, survey_id, made)
    except Cancelled:
        return {"cancelled": True}
    except (TaskRefused, TooLarge) as error:
        return {"failed": str(error)}


def _lay_down(service: Service, row: Survey, path: Path, name: str) -> str:
    """Keep a file as an upload that the survey uses. May be repeated."""
    upload_id = str(uuid.uuid5(_NAMESPACE, f"{row.id}:{row.attempt}:{name}"))
    size = path.stat().st_size
    parts = []
    with path.open("rb") as file:
        at = 0
        while content := file.read(PART_BYTES):
            key = f"uploads/{upload_id}/{at:015d}-made"
            parts.append(
                UploadPart(upload_id=upload_id, offset_bytes=at, size_bytes=len(content), key=key)
            )
            if at == 0:
                _make_row(service, row, upload_id, name, size)
            service.storage.put(key, content)
            at += len(content)
    with service.database.write() as session:
        for part in parts:
            session.merge(part)
    return upload_id


def _make_row(service: Service, row: Survey, upload_id: str, name: str, size: int) -> None:
    with service.database.write() as session:
        photo = session.get(Upload, row.photo_upload_ids[0])
        if photo is None:
            raise Cancelled
        session.merge(
            Upload(
                id=upload_id, user_id=photo.user_id, file_name=name, media_type="image/tiff",
                length_bytes=size, offset_bytes=size, state="used",
                expires_at=utc_now() + timedelta(seconds=service.settings.upload_expires_s),
            )
        )  # fmt: skip


def _hand_over(service: Service, survey_id: str, made: dict[str, str]) -> dict[str, Any]:
    with service.database.write() as session:
        row = session.get(Survey, survey_id, with_for_update=True)
        if row is None or row.state != "processing":
            keeping.spend(session, list(made.values()))
            return {"cancelled": True}
        row.ortho_upload_id = made["ortho_upload_id"]
        row.dsm_upload_id = made.get("dsm_upload_id")
        row.state = "received"
        spent = list(row.photo_upload_ids)
        keeping.spend(session, spent)
        ledger.append(
            session, actor="worker", action="survey.photos_done", subject_type="survey",
            subject=row.id, detail={"photos": len(spent)},
        )  # fmt: skip
    return {"ready": True, "spent": spent}


def leave(service: Service, survey_id: str) -> None:
    """Stop and delete the task of a survey that needs it no more.

    Raises:
        Unavailable: The server does not answer; try again later.
    """
    row = _row(service, survey_id)
    if row is None or row.nodeodm_task_id is None:
        return
    with NodeOdm(service.settings.nodeodm_url) as server:
        server.cancel(row.nodeodm_task_id)
    with service.database.write() as session:
        kept = session.get(Survey, survey_id, with_for_update=True)
        if kept is not None and kept.nodeodm_task_id == row.nodeodm_task_id:
            kept.nodeodm_task_id = None
