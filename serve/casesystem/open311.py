"""The case system's other door: Open311 GeoReport v2, with its quirks."""

from __future__ import annotations

import secrets
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import SecretStr, ValidationError
from starlette.exceptions import HTTPException

from serve.cases.documents import read_document
from serve.cases.draft import CaseDraft
from serve.cases.event_table import SHIPPED, EventTable
from serve.casesystem.modes import Mode
from serve.casesystem.store import KeptCase, NewCase, Store
from serve.casesystem.trouble import Troubles

WITHDRAW = "withdraw"
PAGE = 100
MAX_BODY_BYTES = 4 * 2**20


def open311_routes(
    store: Store, secret: SecretStr, troubles: Troubles, *, step_s: float
) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/open311")
    table = read_document(SHIPPED, EventTable, what="event table")
    names = {event.code: event.name.en for event in table.kinds.values()}
    names[WITHDRAW] = "Withdraw a request"

    @router.get("/services.json")
    def services() -> list[dict[str, Any]]:
        return [
            {"service_code": code, "service_name": name, "metadata": code != WITHDRAW,
             "type": "realtime", "group": "city management", "keywords": ""}
            for code, name in names.items()
        ]  # fmt: skip

    @router.get("/services/{code}.json")
    def service(code: str) -> dict[str, Any]:
        if code not in names:
            raise HTTPException(404, "no such service")
        wanted = [("dedupe_key", True), ("kind", True), ("draft", True), ("unit", False)]
        return {
            "service_code": code,
            "attributes": [
                {"code": name, "required": required, "datatype": "string", "variable": True}
                for name, required in wanted
            ],
        }

    @router.post("/requests.json")
    async def post(request: Request) -> JSONResponse:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise HTTPException(413, "too long")
        fields = dict(parse_qsl(body.decode("utf-8", "replace")))
        if not secrets.compare_digest(
            fields.get("api_key", "").encode(), secret.get_secret_value().encode()
        ):
            return _refused(403, "api_key is missing or wrong")
        if fields.get("service_code") not in names:
            return _refused(404, "service_code is not one of ours")
        if not fields.get("lat") and not fields.get("address_string"):
            return _refused(400, "lat and long, or address_string, are required")
        key = fields.get("attribute[dedupe_key]", "")
        if not key:
            return _refused(400, "attribute[dedupe_key] is required")
        if fields["service_code"] == WITHDRAW:
            case = store.withdraw(
                fields.get("attribute[withdraws]", ""), key, fields.get("description", "")
            )
            if case is None:
                return _refused(404, "there is no such request to withdraw")
            # A request of its own in the list, so that asking for it finds it.
            return _file(store, troubles, _withdrawal(fields, key), step_s=86_400 * 365)
        try:
            draft = CaseDraft.model_validate_json(fields.get("attribute[draft]", ""))
        except ValidationError as error:
            return _refused(400, f"attribute[draft] does not fit: {error.error_count()} problems")
        new = NewCase(
            dedupe_key=key,
            adapter="open311",
            title=draft.title,
            description=fields.get("description", ""),
            service_code=fields["service_code"],
            draft=draft.model_dump(mode="json"),
            callback_url=draft.callback_url,
        )
        return _file(store, troubles, new, step_s=step_s)

    @router.get("/requests.json")
    def requests(
        service_request_id: str = "",
        start_date: str = "",
        end_date: str = "~",
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> list[dict[str, Any]]:
        if service_request_id:
            wanted = service_request_id.split(",")[:50]
            found = [case for number in wanted if (case := store.by_number(number.strip()))]
        else:
            # Both are UTC and begin alike, so that they compare as text.
            start, end = start_date.rstrip("Z"), end_date.rstrip("Z")
            found = store.cases(start=start, end=end, limit=PAGE, offset=(page - 1) * PAGE)
        return [_as_request(case) for case in found]

    @router.get("/requests/{number}.json")
    def one(number: str) -> list[dict[str, Any]]:
        case = store.by_number(number)
        if case is None:
            raise HTTPException(404, "no such request")
        return [_as_request(case)]

    @router.get("/tokens/{token}.json")
    def exchange(token: str) -> list[dict[str, Any]]:
        known, number = store.token(token)
        if not known:
            raise HTTPException(404, "no such token")
        return [{"token": token, "service_request_id": number or ""}]

    return router


def _file(store: Store, troubles: Troubles, new: NewCase, *, step_s: float) -> JSONResponse:
    chosen = troubles.choose(frozenset({Mode.TOKEN, Mode.TOKEN_NEVER}))
    if chosen is not None and chosen[0] is Mode.TOKEN_NEVER:
        return JSONResponse([{"token": store.new_token(None, ready_s=0)}], 201)
    case, is_new = store.file(new, step_s=step_s)
    if not is_new:
        return _refused(400, "duplicate")
    if chosen is not None:
        token = store.new_token(case.number, ready_s=chosen[1].seconds)
        return JSONResponse([{"token": token}], 201)
    return JSONResponse(
        [{"service_request_id": case.number, "service_notice": "", "account_id": ""}], 201
    )


def _withdrawal(fields: dict[str, str], key: str) -> NewCase:
    return NewCase(
        dedupe_key=key,
        adapter="open311",
        title="撤回 Withdrawal",
        description=fields.get("description", ""),
        service_code=WITHDRAW,
        draft={},
        callback_url=None,
    )


def _as_request(case: KeptCase) -> dict[str, Any]:
    position = case.draft.get("position") or {}
    ended = case.state in ("closed", "withdrawn")
    return {
        "service_request_id": case.number,
        "status": "closed" if ended else "open",
        "status_notes": case.state,
        "service_code": case.service_code,
        "description": case.description,
        "requested_datetime": case.created_at,
        "updated_datetime": case.updated_at,
        "lat": position.get("latitude"),
        "long": position.get("longitude"),
    }


def _refused(status: int, description: str) -> JSONResponse:
    return JSONResponse([{"code": str(status), "description": description}], status)
