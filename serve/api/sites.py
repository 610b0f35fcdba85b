"""Sites: ground that is flown again and again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from serve import ledger
from serve.api.caller import Here, Who
from serve.api.once import CreateOnce
from serve.api.paging import Cursor, Limit, Page, page_of
from serve.api.texts import NO_CONTROLS
from serve.api.versions import IfMatch, check_version, tag
from serve.db.tables import Comparison, Site, Survey, new_id
from serve.errors import Conflict, NotFound
from serve.surveys.areas import Area, checked_area
from serve.surveys.options import ComparisonOptions

router = APIRouter(tags=["sites"])

Id = Annotated[str, Path(min_length=36, max_length=36, pattern=r"^[0-9a-f\-]{36}$")]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=NO_CONTROLS, strip_whitespace=True),
]
Description = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00]*$")]


class SiteCreate(BaseModel):
    """A new site."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="unique")
    description: Description = ""
    area: Area | None = Field(
        None, description="where to look; surveys must lie on it, comparisons stay inside it"
    )
    options: ComparisonOptions = Field(
        default_factory=ComparisonOptions, description="of the site's comparisons"
    )


class SiteUpdate(BaseModel):
    """What to change of a site; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    description: Description | None = None
    area: Area | None = Field(None, description="null takes the area away")
    options: ComparisonOptions | None = None


class SitePublic(BaseModel):
    """A site."""

    id: str
    name: str
    description: str
    area: dict[str, Any] | None
    options: dict[str, Any]
    created_at: datetime
    revision: int


class LastSurvey(BaseModel):
    """A site's survey that was flown last."""

    id: str
    flown_at: datetime
    state: str


class SiteItem(SitePublic):
    """A site in a list."""

    surveys: int = Field(description="how many it has")
    last_survey: LastSurvey | None = Field(description="the one flown last")
    last_ready_id: str | None = Field(description="the survey flown last of those that are ready")


def _public(row: Site) -> SitePublic:
    return SitePublic.model_validate(row, from_attributes=True)


def site_of(session: Session, site_id: str, *, lock: bool = False) -> Site:
    """Return a site.

    Raises:
        NotFound: There is none.
    """
    row = session.get(Site, site_id, with_for_update=lock or None)
    if row is None:
        raise NotFound("there is no such site")
    return row


@router.post("/sites", status_code=201, response_model=SitePublic)
def create_site(caller: Who, once: CreateOnce, body: SiteCreate) -> Response:
    """Add a site."""
    area = None if body.area is None else checked_area(body.area)

    def make(session: Session) -> SitePublic:
        if session.scalar(sa.select(Site.id).where(Site.name == body.name)):
            raise Conflict(f"there is a site named {body.name} already")
        row = Site(
            id=new_id(), name=body.name, description=body.description, area=area,
            options=body.options.given(),
        )  # fmt: skip
        session.add(row)
        session.flush()
        ledger.append(
            session, actor=caller.name, action="site.create", subject_type="site", subject=row.id,
            detail={"name": row.name},
        )  # fmt: skip
        return _public(row)

    return once.create(body, make, location=lambda made: f"/api/v1/sites/{_id(made)}")


def _id(made: BaseModel) -> str:
    return str(made.model_dump()["id"])


@router.get("/sites")
def list_sites(service: Here, limit: Limit = 50, cursor: Cursor = None) -> Page[SiteItem]:
    """List all sites, newest first, each with what was flown last."""
    with service.database.read() as session:
        rows, following = page_of(
            session, sa.select(Site), (Site.created_at, Site.id), limit=limit, cursor=cursor
        )
        return Page(items=_items(session, rows), next=following)


def _items(session: Session, rows: list[Site]) -> list[SiteItem]:
    flown: dict[str, list[Any]] = {row.id: [] for row in rows}
    lately = (
        sa.select(Survey.site_id, Survey.id, Survey.flown_at, Survey.state)
        .where(Survey.site_id.in_(flown), Survey.state != "deleted")
        .order_by(Survey.flown_at.desc(), Survey.id.desc())
    )
    for survey in session.execute(lately):
        flown[survey.site_id].append(survey)
    return [
        SiteItem(
            **_public(row).model_dump(),
            surveys=len(flown[row.id]),
            last_survey=next(
                (LastSurvey(id=s.id, flown_at=s.flown_at, state=s.state) for s in flown[row.id]),
                None,
            ),
            last_ready_id=next((s.id for s in flown[row.id] if s.state == "ready"), None),
        )
        for row in rows
    ]


@router.get("/sites/{site_id}")
def get_site(service: Here, response: Response, site_id: Id) -> SitePublic:
    """Return a site."""
    with service.database.read() as session:
        row = site_of(session, site_id)
        tag(response, row)
        return _public(row)


@router.patch("/sites/{site_id}")
def change_site(
    service: Here,
    caller: Who,
    response: Response,
    site_id: Id,
    body: SiteUpdate,
    if_match: IfMatch = None,
) -> SitePublic:
    """Change a site."""
    sent = body.model_fields_set
    area = None if body.area is None else checked_area(body.area)
    try:
        with service.database.write() as session:
            row = site_of(session, site_id, lock=True)
            check_version(row, if_match)
            if body.name is not None:
                row.name = body.name
            if body.description is not None:
                row.description = body.description
            if "area" in sent:
                row.area = area
            if body.options is not None:
                row.options = body.options.given()
            ledger.append(
                session, actor=caller.name, action="site.change", subject_type="site",
                subject=row.id, detail={"changed": sorted(sent)},
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict("there is a site of that name already") from error
    tag(response, row)
    return _public(row)


@router.delete("/sites/{site_id}", status_code=204, response_class=Response)
def delete_site(service: Here, caller: Who, site_id: Id, if_match: IfMatch = None) -> Response:
    """Delete a site that was never flown; one that was is part of the record."""
    try:
        with service.database.write() as session:
            row = site_of(session, site_id, lock=True)
            check_version(row, if_match)
            for table in (Survey, Comparison):
                if session.scalar(sa.select(table.id).where(table.site_id == site_id).limit(1)):
                    raise Conflict("this site has surveys; findings and history refer to it")
            session.delete(row)
            session.flush()
            ledger.append(
                session, actor=caller.name, action="site.delete", subject_type="site",
                subject=site_id, detail={"name": row.name},
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict("something refers to this site; it stays for the record") from error
    return Response(status_code=204)
