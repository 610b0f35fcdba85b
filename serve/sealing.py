"""Secrets at rest, encrypted with keys made from the service's secret.

Each purpose has a key of its own (HKDF-SHA256, RFC 5869), so that what was sealed for one cannot be
opened, or a signature passed off, as another's.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from serve.errors import Conflict
from serve.settings import Settings

KEY_BYTES = 32
NONCE_BYTES = 12
FORM = b"\x01"
"""First byte of what is sealed: AES-256-GCM, then the nonce, then the text with its tag."""


class SecretChanged(Conflict):
    """What was sealed cannot be opened with the secret of today."""


def signing_key(settings: Settings, purpose: str) -> bytes:
    """Return the key of a purpose, 32 bytes; the same for the same secret.

    Args:
        settings: Whose secret is used.
        purpose: What it is for, as ``callback`` or ``camera address``.
    """
    secret = settings.secret.get_secret_value().encode()
    derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=b"cityeye", info=purpose.encode())
    return derivation.derive(secret)


def seal(settings: Settings, purpose: str, text: str) -> bytes:
    """Encrypt a text so that it can be opened for the same purpose only."""
    nonce = os.urandom(NONCE_BYTES)
    # Another purpose's key already fails; naming the purpose again costs nothing and says so.
    cipher = AESGCM(signing_key(settings, f"seal {purpose}"))
    return FORM + nonce + cipher.encrypt(nonce, text.encode(), purpose.encode())


def unseal(settings: Settings, purpose: str, sealed: bytes) -> str:
    """Return what was sealed.

    Raises:
        SecretChanged: It was sealed with another secret or for another purpose, or was changed.
    """
    nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        if sealed[:1] != FORM:
            raise InvalidTag
        cipher = AESGCM(signing_key(settings, f"seal {purpose}"))
        return cipher.decrypt(nonce, body, purpose.encode()).decode()
    except (InvalidTag, ValueError):
        raise SecretChanged(
            f"a stored {purpose} cannot be read: CITYEYE_SECRET is not the one it was stored with; "
            "set the old secret again, or enter it anew"
        ) from None
