"""Setting a camera up: try an address before it is stored, take and give CAMERA.yaml."""

from __future__ import annotations

from typing import Any

import yaml
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from serve import ledger
from serve.api.caller import Here, Who
from serve.api.cameras import CameraId, trial_public, try_out
from serve.db.tables import CameraRow, new_id, utc_now
from serve.network import checked, checked_form
from serve.watching import registering
from serve.watching.opening import camera_of
from serve.watching.public import (
    Address,
    Masks,
    TrialPublic,
    checked_camera,
    refuse_unstorable,
)
from vision.camera.config import Location, Outline, Zone
from vision.errors import InputError

router = APIRouter(tags=["cameras"])

LONGEST_FILE = 200_000
"""Characters of a CAMERA.yaml; 64 zones of 200 corners each are half of it."""


class AddressTrial(BaseModel):
    """A camera that is not stored yet, or an address that is to replace another."""

    model_config = ConfigDict(extra="forbid")

    address: Address
    privacy_masks: Masks = Field(default_factory=list)


class CameraFile(BaseModel):
    """The text of a CAMERA.yaml."""

    model_config = ConfigDict(extra="forbid")

    yaml: str = Field(max_length=LONGEST_FILE, description="as `cityeye watch --camera` takes it")


class CameraFilePublic(BaseModel):
    """What a CAMERA.yaml says, as a camera to be added takes it; an address is not among it."""

    code: str
    name: str
    location: Location | None
    direction: str | None
    timezone: str
    sample_step_s: float | None
    tiles: int
    thresholds: dict[str, float]
    zones: list[Zone]
    privacy_masks: list[Outline]


@router.post("/cameras/test")
def try_address(body: AddressTrial, service: Here, caller: Who) -> TrialPublic:
    """Connect to an address for some seconds; nothing is stored but that it was done."""
    address = body.address.get_secret_value()
    shown = checked_form(address, service.settings)
    unstored = CameraRow(id=new_id(), created_at=utc_now())
    trial = try_out(unstored, checked(address, service.settings), tuple(body.privacy_masks))
    with service.database.write() as session:
        ledger.append(
            session, actor=caller.name, action="camera.test", subject_type="camera",
            subject="", detail={"address": shown, "ok": trial.problem is None},
        )  # fmt: skip
    return trial_public(trial)


@router.get(
    "/cameras/{camera_id}/file",
    response_class=Response,
    responses={200: {"content": {"application/yaml": {}}, "description": "a CAMERA.yaml"}},
)
def get_camera_file(service: Here, camera_id: CameraId) -> Response:
    """Return a camera as CAMERA.yaml, for `cityeye watch` or another service; without address."""
    with service.database.read() as session:
        row = registering.row_of(session, camera_id)
        camera = camera_of(row)
    content = camera.model_dump(
        mode="json", exclude={"source"}, exclude_defaults=True, exclude_none=True
    )
    text = yaml.dump(
        content, Dumper=_Plain, allow_unicode=True, sort_keys=False, default_flow_style=None
    )
    headers = {"Content-Disposition": f'attachment; filename="{row.code}.yaml"'}
    return Response(text, media_type="application/yaml", headers=headers)


@router.post("/cameras/file")
def read_camera_file(body: CameraFile) -> CameraFilePublic:
    """Check a CAMERA.yaml and return what it says; nothing is stored."""
    content = _content_of(body.yaml)
    try:
        refuse_unstorable(content)
    except ValueError as error:
        raise InputError(f"the camera file: {error}") from None
    camera = checked_camera(content)
    shown: dict[str, Any] = {name: getattr(camera, name) for name in CameraFilePublic.model_fields
                             if name != "code"}  # fmt: skip
    return CameraFilePublic(code=camera.id, **shown)


class _Plain(yaml.SafeDumper):
    """Writes what is the same twice out twice: others need not know anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002
        return True


class _NoAliases(yaml.SafeLoader):
    """Reads no aliases: a few lines of them unfold to more than any memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise InputError("the camera file: write aliases (*name) out")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def _content_of(text: str) -> dict[str, Any]:
    try:
        content = yaml.load(text, Loader=_NoAliases)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InputError(f"the camera file is not YAML: {where}{error.problem}") from None
    # Dates that are none, numbers too long for Python, characters that YAML does not allow.
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("the camera file is not YAML that can be read") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise InputError("the camera file must be a mapping with id, name and zones")
    return content
