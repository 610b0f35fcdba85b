"""Bearer tokens of machines: made once, shown once, never more than their owner may."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve import ledger
from serve.db.tables import Token, User, utc_now
from serve.errors import Conflict, NotAllowed, NotFound
from serve.people.secrets import TOKEN_PREFIX, new_secret, sha256_of
from vision.errors import InputError

EVERYTHING = "*"
METRICS = "metrics"
"""A resource that is no part of the API: figures for Prometheus."""
VERBS = ("read", "write")
TOKENS_OF_A_USER = 100


def check_scopes(
    scopes: Iterable[str], *, resources: Collection[str], held: Collection[str] | None = None
) -> list[str]:
    """Return scopes in order, each once.

    Args:
        scopes: As asked for.
        resources: What there is, as the API's tags name it.
        held: Scopes of the token that asks; none for a person.

    Raises:
        InputError: One is of nothing that there is.
        NotAllowed: The token that asks has less itself.
    """
    wanted = sorted(set(scopes))
    known = {EVERYTHING, *(f"{resource}:{verb}" for resource in resources for verb in VERBS)}
    unknown = [scope for scope in wanted if scope not in known]
    if not wanted or unknown:
        raise InputError(
            f"{', '.join(unknown)[:200] or 'no scope'}: a scope is * or RESOURCE:read or "
            f"RESOURCE:write, of {', '.join(sorted(resources))}"
        )
    beyond = [scope for scope in wanted if held is not None and not covers(held, scope)]
    if beyond:
        raise NotAllowed(f"this token lacks {', '.join(beyond)} itself")
    return wanted


def covers(held: Collection[str], scope: str) -> bool:
    """Tell whether scopes include one: writing includes reading."""
    resource = scope.partition(":")[0]
    return EVERYTHING in held or scope in held or f"{resource}:write" in held


def create(
    session: Session,
    user: User,
    *,
    actor: str,
    name: str,
    scopes: list[str],
    expires_at: datetime | None = None,
) -> tuple[Token, str]:
    """Make a token.

    Returns:
        The token, and its secret, which cannot be had again.

    Raises:
        Conflict: The user is disabled, or has too many.
        InputError: It would be over already.
    """
    if user.disabled:
        raise Conflict(f"{user.name} is disabled; enable the user first")
    if expires_at is not None and expires_at <= utc_now():
        raise InputError("expires_at lies in the past")
    live = session.scalar(
        sa.select(sa.func.count())
        .select_from(Token)
        .where(Token.user_id == user.id, Token.revoked_at.is_(None))
    )
    if (live or 0) >= TOKENS_OF_A_USER:
        raise Conflict(f"{user.name} has {TOKENS_OF_A_USER} tokens; revoke one first")
    secret = new_secret(TOKEN_PREFIX)
    token = Token(
        user_id=user.id,
        name=name,
        secret_sha256=sha256_of(secret),
        scopes=scopes,
        expires_at=expires_at,
    )
    session.add(token)
    session.flush()
    ledger.append(
        session,
        actor=actor,
        action="token.create",
        subject_type="token",
        subject=token.id,
        detail={"owner": user.name, "name": name, "scopes": scopes},
    )
    return token, secret


def revoke(session: Session, token_id: str, *, actor: str, owner: str | None = None) -> Token:
    """Make a token useless, now and for ever; one that is already stays so.

    Args:
        session: An open writing transaction.
        token_id: Which one.
        actor: Who does it.
        owner: User id; another's token is not found.

    Raises:
        NotFound: There is none, or none of the owner's.
    """
    token = session.get(Token, token_id)
    if token is None or owner not in (None, token.user_id):
        raise NotFound(f"there is no token {token_id}")
    if token.revoked_at is None:
        token.revoked_at = utc_now()
        ledger.append(
            session,
            actor=actor,
            action="token.revoke",
            subject_type="token",
            subject=token.id,
            detail={"name": token.name},
        )
    return token
