"""The queues of durable work, and how work is put on one."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any


class WorkQueue(StrEnum):
    """What a worker can be asked to do; ``cityeye worker --queues`` names them."""

    SURVEY = "survey"
    PHOTOS = "photos"
    CAMERA = "camera"
    DELIVERY = "delivery"
    EXPORT = "export"
    UPKEEP = "upkeep"


# The states of a workflow, as the engine names them.
UNFINISHED = ("ENQUEUED", "DELAYED", "PENDING")
FINISHED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


def start(
    queue: WorkQueue,
    workflow: Callable[..., Any],
    *args: Any,  # noqa: ANN401
    workflow_id: str,
    partition: str | None = None,
    delay_s: float | None = None,
) -> None:
    """Put a workflow on a queue, once: one with that id that is there already is left alone.

    Args:
        queue: Which one.
        workflow: A function registered as a workflow.
        args: JSON-like arguments.
        workflow_id: What makes it this work and no other.
        partition: On queues with an order, what the order is kept for.
        delay_s: Seconds until it may begin.
    """
    # The command line names the queues, and takes half a second less without the engine.
    from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

    options = SetEnqueueOptions(queue_partition_key=partition, delay_seconds=delay_s)
    with SetWorkflowID(workflow_id), options:
        DBOS.enqueue_workflow(queue, workflow, *args)
