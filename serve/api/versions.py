"""Entity tags: a change names the version it changes, so that no one's work is overwritten."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import Header, Response

from serve.errors import MissingCondition, Stale

IfMatch = Annotated[
    str | None,
    Header(description="ETag of the version that is changed", max_length=100),
]


class Versioned(Protocol):
    """A row with a revision that grows with every change."""

    revision: int


def check_version(row: Versioned, if_match: str | None) -> None:
    """Refuse a change of a version that is not the current one, then count up.

    Raises:
        MissingCondition: No version was named.
        Stale: Someone else changed the thing.
    """
    if if_match is None:
        raise MissingCondition("send If-Match with the ETag that reading the thing gave")
    if if_match != "*" and if_match.strip().removeprefix("W/").strip('"') != str(row.revision):
        raise Stale("this was changed in the meantime; read it again and repeat the change")
    row.revision += 1


def tag(response: Response, row: Versioned) -> None:
    """Give the answer its entity tag."""
    response.headers["ETag"] = f'"{row.revision}"'
