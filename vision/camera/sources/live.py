"""Live cameras: connected, watched over, connected again; whatever happens, told as events."""

from __future__ import annotations

import random
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime

from vision.camera.frame import Frame
from vision.camera.sources.address import AddressKind, redacted
from vision.camera.sources.sampling import KeyPicture
from vision.camera.sources.source import Fault, FaultKind, Patience, Recovered, SourceEvent

_QUEUE_S, _QUEUE_LIMIT = 0.8, 4
"""Frames that wait for a busy watcher, seconds and number; older ones go, or what is seen would be
ever older."""
_LOOK_S = 0.2
"""How often it is looked whether to stop."""
_WATCHDOG_SHARE = 1.25
"""FFmpeg's timeouts begin anew within one connection; the watchdog's do not."""


class Trouble(Exception):
    """A connection failed; the message is for people and holds no secret."""

    def __init__(self, kind: FaultKind, message: str) -> None:
        """Say what is wrong."""
        super().__init__(message)
        self.kind = kind
        self.message = message


class Outbox:
    """What the thread that reads hands to the one that watches; also when it last heard anything.

    Attributes:
        closed: Set when nobody reads any more.
        passed_over: Pictures that gave way to newer ones.
    """

    def __init__(self, step_s: float) -> None:
        """Begin empty, as if something had just been heard.

        Args:
            step_s: From one picture to the next, about; seconds.
        """
        self.closed = threading.Event()
        self.passed_over = 0
        self._limit = min(_QUEUE_LIMIT, max(1, int(_QUEUE_S / step_s)))
        self._changed = threading.Condition()
        self._items: deque[Frame | KeyPicture | Trouble] = deque()
        self._heard_s = time.monotonic()
        self._heard_at = datetime.now(UTC)

    def heard(self) -> datetime:
        """Note that the camera sent something; returns the time now, aware, UTC."""
        self._heard_s = time.monotonic()
        self._heard_at = datetime.now(UTC)
        return self._heard_at

    def put(self, frame: Frame | KeyPicture) -> None:
        """Hand over a frame."""
        with self._changed:
            waiting = [item for item in self._items if not isinstance(item, Trouble)]
            if len(waiting) >= self._limit:
                self._items.remove(waiting[0])
                self.passed_over += 1
            self._items.append(frame)
            self._changed.notify()

    def fail(self, trouble: Trouble) -> None:
        """Hand over trouble, behind the frames that are there."""
        with self._changed:
            if self._items and isinstance(self._items[-1], Trouble):
                self._items.pop()
            self._items.append(trouble)
            self._changed.notify()

    def take(self, wait_s: float) -> Frame | KeyPicture | Trouble | None:
        """Return what came next, or None where nothing came in time."""
        with self._changed:
            if not self._items:
                self._changed.wait(wait_s)
            return self._items.popleft() if self._items else None

    @property
    def silent_s(self) -> float:
        """Seconds without a byte."""
        return time.monotonic() - self._heard_s

    @property
    def heard_at(self) -> datetime:
        """When the camera last sent something."""
        return self._heard_at


class LiveSource(ABC):
    """A camera that is read by a thread of its own, so that no hanging connection hangs the watch.

    Attributes:
        kind: How it is reached.
        live: True.
        address: Where it is, without secrets.
        clock_offset_s: Camera's clock less this machine's, where the camera tells.
        passed_over: Pictures that gave way to newer ones, because nobody had the time for them.
        decode_s: Processor time that decoding video took, seconds.
    """

    kind: AddressKind
    live = True

    def __init__(self, address: str, patience: Patience) -> None:
        """Remember where the camera is; nothing is connected yet."""
        self.address = redacted(address)
        self.clock_offset_s: float | None = None
        self.passed_over = 0
        self.decode_s = 0.0
        self._patience = patience

    def __repr__(self) -> str:
        """Name the camera without its secrets."""
        return f"{type(self).__name__}({self.address})"

    def events(self, step_s: float, stop: threading.Event) -> Iterator[SourceEvent]:
        """Yield frames and faults until `stop` is set; see `Source.events`."""
        outbox = Outbox(step_s)
        reader = threading.Thread(
            target=self._read_on, args=(outbox, step_s), name="camera reader", daemon=True
        )
        reader.start()
        fault: Fault | None = None
        try:
            while not stop.is_set():
                came = outbox.take(_LOOK_S)
                self.passed_over = outbox.passed_over
                if isinstance(came, KeyPicture):
                    # Decoded here, not where it is read: what gives way costs nothing.
                    came = came.developed()
                    if came is None:
                        continue
                if isinstance(came, Frame):
                    if fault is not None:
                        lasted_s = (came.received_at - fault.since).total_seconds()
                        yield Recovered(fault.kind, came.received_at, lasted_s)
                        fault = None
                    yield came
                    continue
                if came is None and fault is None and self._overdue(outbox):
                    came = Trouble(FaultKind.OFFLINE, f"{self.address}: sends nothing")
                if came is None or (fault is not None and fault.kind is came.kind):
                    continue
                now = datetime.now(UTC)
                if fault is not None:
                    # What was wrong gave way to something else: a camera that came back with
                    # another password is no longer offline, but refuses.
                    yield Recovered(fault.kind, now, (now - fault.since).total_seconds())
                fault = Fault(
                    came.kind, now if fault is not None else outbox.heard_at, came.message
                )
                yield fault
        finally:
            # The reader may hang in a connection; it ends when that times out.
            outbox.closed.set()

    def _overdue(self, outbox: Outbox) -> bool:
        longest_s = max(self._patience.connect_s, self._patience.silence_s)
        return outbox.silent_s > _WATCHDOG_SHARE * longest_s

    def _read_on(self, outbox: Outbox, step_s: float) -> None:
        tries = 0
        while not outbox.closed.is_set():
            began_s = time.monotonic()
            try:
                self._read_once(outbox, step_s)
                trouble = Trouble(FaultKind.OFFLINE, f"{self.address}: ended the connection")
            except Trouble as error:
                trouble = error
            except Exception as error:  # a thread that dies here would be a silent nothing
                # What it says may hold the address with its password; its name does not.
                trouble = Trouble(
                    FaultKind.BAD_STREAM,
                    f"{self.address}: cannot be read ({type(error).__name__})",
                )
            if outbox.closed.is_set():
                return
            outbox.fail(trouble)
            tries = 0 if time.monotonic() - began_s > self._patience.settled_s else tries + 1
            outbox.closed.wait(self._wait_s(trouble.kind, tries))

    def _wait_s(self, kind: FaultKind, tries: int) -> float:
        """Return how long to wait; not all cameras of a site that lost power come back at once."""
        if kind is FaultKind.REFUSED:
            longest_s = self._patience.refused_retry_s
        else:
            doubled_s = self._patience.first_retry_s * 2.0 ** min(tries, 20)
            longest_s = min(self._patience.longest_retry_s, doubled_s)
        return longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret

    @abstractmethod
    def _read_once(self, outbox: Outbox, step_s: float) -> None:
        """Connect and hand over frames until the connection ends or `outbox.closed` is set.

        Raises:
            Trouble: It could not be connected, or broke.
        """
