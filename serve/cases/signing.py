"""Signatures of messages, in both directions: HMAC-SHA256 over a timestamp and the content."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

from pydantic import SecretStr

from serve.errors import NotSignedIn

TIMESTAMP_HEADER = "X-CityEye-Timestamp"
SIGNATURE_HEADER = "X-CityEye-Signature"
IDEMPOTENCY_HEADER = "Idempotency-Key"
WINDOW_S = 300
"""How far the two clocks may be apart; an older message may be a recorded one."""
MAX_TIMESTAMP_LENGTH = 20


def signature(secret: SecretStr, timestamp: str, content: bytes) -> str:
    """Return the signature of some content at a time.

    Args:
        secret: Shared with the other side.
        timestamp: Seconds since 1970, as sent in the header.
        content: The body; of a request without one, the path with its query.
    """
    key = secret.get_secret_value().encode()
    digest = hmac.digest(key, timestamp.encode() + b"." + content, hashlib.sha256)
    return f"sha256={digest.hex()}"


def signed_headers(secret: SecretStr, content: bytes, *, now: datetime) -> dict[str, str]:
    """Return the headers that sign some content."""
    timestamp = str(int(now.timestamp()))
    return {
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: signature(secret, timestamp, content),
    }


def check_signature(
    secret: SecretStr, *, timestamp: str, given: str, content: bytes, now: datetime
) -> None:
    """Refuse content that the other side did not sign just now.

    Raises:
        NotSignedIn: The signature is wrong, or the timestamp too far from our clock.
    """
    expected = signature(secret, timestamp, content)
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise NotSignedIn(f"the signature in {SIGNATURE_HEADER} is not that of this content")
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > MAX_TIMESTAMP_LENGTH:
        raise NotSignedIn(f"{TIMESTAMP_HEADER} must be seconds since 1970")
    if abs(now.astimezone(UTC).timestamp() - int(timestamp)) > WINDOW_S:
        raise NotSignedIn(
            f"the time in {TIMESTAMP_HEADER} is more than {WINDOW_S} s away from this clock; "
            "set the clock, and sign when sending"
        )
