"""A camera that streams by RTSP."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Literal

import av
from av.container import InputContainer
from av.error import (
    ExitError,
    FFmpegError,
    HTTPForbiddenError,
    HTTPNotFoundError,
    HTTPUnauthorizedError,
    InvalidDataError,
)

from vision.camera.sources.address import AddressKind, split_address
from vision.camera.sources.live import Outbox, Trouble
from vision.camera.sources.packets import PacketSource
from vision.camera.sources.source import FaultKind, Patience

Transport = Literal["tcp", "udp"]

_PROTOCOLS = "rtsp,rtsps,rtp,srtp,tcp,tls,udp,crypto"


class RtspStream(PacketSource):
    """A camera by RTSP or RTSPS; its video only, sound is not asked for.

    Certificates of RTSPS are not checked: cameras sign their own.
    """

    kind = AddressKind.RTSP

    def __init__(
        self,
        address: str,
        *,
        transport: Transport = "tcp",
        patience: Patience,
        keep_s: float,
        through: Callable[[], str] | None = None,
    ) -> None:
        """Remember where the camera is; nothing is connected yet.

        Args:
            address: rtsp:// or rtsps://, user and password percent-encoded.
            transport: How packets come; over UDP they may get lost.
            patience: How long it is waited for.
            keep_s: For how long packets are kept for clips.
            through: Called for each connection; gives the address to open in place of the
                camera's own. It may raise OSError.

        Raises:
            InputError: The address cannot be used.
        """
        super().__init__(address, patience, keep_s=keep_s)
        split_address(address)
        self._url = address
        self._transport = transport
        self._through = through

    def _read_once(self, outbox: Outbox, step_s: float) -> None:
        began_s = time.monotonic()
        try:
            with closing(self._connected()) as container:
                outbox.heard()
                stream = self._video(container)
                self._take_in(stream, container.demux(stream), outbox, step_s)
        except (FFmpegError, OSError, ValueError) as error:
            # FFmpeg's own words hold the address with its password: ours do not.
            took_s = time.monotonic() - began_s
            raise self._trouble(error, took_s) from None

    def _connected(self) -> InputContainer:
        patience = self._patience
        options = {
            "rtsp_transport": self._transport,
            "allowed_media_types": "video",
            "protocol_whitelist": _PROTOCOLS,
            "timeout": str(round(patience.silence_s * 1_000_000)),
            # Else FFmpeg collects two seconds to tell the rate, which nobody asks for.
            "fpsprobesize": "0",
        }
        return av.open(
            self._url if self._through is None else self._through(),
            "r",
            format="rtsp",
            options=options,
            timeout=(patience.connect_s, patience.silence_s),
        )

    def _trouble(self, error: Exception, took_s: float) -> Trouble:
        if isinstance(error, HTTPUnauthorizedError):
            return Trouble(
                FaultKind.REFUSED, f"{self.address}: user or password is wrong or missing (401)"
            )
        if isinstance(error, HTTPForbiddenError):
            return Trouble(
                FaultKind.REFUSED, f"{self.address}: this user may not see the stream (403)"
            )
        if isinstance(error, HTTPNotFoundError):
            return Trouble(
                FaultKind.OFFLINE, f"{self.address}: there is no stream at this path (404)"
            )
        # FFmpeg takes an answer that was broken off by the timeout for one that makes no sense.
        broken_off = took_s > 0.9 * min(self._patience.connect_s, self._patience.silence_s)
        if isinstance(error, InvalidDataError) and not broken_off:
            return Trouble(FaultKind.BAD_STREAM, f"{self.address}: sends what is no video stream")
        if isinstance(error, TimeoutError | ExitError | InvalidDataError):
            return Trouble(FaultKind.OFFLINE, f"{self.address}: does not answer in time")
        if isinstance(error, ConnectionRefusedError):
            return Trouble(FaultKind.OFFLINE, f"{self.address}: nothing listens at this port")
        return Trouble(
            FaultKind.OFFLINE, f"{self.address}: cannot be reached ({type(error).__name__})"
        )
