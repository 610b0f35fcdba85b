"""Case systems: which are configured, and how they fare."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from serve.api.caller import Here, Who
from serve.api.cases import Replayed
from serve.cases.replaying import dead_letters_of, replay_letters
from serve.cases.targets import target_named, targets_of
from serve.db.tables import OutboxEntry, TargetState, utc_now
from serve.workflows import delivery

router = APIRouter(tags=["targets"])

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_\-]{0,39}$", description="the target's name")]


class TargetPublic(BaseModel):
    """A case system, without its secret."""

    name: str
    adapter: str
    host: str = Field(description="where it lies; the whole address is in the configuration")
    kinds: list[str]
    auto_post: dict[str, float] = Field(description="kinds confirmed unseen, from which score on")
    coordinates: str
    language: str
    breaker: str = Field(description="shut: messages go; open: they wait; trying: one goes")
    open_until: datetime | None
    failures: int = Field(description="in a row")
    last_problem: str | None
    last_success_at: datetime | None
    polled_at: datetime | None
    waiting: int = Field(description="messages that wait")
    oldest_waiting_at: datetime | None
    delivered: int
    dead: int = Field(description="dead letters")


@router.get("/targets")
def list_targets(service: Here) -> list[TargetPublic]:
    """List the configured case systems and how they fare."""
    configured = targets_of(service.settings)
    with service.database.read() as session:
        states = {state.name: state for state in session.scalars(sa.select(TargetState))}
        counts = _counts(session)
    now = utc_now()
    listed = []
    for target in configured:
        state = states.get(target.name) or TargetState(name=target.name, failures=0)
        breaker = "shut"
        if state.open_until is not None:
            breaker = "open" if state.open_until > now else "trying"
        of = counts.get(target.name, {})
        listed.append(
            TargetPublic(
                name=target.name,
                adapter=target.adapter,
                host=urlsplit(target.url).netloc,
                kinds=sorted(target.kinds),
                auto_post={str(kind): score for kind, score in target.auto_post.items()},
                coordinates=target.coordinates,
                language=target.language,
                breaker=breaker,
                open_until=state.open_until,
                failures=state.failures or 0,
                last_problem=state.last_problem,
                last_success_at=state.last_success_at,
                polled_at=state.polled_at,
                waiting=of.get("waiting", (0, None))[0],
                oldest_waiting_at=of.get("waiting", (0, None))[1],
                delivered=of.get("delivered", (0, None))[0],
                dead=of.get("dead", (0, None))[0],
            )
        )
    return listed


@router.post("/targets/{name}/replay")
def replay_target(service: Here, caller: Who, name: Name) -> Replayed:
    """Try the dead letters of a case system again, up to 1000 with each call."""
    target_named(name, service.settings)
    with service.database.write() as session:
        ids = dead_letters_of(session, name)
        done = replay_letters(session, ids, actor=caller.name, settings=service.settings)
    delivery.begin(done)
    return Replayed(replayed=len(done), messages=done)


def _counts(session: Session) -> dict[str, dict[str, tuple[int, datetime | None]]]:
    rows = session.execute(
        sa.select(
            OutboxEntry.target,
            OutboxEntry.state,
            sa.func.count().label("n"),
            sa.func.min(OutboxEntry.created_at).label("oldest"),
        ).group_by(OutboxEntry.target, OutboxEntry.state)
    ).all()
    counts: dict[str, dict[str, tuple[int, datetime | None]]] = {}
    for row in rows:
        counts.setdefault(row.target, {})[row.state] = (row.n, row.oldest)
    return counts
