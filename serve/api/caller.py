"""Who calls: from the session cookie or the bearer token, checked against the access table."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Request
from sqlalchemy.orm import Session

from serve import logs
from serve.api.access import ACCESS, Role
from serve.db.tables import LoginSession, Token, User, utc_now
from serve.errors import NotAllowed, NotSignedIn
from serve.people.secrets import csrf_of, sha256_of
from serve.people.tokens import covers
from serve.service import Service

COOKIE = "cityeye_session"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
USED_AGAIN_S = 60.0
"""How stale "last used" may get; writing it with every request would make readers write."""


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes:
        user_id: Their id.
        name: Their user name; with a token's name where one was used.
        role: What they are here for.
        scopes: What a token is limited to, ``resource:read`` or ``resource:write``; none for a
            person in a browser.
        session_id: The browser's session, where it is one.
    """

    user_id: str
    name: str
    role: Role
    scopes: frozenset[str] | None = None
    session_id: str | None = None


def service_of(request: Request) -> Service:
    """Return the service that an app was made for."""
    service: Service = request.app.state.service
    return service


def authorise(request: Request) -> None:
    """Find out who calls and whether they may; for every endpoint of the API.

    Raises:
        NotSignedIn: The endpoint is not for everybody, and the caller did not say who they are.
        NotAllowed: They may not, or the request may have been made by another site's page.
    """
    route = request.scope["route"]
    roles = ACCESS.get(route.name, frozenset())
    if roles is None:
        return
    caller = _identify(request)
    if caller.role not in roles:
        raise NotAllowed(f"the role {caller.role} may not do this")
    if caller.scopes is not None:
        resource = route.tags[0]
        wanted = "read" if request.method in SAFE_METHODS else "write"
        if not covers(caller.scopes, f"{resource}:{wanted}"):
            raise NotAllowed(f"this token lacks the scope {resource}:{wanted}")
    request.state.caller = caller
    logs.note(caller=caller.name)


def caller_by_token(request: Request, service: Service) -> Caller:
    """Return who calls with a bearer token.

    Raises:
        NotSignedIn: There is none, or it is not good.
    """
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise NotSignedIn("send a bearer token")
    now = utc_now()
    with service.database.read() as session:
        caller, token = _by_token(session, credential.strip(), now)
    if _stale(token.last_used_at, now):
        with service.database.write() as session:
            session.execute(sa.update(Token).where(Token.id == token.id).values(last_used_at=now))
    return caller


def _identify(request: Request) -> Caller:
    service = service_of(request)
    # A header that is there counts: who sent a token is not to act by a cookie they forgot.
    if request.headers.get("Authorization", "").lower().startswith("bearer "):
        return caller_by_token(request, service)
    now, database = utc_now(), service.database
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        raise NotSignedIn("sign in, or send a bearer token")
    with database.read() as session:
        caller, login = _by_session(session, cookie, now)
        stale = _stale(login.last_used_at, now)
    if request.method not in SAFE_METHODS:
        sent = request.headers.get(CSRF_HEADER, "")
        if not secrets.compare_digest(sent.encode(), csrf_of(cookie).encode()):
            raise NotAllowed(f"the header {CSRF_HEADER} is missing or not this session's")
    if stale:
        with database.write() as session:
            session.execute(
                sa.update(LoginSession).where(LoginSession.id == login.id).values(last_used_at=now)
            )
    return caller


def _stale(at: datetime | None, now: datetime) -> bool:
    return at is None or now - at > timedelta(seconds=USED_AGAIN_S)


def _by_token(session: Session, secret: str, now: datetime) -> tuple[Caller, Token]:
    found = session.execute(
        sa.select(Token, User)
        .join(User, User.id == Token.user_id)
        .where(Token.secret_sha256 == sha256_of(secret), Token.revoked_at.is_(None))
    ).first()
    if found is None or found.User.disabled or (found.Token.expires_at or now) < now:
        raise NotSignedIn("this token is unknown, revoked or over")
    token, user = found.Token, found.User
    name = f"{user.name} (token {token.name})"
    return Caller(user.id, name, Role(user.role), frozenset(token.scopes)), token


def _by_session(session: Session, secret: str, now: datetime) -> tuple[Caller, LoginSession]:
    found = session.execute(
        sa.select(LoginSession, User)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.secret_sha256 == sha256_of(secret), LoginSession.expires_at > now)
    ).first()
    if found is None or found.User.disabled:
        raise NotSignedIn("this session is over; sign in again")
    login, user = found.LoginSession, found.User
    return Caller(user.id, user.name, Role(user.role), None, login.id), login


def caller_of(request: Request) -> Caller:
    """Return who calls, as found out before.

    Raises:
        NotSignedIn: Nobody, on an endpoint for everybody.
    """
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        raise NotSignedIn("sign in, or send a bearer token")
    return caller


Here = Annotated[Service, Depends(service_of)]
Who = Annotated[Caller, Depends(caller_of)]
