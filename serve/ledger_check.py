"""Checking the ledger without trusting whoever keeps it: from a database, or from an export.

A changed, removed, inserted or reordered entry breaks the chain at its number. What was cut off at
the end, or a chain that was made anew as a whole, only shows against what was written down
elsewhere: a time stamp by another's server, or a head noted before.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from serve.db.engine import Database
from serve.db.keeping import LedgerEntry, LedgerStamp
from serve.ledger import FIRST, digest_of
from serve.ledger_stamps import BadStamp, check_token
from vision.errors import InputError

AT_ONCE = 2000
MOST_BREAKS = 100
MAX_LINE_BYTES = 64 * 2**20
_FIELDS = (
    "number", "at", "actor", "action", "subject_type", "subject", "detail", "previous_sha256",
    "sha256",
)  # fmt: skip


@dataclass(frozen=True)
class Stamp:
    """A time stamp over an entry."""

    number: int
    sha256: str
    token: bytes


@dataclass(frozen=True)
class Break:
    """Where the chain does not hold."""

    number: int
    what: str


@dataclass
class Verification:
    """What came of a check.

    Attributes:
        entries: How many entries were looked at.
        head_number: Number of the last one; 0 where there is none.
        head_sha256: Its hash: noted down, it proves later that nothing was cut off.
        breaks: Where the chain does not hold, the first hundred.
        stamps: How many time stamps hold.
        stamped_number: The last entry that a time stamp proves.
    """

    entries: int = 0
    head_number: int = 0
    head_sha256: str = FIRST
    breaks: list[Break] = field(default_factory=list)
    stamps: int = 0
    stamped_number: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.breaks

    def note(self, number: int, what: str) -> None:
        """Add a break, up to a hundred."""
        if len(self.breaks) < MOST_BREAKS:
            self.breaks.append(Break(number, what))


def verify(
    entries: Iterable[LedgerEntry],
    stamps: Iterable[Stamp] = (),
    *,
    expected: tuple[int, str] | None = None,
) -> Verification:
    """Check a chain.

    Args:
        entries: All of it, in its order.
        stamps: Time stamps over some of it.
        expected: Number and hash of an entry as noted before; it must be there unchanged.
    """
    found = Verification()
    waiting: dict[int, list[Stamp]] = {}
    for stamp in stamps:
        waiting.setdefault(stamp.number, []).append(stamp)
    for entry in entries:
        found.entries += 1
        _check_place(found, entry)
        if digest_of(entry) != entry.sha256:
            found.note(entry.number, f"entry {entry.number} was changed: its hash is another")
        for stamp in waiting.pop(entry.number, []):
            _check_stamp(found, stamp, entry.sha256)
        if expected and entry.number == expected[0]:
            if entry.sha256 != expected[1]:
                found.note(entry.number, f"entry {entry.number} is not the one that was noted")
            expected = None
        found.head_number, found.head_sha256 = entry.number, entry.sha256
    for number in waiting:
        found.note(number, f"entry {number} was removed: a time stamp speaks of it")
    if expected:
        found.note(expected[0], f"entry {expected[0]} was removed: it was noted before")
    return found


def verify_database(database: Database, *, expected: tuple[int, str] | None = None) -> Verification:
    """Check the ledger of a database."""
    return verify(entries_of(database), stamps_of(database), expected=expected)


def verify_file(path: Path, *, expected: tuple[int, str] | None = None) -> Verification:
    """Check an exported ledger.

    Raises:
        InputError: It is not an exported ledger.
    """
    # Twice, as a stamp may stand anywhere; a ledger need not fit into memory.
    stamps = [item for item in read_export(path) if isinstance(item, Stamp)]
    return verify(
        (item for item in read_export(path) if isinstance(item, LedgerEntry)),
        stamps,
        expected=expected,
    )


def entries_of(database: Database) -> Iterator[LedgerEntry]:
    """Return the entries of a database in their order, some at a time."""
    last: int | None = None
    while True:
        query = sa.select(LedgerEntry).order_by(LedgerEntry.number).limit(AT_ONCE)
        if last is not None:
            query = query.where(LedgerEntry.number > last)
        with database.read() as session:
            rows = session.scalars(query).all()
        if not rows:
            return
        yield from rows
        last = rows[-1].number


def stamps_of(database: Database) -> list[Stamp]:
    """Return the time stamps of a database."""
    with database.read() as session:
        rows = session.scalars(sa.select(LedgerStamp).order_by(LedgerStamp.number)).all()
    return [Stamp(row.number, row.sha256, row.token) for row in rows]


def export(database: Database, path: Path) -> int:
    """Write the ledger with its time stamps, one JSON object a line; returns how many entries.

    The file is whole or not there at all.
    """
    stamps = stamps_of(database)
    made = path.with_name(f".{path.name}.part")
    count = 0
    try:
        with made.open("w", encoding="utf-8") as file:
            for entry in entries_of(database):
                values = {name: getattr(entry, name) for name in _FIELDS}
                file.write(json.dumps(values, ensure_ascii=False) + "\n")
                count += 1
            for stamp in stamps:
                values = {
                    "stamp": stamp.number,
                    "sha256": stamp.sha256,
                    "token": base64.b64encode(stamp.token).decode(),
                }
                file.write(json.dumps(values) + "\n")
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    return count


def read_export(path: Path) -> Iterator[LedgerEntry | Stamp]:
    """Return what stands in an exported ledger, line by line.

    Raises:
        InputError: A line is not one of an export.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES):
            number += 1
            if not line.strip():
                continue
            try:
                yield _read(json.loads(line))
            except (ValueError, TypeError, KeyError, RecursionError, binascii.Error) as error:
                raise InputError(
                    f"{path}, line {number}: this is no line of an exported ledger "
                    "(cityeye ledger export writes one)"
                ) from error


def _read(values: dict[str, Any]) -> LedgerEntry | Stamp:
    if "stamp" in values:
        return Stamp(
            int(values["stamp"]),
            str(values["sha256"]),
            base64.b64decode(values["token"], validate=True),
        )
    if set(values) != set(_FIELDS):
        raise ValueError("other fields")
    texts = {name: values[name] for name in _FIELDS if name != "number"}
    if type(values["number"]) is not int or any(type(text) is not str for text in texts.values()):
        raise ValueError("other types")
    return LedgerEntry(number=values["number"], **texts)


def _check_place(found: Verification, entry: LedgerEntry) -> None:
    after, number = found.head_number, entry.number
    if number == after + 1:
        if entry.previous_sha256 != found.head_sha256:
            found.note(
                number,
                f"entry {number} does not follow what stands before it: an entry was put in, or "
                f"number {after} was made anew",
            )
    elif number > after + 1:
        missing = (
            f"entry {after + 1} is"
            if number == after + 2
            else (f"entries {after + 1} to {number - 1} are")
        )
        found.note(after + 1, f"{missing} missing before entry {number}")
    else:
        found.note(number, f"entry {number} stands after entry {after}: out of order, or put in")


def _check_stamp(found: Verification, stamp: Stamp, sha256: str) -> None:
    if stamp.sha256 != sha256:
        found.note(stamp.number, f"entry {stamp.number} is not the one that was time-stamped")
        return
    try:
        check_token(stamp.token, sha256=sha256)
    except BadStamp as error:
        found.note(stamp.number, f"the time stamp over entry {stamp.number} does not hold: {error}")
        return
    found.stamps += 1
    found.stamped_number = max(found.stamped_number, stamp.number)
