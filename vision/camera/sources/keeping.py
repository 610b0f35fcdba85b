"""From a stream's packets to packets that are kept: copied, Annex B, with their coding."""

from __future__ import annotations

from datetime import datetime

import av
from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError
from av.video.stream import VideoStream

from vision.camera.sources.ring import Coding, KeptPacket, Ring, parameter_sets

# MP4 and MKV write H.264 and H.265 with lengths and parameter sets apart; streams write Annex B.
_TO_ANNEX_B = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
_ANNEX_B_STARTS = (b"\x00\x00\x01", b"\x00\x00\x00\x01")


class PacketKeeper:
    """Puts packets of one stream into a ring."""

    def __init__(self, stream: VideoStream, ring: Ring[KeptPacket]) -> None:
        """Keep what comes from a stream in a ring."""
        self._ring = ring
        codec = stream.codec_context.name
        # Decoders have names of their own ("libdav1d"); for those kept here they are the codec's.
        parameters = stream.codec_context.extradata or b""
        self._filter: BitStreamFilterContext | None = None
        if codec in _TO_ANNEX_B and parameters and not parameters.startswith(_ANNEX_B_STARTS):
            self._filter = BitStreamFilterContext(_TO_ANNEX_B[codec], stream)
            parameters = b""
        self._coding = Coding(codec, parameters)

    def keep(self, packet: av.Packet[VideoStream], at: datetime) -> None:
        """Copy a packet into the ring.

        Args:
            packet: Next of the stream; unchanged.
            at: Time of its picture.
        """
        lead_s = 0.0
        if packet.pts is not None and packet.dts is not None:
            lead_s = (packet.pts - packet.dts) * float(packet.time_base)
        for data in self._annex_b(packet):
            if packet.is_keyframe:
                told = parameter_sets(data, self._coding.codec)
                if told and told != self._coding.parameters:
                    self._coding = Coding(self._coding.codec, told)
            self._ring.add(KeptPacket(data, self._coding, at, lead_s, packet.is_keyframe))

    def _annex_b(self, packet: av.Packet[VideoStream]) -> list[bytes]:
        if self._filter is None:
            return [bytes(packet)]
        copy = av.Packet(bytes(packet))
        copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
        copy.is_keyframe = packet.is_keyframe
        try:
            return [bytes(filtered) for filtered in self._filter.filter(copy)]
        except FFmpegError:
            # A damaged packet; the decoder has its own way with it.
            return []
