"""Cameras that are read by other processes.

Each packet of each camera needs Python's lock for a moment; with dozens of cameras those moments
come thousands of times a second, and who looks at pictures in the same process waits at each of
them. So many cameras are read, timed, kept and decoded by processes of their own, which send the
pictures that are asked for and nothing else. FFmpeg reads what strangers send: should it break, its
process ends and is begun anew, and the watch goes on.
"""

from __future__ import annotations

import itertools
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from vision.camera.config import Outline
from vision.camera.sources.address import AddressKind
from vision.camera.sources.source import (
    Clip,
    ClipLost,
    Decoding,
    Fault,
    FaultKind,
    Recovered,
    Source,
    SourceEvent,
)
from vision.camera.sources.wire import PictureHead, Wire, unpacked
from vision.errors import OutputError

MakeSource = Callable[[], Source]
"""Opens a source; can be pickled."""

RESTART_S = 1.0
ALIVE_EVERY_S = 2.0
SILENT_S = 30
"""A process that says nothing for so long hangs; it is ended and begun anew."""
STARTS_WITHIN_S = 120
"""The same before its first word, for a busy machine takes long to load a program."""
CLIP_S = 120.0
"""A clip that is not cut by then is not waited for."""
_GONE = "the process that read the camera has broken down"
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Started:
    """A camera is to be read."""

    number: int
    make: MakeSource
    step_s: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A camera's next picture is wanted."""

    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A camera is not to be read any more."""

    number: int


@dataclass(frozen=True, slots=True)
class ClipAsked:
    """A clip is wanted."""

    number: int
    request: int
    start: datetime
    end: datetime
    path: Path
    masks: tuple[Outline, ...]


@dataclass(frozen=True, slots=True)
class Alive:
    """The process that reads goes on; said again and again, whatever its cameras do."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a camera gave, and how it is read."""

    number: int
    event: PictureHead | Fault | Recovered
    decoding: Decoding
    clock_offset_s: float | None
    passed_over: int
    decode_s: float


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a clip."""

    request: int
    clip: Clip | None
    trouble: str | None = None


# It finds modules where this process does, and libraries and time zones where the system keeps
# them. The rest of the environment may hold secrets, which are nothing for who reads what strangers
# send.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "TZ")
_BEGIN = (
    "import sys; number, sys.path[:] = int(sys.argv[1]), sys.argv[2:]; "
    "from vision.camera.sources.reading import main; main(number)"
)


class Readers:
    """Processes that read cameras; to be closed when nothing is watched any more."""

    def __init__(self, processes: int) -> None:
        """Start nothing yet.

        Args:
            processes: How many share the cameras, at most.
        """
        self._processes = [_Process() for _ in range(processes)]
        self._numbers = itertools.count()

    def open(self, make: MakeSource) -> Source:
        """Return a source that is read elsewhere; a recording is read here.

        Args:
            make: Opens it, for instance a `functools.partial` of `open_source`.

        Raises:
            InputError: It cannot be opened.
        """
        here = make()
        if not here.live:
            return here
        number = next(self._numbers)
        process = self._processes[number % len(self._processes)]
        return RemoteSource(here, make, number, process)

    @property
    def pids(self) -> tuple[int, ...]:
        """Numbers of the processes that run."""
        return tuple(process.pid for process in self._processes if process.pid)

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.close()

    def __enter__(self) -> Readers:
        """Use them for a while."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the processes."""
        self.close()


class RemoteSource:
    """A live camera that another process reads.

    Attributes:
        kind: How it is reached.
        live: True.
        address: Where it is, without secrets.
        clock_offset_s: Camera's clock less this machine's, where the camera tells.
        passed_over: Pictures that gave way to newer ones, because nobody had the time for them.
        decoding: What is decoded at present.
        decode_s: Processor time that decoding took.
    """

    live = True

    def __init__(self, here: Source, make: MakeSource, number: int, process: _Process) -> None:
        """Remember who reads it.

        Args:
            here: The same source, not read.
            make: Opens it.
            number: Of the camera.
            process: Reads it.
        """
        self.kind: AddressKind = here.kind
        self.address = here.address
        self.clock_offset_s: float | None = None
        self.passed_over = 0
        self.decode_s = 0.0
        self.decoding: Decoding = here.decoding
        self.number = number
        self.heard: queue.SimpleQueue[SourceEvent | None] = queue.SimpleQueue()
        self._make = make
        self._process = process

    def events(self, step_s: float, stop: threading.Event) -> Iterator[SourceEvent]:
        """Yield frames and faults until `stop` is set; see `Source.events`."""
        fault: Fault | None = None
        self._process.start(self, Started(self.number, self._make, step_s))
        try:
            self._process.ask(self.number)
            while not stop.is_set():
                try:
                    event = self.heard.get(timeout=_LOOK_S)
                except queue.Empty:
                    continue
                now = datetime.now(UTC)
                if event is None:
                    event = Fault(
                        FaultKind.OFFLINE,
                        now,
                        f"{self.address}: the process that reads it broke down and is begun anew",
                    )
                if isinstance(event, Recovered):
                    fault = None
                elif isinstance(event, Fault) and fault is not None and event.kind is fault.kind:
                    # It broke down while the camera was away, or the other way round.
                    continue
                elif fault is not None:
                    # The process that knew of the fault is gone.
                    yield Recovered(fault.kind, now, (now - fault.since).total_seconds())
                    fault = None
                if isinstance(event, Fault):
                    fault = event
                yield event
                if not isinstance(event, Fault | Recovered):
                    self._process.ask(self.number)
        finally:
            self._process.end(self.number)

    def clip(
        self, start: datetime, end: datetime, path: Path, *, masks: Sequence[Outline] = ()
    ) -> Clip | None:
        """Write a clip of the last minute; see `Source.clip`."""
        return self._process.clip(self.number, start, end, path.absolute(), tuple(masks))

    def take_note(self, said: Said) -> None:
        """Note how the camera is read."""
        self.decoding = said.decoding
        self.clock_offset_s = said.clock_offset_s
        self.passed_over = said.passed_over
        self.decode_s = said.decode_s


class _Process:
    """A process that reads some of the cameras, begun anew when it breaks down."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._child: subprocess.Popen[bytes] | None = None
        self._wire: Wire | None = None
        self._sources: dict[int, tuple[RemoteSource, Started]] = {}
        self._asked: set[int] = set()
        self._clips: dict[int, Future[Told]] = {}
        self._requests = itertools.count()
        self._closed = threading.Event()

    @property
    def pid(self) -> int | None:
        """Its number while it runs."""
        return None if self._child is None else self._child.pid

    def start(self, source: RemoteSource, started: Started) -> None:
        """Begin to read a camera."""
        with self._lock:
            if self._wire is None and not self._closed.is_set():
                self._begin()
            self._sources[source.number] = (source, started)
            self._send(started)

    def ask(self, number: int) -> None:
        """Want a camera's next picture."""
        with self._lock:
            self._asked.add(number)
            self._send(Asked(number))

    def end(self, number: int) -> None:
        """Read a camera no more."""
        with self._lock:
            self._sources.pop(number, None)
            self._asked.discard(number)
            self._send(Ended(number))

    def clip(
        self, number: int, start: datetime, end: datetime, path: Path, masks: tuple[Outline, ...]
    ) -> Clip | None:
        """Have a clip cut."""
        answer: Future[Told] = Future()
        with self._lock:
            request = next(self._requests)
            if not self._send(ClipAsked(number, request, start, end, path, masks)):
                raise ClipLost(_GONE)
            self._clips[request] = answer
        try:
            told = answer.result(CLIP_S)
        except TimeoutError as error:
            raise ClipLost(f"no clip was cut within {CLIP_S:.0f} s") from error
        finally:
            with self._lock:
                self._clips.pop(request, None)
        if told.trouble is not None:
            raise OutputError(told.trouble)
        return told.clip

    def close(self) -> None:
        """End it."""
        self._closed.set()
        with self._lock:
            if self._wire is not None:
                self._wire.close()
            child = self._child
        if child is not None:
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = subprocess.Popen(  # noqa: S603 - a module of ours, nothing from outside
                [sys.executable, "-c", _BEGIN, str(theirs.fileno()), *filter(None, sys.path)],
                pass_fds=[theirs.fileno()],
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                stdin=subprocess.DEVNULL,
                # An interrupt from the terminal is for the watch, which ends its readers itself.
                start_new_session=True,
            )
        self._wire = wire = Wire(ours)
        wire.wait_at_most(STARTS_WITHIN_S)
        threading.Thread(
            target=self._listen, args=(wire, self._child), name="readers", daemon=True
        ).start()

    def _listen(self, wire: Wire, child: subprocess.Popen[bytes]) -> None:
        try:
            self._hear(*wire.receive())
            wire.wait_at_most(SILENT_S)
            while True:
                self._hear(*wire.receive())
        except (EOFError, OSError):
            # It ended, or it hangs; why does not matter.
            child.kill()
        child.wait()
        with self._lock:
            for answer in self._clips.values():
                answer.set_exception(ClipLost(_GONE))
            self._clips.clear()
            if not self._closed.is_set():
                for source, _ in self._sources.values():
                    source.heard.put(None)
        if self._closed.wait(RESTART_S):
            return
        with self._lock:
            wire.close()
            self._begin()
            for number, (_, started) in self._sources.items():
                self._send(started)
                if number in self._asked:
                    self._send(Asked(number))

    def _hear(self, words: Any, pixels: Any) -> None:  # noqa: ANN401 - what a wire carries
        if isinstance(words, Told):
            with self._lock:
                answer = self._clips.pop(words.request, None)
            if answer is not None:
                answer.set_result(words)
            return
        if isinstance(words, Alive):
            return
        assert isinstance(words, Said)  # noqa: S101 - nothing else is sent
        with self._lock:
            source, _ = self._sources.get(words.number, (None, None))
            if source is None:
                return
            if isinstance(words.event, PictureHead):
                self._asked.discard(words.number)
        source.take_note(words)
        event = words.event
        source.heard.put(unpacked(event, pixels) if isinstance(event, PictureHead) else event)

    def _send(self, words: object) -> bool:
        """Say something; returns whether anybody may have heard it."""
        if self._wire is None:
            return False
        try:
            self._wire.send(words)
        except OSError:
            # It broke down; whoever listens to it begins it anew and says all that again.
            return False
        return True
