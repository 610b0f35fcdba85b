"""YAML files that a city replaces: read once, read again when they change, and never half-right."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from vision.errors import InputError

MAX_BYTES = 1_000_000

Document = TypeVar("Document", bound=BaseModel)


def read_document(path: Path, form: type[Document], *, what: str) -> Document:
    """Return a YAML file as a checked model.

    Args:
        path: The file.
        form: Its model; unknown keys are errors.
        what: What messages call it.

    Raises:
        InputError: It cannot be read, is no YAML, or does not fit; the message names each place.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"the {what} {path} cannot be read: {error.strerror}") from error
    if status.st_size > MAX_BYTES:
        raise InputError(f"the {what} {path} is larger than {MAX_BYTES} bytes")
    # An edited file counts from the next reading on; an unchanged one is not parsed again.
    return _parsed(path, form, what, status.st_mtime_ns, status.st_size)  # type: ignore[return-value]


@lru_cache(maxsize=64)
def _parsed(path: Path, form: type[BaseModel], what: str, _changed: int, _size: int) -> BaseModel:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"the {what} {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"the {what} {path} is no YAML: {_flat(error)}") from error
    try:
        return form.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'top'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        )
        raise InputError(f"the {what} {path} does not fit: {wrong}") from error


def _flat(error: Exception) -> str:
    return " ".join(str(error).split())
