"""Passwords and secrets: how they are made, kept and compared."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

MIN_PASSWORD_LENGTH = 12
TOKEN_PREFIX = "cityeye_"  # noqa: S105 (told apart in logs by secret scanners)
HASHES_AT_ONCE = 4
"""Each takes 64 MiB; a flood of logins must wait, not eat the machine."""

_hasher = PasswordHasher()
_turns = threading.BoundedSemaphore(HASHES_AT_ONCE)


def _fits_nothing() -> str:
    """Return a hash that no password has, and that takes as long to verify as one that has."""
    salt, digest = (
        base64.b64encode(os.urandom(length)).decode().rstrip("=")
        for length in (_hasher.salt_len, _hasher.hash_len)
    )
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


# Verified when there is no such user, so that the time taken does not tell. Made up, not hashed:
# that would cost each start of any command as much as a log-in.
_NOBODY = _fits_nothing()


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password."""
    with _turns:
        return _hasher.hash(password)


def password_fits(password_hash: str | None, password: str) -> bool:
    """Tell whether a password is the one that was hashed; none never fits, as slowly."""
    try:
        with _turns:
            fits = _hasher.verify(password_hash or _NOBODY, password)
    except (Argon2Error, InvalidHashError):
        return False
    return fits and password_hash is not None


def new_secret(prefix: str = "") -> str:
    """Return 256 random bits as text."""
    return prefix + secrets.token_urlsafe(32)


def sha256_of(secret: str) -> str:
    """Return what is kept of a random secret; being long and random it needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_of(session_secret: str) -> str:
    """Return the secret that a page sends with every change, beside the cookie.

    It is made from the session's secret, so that all tabs of a browser have the same one and any
    of them can ask for it again; from it the session's secret cannot be found.
    """
    return hmac.new(session_secret.encode(), b"cityeye csrf", hashlib.sha256).hexdigest()
