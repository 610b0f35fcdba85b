"""Callbacks: case systems tell what became of cases, signed with the target's secret."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Header, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from serve.api.caller import Here
from serve.api.texts import NO_CONTROLS
from serve.cases.signing import (
    MAX_TIMESTAMP_LENGTH,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    check_signature,
)  # fmt: skip
from serve.cases.status import Said, apply_said, for_update
from serve.cases.targets import Target, target_named
from serve.db.tables import Case, utc_now
from serve.errors import NotFound, NotSignedIn, TooLarge
from serve.metrics import CALLBACKS
from serve.service import Service
from vision.errors import InputError

router = APIRouter(tags=["callbacks"])

MAX_BODY_BYTES = 64 * 1024

Plain = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_CONTROLS)]


class CaseCallback(BaseModel):
    """What a case system says of a case. More fields than these may be sent."""

    model_config = ConfigDict(extra="ignore")

    event_id: Plain = Field(description="unique at the case system; the same event counts once")
    dedupe_key: Plain | None = Field(None, description="the draft's; or `id`")
    id: Plain | None = Field(None, description="the case system's number")
    state: Plain = Field(description="its word for the state: filed, 立案, … or one configured")
    at: AwareDatetime | None = Field(None, description="when it happened")
    note: Annotated[str, Field(max_length=2000)] | None = None
    correction: bool = Field(False, description="the case went back on purpose, as when reopened")


class CallbackTaken(BaseModel):
    """What came of a callback."""

    taken: bool = Field(description="false where the same event was told before")
    case_id: str
    state: str = Field(description="the case's state now")


@router.post(
    "/callbacks/{target}",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": CaseCallback.model_json_schema()}},
        }
    },
)
async def take_callback(
    service: Here,
    request: Request,
    target: Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_\-]{0,39}$")],
    timestamp: Annotated[
        str, Header(alias=TIMESTAMP_HEADER, max_length=MAX_TIMESTAMP_LENGTH, description="seconds")
    ] = "",
    given: Annotated[
        str,
        Header(
            alias=SIGNATURE_HEADER,
            max_length=100,
            description="sha256= and the HMAC-SHA256, in hex, of timestamp, full stop and body",
        ),
    ] = "",
) -> CallbackTaken:
    """Take a signed change of state from a case system."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge(f"a callback may have {MAX_BODY_BYTES} bytes")
    return await run_in_threadpool(_take, service, target, timestamp, given, bytes(body))


def _take(service: Service, name: str, timestamp: str, given: str, body: bytes) -> CallbackTaken:
    refused = NotSignedIn("no case system of this name signs like this")
    try:
        target = target_named(name, service.settings)
    except NotFound as error:
        # Names are not for guessing.
        raise refused from error
    try:
        check_signature(
            target.secret, timestamp=timestamp, given=given, content=body, now=utc_now()
        )
    except NotSignedIn:
        CALLBACKS.labels(name, "refused").inc()
        raise
    try:
        said = CaseCallback.model_validate_json(body)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)[:5]
        )
        raise InputError(f"this callback cannot be used: {wrong}") from error
    return _apply(service, target, said)


def _apply(service: Service, target: Target, said: CaseCallback) -> CallbackTaken:
    query = sa.select(Case.id).where(Case.target == target.name)
    if said.dedupe_key is not None:
        query = query.where(Case.dedupe_key == said.dedupe_key)
    elif said.id is not None:
        query = query.where(Case.external_id == said.id)
    else:
        raise InputError("name the case: send dedupe_key or id")
    with service.database.write() as session:
        ids = session.scalars(query.order_by(Case.id).limit(2)).all()
        case = for_update(session, ids[0]) if len(ids) == 1 else None
        if case is None:
            raise NotFound("no case of this case system is known by that key or id")
        news = apply_said(
            session,
            case,
            Said(
                said.state, "callback", said.at, _clean(said.note), said.event_id,
                said.id, said.correction,
            ),
            target,
        )  # fmt: skip
        taken = CallbackTaken(taken=news, case_id=case.id, state=case.state)
    CALLBACKS.labels(target.name, "taken" if news else "again").inc()
    return taken


def _clean(note: str | None) -> str | None:
    # Databases and terminals have no use for control characters, and one refuses NUL.
    return None if note is None else "".join(c for c in note if c == "\n" or c >= " ")
