"""Adding, changing and removing cameras, each in the caller's transaction."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from fastapi.exceptions import RequestValidationError
from pydantic import SecretStr, ValidationError
from sqlalchemy.orm import Session

from serve.db.tables import CameraRow, new_id, utc_now
from serve.errors import Conflict, NotFound
from serve.network import checked_form
from serve.sealing import seal
from serve.settings import Settings
from serve.watching.faring import Health
from serve.watching.opening import PURPOSE, registry_of, settings_of
from serve.watching.public import CameraCreate, CameraImport, CameraUpdate, checked_camera
from vision.camera.config import Camera
from vision.errors import InputError

MAX_IMPORTED = 500
_COLUMNS = (
    "code", "name", "address", "lon", "lat", "direction", "timezone", "sample_step_s", "tiles",
    "zones", "privacy_masks", "thresholds", "enabled",
)  # fmt: skip
_JSON_COLUMNS = ("zones", "privacy_masks", "thresholds")
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


def row_of(session: Session, camera_id: str, *, lock: bool = False) -> CameraRow:
    """Return a camera.

    Raises:
        NotFound: There is none, or it was deleted.
    """
    query = sa.select(CameraRow).where(CameraRow.id == camera_id, CameraRow.deleted_at.is_(None))
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(f"there is no camera {camera_id}")
    return row


def add(session: Session, asked: CameraCreate, *, by: str, settings: Settings) -> CameraRow:
    """Add a camera.

    Raises:
        InputError: Settings or address cannot be used.
        Conflict: There is one with that code.
    """
    camera = asked.camera()
    _check_thresholds(camera, settings)
    address = asked.address.get_secret_value()
    shown = checked_form(address, settings)
    taken = session.scalar(
        sa.select(CameraRow.id).where(CameraRow.code == camera.id, CameraRow.deleted_at.is_(None))
    )
    if taken is not None:
        raise Conflict(f"there is a camera with the code {camera.id} already")
    row = CameraRow(
        id=new_id(),
        code=camera.id,
        name=camera.name,
        settings=settings_of(camera),
        address=shown,
        sealed_address=seal(settings, PURPOSE, address),
        figures={},
        created_by=by,
        created_at=utc_now(),
        revision=1,
        watch_epoch=0,
        claim=0,
        enabled=False,
        health=Health.UNWATCHED,
    )
    _place(row, camera)
    if asked.enabled:
        enable(row)
    session.add(row)
    session.flush()
    return row


def change(row: CameraRow, asked: CameraUpdate, settings: Settings) -> None:
    """Change a camera; where it is watched, it is watched anew from now on.

    Raises:
        InputError: Settings or address cannot be used.
    """
    now = {**row.settings, "id": row.code, "name": row.name}
    camera = checked_camera({**now, **asked.changes()})
    _check_thresholds(camera, settings)
    if asked.address is not None:
        address = asked.address.get_secret_value()
        row.address = checked_form(address, settings)
        row.sealed_address = seal(settings, PURPOSE, address)
    row.name, row.settings = camera.name, settings_of(camera)
    _place(row, camera)
    if row.enabled:
        _move_on(row)


def enable(row: CameraRow) -> None:
    """Have a camera watched; one that is watched goes on as it is."""
    if row.enabled and row.health not in (Health.ENDED, Health.FAILED):
        return
    row.enabled = True
    row.enabled_at = utc_now()
    _move_on(row)


def disable(row: CameraRow) -> None:
    """Have a camera watched no more."""
    row.enabled = False
    _move_on(row)
    row.health = Health.UNWATCHED


def remove(row: CameraRow) -> None:
    """Delete a camera; its findings and events stay, its address does not."""
    disable(row)
    row.deleted_at = utc_now()
    row.sealed_address = b""


def _move_on(row: CameraRow) -> None:
    """Make whoever watches it let go: what they were told to do is not what is wanted any more."""
    row.watch_epoch += 1
    row.watched_by = None
    row.fault = None
    row.health = Health.STARTING


def _place(row: CameraRow, camera: Camera) -> None:
    row.longitude = None if camera.location is None else camera.location.lon
    row.latitude = None if camera.location is None else camera.location.lat


def _check_thresholds(camera: Camera, settings: Settings) -> None:
    names = set(camera.thresholds) | {
        name for zone in camera.zones for name in zone.dwell_s_by_class
    }
    if not names:
        return
    classes = registry_of(settings).find("street").card.classes
    unknown = sorted(names - set(classes))
    if unknown:
        raise InputError(
            f"the model knows no class {', '.join(unknown)}; it knows {', '.join(classes)}"
        )


def wanted(asked: CameraImport, session: Session, settings: Settings) -> list[CameraCreate]:
    """Return the cameras of an import, every one of them usable.

    Raises:
        RequestValidationError: Some are not; every one of those is named by its row.
    """
    wrong: list[dict[str, Any]] = []
    rows = _of_csv(asked.csv, wrong) if asked.csv is not None else _numbered(asked.cameras or [])
    seen: dict[str, int] = {}
    known = set(session.scalars(sa.select(CameraRow.code).where(CameraRow.deleted_at.is_(None))))
    where = "csv" if asked.csv is not None else "cameras"
    for number, camera in rows:
        if camera.code in known:
            _note(wrong, where, number, "code", "there is a camera with this code already")
        if camera.code in seen:
            _note(wrong, where, number, "code", f"the same as in row {seen[camera.code]}")
        seen.setdefault(camera.code, number)
        for name, check in (
            ("address", lambda c=camera: checked_form(c.address.get_secret_value(), settings)),
            ("zones", lambda c=camera: _check_thresholds(c.camera(), settings)),
        ):
            try:
                check()
            except InputError as error:
                _note(wrong, where, number, name, str(error))
    if not rows and not wrong:
        _note(wrong, where, 1, "code", "there is no camera in it")
    if wrong:
        raise RequestValidationError(wrong)
    return [camera for _, camera in rows]


def _numbered(cameras: list[CameraCreate]) -> list[tuple[int, CameraCreate]]:
    return list(enumerate(cameras, 1))


def _note(wrong: list[dict[str, Any]], where: str, number: int, name: str, words: str) -> None:
    wrong.append({"loc": ("body", where, f"row {number}", name), "msg": words, "type": "value"})


def _of_csv(text: str, wrong: list[dict[str, Any]]) -> list[tuple[int, CameraCreate]]:
    """Read rows; row 1 is the first below the header."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    cameras: list[tuple[int, CameraCreate]] = []
    try:
        unknown = sorted(set(reader.fieldnames or ()) - set(_COLUMNS))
        if unknown or not reader.fieldnames:
            names = ", ".join(unknown)[:200]
            _note(wrong, "csv", 0, "header", f"unknown columns: {names or 'no header'}")
            return []
        for number, cells in enumerate(reader, 1):
            if number > MAX_IMPORTED:
                _note(wrong, "csv", number, "code", f"more than {MAX_IMPORTED} cameras")
                break
            try:
                cameras.append((number, CameraCreate.model_validate(_content(cells))))
            except ValidationError as error:
                for item in error.errors(include_input=False, include_url=False):
                    name = "/".join(str(part) for part in item["loc"]) or "camera"
                    _note(wrong, "csv", number, name, str(item["msg"]))
            except (ValueError, RecursionError) as error:
                _note(wrong, "csv", number, "cells", str(error))
    except csv.Error as error:
        _note(wrong, "csv", reader.line_num, "line", f"not CSV: {error}")
    return cameras


def _content(cells: Mapping[Any, Any]) -> dict[str, Any]:
    """Turn the cells of a row into what JSON would hold.

    Raises:
        ValueError: A cell is not of its form; cells are not repeated.
    """
    if None in cells or None in cells.values():
        raise ValueError("the row has more or fewer cells than the header")
    content: dict[str, Any] = {}
    for name, cell in cells.items():
        cell = cell.strip()
        if not cell:
            continue
        if name in _JSON_COLUMNS:
            try:
                content[name] = json.loads(cell)
            except ValueError:
                raise ValueError(f"{name} is not JSON") from None
        elif name == "address":
            content[name] = SecretStr(cell)
        elif name == "enabled":
            if cell.lower() not in _YES + _NO:
                raise ValueError("enabled is true or false")
            content[name] = cell.lower() in _YES
        else:
            content[name] = cell
    place = {name: content.pop(name) for name in ("lon", "lat") if name in content}
    if place:
        content["location"] = place
    return content
