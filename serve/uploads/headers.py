"""What the tus protocol says in headers: metadata and checksums."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

from vision.errors import InputError

ALGORITHMS = ("sha1", "sha256", "md5")
MAX_METADATA = 8192
MAX_NAME = 200
NO_NAME = "unnamed"

_KEY = re.compile(r"[!-+\--~]{1,100}")  # printable ASCII without space and comma
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+\-]{1,100}/[\w!#$&^.+\-]{1,100}", re.ASCII)
DEFAULT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Checksum:
    """What the sender says that the bytes of one request hash to."""

    algorithm: str
    digest: bytes

    def hasher(self) -> hashlib._Hash:
        """Return a hash to feed the bytes to."""
        # SHA-1 and MD5 guard against accidents on the way here, nothing else.
        return hashlib.new(self.algorithm, usedforsecurity=False)


def read_metadata(header: str | None) -> dict[str, str]:
    """Return the pairs of an ``Upload-Metadata`` header.

    Raises:
        InputError: The header is not as tus 1.0 wants it.
    """
    if not header or not header.strip():
        return {}
    if len(header) > MAX_METADATA:
        raise InputError(f"Upload-Metadata is longer than {MAX_METADATA} characters; send less")
    pairs: dict[str, str] = {}
    for part in header.split(","):
        key, _, encoded = part.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in pairs:
            raise InputError(
                "Upload-Metadata: keys are printable ASCII without space and comma, each but once"
            )
        try:
            pairs[key] = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise InputError(
                f"Upload-Metadata: the value of {key} is not UTF-8 text in Base64"
            ) from error
    return pairs


def file_name_of(metadata: dict[str, str]) -> str:
    """Return the sender's name for the file, made harmless; it is shown and never opened."""
    given = metadata.get("filename") or metadata.get("name") or ""
    # Whatever comes before the last slash of either kind says something of the sender's machine.
    base = PurePosixPath(given.replace("\\", "/")).name
    plain = "".join(c for c in base if not unicodedata.category(c).startswith("C")).strip()
    return plain[-MAX_NAME:] if plain.strip(".") else NO_NAME


def media_type_of(metadata: dict[str, str]) -> str:
    """Return the sender's media type, where it is one."""
    given = metadata.get("filetype") or metadata.get("type") or ""
    return given.lower() if _MEDIA_TYPE.fullmatch(given) else DEFAULT_TYPE


def write_metadata(pairs: dict[str, str]) -> str:
    """Return the header for pairs."""
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items()
    )


def read_checksum(header: str | None) -> Checksum | None:
    """Return what an ``Upload-Checksum`` header says.

    Raises:
        InputError: It is not one, or of an algorithm that is not offered.
    """
    if header is None:
        return None
    algorithm, _, encoded = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise InputError(f"Upload-Checksum: offered are {', '.join(ALGORITHMS)}")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("Upload-Checksum: the digest is not Base64") from error
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise InputError(f"Upload-Checksum: a digest of {algorithm} has another length")
    return Checksum(algorithm, digest)
