"""The frame of every report: templates, both languages, numbers, and a file written whole.

A report is one HTML file. Its content security policy forbids every outside address, and its one
script is named there by its hash, so that no text from a file can ever become code.
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from vision.camera_texts import CAMERA_TEXTS
from vision.errors import OutputError
from vision.report_texts import TEXTS, Words

PAGE_TEXTS = TEXTS | CAMERA_TEXTS
"""The texts that templates name."""

_MINUS = "\u2212"
_NARROW_SPACE = "\u202f"
_DASH = "–"

# Characters that are not seen but change what is: a name from a file could pose as another.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_UNITS = {"m": "m", "m2": "m²", "m3": "m³", "s": "s", "px": "px", "deg": "°", "km": "km"}


def both(words: Words, **values: object) -> Markup:
    """Return a text in both languages; the page shows one of them.

    Args:
        words: the text; what it holds in braces is filled from ``values``.
        values: escaped unless they are markup already.
    """
    zh, en = (Markup(text).format(**values) for text in words)  # noqa: S704 - our own words
    if zh == en:
        return zh
    return Markup('<span lang="zh">{}</span><span lang="en">{}</span>').format(zh, en)


def text(key: str, **values: object) -> Markup:
    """Return the text of :data:`PAGE_TEXTS` named ``key`` in both languages."""
    return both(PAGE_TEXTS[key], **values)


def name(table: Mapping[str, Words], key: str) -> Markup:
    """Return the words for ``key``, or the key itself, escaped, where the table lacks it."""
    words = table.get(key)
    return escape(key) if words is None else both(words)


def plain(words: Words) -> str:
    """Return both languages in one line, for places that cannot hold markup."""
    return words.zh if words.zh == words.en else f"{words.zh} · {words.en}"


def number(value: float, decimals: int | None = None, *, signed: bool = False) -> str:
    """Format a number for reading: thousands apart, three telling digits unless told otherwise.

    >>> number(1234.567), number(12.345), number(0.0123), number(-3.0, 1)
    ('1,235', '12.3', '0.0123', '−3.0')
    """  # noqa: RUF002 - the minus sign is what is shown
    if not math.isfinite(value):
        return _DASH
    if decimals is None:
        if value == 0 or float(value).is_integer():
            decimals = 0
        else:
            decimals = min(max(2 - math.floor(math.log10(abs(value))), 0), 4)
    shown = f"{abs(value):,.{decimals}f}"
    if not shown.strip("0.,"):
        return shown
    return (_MINUS if value < 0 else "+" if signed else "") + shown


def share(value: float) -> str:
    """Format a share of one as per cent."""
    return f"{number(100 * value, 1 if 0 < abs(value) < 0.1 else 0)}{_NARROW_SPACE}%"


def quantity(value: float, unit: str, *, signed: bool = False) -> str:
    """Format a value with its UCUM unit; a unit of ``1`` is a share.

    >>> quantity(1234.5, "m2"), quantity(0.425, "1")
    ('1,235\u202fm²', '43\u202f%')
    """
    if unit == "1":
        return share(value) if -1 <= value <= 1 else number(value)
    decimals = None
    size = abs(value)
    if unit in {"m", "m2", "m3"} and size >= 1:
        decimals = 0 if size >= 100 or (unit == "m" and float(value).is_integer()) else 1
    elif unit == "m" and size > 0:
        decimals = 2 if size >= 0.1 else 3
    return f"{number(value, decimals, signed=signed)}{_NARROW_SPACE}{_UNITS.get(unit, unit)}"


def unit_of(key: str) -> str | None:
    """Return the unit that a name ends in: ``min_area_m2`` → ``m2``; None where it has none."""
    ending = key.rsplit("_", 1)[-1]
    if ending in {"share", "score", "probability"}:
        return "1" if ending == "share" else None
    return ending if "_" in key and ending in _UNITS else None


def setting(value: object, key: str) -> Markup:
    """Format the threshold or option named ``key`` by what it is and by the unit in its name."""
    if value is None:
        return text("default")
    if isinstance(value, bool):
        return text("yes" if value else "no")
    if isinstance(value, int | float):
        if key.endswith("_bytes"):
            return escape(file_size(int(value)))
        unit = unit_of(key)
        if unit == "1":
            return escape(share(value))
        # A person set this value: it is shown as it was set, not rounded like a measurement.
        digits = f"{abs(value):,.6f}".rstrip("0").rstrip(".")
        shown = (_MINUS if value < 0 else "") + digits
        return escape(shown if unit is None else f"{shown}{_NARROW_SPACE}{_UNITS[unit]}")
    return escape(str(value))


def ground_pixel(gsd_m: float) -> str:
    """Format the size of a pixel on the ground, in centimetres."""
    return f"{number(100 * gsd_m, 0 if gsd_m >= 0.1 else 1)}{_NARROW_SPACE}cm"


def hectares(area_m2: float) -> Markup:
    """Format an area in hectares, in both languages."""
    area_ha = area_m2 / 10_000
    return text("hectares", value=number(area_ha, 2 if area_ha < 10 else 1 if area_ha < 100 else 0))


def file_size(size_bytes: int) -> str:
    """Format a file size with decimal prefixes."""
    power = min(len(str(abs(size_bytes))) - 1, 12) // 3
    value = size_bytes / 1000**power
    unit = ("B", "kB", "MB", "GB", "TB")[power]
    return f"{number(value, 0 if power == 0 or value >= 100 else 1)}{_NARROW_SPACE}{unit}"


def day(moment: datetime | None) -> str:
    """Format the date of a moment in its own time zone."""
    return _DASH if moment is None else moment.strftime("%Y-%m-%d")


def moment(value: datetime | None) -> str:
    """Format date and time to the second, with the offset from UTC."""
    if value is None:
        return _DASH
    return value.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")


def data_uri(content: bytes, media_type: str = "image/jpeg") -> Markup:
    """Return a picture or a film as an address that holds its content itself."""
    # Base64 has no character that HTML would need escaped; the type is a word of ours.
    return Markup(f"data:{media_type};base64," + base64.b64encode(content).decode())  # noqa: S704


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("vision", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(t=text, both=both, name=name, plain=plain, TEXTS=PAGE_TEXTS)
    environment.filters.update(
        number=number,
        share=share,
        quantity=quantity,
        setting_of=setting,
        ground_pixel=ground_pixel,
        hectares=hectares,
        file_size=file_size,
        day=day,
        moment=moment,
        data_uri=data_uri,
    )
    return environment


def _script_of(environment: Environment) -> tuple[Markup, str]:
    """Return the page's script and the hash that lets it, and nothing else, run."""
    script = environment.get_template("script.html").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Markup(script), f"sha256-{digest}"  # noqa: S704 - a file of ours, nothing filled in


def render_page(template: str, **values: Any) -> str:  # noqa: ANN401 - what a template needs
    """Render a template that extends ``base.html``; all values are escaped.

    Args:
        template: file name in ``vision/templates``.
        values: what the template asks for; a missing one is an error.

    Returns:
        The whole page, unseen control characters replaced.
    """
    environment = _environment()
    script, script_hash = _script_of(environment)
    html = environment.get_template(template).render(
        script=script, script_hash=script_hash, **values
    )
    return _UNSEEN.sub("\ufffd", html)


def write_page(path: Path, html: str) -> None:
    """Write a page as UTF-8: the whole file appears at once, or nothing changes.

    Raises:
        OutputError: the file could not be written; what was there before still is.
    """
    part = path.parent / f".report-{secrets.token_hex(6)}.part"
    try:
        try:
            with part.open("xb") as stream:
                # A lone surrogate, as in a file name that is not UTF-8, must not lose the report.
                stream.write(html.encode("utf-8", "replace"))
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"the report could not be written to {path}: {reason}. "
            "Name a file in a folder that exists, may be written to and has room."
        ) from error
