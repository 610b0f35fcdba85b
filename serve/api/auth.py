"""Logging in and out, who one is, and one's own password and sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from serve import ledger
from serve.api.access import SEES_SEALED, Role, operations_of
from serve.api.caller import COOKIE, Caller, Here, Who
from serve.db.tables import LoginSession, User, utc_now
from serve.errors import NotAllowed, NotFound, NotSignedIn
from serve.people import accounts, logins
from serve.people.accounts import MAX_PASSWORD_LENGTH
from serve.people.secrets import csrf_of, password_fits
from serve.settings import Settings

router = APIRouter(tags=["auth"])

Password = Annotated[SecretStr, Field(max_length=MAX_PASSWORD_LENGTH)]
Language = Literal["zh", "en"]
SessionId = Annotated[str, Path(max_length=40, pattern=r"^[0-9a-f\-]+$")]


class LoginRequest(BaseModel):
    """Who wants in."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="user name", max_length=200)
    password: Password = Field(description="password")


class Me(BaseModel):
    """Who calls."""

    id: str
    name: str = Field(description="user name")
    display_name: str
    role: Role
    language: Language = Field(description="of pages")
    scopes: list[str] | None = Field(
        description="what the token is limited to; none in a browser, where the role alone counts"
    )
    operations: list[str] = Field(
        description="endpoints that the role may call, by their operation ids"
    )
    sees_sealed: bool = Field(description="whether the role sees originals under seal")
    csrf: str | None = Field(
        description="to be sent as X-CSRF-Token with every change, from a browser; the same for "
        "all its tabs until it logs out"
    )


class MeUpdate(BaseModel):
    """What everybody may change of themselves."""

    model_config = ConfigDict(extra="forbid")

    language: Language = Field(description="of pages")


class PasswordChange(BaseModel):
    """A new password for oneself."""

    model_config = ConfigDict(extra="forbid")

    password: Password = Field(description="the present one")
    new_password: Password = Field(description="12 characters or more")


class SessionPublic(BaseModel):
    """A browser that is logged in."""

    id: str
    address: str = Field(description="where it logged in from")
    browser: str = Field(description="what it says it is")
    created_at: datetime
    last_used_at: datetime = Field(description="to the minute")
    expires_at: datetime
    this: bool = Field(description="whether it is the one that asks")


class SessionList(BaseModel):
    """All of one's sessions."""

    items: list[SessionPublic]


@router.post("/auth/login")
def log_in(body: LoginRequest, request: Request, response: Response, here: Here) -> Me:
    """Log in with a browser: the answer sets the session's cookie.

    A wrong name and a wrong password get the same answer. After five wrong ones a name has to wait,
    longer each time, up to a quarter of an hour; so has an address after thirty.
    """
    opened = logins.log_in(
        here.database,
        here.settings,
        name=body.name,
        password=body.password.get_secret_value(),
        address=request.client.host if request.client else "",
        browser=request.headers.get("User-Agent", ""),
        replaces=request.cookies.get(COOKIE),
    )
    _set_cookie(response, opened.secret, here.settings)
    response.headers["Cache-Control"] = "no-store"
    caller = Caller(
        opened.user.id, opened.user.name, Role(opened.user.role), None, opened.session_id
    )
    return _me(opened.user, caller, csrf=csrf_of(opened.secret))


@router.post("/auth/logout", status_code=204)
def log_out(here: Here, who: Who) -> Response:
    """Log this browser out."""
    session_id = _browser_of(who)
    with here.database.write() as session:
        session.execute(sa.delete(LoginSession).where(LoginSession.id == session_id))
        ledger.append(
            session,
            actor=who.name,
            action="auth.logout",
            subject_type="user",
            subject=who.user_id,
            detail={"session": session_id},
        )
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/")
    return response


@router.get("/auth/me")
def who_am_i(request: Request, response: Response, here: Here, who: Who) -> Me:
    """Tell who calls, and the secret that changes from a browser need."""
    with here.database.read() as session:
        user = session.get(User, who.user_id)
    if user is None:
        raise NotSignedIn("this user is gone")
    response.headers["Cache-Control"] = "no-store"
    cookie = request.cookies.get(COOKIE)
    return _me(user, who, csrf=csrf_of(cookie) if who.session_id and cookie else None)


@router.patch("/auth/me")
def change_me(body: MeUpdate, request: Request, response: Response, here: Here, who: Who) -> Me:
    """Change what everybody may change of themselves."""
    with here.database.write() as session:
        user = session.get_one(User, who.user_id)
        accounts.change(session, user, actor=who.name, language=body.language)
    return who_am_i(request, response, here, who)


@router.post("/auth/password", status_code=204)
def change_password(body: PasswordChange, request: Request, here: Here, who: Who) -> Response:
    """Change one's own password; all other sessions of the user end."""
    session_id = _browser_of(who)
    attempt = logins.reserve(
        here.database, name=who.name, address=request.client.host if request.client else ""
    )
    with here.database.read() as session:
        user = session.get_one(User, who.user_id)
    if not password_fits(user.password_hash, body.password.get_secret_value()):
        raise NotAllowed("the present password is wrong")
    with here.database.write() as session:
        user = session.get_one(User, who.user_id)
        logins.forget(session, name=user.name, attempt=attempt)
        accounts.set_password(
            session,
            user,
            body.new_password.get_secret_value(),
            actor=who.name,
            keep=session_id,
        )
    return Response(status_code=204)


@router.get("/auth/sessions")
def list_sessions(here: Here, who: Who) -> SessionList:
    """List the browsers that are logged in as the caller."""
    with here.database.read() as session:
        rows = session.scalars(
            sa.select(LoginSession)
            .where(LoginSession.user_id == who.user_id, LoginSession.expires_at > utc_now())
            .order_by(LoginSession.created_at.desc(), LoginSession.id.desc())
        ).all()
    return SessionList(
        items=[
            SessionPublic(
                id=row.id,
                address=row.address,
                browser=row.browser,
                created_at=row.created_at,
                last_used_at=row.last_used_at,
                expires_at=row.expires_at,
                this=row.id == who.session_id,
            )
            for row in rows
        ]
    )


@router.delete("/auth/sessions/{session_id}", status_code=204)
def end_session(session_id: SessionId, here: Here, who: Who) -> Response:
    """Log one of the caller's browsers out."""
    with here.database.write() as session:
        row = session.get(LoginSession, session_id)
        if row is None or row.user_id != who.user_id:
            raise NotFound(f"there is no session {session_id}")
        session.delete(row)
        ledger.append(
            session,
            actor=who.name,
            action="auth.end_session",
            subject_type="user",
            subject=who.user_id,
            detail={"session": session_id},
        )
    return Response(status_code=204)


def _browser_of(who: Caller) -> str:
    if who.session_id is None:
        raise NotAllowed("this is for a browser that is logged in, and not for tokens")
    return who.session_id


def _set_cookie(response: Response, secret: str, settings: Settings) -> None:
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(settings.session_hours * 3600),
        path="/",
        secure=settings.public_url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )


def _me(user: User, caller: Caller, *, csrf: str | None) -> Me:
    return Me(
        id=user.id,
        name=user.name,
        display_name=user.display_name,
        role=Role(user.role),
        language="en" if user.language == "en" else "zh",
        scopes=sorted(caller.scopes) if caller.scopes is not None else None,
        operations=operations_of(Role(user.role)),
        sees_sealed=Role(user.role) in SEES_SEALED,
        csrf=csrf,
    )
