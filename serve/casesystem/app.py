"""The case system's HTTP: drafts by webhook, an admin endpoint for trouble, and a page."""

from __future__ import annotations

import html
import json
import secrets
from typing import Annotated, Any

from fastapi import Body, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import SecretStr, ValidationError
from starlette.exceptions import HTTPException

from serve.cases.draft import CaseDraft
from serve.cases.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, check_signature
from serve.cases.states import WORDS, CaseState
from serve.casesystem.open311 import open311_routes
from serve.casesystem.store import KeptCase, NewCase, Store
from serve.casesystem.trouble import Failing, Trouble, Troubles
from serve.db.columns import utc_now
from serve.errors import NotSignedIn
from vision.finding import FindingKind

MAX_BODY_BYTES = 4 * 2**20


def make_case_system(
    store: Store, secret: SecretStr, troubles: Troubles, *, step_s: float
) -> FastAPI:
    """Return the application.

    Args:
        store: Where cases are kept.
        secret: Shared with whoever posts; also the key of Open311 and of the admin endpoint.
        troubles: What goes wrong.
        step_s: Seconds of each step of a case's life.
    """
    app = FastAPI(title="Reference case system", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Failing, troubles=troubles, store=store)
    app.include_router(open311_routes(store, secret, troubles, step_s=step_s))

    @app.post("/drafts")
    async def take(request: Request) -> JSONResponse:
        body = await _body(request)
        _check(request, secret, body)
        message = _object(body)
        if message.get("action") == "withdraw":
            return _withdraw(store, message)
        try:
            draft = CaseDraft.model_validate(message.get("draft"))
        except ValidationError as error:
            problems = [
                {"where": ".".join(map(str, item["loc"])), "what": item["msg"]}
                for item in error.errors(include_input=False, include_url=False)[:20]
            ]
            return JSONResponse({"code": "not_a_draft", "problems": problems}, 422)
        if message.get("dedupe_key") != draft.dedupe_key:
            return JSONResponse({"code": "dedupe_key differs from the draft's"}, 422)
        case, is_new = store.file(new_case(draft, "webhook"), step_s=step_s)
        said = {"id": case.number, "dedupe_key": case.dedupe_key, "state": case.state}
        if is_new:
            return JSONResponse(said, 201)
        return JSONResponse({"code": "duplicate", **said}, 409)

    @app.get("/drafts")
    def tell(
        request: Request, dedupe_key: Annotated[list[str], Query(max_length=200)]
    ) -> dict[str, Any]:
        _check(request, secret, f"{request.url.path}?{request.url.query}".encode())
        found = [case for key in dedupe_key if (case := store.by_key(key)) is not None]
        return {
            "cases": [
                {
                    "id": case.number,
                    "dedupe_key": case.dedupe_key,
                    "state": case.state,
                    "at": case.updated_at,
                }
                for case in found
            ]
        }

    @app.post("/admin/trouble")
    def set_trouble(request: Request, trouble: Trouble) -> Trouble:
        _check_admin(request, secret)
        troubles.set(trouble)
        return trouble

    @app.post("/admin/say")
    def say(request: Request, said: Annotated[dict[str, str], Body()]) -> dict[str, str]:
        _check_admin(request, secret)
        store.say(said.get("id", ""), said.get("state", ""))
        return said

    @app.get("/admin/cases")
    def cases(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=100_000)] = 1000,
    ) -> dict[str, Any]:
        _check_admin(request, secret)
        rows = [
            {"id": case.number, "dedupe_key": case.dedupe_key, "state": case.state,
             "adapter": case.adapter, "title": case.title, "draft": case.draft}
            for case in store.cases(limit=limit)
        ]  # fmt: skip
        return {
            "cases": rows,
            "counts": store.count(),
            "withdrawals": store.withdrawals(),
            "befallen": troubles.befallen,
        }

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return _page(store)

    return app


def new_case(draft: CaseDraft, adapter: str, description: str | None = None) -> NewCase:
    """Return what is filed of a draft."""
    return NewCase(
        dedupe_key=draft.dedupe_key,
        adapter=adapter,
        title=draft.title,
        description=description or draft.text,
        service_code=draft.event.code,
        draft=draft.model_dump(mode="json"),
        callback_url=draft.callback_url,
    )


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"a draft may have {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _check(request: Request, secret: SecretStr, content: bytes) -> None:
    try:
        check_signature(
            secret,
            timestamp=request.headers.get(TIMESTAMP_HEADER, ""),
            given=request.headers.get(SIGNATURE_HEADER, ""),
            content=content,
            now=utc_now(),
        )
    except NotSignedIn as error:
        raise HTTPException(401, str(error)) from error


def _check_admin(request: Request, secret: SecretStr) -> None:
    expected = f"Bearer {secret.get_secret_value()}"
    given = request.headers.get("Authorization", "")
    if not secrets.compare_digest(given.encode(), expected.encode()):
        raise HTTPException(401, "send the shared secret as bearer token")


def _object(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "this is no JSON") from error
    if not isinstance(message, dict):
        raise HTTPException(400, "send a JSON object")
    return message


def _withdraw(store: Store, message: dict[str, Any]) -> JSONResponse:
    key, reason = str(message.get("dedupe_key", "")), str(message.get("reason", ""))
    case = store.withdraw(key, f"{key}:withdraw", reason)
    if case is None:
        return JSONResponse({"code": "unknown_case"}, 404)
    return JSONResponse({"id": case.number, "dedupe_key": key, "state": case.state})


def _page(store: Store) -> str:
    rows = "".join(_row(case) for case in store.cases(limit=200))
    counts = "，".join(f"{_state(state)} {count}" for state, count in store.count().items())
    return (
        '<!doctype html><html lang="zh"><meta charset="utf-8"><title>案件 Cases</title><style>'
        "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#1d2733}"
        "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d6dde4;"
        "padding:.4rem .6rem;text-align:left;vertical-align:top}th{color:#5a6b7b}"
        "</style><h1>参考案件系统 Reference case system</h1>"
        f"<p>{counts or '暂无案件 no cases yet'}</p><table><tr><th>编号 Number<th>状态 State"
        f"<th>类别 Kind<th>标题 Title<th>收到 Received</tr>{rows}</table></html>"
    )


def _row(case: KeptCase) -> str:
    cells = (case.number, _state(case.state), _kind(case), case.title, case.created_at[:19])
    return "<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in cells) + "</tr>"


def _kind(case: KeptCase) -> str:
    kind = case.draft.get("kind", "")
    return str(kind) if kind in set(FindingKind) else "–"


def _state(state: str) -> str:
    if state in set(CaseState):
        words = WORDS[CaseState(state)]
        return f"{words.zh} {words.en}"
    return "收到 received" if state == "received" else state
