"""The event table that counts here: codes, who is responsible, time limits."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from serve.api.caller import Here
from serve.cases.event_table import EventTable, event_table_of

router = APIRouter(tags=["cases"])


class EventTablePublic(BaseModel):
    """The table by which drafts get their codes and limits."""

    shipped: bool = Field(description="whether it came with CityEye, or is the city's own")
    table: EventTable


@router.get("/event-table")
def get_event_table(here: Here) -> EventTablePublic:
    """Return the event table that new drafts are made with."""
    return EventTablePublic(
        shipped=here.settings.event_table_file is None, table=event_table_of(here.settings)
    )
