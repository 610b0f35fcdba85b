"""A real RTSP server on loopback for tests: GStreamer's, run by the system's Python."""

from __future__ import annotations

import signal
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest

_PYTHON = "/usr/bin/python3"
_SCRIPT = Path(__file__).with_name("gst_rtsp.py")


@cache
def _missing() -> str | None:
    """Why there can be no server here, None where there can."""
    if not Path(_PYTHON).exists():
        return f"{_PYTHON} is missing"
    tried = subprocess.run(  # noqa: S603 - our own script
        [_PYTHON, str(_SCRIPT), "--check"], capture_output=True, text=True, timeout=60, check=False
    )
    return None if tried.returncode == 0 else tried.stderr.strip().rpartition("\n")[2]


def require_rtsp_server():
    """Skip the test that calls this where there is no GStreamer."""
    if reason := _missing():
        pytest.skip(
            f"no RTSP server ({reason}); install gir1.2-gst-rtsp-server-1.0, python3-gi, "
            "gstreamer1.0-plugins-base, -good and -bad"
        )


class RtspServer:
    """Serves one file in a loop until it is stopped; a context manager."""

    def __init__(self, file, *, port=0, user=None, password=None):
        command = [_PYTHON, str(_SCRIPT), "--file", str(file), "--port", str(port)]
        if user is not None:
            command += ["--user", user, "--password", password]
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            command, stdout=subprocess.PIPE, text=True
        )
        line = self._process.stdout.readline()
        assert line.startswith("port "), f"the server said {line!r}"
        self.port = int(line.split()[1])
        self._login = "" if user is None else f"{quote(user, safe='')}:{quote(password, safe='')}@"

    @property
    def url(self):
        return f"rtsp://{self._login}127.0.0.1:{self.port}/stream"

    def freeze(self):
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._process.poll() is None:
            self.kill()
