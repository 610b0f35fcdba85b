"""How far work on a row has come, and whether it is still wanted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from serve.db.tables import Comparison, Survey
from serve.service import Service
from serve.workflows import stopping

WRITTEN_EVERY_S = 1.0
"""How often progress is written, and cancelling noticed."""


class Cancelled(Exception):
    """The row is no longer in a state in which this work is wanted."""


class Progress:
    """Writes progress into a row as long as the row wants the work."""

    def __init__(
        self,
        service: Service,
        table: type[Survey] | type[Comparison],
        row_id: str,
        *,
        while_in: Sequence[str],
    ) -> None:
        """Begin.

        Args:
            service: Whose database.
            table: `Survey` or `Comparison`.
            row_id: Which row.
            while_in: States in which the work is wanted.
        """
        self._service = service
        self._table = table
        self._id = row_id
        self._states = tuple(while_in)
        self._written_at = 0.0

    def __call__(self, stage: str, share: float) -> None:
        """Say how far it is.

        Raises:
            Cancelled: Somebody cancelled or deleted it.
            Stopped: This process is to end.
        """
        stopping.check()
        now = time.monotonic()
        if now - self._written_at < WRITTEN_EVERY_S:
            return
        self._written_at = now
        values: dict[str, Any] = {"progress": round(min(max(share, 0.0), 1.0), 3)}
        if self._table is Comparison:
            values["stage"] = stage
        with self._service.database.write() as session:
            changed = session.execute(
                sa.update(self._table)
                .where(self._table.id == self._id, self._table.state.in_(self._states))
                .values(**values)
            )
        if changed.rowcount != 1:  # type: ignore[attr-defined]
            raise Cancelled
