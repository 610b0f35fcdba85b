"""A small RTSP server that loops a file for ever; run by the system's Python, which has GStreamer.

    /usr/bin/python3 tests/gst_rtsp.py --file street.mp4 --port 0 [--user U --password P]

Prints `port N` when it is ready and serves rtsp://127.0.0.1:N/stream. H.264 or H.265, nothing is
packed anew, and all clients share one reading of the file, so many cameras cost little here.
"""

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

# The file's packets are read once and pushed again and again with times that go on, because seeking
# back makes a pause and multifilesrc breaks at the seam.
# Parameter sets before each key frame, put there by the parser: the payloader would put them
# between the slices of one picture.
PAY = {
    "h264": "h264parse config-interval=-1 ! rtph264pay",
    "h265": "h265parse config-interval=-1 ! rtph265pay",
}

ELEMENTS = ("appsrc", "appsink", "qtdemux", "h264parse", "h265parse", "rtph264pay", "rtph265pay")


def read_packets(path):
    """Return the codec, its caps and all packets of an MP4."""
    reading = Gst.parse_launch(
        f'filesrc location="{path}" ! qtdemux ! appsink name=sink sync=false max-buffers=0'
    )
    sink = reading.get_by_name("sink")
    reading.set_state(Gst.State.PLAYING)
    caps, packets = None, []
    while True:
        sample = sink.emit("pull-sample")
        if sample is None:
            break
        caps = sample.get_caps()
        packets.append(sample.get_buffer())
    reading.set_state(Gst.State.NULL)
    if not packets:
        sys.exit(f"{path}: nothing could be read")
    codec = caps.get_structure(0).get_name().removeprefix("video/x-")
    return codec, caps, packets


class Looped(GstRtspServer.RTSPMediaFactory):
    """Gives all clients the same media, fed from the packets of one file."""

    def __init__(self, path):
        super().__init__()
        codec, self.caps, self.packets = read_packets(path)
        # Kept apart: a packet's times do not stay what they were once it was pushed.
        first = self.packets[0].pts
        self.times = [
            (p.pts - first, None if p.dts == Gst.CLOCK_TIME_NONE else p.dts - first)
            for p in self.packets
        ]
        self.period = max(p.pts + p.duration for p in self.packets) - first
        self.set_launch(
            f"( appsrc name=feed is-live=true format=time ! {PAY[codec]} name=pay0 pt=96 )"
        )
        self.set_shared(True)
        self.set_suspend_mode(GstRtspServer.RTSPSuspendMode.NONE)

    def feed(self, _factory, media):
        feed = media.get_element().get_by_name_recurse_up("feed")
        feed.set_property("caps", self.caps)
        state = {"next": 0, "round": 0}

        def more(source, _length):
            index = state["next"]
            packet = self.packets[index].copy()
            shift = state["round"] * self.period
            pts, dts = self.times[index]
            packet.pts = max(0, shift + pts)
            if dts is not None:
                packet.dts = max(0, shift + dts)
            state["next"] = (index + 1) % len(self.packets)
            state["round"] += state["next"] == 0
            source.emit("push-buffer", packet)

        feed.connect("need-data", more)


def main():
    """Serve until killed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--file")
    options.add_argument("--check", action="store_true", help="only tell whether all is installed")
    options.add_argument("--port", default="0")
    options.add_argument("--user")
    options.add_argument("--password")
    given = options.parse_args()
    Gst.init(None)
    if given.check:
        lacking = [name for name in ELEMENTS if Gst.ElementFactory.find(name) is None]
        sys.exit(f"GStreamer lacks {', '.join(lacking)}" if lacking else 0)
    if given.file is None:
        options.error("--file is missing")
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(given.port)
    factory = Looped(given.file)
    factory.connect("media-configure", factory.feed)
    if given.user:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(given.user, given.password, token)
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions()
        for right in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role("viewer", right, True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/stream", factory)
    if server.attach(None) == 0:
        sys.exit(f"port {given.port} cannot be used")
    print(f"port {server.get_bound_port()}", flush=True)  # noqa: T201 - whom we serve reads it
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
