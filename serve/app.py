"""The HTTP application."""

from __future__ import annotations

from importlib import metadata

from fastapi import APIRouter, Depends, FastAPI

from serve.api import (
    auth,
    callbacks,
    cases,
    comparisons,
    dashboard,
    problems,
    sites,
    surveys,
    targets,
    tokens,
    uploads,
    users,
)  # fmt: skip
from serve.api.caller import authorise
from serve.service import Service

PREFIX = "/api/v1"

ROUTERS: tuple[APIRouter, ...] = (
    auth.router,
    users.router,
    tokens.router,
    uploads.router,
    sites.router,
    surveys.router,
    comparisons.router,
    cases.router,
    targets.router,
    callbacks.router,
    dashboard.router,
)
"""All resources, each of one tag."""


def make_app(service: Service) -> FastAPI:
    """Return the application for a service."""
    app = FastAPI(
        title="CityEye",
        version=metadata.version("cityeye"),
        summary="Drone surveys and street cameras, findings, reviews and case drafts.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    app.state.resources = frozenset(str(tag) for router in ROUTERS for tag in router.tags)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(
            router,
            prefix=PREFIX,
            dependencies=[Depends(authorise)],
            responses=problems.PROBLEMS,
        )
    return app
