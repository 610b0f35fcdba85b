"""Which surveys of a site are compared by themselves: neighbours by the time they were flown."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from serve.db.tables import Comparison, Site, Survey

_NAMESPACE = uuid.UUID("6a1d6f0e-7d3b-5f0c-9d38-0c6a2f1f4b11")
SYSTEM = "system"


def compare_neighbours(session: Session, site: Site, survey: Survey) -> list[str]:
    """Make the comparisons that a survey that has become ready calls for.

    Surveys may arrive out of order: one that was flown between two others is compared with the
    one before it, and the one after is compared with it. The comparison of those two stays: its
    findings were right for the time between them.

    The caller holds the site's row, so that two surveys that become ready at once see each other.

    Returns:
        Ids of the comparisons. The same pair gives the same id, so nothing is made twice.
    """
    ids = []
    for before, after in _neighbour_pairs(session, survey):
        comparison_id = str(uuid.uuid5(_NAMESPACE, f"{before.id}:{after.id}"))
        if session.get(Comparison, comparison_id) is None:
            session.add(
                Comparison(
                    id=comparison_id,
                    site_id=site.id,
                    before_id=before.id,
                    after_id=after.id,
                    options=dict(site.options),
                    created_by=SYSTEM,
                )
            )
        ids.append(comparison_id)
    session.flush()
    return ids


def _neighbour_pairs(session: Session, survey: Survey) -> list[tuple[Survey, Survey]]:
    ready: sa.Select[Any] = sa.select(Survey).where(
        Survey.site_id == survey.site_id, Survey.state == "ready", Survey.id != survey.id
    )
    when = sa.tuple_(Survey.flown_at, Survey.id)
    mine = sa.tuple_(
        sa.literal(survey.flown_at, Survey.flown_at.type), sa.literal(survey.id, Survey.id.type)
    )
    earlier = session.scalars(
        ready.where(when < mine).order_by(Survey.flown_at.desc(), Survey.id.desc()).limit(1)
    ).first()
    later = session.scalars(
        ready.where(when > mine).order_by(Survey.flown_at, Survey.id).limit(1)
    ).first()
    pairs = []
    if earlier is not None:
        pairs.append((earlier, survey))
    if later is not None:
        pairs.append((survey, later))
    return pairs
