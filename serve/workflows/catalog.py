"""Every workflow there is, and what is done again and again.

Importing this registers them all; a worker must, before it starts.
"""

from __future__ import annotations

from dbos import ScheduleInput

from serve.workflows import camera, delivery, export, registers, retention, stamps, survey

SCHEDULES: list[ScheduleInput] = [
    *camera.SCHEDULES,
    *delivery.SCHEDULES,
    *export.SCHEDULES,
    *registers.SCHEDULES,
    *retention.SCHEDULES,
    *stamps.SCHEDULES,
    *survey.SCHEDULES,
]
