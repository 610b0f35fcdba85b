"""Logging in: checked in constant ways, limited by name and by address, locks that grow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from serve import ledger, metrics
from serve.db.engine import Database
from serve.db.tables import LoginAttempt, LoginSession, User, new_id, utc_now
from serve.errors import NotSignedIn, TooMany
from serve.people.accounts import name_digest, normalised
from serve.people.secrets import new_secret, password_fits, sha256_of
from serve.settings import Settings

log = structlog.get_logger()

WRONG = "the name or the password is wrong"
REMEMBERED = timedelta(days=1)
"""How long a wrong login counts."""
FREE_BY_NAME = 5
FREE_BY_ADDRESS = 30
"""Many people may sit behind one address."""
FIRST_LOCK_S = 30
LONGEST_LOCK_S = 900
"""A lock can be set off by anybody, so it may not keep the right person out for long."""
SESSIONS_OF_A_USER = 20
_LOCK = 7266603
"""PostgreSQL advisory lock: attempts are counted one after the other, never two at once."""


@dataclass(frozen=True)
class Opened:
    """A session that was begun; its secret is known only here and in the browser."""

    user: User
    session_id: str
    secret: str
    expires_at: datetime


def lock_s(wrong: int, free: int) -> int:
    """Return for how long one has to wait after so many wrong logins."""
    if wrong < free:
        return 0
    return int(min(FIRST_LOCK_S * 2 ** min(wrong - free, 20), LONGEST_LOCK_S))


def log_in(
    database: Database,
    settings: Settings,
    *,
    name: str,
    password: str,
    address: str,
    browser: str = "",
    replaces: str | None = None,
) -> Opened:
    """Begin a session.

    Args:
        database: Where users are.
        settings: For the length of a session.
        name: As typed.
        password: As typed.
        address: Where the request came from.
        browser: What the browser says it is.
        replaces: Secret of the session this browser had before; it ends.

    Raises:
        NotSignedIn: Name or password is wrong, or the user is disabled: no one is told which.
        TooMany: Too many were wrong.
    """
    attempt = reserve(database, name=name, address=address)
    with database.read() as session:
        user = session.scalar(sa.select(User).where(User.name == normalised(name)))
    usable = user is not None and not user.disabled
    fits = password_fits(user.password_hash if user and usable else None, password)
    if user is None or not fits:
        metrics.LOGINS.labels("wrong").inc()
        log.warning("login_wrong", client_address=address)
        raise NotSignedIn(WRONG)
    now = utc_now()
    opened = Opened(user, new_id(), new_secret(), now + timedelta(hours=settings.session_hours))
    with database.write() as session:
        # Between the check and now the password may have been changed.
        now_user = session.get(User, user.id)
        if now_user is None or now_user.disabled or now_user.password_hash != user.password_hash:
            raise NotSignedIn(WRONG)
        forget(session, name=name, attempt=attempt)
        if replaces:
            session.execute(
                sa.delete(LoginSession).where(LoginSession.secret_sha256 == sha256_of(replaces))
            )
        _end_oldest(session, user.id)
        session.add(
            LoginSession(
                id=opened.session_id,
                user_id=user.id,
                secret_sha256=sha256_of(opened.secret),
                address=address[:64],
                browser=browser[:200],
                expires_at=opened.expires_at,
            )
        )
        ledger.append(
            session,
            actor=user.name,
            action="auth.login",
            subject_type="user",
            subject=user.id,
            detail={"session": opened.session_id},
        )
    metrics.LOGINS.labels("ok").inc()
    return opened


def reserve(database: Database, *, name: str, address: str) -> str:
    """Count an attempt before it is looked at, so that many at once do not slip through.

    Returns:
        Its id, for `forget`.

    Raises:
        TooMany: This name or this address has to wait.
    """
    now = utc_now()
    digest = name_digest(name)
    address = address[:64]
    with database.write() as session:
        if not database.is_sqlite:
            session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        wait_s = max(
            _wait_s(session, LoginAttempt.name_sha256 == digest, FREE_BY_NAME, now),
            _wait_s(session, LoginAttempt.address == address, FREE_BY_ADDRESS, now),
        )
        if wait_s <= 0:
            attempt = LoginAttempt(id=new_id(), name_sha256=digest, address=address, at=now)
            session.add(attempt)
            return attempt.id
    metrics.LOGINS.labels("limited").inc()
    log.warning("login_limited", client_address=address, wait_s=wait_s)
    raise TooMany(
        f"too many wrong logins; wait {wait_s} seconds, or ask an administrator for a new password",
        retry_after_s=wait_s,
    )


def forget(session: Session, *, name: str, attempt: str) -> None:
    """Drop what was counted against a name, now that the right password came.

    What others typed from the same address still counts against the address.
    """
    session.execute(
        sa.delete(LoginAttempt).where(
            sa.or_(LoginAttempt.name_sha256 == name_digest(name), LoginAttempt.id == attempt)
        )
    )


def _wait_s(session: Session, whose: sa.ColumnElement[bool], free: int, now: datetime) -> int:
    wrong, last = session.execute(
        sa.select(sa.func.count(), sa.func.max(LoginAttempt.at, type_=LoginAttempt.at.type)).where(
            whose, LoginAttempt.at > now - REMEMBERED
        )
    ).one()
    if not wrong:
        return 0
    left = (last + timedelta(seconds=lock_s(wrong, free)) - now).total_seconds()
    return int(left) + 1 if left > 0 else 0


def _end_oldest(session: Session, user_id: str) -> None:
    kept = session.scalars(
        sa.select(LoginSession.id)
        .where(LoginSession.user_id == user_id)
        .order_by(LoginSession.created_at.desc(), LoginSession.id.desc())
        .offset(SESSIONS_OF_A_USER - 1)
    ).all()
    if kept:
        session.execute(sa.delete(LoginSession).where(LoginSession.id.in_(kept)))
