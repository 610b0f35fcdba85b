"""A film that is shown again and again, as if it were a camera: for trials and measurements."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import av
from av.error import FFmpegError
from av.video.stream import VideoStream

from vision.camera.sources.address import AddressKind
from vision.camera.sources.files import opened_film
from vision.camera.sources.live import Outbox, Trouble
from vision.camera.sources.packets import PacketSource
from vision.camera.sources.source import FaultKind, Patience


class LoopedFilm(PacketSource):
    """A video file that runs by the clock on the wall and never ends."""

    kind = AddressKind.FILE

    def __init__(self, path: Path, *, begin_s: float = 0.0, keep_s: float) -> None:
        """Look for the film; nothing is read yet.

        Args:
            path: Any file that `VideoFile` reads, with timestamps.
            begin_s: Where to begin, so that films of many cameras do not run alike.
            keep_s: For how long packets are kept for clips.
        """
        super().__init__(str(path), Patience(), keep_s=keep_s)
        self._path = path
        self._begin_s = begin_s

    def _read_once(self, outbox: Outbox, step_s: float) -> None:
        try:
            with closing(opened_film(self._path)) as container:
                outbox.heard()
                stream = self._video(container)
                self._take_in(stream, self._paced(container, stream, outbox), outbox, step_s)
        except (FFmpegError, OSError) as error:
            raise Trouble(
                FaultKind.BAD_STREAM, f"{self.address}: cannot be read ({type(error).__name__})"
            ) from error

    def _paced(
        self, container: av.container.InputContainer, stream: VideoStream, outbox: Outbox
    ) -> Iterator[av.Packet[VideoStream]]:
        """Yield packets when their time has come, with times that go on from round to round."""
        began_s = time.monotonic() - self._begin_s
        shift = 0
        with ExitStack() as opened:
            while True:
                newest, spacing = 0, 1
                for packet in container.demux(stream):
                    if packet.pts is None or packet.dts is None or packet.time_base is None:
                        continue
                    newest, spacing = max(newest, packet.pts), packet.duration or spacing
                    packet.pts += shift
                    packet.dts += shift
                    due_s = began_s + packet.dts * float(packet.time_base)
                    if due_s < began_s + self._begin_s:
                        # Before where it is begun.
                        continue
                    wait_s = due_s - time.monotonic()
                    if wait_s > 0 and outbox.closed.wait(wait_s):
                        return
                    yield packet
                shift += newest + spacing
                # Opened anew: going back would empty the decoder, while another thread uses it.
                opened.close()
                container = opened.enter_context(closing(opened_film(self._path)))
                stream = self._video(container)
