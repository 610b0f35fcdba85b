"""The HTTP application."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from serve import pages
from serve.api import (
    audit,
    auth,
    callbacks,
    camera_setup,
    cameras,
    cases,
    comparisons,
    dashboard,
    event_table,
    evidence,
    exports,
    findings,
    health,
    holds,
    models,
    problems,
    registers,
    reviews,
    sites,
    surveys,
    targets,
    tokens,
    uploads,
    users,
    warnings,
)  # fmt: skip
from serve.api.caller import authorise
from serve.api.passage import Passage
from serve.figures import Figures
from serve.readiness import Readiness
from serve.service import Service

PREFIX = "/api/v1"

ROUTERS: tuple[APIRouter, ...] = (
    auth.router,
    users.router,
    tokens.router,
    audit.router,
    models.router,
    uploads.router,
    sites.router,
    surveys.router,
    comparisons.router,
    cameras.router,
    camera_setup.router,
    findings.router,
    evidence.router,
    holds.router,
    reviews.router,
    registers.router,
    warnings.router,
    exports.router,
    cases.router,
    targets.router,
    event_table.router,
    callbacks.router,
    dashboard.router,
)
"""All resources, each of one tag."""


class Application(FastAPI):
    """The application, with what every request passes around all of it, its errors too."""

    def build_middleware_stack(self) -> ASGIApp:
        """Return everything that answers."""
        service: Service = self.state.service
        https = service.settings.public_url.startswith("https://")
        return Passage(super().build_middleware_stack(), https=https)


def make_app(service: Service) -> FastAPI:
    """Return the application for a service."""
    app = _assemble()
    app.state.service = service
    app.state.readiness = Readiness(service)
    app.state.figures = Figures(service)
    # Last: pages lie at every address that nothing else has.
    app.include_router(pages.make_router(service.settings.ui_folder))
    return app


def describe_api() -> dict[str, Any]:
    """Return the description of the API (OpenAPI 3.1), for which no service has to run."""
    return _assemble().openapi()


def _assemble() -> Application:
    app = Application(
        title="CityEye",
        version=metadata.version("cityeye"),
        summary="Drone surveys and street cameras, findings, reviews and case drafts.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.resources = frozenset(str(tag) for router in ROUTERS for tag in router.tags)
    problems.install(app)
    app.router.routes.extend(_routes())
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Return all routes but the pages', each with what all resources have in common.

    What they take and answer is worked out at the first request, in half a second; where several
    applications are made in one process, as in tests, that is done once.
    """
    whole = APIRouter(generate_unique_id_function=lambda route: route.name)
    whole.include_router(health.router)
    for router in ROUTERS:
        whole.include_router(
            router,
            prefix=PREFIX,
            dependencies=[Depends(authorise)],
            responses=problems.PROBLEMS,
        )
    return tuple(whole.routes)
