"""Users: who they are, what they may, and that one administrator always stays."""

from __future__ import annotations

import re
import unicodedata

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from serve import ledger
from serve.api.access import Role
from serve.db.tables import LoginAttempt, LoginSession, User
from serve.errors import Conflict, NotFound
from serve.people.secrets import MIN_PASSWORD_LENGTH, hash_password, sha256_of
from vision.errors import InputError

NAME = r"^[\w][\w.\-@]{0,63}$"
MAX_PASSWORD_LENGTH = 256
MIN_DIFFERENT_CHARACTERS = 5


def normalised(name: str) -> str:
    """Return the one spelling of a user name: nobody is to be mistaken for somebody else."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def name_digest(name: str) -> str:
    """Return what login attempts keep of a name."""
    return sha256_of(normalised(name))


def check_password(password: str, *, name: str) -> None:
    """Refuse a password that is guessed too easily.

    Raises:
        InputError: It is too short, too long, or hardly one.
    """
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise InputError(
            f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters"
        )
    if len(set(password)) < MIN_DIFFERENT_CHARACTERS or normalised(name) == normalised(password):
        raise InputError("this password is guessed too easily; take several unrelated words")


def find(session: Session, name: str) -> User:
    """Return a user by name.

    Raises:
        NotFound: There is none.
    """
    user = session.scalar(sa.select(User).where(User.name == normalised(name)))
    if user is None:
        raise NotFound(f"there is no user {name}")
    return user


def add(
    session: Session,
    *,
    actor: str,
    name: str,
    role: Role,
    password: str,
    display_name: str = "",
    language: str = "zh",
    upload_quota_bytes: int | None = None,
) -> User:
    """Add a user.

    Raises:
        InputError: The name or password cannot be used.
        Conflict: There is one of that name.
    """
    short = normalised(name)
    if not re.fullmatch(NAME, short):
        raise InputError("a user name has up to 64 letters, digits, dots, dashes or @")
    check_password(password, name=short)
    user = User(
        name=short,
        display_name=display_name or name,
        role=role,
        password_hash=hash_password(password),
        language=language,
        upload_quota_bytes=upload_quota_bytes,
    )
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError as error:
        raise Conflict(f"there is a user {short} already") from error
    ledger.append(
        session,
        actor=actor,
        action="user.create",
        subject_type="user",
        subject=user.id,
        detail={"name": short, "role": role},
    )
    return user


def change(
    session: Session,
    user: User,
    *,
    actor: str,
    role: Role | None = None,
    disabled: bool | None = None,
    display_name: str | None = None,
    language: str | None = None,
    upload_quota_bytes: int | None = None,
    default_quota: bool = False,
) -> None:
    """Change what is given; what is none stays.

    Args:
        session: An open writing transaction.
        user: Whom.
        actor: Who does it.
        role: What they are here for.
        disabled: Whether they are kept out; their sessions end.
        display_name: How they are shown.
        language: Of pages.
        upload_quota_bytes: Their own quota.
        default_quota: Whether they have the quota of everybody again.

    Raises:
        Conflict: Nobody would be left to administer.
    """
    loses = role not in (None, Role.ADMIN) or bool(disabled)
    if user.role == Role.ADMIN and not user.disabled and loses:
        _another_admin_stays(session, user)
    changed: dict[str, object] = {}
    wanted = {
        "role": role, "disabled": disabled, "display_name": display_name, "language": language,
        "upload_quota_bytes": upload_quota_bytes,
    }  # fmt: skip
    for field, value in wanted.items():
        if value is not None and getattr(user, field) != value:
            setattr(user, field, value)
            changed[field] = value
    if default_quota and user.upload_quota_bytes is not None:
        user.upload_quota_bytes = None
        changed["upload_quota_bytes"] = None
    if user.disabled:
        end_sessions(session, user.id)
    if changed:
        ledger.append(
            session,
            actor=actor,
            action="user.change",
            subject_type="user",
            subject=user.id,
            detail={"name": user.name, **changed},
        )


def set_password(
    session: Session, user: User, password: str, *, actor: str, keep: str | None = None
) -> None:
    """Give a user another password; all their sessions end, but for `keep`.

    Raises:
        InputError: It is guessed too easily.
    """
    check_password(password, name=user.name)
    user.password_hash = hash_password(password)
    end_sessions(session, user.id, keep=keep)
    session.execute(
        sa.delete(LoginAttempt).where(LoginAttempt.name_sha256 == name_digest(user.name))
    )
    ledger.append(
        session,
        actor=actor,
        action="user.password",
        subject_type="user",
        subject=user.id,
        detail={"name": user.name},
    )


def end_sessions(session: Session, user_id: str, *, keep: str | None = None) -> int:
    """End a user's browser sessions, but for one; returns how many."""
    over = sa.delete(LoginSession).where(LoginSession.user_id == user_id)
    if keep is not None:
        over = over.where(LoginSession.id != keep)
    ended = session.execute(over)
    return int(getattr(ended, "rowcount", 0))


def _another_admin_stays(session: Session, user: User) -> None:
    # Locked, so that two who take each other's rights away cannot both succeed.
    admins = session.scalars(
        sa.select(User.id)
        .where(User.role == Role.ADMIN, User.disabled.is_(False))
        .order_by(User.id)
        .with_for_update()
    ).all()
    if set(admins) <= {user.id}:
        raise Conflict(f"{user.name} is the last administrator; make somebody else one before this")
