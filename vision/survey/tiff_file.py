"""Looking at a file from outside before GDAL opens it: its name, its kind, its first bytes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vision.errors import BadRaster, LimitExceeded

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def plain_path(path: Path) -> Path:
    """Return an absolute path that GDAL takes as nothing but a file name.

    Raises:
        BadRaster: the name cannot be passed on, or is one of GDAL's virtual files.
    """
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    try:
        path = Path(path).absolute()
        str(path).encode("utf-8")
    except UnicodeError as error:
        raise BadRaster(
            f"{shown}: the file's name cannot be used ({error}). Rename the file."
        ) from error
    if path.parts[1:2] and path.parts[1].startswith("vsi"):
        # GDAL's virtual file systems live under such names: archives, the network, memory.
        raise BadRaster(f"{shown}: not a file of this machine. Name the GeoTIFF itself.")
    return path


def check_tiff_file(path: Path, *, max_file_bytes: int) -> int:
    """Return the size in bytes of a regular file that begins as a TIFF does.

    Raises:
        BadRaster: it is no such file, or may not be read.
        LimitExceeded: it is larger than ``max_file_bytes``.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadRaster(f"{path}: not a regular file. Name the GeoTIFF itself.")
        file_bytes = status.st_size
        with path.open("rb") as stream:
            head = stream.read(64)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadRaster(f"{path}: no such file. Check the path.") from error
    except PermissionError as error:
        raise BadRaster(f"{path}: may not be read. Check its permissions.") from error
    except (OSError, ValueError) as error:
        raise BadRaster(f"{path}: cannot be read ({error}). Check the path.") from error
    if not head:
        raise BadRaster(f"{path}: the file is empty. Copy or export it again.")
    if head[:4] not in _TIFF_MAGIC:
        looks = _guess(head)
        raise BadRaster(
            f"{path}: not a TIFF file{looks}. Only GeoTIFF is read; convert it with "
            "gdal_translate -of COG."
        )
    if file_bytes > max_file_bytes:
        raise LimitExceeded(
            f"{path}: {file_bytes:,} bytes, the limit max_file_bytes is {max_file_bytes:,}."
        )
    return file_bytes


def _guess(head: bytes) -> str:
    text = head.lstrip().lower()
    if text.startswith(b"<vrtdataset"):
        return " (it is a VRT, which may point at other files)"
    if text.startswith((b"<", b"{")):
        return " (it is text)"
    for magic, name in (
        (b"\x89PNG", "PNG"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"PK", "ZIP"),
        (b"\0\0\0\x0cjP", "JPEG 2000"),
    ):
        if head.startswith(magic):
            return f" (it is a {name} file)"
    return ""
