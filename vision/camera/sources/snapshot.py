"""A camera that gives single pictures by HTTP."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlunsplit

from vision.camera.config import Outline
from vision.camera.frame import Frame
from vision.camera.sources.address import AddressKind, split_address
from vision.camera.sources.clips import pictures_to_clip
from vision.camera.sources.live import LiveSource, Outbox, Trouble
from vision.camera.sources.pictures import MAX_PICTURE_BYTES, decoded_picture
from vision.camera.sources.ring import KeptPicture, Ring
from vision.camera.sources.source import Clip, Decoding, FaultKind, Patience

_CHUNK_BYTES = 65_536


class Snapshots(LiveSource):
    """A camera whose picture is fetched again and again.

    Basic and digest authentication; no redirects, no proxies. Certificates of HTTPS are not
    checked, as with RTSPS: cameras sign their own.
    """

    kind = AddressKind.SNAPSHOT
    decoding: Decoding = "all frames"

    def __init__(
        self,
        address: str,
        *,
        interval_s: float | None,
        patience: Patience,
        keep_s: float,
        connect_to: str | None = None,
    ) -> None:
        """Remember where the camera is; nothing is fetched yet.

        Args:
            address: http:// or https://, user and password percent-encoded.
            interval_s: Seconds from one picture to the next; None takes the watcher's step.
            patience: How long it is waited for.
            keep_s: For how long pictures are kept for clips.
            connect_to: IP address that was found and checked for the host; none looks it up.

        Raises:
            InputError: The address cannot be used.
        """
        super().__init__(address, patience)
        parts = split_address(address)
        self._bare = urlunsplit(
            (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, "")
        )
        self._opener = _opener(self._bare, parts.username, parts.password, connect_to)
        self._interval_s = interval_s
        self._ring: Ring[KeptPicture] = Ring(max(keep_s, 12 * (interval_s or 0.0)))

    def clip(
        self, start: datetime, end: datetime, path: Path, *, masks: Sequence[Outline] = ()
    ) -> Clip | None:
        """Write a slide show of the last pictures; see `Source.clip`."""
        return pictures_to_clip(self._ring.items(), start, end, path, masks=masks)

    def _read_once(self, outbox: Outbox, step_s: float) -> None:
        interval_s = self._interval_s or step_s
        due_s = time.monotonic()
        while not outbox.closed.is_set():
            data = self._fetched()
            outbox.heard()
            received_at = datetime.now(UTC)
            rgb = decoded_picture(data)
            if rgb is None:
                raise Trouble(
                    FaultKind.BAD_STREAM, f"{self.address}: answers with no JPEG or PNG picture"
                )
            self._ring.add(KeptPicture(data, received_at))
            outbox.put(Frame(taken_at=received_at, received_at=received_at, rgb=rgb))
            due_s = max(due_s + interval_s, time.monotonic())
            while not outbox.closed.wait(min(1.0, max(0.0, due_s - time.monotonic()))):
                if time.monotonic() >= due_s:
                    break
                # Waiting for the next is no silence of the camera.
                outbox.heard()

    def _fetched(self) -> bytes:
        try:
            return self._fetch()
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error.code) from None
        except TimeoutError:
            raise Trouble(FaultKind.OFFLINE, f"{self.address}: does not answer in time") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(reason, TimeoutError):
                words = "does not answer in time"
            elif isinstance(reason, ConnectionRefusedError):
                words = "nothing listens at this port"
            elif isinstance(reason, socket.gaierror):
                words = "this host is not known"
            else:
                words = f"cannot be reached ({type(reason).__name__})"
            garbage = isinstance(error, http.client.HTTPException)
            kind = FaultKind.BAD_STREAM if garbage else FaultKind.OFFLINE
            raise Trouble(kind, f"{self.address}: {words}") from None

    def _fetch(self) -> bytes:
        # A timeout counts anew for each piece; the deadline holds for the whole.
        deadline_s = time.monotonic() + max(self._patience.connect_s, self._patience.silence_s)
        with self._opener.open(self._bare, timeout=self._patience.silence_s) as answer:
            pieces: list[bytes] = []
            size = 0
            while piece := answer.read1(_CHUNK_BYTES):
                size += len(piece)
                if size > MAX_PICTURE_BYTES:
                    raise Trouble(
                        FaultKind.BAD_STREAM,
                        f"{self.address}: the picture is larger than {MAX_PICTURE_BYTES} bytes",
                    )
                if time.monotonic() > deadline_s:
                    raise TimeoutError
                pieces.append(piece)
        return b"".join(pieces)

    def _refusal(self, code: int) -> Trouble:
        if code in (401, 403):
            return Trouble(
                FaultKind.REFUSED,
                f"{self.address}: user, password or right is wrong or missing ({code})",
            )
        if 300 <= code < 400:
            return Trouble(
                FaultKind.BAD_STREAM,
                f"{self.address}: redirects ({code}), which is not followed; give where to",
            )
        return Trouble(FaultKind.OFFLINE, f"{self.address}: answers with HTTP error {code}")


class _DigestOnce(urllib.request.HTTPDigestAuthHandler):
    """Tries a password once: the standard library tries six times, and cameras lock the account."""

    def http_error_401(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
    ) -> Any:  # noqa: ANN401 - as inherited
        if not _asks_for("digest", headers):
            return None
        return super().http_error_401(req, fp, code, msg, headers)

    def retry_http_digest_auth(self, req: urllib.request.Request, auth: str) -> Any:  # noqa: ANN401 - as inherited
        if req.has_header(self.auth_header):
            return None
        return super().retry_http_digest_auth(req, auth)


class _BasicOnly(urllib.request.HTTPBasicAuthHandler):
    """Leaves other ways alone, where the standard library raises."""

    def http_error_401(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
    ) -> Any:  # noqa: ANN401 - as inherited
        if not _asks_for("basic", headers):
            return None
        return super().http_error_401(req, fp, code, msg, headers)


def _asks_for(scheme: str, headers: HTTPMessage) -> bool:
    challenges = headers.get_all("WWW-Authenticate", [])
    return any(challenge.lower().startswith(scheme) for challenge in challenges)


class _Pinned(http.client.HTTPConnection):
    """Connects to one IP address, and still names the host it was asked for."""

    connect_to = ""

    def connect(self) -> None:
        """Connect, without asking a name server."""
        self.sock = socket.create_connection((self.connect_to, self.port), self.timeout)


class _PinnedTls(_Pinned):
    """Does the same over TLS."""

    default_port = http.client.HTTPS_PORT
    tls: ssl.SSLContext

    def connect(self) -> None:
        """Connect, and speak TLS from then on."""
        super().connect()
        self.sock = self.tls.wrap_socket(self.sock, server_hostname=self.host)


class _PinnedHandler(urllib.request.AbstractHTTPHandler):
    """Opens http:// and https:// at one IP address."""

    def __init__(self, connect_to: str, tls: ssl.SSLContext) -> None:
        super().__init__()
        self._connect_to = connect_to
        self._tls = tls

    def http_open(self, request: urllib.request.Request) -> Any:  # noqa: ANN401 - as inherited
        return self.do_open(self._plain, request)

    def https_open(self, request: urllib.request.Request) -> Any:  # noqa: ANN401 - as inherited
        return self.do_open(self._encrypted, request)

    http_request = urllib.request.AbstractHTTPHandler.do_request_
    https_request = urllib.request.AbstractHTTPHandler.do_request_

    def _plain(self, host: str, /, **options: Any) -> _Pinned:  # noqa: ANN401
        made = _Pinned(host, **options)
        made.connect_to = self._connect_to
        return made

    def _encrypted(self, host: str, /, **options: Any) -> _Pinned:  # noqa: ANN401
        made = _PinnedTls(host, **options)
        made.connect_to, made.tls = self._connect_to, self._tls
        return made


def _opener(
    bare: str, user: str | None, password: str | None, connect_to: str | None
) -> urllib.request.OpenerDirector:
    """Make what opens an address: HTTP(S) only, no redirects, no proxies of the environment."""
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if user is not None:
        passwords.add_password(None, bare, unquote(user), unquote(password or ""))
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.OpenerDirector()
    connecting: tuple[urllib.request.BaseHandler, ...] = (
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=context),
    )
    if connect_to is not None:
        connecting = (_PinnedHandler(connect_to, context),)
    for handler in (
        *connecting,
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _DigestOnce(passwords),
        _BasicOnly(passwords),
    ):
        opener.add_handler(handler)
    return opener
