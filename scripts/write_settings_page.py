"""Write docs/settings.md from the settings: ``python scripts/write_settings_page.py``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from serve.settings import DEFAULT_SECRET, Settings

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "settings.md"
PREFIX = "CITYEYE_"
_HEAD = """# Settings

Settings are read from the environment, by `cityeye serve`, `cityeye worker` and every other command
alike. This page is written from the code: `python scripts/write_settings_page.py`.

A setting made of several has a variable for each of its parts, joined with two underscores; all of
them may also be given as JSON in the variable without the part:
`CITYEYE_RETENTION_DAYS='{"rejected": 10}'`. A wrong value stops the command and is named; variables
that do not begin with `CITYEYE_` are left alone.

With `CITYEYE_STORAGE_URL=s3://bucket/prefix` the storage's endpoint and keys come from the usual
variables: `AWS_ENDPOINT`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and
`AWS_ALLOW_HTTP=true` where the endpoint has no TLS.

| variable | default | what it sets |
|---|---|---|
"""


def page() -> str:
    """Return the page."""
    rows = "".join(
        f"| `{name}` | {default} | {meaning} |\n" for name, default, meaning in _rows(Settings)
    )
    return _HEAD + rows


def _rows(
    model: type[BaseModel], prefix: str = PREFIX, title: str = ""
) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        variable = prefix + name.upper()
        default = _default(field)
        heading = title or field.title or ""
        if isinstance(default, BaseModel):
            yield from _rows(type(default), f"{variable}__", heading)
            continue
        meaning = ": ".join(part for part in (heading, field.description) if part)
        yield variable, _written(default), _cell(f"{meaning}{_bounds(field)}")


def _default(field: FieldInfo) -> Any:  # noqa: ANN401
    default = field.get_default(call_default_factory=True)
    return None if default is PydanticUndefined else default


def _written(default: Any) -> str:  # noqa: ANN401
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
        if default == DEFAULT_SECRET:
            return "none that is accepted outside development"
    if default is None or default in ("", (), [], {}):
        return "empty"
    if isinstance(default, dict | list | tuple):
        default = json.dumps(default, ensure_ascii=False, default=str)
    return f"`{_cell(str(default))}`"


def _bounds(field: FieldInfo) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    said = [
        f"{words[name]} {value:,}"
        for constraint in field.metadata
        for name in words
        if isinstance(value := getattr(constraint, name, None), int | float)
    ]
    return f" ({', '.join(said)})" if said else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        sys.exit(0 if current else f"{PAGE} is not current: python scripts/write_settings_page.py")
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
