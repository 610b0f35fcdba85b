"""From rows of a file to entries of a register: every fault by the number of its row."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import shapely
from shapely.geometry.base import BaseGeometry

from serve.registers.kinds import (
    FROM_NAMES,
    LAYOUTS,
    NAME_NAMES,
    TO_NAMES,
    Field,
    Layout,
    Register,
)
from serve.registers.reading import Row
from vision.survey.vectors import parse_day

MAX_TEXT = 300
_HOURS = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):([0-5]\d)|24:00)$")
_PLATE_SEPARATORS = re.compile(r"[\s·•・∙.:\-_]")
_GREATEST_HEIGHT_M = 1000.0
_NO_END_YEAR = 9000


@dataclass(frozen=True)
class Entry:
    """A row that can be used."""

    code: str
    name: str
    properties: dict[str, object]
    geometry: BaseGeometry | None
    valid_from: datetime | None
    valid_to: datetime | None


@dataclass(frozen=True)
class Fault:
    """A row that cannot, and why."""

    row: int
    what: str


def entries_of(
    register: Register, rows: Sequence[Row], *, zone: ZoneInfo
) -> tuple[list[Entry], list[Fault]]:
    """Return the entries of a file and the faults of its rows.

    Args:
        register: Which register it is.
        rows: As read.
        zone: Time zone in which the first and the last day of a permit are meant.
    """
    layout = LAYOUTS[register]
    entries: list[Entry] = []
    faults: list[Fault] = []
    first_of: dict[str, int] = {}
    for row in rows:
        try:
            entry = _entry(register, layout, row, zone)
            if entry.code in first_of:
                raise ValueError(f"{entry.code} is already in row {first_of[entry.code]}")
        except ValueError as error:
            faults.append(Fault(row.number, str(error)))
            continue
        first_of[entry.code] = row.number
        entries.append(entry)
    return entries, faults


def _entry(register: Register, layout: Layout, row: Row, zone: ZoneInfo) -> Entry:
    if row.fault:
        raise ValueError(row.fault)
    code = _text(_first(row, layout.code))
    if not code:
        raise ValueError(f"lacks {layout.code[0]} (or {', '.join(layout.code[1:3])})")
    if register is Register.MUCK_TRUCKS:
        code = plain_plate(code)
    begins, ends = _day(row, FROM_NAMES), _day(row, TO_NAMES)
    if begins and ends and ends < begins:
        raise ValueError(f"ends ({ends}) before it begins ({begins})")
    return Entry(
        code=code,
        name=_text(_first(row, NAME_NAMES)),
        properties={
            field.name: value
            for field in layout.fields
            if (value := _value(row, field)) is not None
        },
        geometry=_geometry(layout, row.geometry),
        valid_from=None if begins is None else _midnight(begins, zone),
        valid_to=_end_of(ends, zone),
    )


def plain_plate(text: str) -> str:
    """Return a plate as the reader of plates spells it: no separators, capitals."""
    return _PLATE_SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()


def _first(row: Row, names: tuple[str, ...]) -> object:
    for name in names:
        value = row.fields.get(name)
        if value is not None and str(value).strip():
            return value
    return None


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list | bool):
        raise ValueError("has a list, an object or a truth value where text belongs")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    if len(text) > MAX_TEXT:
        raise ValueError(f"has a text of more than {MAX_TEXT} characters: {text[:40]}…")
    if not text.isprintable():
        raise ValueError("has a text with control characters")
    return text


def _value(row: Row, field: Field) -> object:
    text = _text(_first(row, field.names))
    if not text:
        if field.required:
            raise ValueError(f"lacks {field.name} (or {', '.join(field.names[1:])})")
        return None
    if field.reads == "hours":
        return _hours(text)
    if field.reads == "metres":
        return _metres(text)
    return text


def _hours(text: str) -> list[str]:
    spans = [part.strip() for part in re.split(r"[;,；，、]", text) if part.strip()]
    for span in spans:
        found = _HOURS.match(span)
        if not found or span.split("-")[0] == found[3]:
            raise ValueError(f"hours {span[:40]!r} are not of the form 06:00-09:00;17:00-22:00")
    return spans


def _metres(text: str) -> float:
    try:
        height_m = float(text.casefold().removesuffix("米").removesuffix("m").strip())
    except ValueError:
        height_m = math.nan
    if not 0 < height_m <= _GREATEST_HEIGHT_M:
        raise ValueError(f"{text[:40]!r} is no height in metres")
    return height_m


def _day(row: Row, names: tuple[str, ...]) -> date | None:
    value = _first(row, names)
    if isinstance(value, datetime):
        return value.date()
    if value is None or isinstance(value, date):
        return value
    return parse_day(_text(value))


def _end_of(day: date | None, zone: ZoneInfo) -> datetime | None:
    # 9999-12-31 is how many registers say "without end".
    if day is None or day.year >= _NO_END_YEAR:
        return None
    return _midnight(day + timedelta(days=1), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    try:
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{day} is no day that can be meant") from error


def _geometry(layout: Layout, shape: BaseGeometry | None) -> BaseGeometry | None:
    if not layout.shapes:
        return None
    words = " or ".join(name.lower() for name in layout.shapes)
    if shape is None:
        raise ValueError(f"has no {words}")
    if shape.geom_type == "MultiPoint" and len(shapely.get_parts(shape)) == 1:
        shape = shapely.get_parts(shape)[0]
    if (
        shape.geom_type.removeprefix("Multi") not in layout.shapes
        or shape.geom_type == "MultiPoint"
    ):
        raise ValueError(f"is a {shape.geom_type}, not a {words}")
    if shape.geom_type == "Point":
        return shape
    if not shape.is_valid:
        # Hand-drawn outlines cross themselves by centimetres; that can be mended.
        parts = shapely.get_parts(shapely.make_valid(shape))
        shape = shapely.union_all([p for p in parts if p.geom_type.endswith("Polygon")])
    if shape.is_empty or shape.area <= 0:
        raise ValueError("has no area")
    return shape
