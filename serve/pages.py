"""The pages of the service: what Vite built from ``serve/ui``, given to browsers.

Every address that is neither the API's nor a file's is one of the pages', which are one program: it
reads the address by itself. Nothing else than what lies in the folder can be asked for.
"""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

FOLDER = Path(__file__).resolve().parent / "ui" / "dist"
INDEX = "index.html"
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""Ways in which files lie there compressed, the better one first."""
NOT_BUILT = (
    "The pages of CityEye are not built here: run `make setup`, or use the API alone.\n"
    "此处尚未构建 CityEye 页面：请运行 `make setup`，或只使用 API。\n"
)
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Reading compressed GeoTIFFs is done in workers that OpenLayers makes of its own script.
        "worker-src 'self' blob:",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)
"""Content security policy of the pages: nothing from elsewhere, no script or style in the page."""
_NOT_PAGES = frozenset({"api", "healthz", "readyz", "metrics"})


class _PagesRoute(APIRoute):
    """Leaves the API's addresses alone, so that unknown ones there stay what they are: unknown."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and scope["path"].strip("/").partition("/")[0] in _NOT_PAGES:
            return Match.NONE, {}
        return super().matches(scope)


@dataclass(frozen=True)
class _File:
    path: Path
    encodings: dict[str, Path]


def make_router(folder: Path | None = None) -> APIRouter:
    """Return what answers for the pages.

    Args:
        folder: Where they were built to; default: where they come with the program.
    """
    files = _files_of(folder or FOLDER)
    router = APIRouter(include_in_schema=False, route_class=_PagesRoute)

    @router.api_route("/{path:path}", methods=["GET", "HEAD"], name="show_page")
    def show(path: str, request: Request) -> Response:
        """Give a file of the pages, or the pages themselves.

        Raises:
            HTTPException: Nothing lies at this address.
        """
        if path in files and path != INDEX:
            return _send(files[path], request, forever=path.startswith("assets/"))
        asked_for_a_page = "text/html" in request.headers.get("Accept", "")
        if path.startswith("assets/") or not asked_for_a_page:
            raise HTTPException(404, "nothing lies at this address")
        if INDEX not in files:
            return PlainTextResponse(NOT_BUILT, 503)
        answer = _send(files[INDEX], request, forever=False)
        answer.headers["Content-Security-Policy"] = POLICY
        return answer

    return router


def _files_of(folder: Path) -> dict[str, _File]:
    """Return all files, by their address. What is not in here is not given to anybody."""
    suffixes = tuple(suffix for _, suffix in ENCODINGS)
    paths = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    return {
        name: _File(
            path,
            {
                encoding: paths[name + suffix]
                for encoding, suffix in ENCODINGS
                if name + suffix in paths
            },
        )
        for name, path in paths.items()
        if not name.endswith(suffixes)
    }


def _send(file: _File, request: Request, *, forever: bool) -> Response:
    accepted = {
        part.split(";")[0].strip() for part in request.headers.get("Accept-Encoding", "").split(",")
    }
    encoding = next((name for name in file.encodings if name in accepted), None)
    answer = FileResponse(
        file.encodings[encoding] if encoding else file.path,
        media_type=mimetypes.guess_type(file.path.name)[0] or "application/octet-stream",
    )
    if encoding:
        answer.headers["Content-Encoding"] = encoding
    answer.headers["Vary"] = "Accept-Encoding"
    # Built files have their content's hash in their name.
    answer.headers["Cache-Control"] = "max-age=31536000, immutable" if forever else "no-cache"
    return answer
