"""Findings: lists, counts, the map, and one with all that is known of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from serve.api.caller import Here
from serve.api.paging import MAX_LIMIT, Page
from serve.api.versions import tag
from serve.db.tables import FindingRow
from serve.errors import NotFound
from serve.findings.filters import FindingFilters
from serve.findings.mapping import Coordinates, feature_collection
from serve.findings.public import FindingItem, FindingPublic, items_of, public_of
from serve.findings.query import Order, count_findings, list_findings

router = APIRouter(tags=["findings"])

FindingId = Annotated[
    str, Path(description="id of the finding", pattern=r"^[0-9A-Za-z\-]{1,36}$", max_length=36)
]


class ListQuery(FindingFilters):
    """Filters, order and page."""

    order: Order = Field(default=Order.RISK, description="largest first")
    limit: int = Field(default=50, ge=1, le=MAX_LIMIT, description="how many at most")
    cursor: str | None = Field(
        default=None, max_length=500, pattern=r"^[\w\-=]*$", description="`next` of the page before"
    )

    def filters(self) -> FindingFilters:
        """Return the filters alone."""
        return FindingFilters(**{n: getattr(self, n) for n in FindingFilters.model_fields})


class MapQuery(ListQuery):
    """Filters, page, and what coordinates to answer in."""

    limit: int = Field(default=500, ge=1, le=2_000, description="how many at most")
    crs: Coordinates = Field(default=Coordinates.WGS84, description="what to give coordinates in")


class CountPublic(BaseModel):
    """How many findings of a kind are in a state."""

    kind: str
    state: str
    count: int


class CountsPublic(BaseModel):
    """Counts by kind and state."""

    counts: list[CountPublic]
    exact: bool = Field(description="false where there are more than were counted")


@router.get("/findings")
def list_all_findings(service: Here, query: Annotated[ListQuery, Query()]) -> Page[FindingItem]:
    """List findings, the most urgent or the newest first."""
    with service.database.read() as session:
        rows, following = list_findings(
            session, query.filters(), order=query.order, limit=query.limit, cursor=query.cursor
        )
        return Page(items=items_of(session, rows), next=following)


@router.get("/findings/counts")
def count_all_findings(service: Here, filters: Annotated[FindingFilters, Query()]) -> CountsPublic:
    """Count findings by kind and state."""
    with service.database.read() as session:
        counts, is_exact = count_findings(session, filters)
    pairs = [CountPublic(kind=k, state=s, count=n) for (k, s), n in sorted(counts.items())]
    return CountsPublic(counts=pairs, exact=is_exact)


@router.get(
    "/findings.geojson",
    response_class=JSONResponse,
    responses={200: {"content": {"application/geo+json": {}}, "description": "a page"}},
)
def map_findings(service: Here, query: Annotated[MapQuery, Query()]) -> Response:
    """Return a page of findings as GeoJSON (RFC 7946); ``next`` is the following page's cursor."""
    with service.database.read() as session:
        rows, following = list_findings(
            session, query.filters(), order=query.order, limit=query.limit, cursor=query.cursor,
            with_documents=True,
        )  # fmt: skip
        content = feature_collection(rows, form=query.crs, following=following)
    return JSONResponse(content, media_type="application/geo+json")


@router.get("/findings/{finding_id}")
def get_finding(service: Here, finding_id: FindingId, response: Response) -> FindingPublic:
    """Return one finding with its sightings, evidence, history and cases."""
    with service.database.read() as session:
        row = session.get(FindingRow, finding_id)
        if row is None:
            raise NotFound(f"there is no finding {finding_id}")
        tag(response, row)
        return public_of(session, row)
