"""Redirecting cameras: FFmpeg would follow, and does not get to."""

import hashlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from serve.db.tables import CameraRow, utc_now
from serve.network import checked
from serve.watching.opening import source_maker
from serve.watching.relay import CHUNK_BYTES, AnswerGate, Relay
from tests.serve.conftest import settings_for
from vision.camera.sources import Fault, Patience

QUICK = Patience(connect_s=3.0, silence_s=3.0, first_retry_s=5.0, longest_retry_s=5.0)


@contextmanager
def listening(serve):
    server = socket.create_server(("127.0.0.1", 0))

    def run():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                serve(connection)

    threading.Thread(target=run, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


def redirecting(port, status, *, slowly=False):
    def serve(connection):
        while asked := connection.recv(4000):
            number = next(x for x in asked.split(b"\r\n") if x.lower().startswith(b"cseq"))
            if asked.startswith(b"OPTIONS"):
                connection.sendall(
                    b"RTSP/1.0 200 OK\r\n" + number + b"\r\nPublic: DESCRIBE\r\n\r\n"
                )
                continue
            place = f"\r\nLocation: rtsp://127.0.0.1:{port}/x\r\n\r\n".encode()
            answer = status + b"\r\n" + number + place
            for at in range(len(answer)) if slowly else ():
                connection.sendall(answer[at : at + 1])
            if not slowly:
                connection.sendall(answer)

    return serve


@pytest.mark.parametrize(
    ("status", "slowly"),
    [
        (b"RTSP/1.0 302 Moved", False), (b"RTSP/1.0 301 Moved", True), (b"RTSP/1.0  307 M", False),
        (b"RTSP/1.0\t303 See", False), (b"RTSP/1.0 0302 M", False), (b"RTSP/2.0 302 M", False),
    ],
)  # fmt: skip
def test_no_redirect_is_followed(tmp_path, status, slowly):
    reached = []
    with (
        listening(lambda connection: reached.append(connection.recv(10))) as elsewhere,
        listening(redirecting(elsewhere, status, slowly=slowly)) as port,
    ):
        settings = settings_for(tmp_path, camera_allow_loopback=True)
        address = checked(f"rtsp://u:p@127.0.0.1:{port}/s", settings)
        row = CameraRow(enabled_at=utc_now())
        source = source_maker(address, row, patience=QUICK)()
        stop = threading.Event()
        first = next(event for event in source.events(0.5, stop))
        stop.set()
    assert isinstance(first, Fault)
    assert reached == []


@pytest.mark.parametrize("size", [1, 2, 3, 7, 13, 100, 10_000])
def test_answers_come_through_whole_in_whatever_pieces(size):
    answers = (
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\nRTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\n\r\n"
        b"RTSP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nv=0\r\nRTS\r\n"
    )
    gate = AnswerGate()
    pieces = [answers[at : at + size] for at in range(0, len(answers), size)]
    assert b"".join(gate.let_through(piece) for piece in pieces) == answers


def test_nothing_is_looked_at_once_it_plays():
    gate = AnswerGate()
    assert gate.let_through(b"RTSP/1.0 200 OK\r\n\r\nRT") == b"RTSP/1.0 200 OK\r\n\r\n"
    gate.note_request(b"PLAY rtsp://127.0.0.1/s RTSP/1.0\r\n\r\n")
    assert gate.let_through(b"RTSP/1.0 3") == b"RTRTSP/1.0 3"
    assert gate.let_through(b"$\0\0\4RTSP/") == b"$\0\0\4RTSP/"


@pytest.fixture
def own_certificate(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(  # noqa: S603
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",  # noqa: S607
         "-nodes", "-subj", "/CN=camera", "-days", "2", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps"])
def test_what_plays_comes_through_whole(tmp_path, scheme, request):
    # More than fits into one lump, in pieces that end nowhere in particular.
    sent = np.random.default_rng(7).bytes(3 * CHUNK_BYTES + 777)
    tls = request.getfixturevalue("own_certificate") if scheme == "rtsps" else None

    def serve(connection):
        with tls.wrap_socket(connection, server_side=True) if tls else connection as camera:
            camera.recv(4000)
            for at in range(0, len(sent), 5003):
                camera.sendall(sent[at : at + 5003])

    with listening(serve) as port:
        settings = settings_for(tmp_path, camera_allow_loopback=True)
        address = checked(f"{scheme}://u:p@127.0.0.1:{port}/s", settings)
        ours = Relay(address, timeout_s=5.0)()
        port_of_ours = int(ours.rpartition(":")[2].partition("/")[0])
        with socket.create_connection(("127.0.0.1", port_of_ours), 10) as reader:
            # By then a camera's session tickets have come, and nothing else before it is asked.
            time.sleep(0.3)
            reader.sendall(b"PLAY rtsp://127.0.0.1/s RTSP/1.0\r\n\r\n")
            came = hashlib.sha256()
            while piece := reader.recv(65_536):
                came.update(piece)
    assert came.digest() == hashlib.sha256(sent).digest()
