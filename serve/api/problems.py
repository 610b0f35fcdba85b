"""Errors over HTTP: one table from error to status, and RFC 9457 problem bodies."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from serve import errors
from vision.errors import CityEyeError, InputError

log = structlog.get_logger()

STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (errors.NotSignedIn, 401, "not_signed_in"),
    (errors.NotAllowed, 403, "not_allowed"),
    (errors.Gone, 410, "gone"),
    (errors.NotFound, 404, "not_found"),
    (errors.Stale, 412, "stale"),
    (errors.MissingCondition, 428, "missing_condition"),
    (errors.TooLarge, 413, "too_large"),
    (errors.QuotaExceeded, 413, "quota_exceeded"),
    (errors.TooMany, 429, "too_many"),
    (errors.Conflict, 409, "conflict"),
    (errors.Unavailable, 503, "unavailable"),
    (errors.StorageError, 503, "storage"),
    (InputError, 422, "invalid"),
    (CityEyeError, 500, "failed"),
)
"""First match counts."""

MEDIA_TYPE = "application/problem+json"


class InvalidPart(BaseModel):
    """What is wrong with one part of a request."""

    where: str
    what: str


class Problem(BaseModel):
    """A problem (RFC 9457)."""

    type: str = Field(description="which kind of problem; stable")
    title: str
    status: int
    detail: str = Field(description="what was wrong and how to mend it")
    instance: str
    parts: list[InvalidPart] = Field(default_factory=list)


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    parts: list[InvalidPart] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Return a problem as an answer."""
    body = Problem(
        type=f"/problems/{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        parts=parts or [],
    )
    return JSONResponse(body.model_dump(), status, headers, MEDIA_TYPE)


def _domain(request: Request, error: Exception) -> JSONResponse:
    status, code = next((s, c) for kind, s, c in STATUS if isinstance(error, kind))
    headers = {}
    if isinstance(error, errors.TooMany):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, errors.NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", error=type(error).__name__, detail=str(error))
    # Errors over many rows of a file name each of them.
    parts = [InvalidPart(where=where, what=what) for where, what in getattr(error, "parts", ())]
    return problem(request, status, code, str(error), parts=parts, headers=headers)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    parts = [
        # What was sent is not repeated: it may be a secret.
        InvalidPart(where="/".join(str(p) for p in item["loc"]), what=str(item["msg"]))
        for item in error.errors()
    ]
    detail = "; ".join(f"{part.where}: {part.what}" for part in parts[:5]) or "not readable"
    return problem(request, 422, "invalid", detail, parts=parts)


def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    code = HTTPStatus(error.status_code).name.lower()
    return problem(request, error.status_code, code, str(error.detail), headers=headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # Given by hand: this runs in another thread than the one that raised.
    log.error("request_failed", error=type(error).__name__, exc_info=error)
    return problem(
        request, 500, "failed", "something went wrong here; the log of the service says what"
    )


def install(app: FastAPI) -> None:
    """Give an app the table."""
    app.add_exception_handler(CityEyeError, _domain)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": HTTPStatus(status).phrase}
    for status in (400, 401, 403, 404, 409, 410, 412, 413, 422, 428, 429, 503)
}
"""For the OpenAPI of every endpoint."""
