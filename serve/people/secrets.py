"""Passwords and secrets: how they are made, kept and compared."""

from __future__ import annotations

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

MIN_PASSWORD_LENGTH = 12
TOKEN_PREFIX = "cityeye_"  # noqa: S105 (told apart in logs by secret scanners)

_hasher = PasswordHasher()
# Verified when there is no such user, so that the time taken does not tell.
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password."""
    return _hasher.hash(password)


def password_fits(password_hash: str | None, password: str) -> bool:
    """Tell whether a password is the one that was hashed; none never fits, as slowly."""
    try:
        return _hasher.verify(password_hash or _NOBODY, password) and password_hash is not None
    except (Argon2Error, InvalidHashError):
        return False


def new_secret(prefix: str = "") -> str:
    """Return 256 random bits as text."""
    return prefix + secrets.token_urlsafe(32)


def sha256_of(secret: str) -> str:
    """Return what is kept of a random secret; being long and random it needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
