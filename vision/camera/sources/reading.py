"""A process that reads cameras for another one; started by `vision.camera.sources.readers`.

    python -m vision.camera.sources.reading DESCRIPTOR

It ends when the socket does, whatever happened at the other end.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from vision.camera.frame import Frame
from vision.camera.sources.readers import (
    ALIVE_EVERY_S,
    Alive,
    Asked,
    ClipAsked,
    Ended,
    Said,
    Started,
    Told,
)
from vision.camera.sources.source import Source
from vision.camera.sources.wire import Wire, packed
from vision.errors import OutputError

_LOOK_S = 0.5


@dataclass
class _Camera:
    """One that is read."""

    source: Source
    step_s: float
    stop: threading.Event = field(default_factory=threading.Event)
    wanted: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class _Reading:
    """Does what is asked for over a wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._cameras: dict[int, _Camera] = {}

    def serve(self) -> None:
        """Do so until the other end hangs up."""
        self._begin(self._say_alive)
        while True:
            asked, _ = self._wire.receive()
            if isinstance(asked, Started):
                camera = _Camera(asked.make(), asked.step_s)
                self._cameras[asked.number] = camera
                self._begin(partial(self._read, asked.number, camera))
            elif isinstance(asked, Asked) and asked.number in self._cameras:
                self._cameras[asked.number].wanted.release()
            elif isinstance(asked, Ended) and asked.number in self._cameras:
                self._cameras.pop(asked.number).stop.set()
            elif isinstance(asked, ClipAsked):
                self._begin(partial(self._cut, asked))

    def _begin(self, work: Callable[[], None]) -> None:
        threading.Thread(target=self._safely, args=(work,), daemon=True).start()

    def _safely(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError:
            # Nobody listens any more, which ends this process in a moment.
            pass

    def _say_alive(self) -> None:
        while True:
            self._wire.send(Alive())
            time.sleep(ALIVE_EVERY_S)

    def _read(self, number: int, camera: _Camera) -> None:
        source = camera.source
        events = source.events(camera.step_s, camera.stop)
        while not camera.stop.is_set():
            if not camera.wanted.acquire(timeout=_LOOK_S):
                continue
            for event in events:
                state = (
                    source.decoding,
                    source.clock_offset_s,
                    source.passed_over,
                    source.decode_s,
                )
                if isinstance(event, Frame):
                    head, pixels = packed(event)
                    self._wire.send(Said(number, head, *state), pixels)
                    break
                self._wire.send(Said(number, event, *state))
        events.close()  # type: ignore[attr-defined]

    def _cut(self, asked: ClipAsked) -> None:
        camera = self._cameras.get(asked.number)
        try:
            clip = None
            if camera is not None:
                clip = camera.source.clip(asked.start, asked.end, asked.path, masks=asked.masks)
            self._wire.send(Told(asked.request, clip))
        except OutputError as error:
            self._wire.send(Told(asked.request, None, str(error)))


def main(descriptor: int) -> None:
    """Serve the process at the other end of an inherited socket."""
    try:
        _Reading(Wire(socket.socket(fileno=descriptor))).serve()
    except (EOFError, OSError):
        # Who asked has ended; readers may hang in connections, and nobody waits for them.
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
