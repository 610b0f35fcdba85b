"""For those who keep the service running: does it live, can it work, what are its figures.

Outside of the API's address, and not in its description: no client of the API needs them.
"""

from __future__ import annotations

from ipaddress import ip_address

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from serve.api.caller import Here, caller_by_token
from serve.errors import NotAllowed
from serve.people.tokens import METRICS, covers
from serve.readiness import OK

router = APIRouter(include_in_schema=False)

_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


@router.get("/healthz")
async def tell_alive() -> dict[str, str]:
    """Tell that the process lives and answers; it says nothing of what it needs."""
    return {"status": OK}


@router.get("/readyz")
def tell_ready(request: Request) -> Response:
    """Tell whether the process can do its work, and what is missing."""
    said = request.app.state.readiness.check()
    ready = all(result == OK for result in said.values())
    return JSONResponse(
        {"status": OK if ready else "not ready", "checks": said}, 200 if ready else 503
    )


@router.get("/metrics")
def tell_figures(request: Request, here: Here) -> Response:
    """Give all figures in Prometheus' form: to this machine, or for a token of ``metrics:read``.

    Raises:
        NotAllowed: The token lacks the scope.
        NotSignedIn: There is none.
    """
    if not _from_this_machine(request):
        caller = caller_by_token(request, here)
        if caller.scopes is None or not covers(caller.scopes, f"{METRICS}:read"):
            raise NotAllowed(f"this token lacks the scope {METRICS}:read")
    request.app.state.figures.count()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _from_this_machine(request: Request) -> bool:
    # A proxy on this machine is not this machine: what came through one says so.
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
