"""A camera's RTSP connection through our own hands, so that it cannot be redirected.

FFmpeg follows RTSP redirects wherever they lead and offers no switch against it. So the service
makes the connection, to the address that was checked, and FFmpeg gets a local one that is joined
with it. Until the stream plays, what the camera answers is looked at, and a redirect ends both.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from serve.network import CheckedAddress

ACCEPT_S = 10.0
CHUNK_BYTES = 262_144
BATCH_S = 0.1
"""Once it plays, data is passed on in lumps: waking up for each packet costs more than all else
that the service adds to a camera (with 0.015 s, 6 ms of processor a camera and second)."""
_ANSWER = re.compile(rb"RTSP/1\.[01] [1245]\d\d[ \r]")
_BEGIN = b"RTSP/"
_ANSWER_BYTES = 13
_PLAY = b"PLAY "


@dataclass(frozen=True)
class Relay:
    """Opens relayed connections to one camera; can be sent to another process.

    Attributes:
        address: The camera, checked.
        timeout_s: How long it is waited for.
    """

    address: CheckedAddress
    timeout_s: float

    def __call__(self) -> str:
        """Connect to the camera; returns the address at which FFmpeg finds the connection.

        Raises:
            OSError: The camera cannot be connected to.
        """
        parts = urlsplit(self.address.url)
        assert self.address.connect_to is not None  # noqa: S101 - only files have none
        camera = socket.create_connection(
            (self.address.connect_to, parts.port or 554), self.timeout_s
        )
        if parts.scheme == "rtsps":
            camera = _tls().wrap_socket(camera, server_hostname=parts.hostname)
        listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        listener.settimeout(ACCEPT_S)
        port = listener.getsockname()[1]
        threading.Thread(
            target=_join, args=(camera, listener), name="camera relay", daemon=True
        ).start()
        login, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(("rtsp", f"{login}{at}127.0.0.1:{port}", parts.path, parts.query, ""))


def _tls() -> ssl.SSLContext:
    """Cameras sign their own certificates, so they are not checked."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _join(camera: socket.socket, listener: socket.socket) -> None:
    """Pass bytes on in both directions until one side ends."""
    with camera:
        try:
            with listener:
                ours, _ = listener.accept()
            with ours:
                ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _pass_on(camera, ours)
        except OSError:
            # Whoever reads notices that the connection is gone.
            return


def _pass_on(camera: socket.socket, ours: socket.socket) -> None:
    gate = AnswerGate()
    while True:
        readable, _, _ = select.select([camera, ours], [], [])
        if ours in readable:
            asked = ours.recv(CHUNK_BYTES)
            if not asked:
                return
            gate.note_request(asked)
            # What is received does not block, see `_received`; what is sent does.
            camera.setblocking(True)
            camera.sendall(asked)
        if camera in readable:
            answered = _received(camera)
            if answered is None:
                continue
            if not answered:
                return
            passed = gate.let_through(answered)
            if passed is None:
                return
            ours.sendall(passed)
            # A full lump says that more is waiting.
            if gate.is_open and len(answered) < CHUNK_BYTES:
                time.sleep(BATCH_S)


def _received(camera: socket.socket) -> bytes | None:
    """Return what has come; nothing at the end; none where that is no whole piece of data.

    By TLS, a part of a record or a session ticket makes the connection readable without a byte of
    data in it: to wait for more would keep what is asked of the camera from it. And a call gives
    one record of 16 KiB at most, so it takes some.
    """
    camera.setblocking(False)
    lump = b""
    try:
        while len(lump) < CHUNK_BYTES:
            piece = camera.recv(CHUNK_BYTES)
            if not piece:
                return lump
            lump += piece
    except (BlockingIOError, ssl.SSLWantReadError):
        return lump or None
    return lump


class AnswerGate:
    """Lets a camera's answers through as long as none redirects.

    FFmpeg takes redirects for an answer to anything it asks before it asks to play, and not after.

    Attributes:
        is_open: Whether it plays, and nothing is looked at any more.
    """

    def __init__(self) -> None:
        """Begin closed."""
        self.is_open = False
        self._held = b""
        self._asked = b""

    def note_request(self, asked: bytes) -> None:
        """Take note of what was asked of the camera."""
        if not self.is_open:
            self._asked = (self._asked + asked)[-4096 - len(asked) :]
            self.is_open = any(line.startswith(_PLAY) for line in self._asked.split(b"\r\n"))

    def let_through(self, answered: bytes) -> bytes | None:
        """Return what may be passed on by now; none where the camera redirects, or could."""
        if self.is_open and not self._held:
            return answered
        content, self._held = self._held + answered, b""
        if self.is_open:
            return content
        start = content.find(_BEGIN)
        while start >= 0:
            if len(content) - start < _ANSWER_BYTES:
                # An answer that is not there yet as a whole.
                self._held = content[start:]
                return content[:start]
            if not _ANSWER.match(content, start):
                return None
            start = content.find(_BEGIN, start + 1)
        for length in range(len(_BEGIN) - 1, 0, -1):
            if content.endswith(_BEGIN[:length]):
                self._held = content[-length:]
                return content[:-length]
        return content
