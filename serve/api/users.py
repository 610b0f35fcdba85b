"""Users: added, changed, kept out, given a new password; for administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from serve.api.access import Role
from serve.api.auth import Language, Password
from serve.api.caller import Here, Who
from serve.api.once import CreateOnce
from serve.api.paging import Cursor, Limit, Page, page_of
from serve.api.texts import Line
from serve.api.versions import IfMatch, check_version, tag
from serve.db.tables import User
from serve.errors import NotFound
from serve.people import accounts

router = APIRouter(tags=["users"])

UserId = Annotated[str, Path(max_length=40, pattern=r"^[\w\-]+$")]
Quota = Annotated[int, Field(ge=0, le=2**60)]


class UserCreate(BaseModel):
    """A new user."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        description="to log in with; upper and lower case count as the same",
        max_length=64,
        pattern=accounts.NAME,
    )
    display_name: Line = Field(default="", description="how they are shown; empty: the name")
    role: Role = Field(description="what they are here for")
    password: Password = Field(description="12 characters or more")
    language: Language = Field(default="zh", description="of pages")
    upload_quota_bytes: Quota | None = Field(
        default=None, description="their own upload quota; none: that of everybody"
    )


class UserUpdate(BaseModel):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    display_name: Line | None = Field(default=None, description="how they are shown")
    role: Role | None = Field(default=None, description="what they are here for")
    disabled: bool | None = Field(default=None, description="whether they are kept out")
    language: Language | None = Field(default=None, description="of pages")
    upload_quota_bytes: Quota | None = Field(
        default=None, description="their own upload quota; null: that of everybody again"
    )


class UserPublic(BaseModel):
    """A user."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    display_name: str
    role: Role
    language: Language
    disabled: bool
    upload_quota_bytes: int | None
    created_at: datetime
    revision: int


class PasswordReset(BaseModel):
    """A new password for somebody."""

    model_config = ConfigDict(extra="forbid")

    password: Password = Field(description="12 characters or more")


@router.post("/users", status_code=201, response_model=UserPublic)
def create_user(body: UserCreate, who: Who, once: CreateOnce) -> Response:
    """Add a user."""

    def make(session: sa.orm.Session) -> UserPublic:
        return UserPublic.model_validate(
            accounts.add(
                session,
                actor=who.name,
                name=body.name,
                role=body.role,
                password=body.password.get_secret_value(),
                display_name=body.display_name,
                language=body.language,
                upload_quota_bytes=body.upload_quota_bytes,
            )
        )

    return once.create(body, make, location=lambda made: f"/api/v1/users/{made.id}")  # type: ignore[attr-defined]


@router.get("/users")
def list_users(
    here: Here,
    role: Annotated[Role | None, Query(description="only of this role")] = None,
    disabled: Annotated[bool | None, Query(description="only those kept out, or not")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[UserPublic]:
    """List users by name."""
    query = sa.select(User)
    if role is not None:
        query = query.where(User.role == role)
    if disabled is not None:
        query = query.where(User.disabled.is_(disabled))
    with here.database.read() as session:
        rows, following = page_of(
            session, query, (User.name,), limit=limit, cursor=cursor, descending=False
        )
    return Page(items=[UserPublic.model_validate(row) for row in rows], next=following)


@router.get("/users/{user_id}")
def get_user(user_id: UserId, here: Here, response: Response) -> UserPublic:
    """Return a user."""
    with here.database.read() as session:
        user = _found(session, user_id)
    tag(response, user)
    return UserPublic.model_validate(user)


@router.patch("/users/{user_id}")
def change_user(
    user_id: UserId,
    body: UserUpdate,
    here: Here,
    who: Who,
    response: Response,
    if_match: IfMatch = None,
) -> UserPublic:
    """Change a user; one who is disabled is logged out everywhere, and their tokens rest.

    The last administrator who is not disabled stays one.
    """
    with here.database.write() as session:
        user = _found(session, user_id)
        check_version(user, if_match)
        accounts.change(
            session,
            user,
            actor=who.name,
            role=body.role,
            disabled=body.disabled,
            display_name=body.display_name,
            language=body.language,
            upload_quota_bytes=body.upload_quota_bytes,
            default_quota="upload_quota_bytes" in body.model_fields_set
            and body.upload_quota_bytes is None,
        )
    tag(response, user)
    return UserPublic.model_validate(user)


@router.put("/users/{user_id}/password", status_code=204)
def reset_password(user_id: UserId, body: PasswordReset, here: Here, who: Who) -> Response:
    """Give a user another password; they are logged out everywhere."""
    with here.database.write() as session:
        user = _found(session, user_id)
        accounts.set_password(session, user, body.password.get_secret_value(), actor=who.name)
    return Response(status_code=204)


def _found(session: sa.orm.Session, user_id: str) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"there is no user {user_id}")
    return user
