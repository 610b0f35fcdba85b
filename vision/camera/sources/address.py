"""Addresses of cameras: what kind each is, and how to speak of one without its secrets."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from vision.errors import InputError

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://(.*)$", re.DOTALL)


class AddressKind(StrEnum):
    """How a source is reached."""

    RTSP = "rtsp"
    SNAPSHOT = "snapshot"
    FOLDER = "folder"
    FILE = "file"


_BY_SCHEME = {
    "rtsp": AddressKind.RTSP,
    "rtsps": AddressKind.RTSP,
    "http": AddressKind.SNAPSHOT,
    "https": AddressKind.SNAPSHOT,
}


def redacted(address: str) -> str:
    """Return an address that may stand in logs, reports and errors.

    User and password go, and so do queries and path segments with an equals sign, because many
    cameras take the password there (`/user=admin_password=…`). Where in doubt more is left out.

    >>> redacted("rtsp://admin:p@ss@10.0.0.8:554/ch1?token=1")
    'rtsp://***@10.0.0.8:554/ch1?***'
    >>> redacted("clips/gate.mp4")
    'clips/gate.mp4'
    """
    found = _SCHEME.match(address)
    if found is None:
        return address
    scheme, rest = found.groups()
    # A password may hold a slash or a question mark that nobody encoded: what is before the last
    # @ is never shown.
    secret, _, shown = rest.rpartition("@")
    place, _, query = shown.partition("?")
    place = place.partition("#")[0]
    host, *segments = place.split("/")
    path = "".join("/***" if "=" in segment or "%3D" in segment.upper() else f"/{segment}"
                   for segment in segments)  # fmt: skip
    return f"{scheme}://{'***@' if secret else ''}{host}{path}{'?***' if query else ''}"


def kind_of(address: str) -> AddressKind:
    """Tell how a source is reached.

    Raises:
        InputError: The scheme is none that cameras are read from, the host is missing or the port
            is wrong, or there is no such file or folder.
    """
    found = _SCHEME.match(address)
    if found is None:
        path = Path(address)
        if path.is_dir():
            return AddressKind.FOLDER
        if path.is_file():
            return AddressKind.FILE
        raise InputError(f"{address}: there is no such file or folder")
    kind = _BY_SCHEME.get(found[1].lower())
    if kind is None:
        raise InputError(
            f"{redacted(address)}: {found[1]}:// is not read from; "
            "give rtsp://, rtsps://, http://, https://, a video file or a folder of pictures"
        )
    split_address(address)
    return kind


def split_address(address: str) -> SplitResult:
    """Take a stream's address apart.

    Raises:
        InputError: Host or port is missing or wrong, or it holds a control character.
    """
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    # What urlsplit drops silently (line breaks) or a request line must not hold.
    if not usable or any(ord(character) <= 32 for character in address):
        raise InputError(
            f"{redacted(address)}: not a usable address; write scheme://host:port/path, "
            "and /, ?, #, @ and blanks in user or password percent-encoded (%2F %3F %23 %40 %20)"
        ) from None
    return parts
