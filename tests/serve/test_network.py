"""Where the service refuses to connect, however it is written."""

import socket

import pytest

from serve.network import AddressRefused, AddressUnknown, checked, checked_form
from serve.service import Service
from tests.serve.conftest import settings_for
from vision.camera.sources import AddressKind
from vision.errors import InputError

NETWORKS = "10.0.0.0/8,192.168.0.0/16,fd12::/16"


def never(host, _port):
    raise AssertionError(f"{host} was looked up")


def answering(*answers):
    return lambda _host, _port: list(answers)


@pytest.fixture
def settings(tmp_path):
    return settings_for(tmp_path, camera_networks=NETWORKS)


@pytest.mark.parametrize(
    ("address", "url", "connect_to"),
    [
        ("rtsp://10.0.0.8/s", "rtsp://10.0.0.8:554/s", "10.0.0.8"),
        ("RTSP://u:p@10.0.0.8:8554/s?c=1", "rtsp://u:p@10.0.0.8:8554/s?c=1", "10.0.0.8"),
        ("rtsp://u:p%40s@10.0.0.8/s", "rtsp://u:p%40s@10.0.0.8:554/s", "10.0.0.8"),
        ("rtsp://167772168/s", "rtsp://10.0.0.8:554/s", "10.0.0.8"),
        ("rtsp://[::ffff:10.0.0.8]/s", "rtsp://10.0.0.8:554/s", "10.0.0.8"),
        ("rtsps://[fd12::8]/s", "rtsps://[fd12::8]:322/s", "fd12::8"),
        ("http://u:p@192.168.1.8/snap.jpg", "http://u:p@192.168.1.8/snap.jpg", "192.168.1.8"),
    ],
)
def test_cameras_in_their_networks_are_connected_to(settings, address, url, connect_to):
    found = checked(address, settings, lookup=never)
    assert (found.url, found.connect_to) == (url, connect_to)
    assert found.kind is (AddressKind.SNAPSHOT if url.startswith("http") else AddressKind.RTSP)
    assert "u:p" not in repr(found)


LOOPBACK = [
    "127.0.0.1", "127.1", "127.9.9.9", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1",
    "017700000001", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[0:0:0:0:0:ffff:127.0.0.1]",
]  # fmt: skip
OTHERS = [
    "0.0.0.0", "0",  # noqa: S104
     "[::]", "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "100.100.100.200", "169.254.3.4", "[fe80::1]",
    "224.0.0.1", "239.1.2.3", "[ff02::1]", "255.255.255.255", "240.0.0.1",
]  # fmt: skip
OUTSIDE = ["8.8.8.8", "172.16.0.1", "[2001:4860::8]", "[::ffff:8.8.8.8]", "134744072", "11.0.0.1"]


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
@pytest.mark.parametrize("host", [*LOOPBACK, *OTHERS, *OUTSIDE])
def test_what_is_never_connected_to(settings, scheme, host):
    address = f"{scheme}://root:hunter2@{host}:8554/x?pw=hunter2"
    for check in (lambda: checked(address, settings, lookup=never),
                  lambda: checked_form(address, settings)):  # fmt: skip
        with pytest.raises(AddressRefused) as told:
            check()
        assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("host", [*LOOPBACK, *OTHERS, *OUTSIDE])
def test_a_name_that_leads_there_is_refused_too(settings, host):
    plain = host.strip("[]")
    try:
        answer = socket.inet_ntoa(socket.inet_aton(plain))
    except OSError:
        answer = plain
    with pytest.raises(AddressRefused):
        checked("rtsp://cam.example/s", settings, lookup=answering(answer))
    with pytest.raises(AddressRefused):
        checked("rtsp://cam.example/s", settings, lookup=answering("10.0.0.8", answer))


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd", "ftp://10.0.0.8/x", "gopher://10.0.0.8", "exec:ls", "/etc/passwd",
        "concat:a|b", "rtsp:/10.0.0.8", "rtsp://", "rtsp://:554/x", "", "rtmp://10.0.0.8/x",
        "rtsp://10.0.0.8/x\nOPTIONS", "rtsp://10.0.0.8:99999/x", "rtsp://10.0.0.8/ x",
        "rtsp://[fe80::1%25lo]/x", "rtsp://10.0.0.8/" + "x" * 2000, 
        "rtsp://10.0.0.8:0/x", "tcp://10.0.0.8:80", "sample:other", "clip:../secret",
        "clip:/etc/passwd", "clip:none.mp4", "javascript:alert(1)", "http+unix://x/y",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_camera(settings, address):
    with pytest.raises(AddressRefused):
        checked(address, settings, lookup=answering("10.0.0.8"))


def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to(settings):
    asked = []

    def changing(host, port):
        asked.append((host, port))
        return ["10.0.0.8"] if len(asked) == 1 else ["127.0.0.1"]

    found = checked("rtsp://u:p@cam.example/s", settings, lookup=changing)
    assert found.url == "rtsp://u:p@10.0.0.8:554/s"
    assert asked == [("cam.example", 554)]
    found = checked("https://cam.example/s", settings, lookup=answering("10.0.0.9"))
    assert (found.url, found.connect_to) == ("https://cam.example/s", "10.0.0.9")


def test_the_name_server_is_not_asked_when_only_the_form_is_checked(settings):
    assert checked_form("rtsp://u:p@cam.example/s?k=v", settings) == "rtsp://***@cam.example/s?***"


@pytest.mark.parametrize("error", [socket.gaierror(8, "unknown"), UnicodeError("label")])
def test_a_name_that_nobody_knows(settings, error):
    def lookup(_host, _port):
        raise error

    with pytest.raises(AddressUnknown, match="no name server knows"):
        checked("rtsp://u:hunter2@cam.example/s", settings, lookup=lookup)


def test_without_networks_nothing_is_allowed(tmp_path):
    with pytest.raises(AddressRefused, match="CITYEYE_CAMERA_NETWORKS"):
        checked("rtsp://10.0.0.8/s", settings_for(tmp_path))


def test_our_own_port_is_refused_where_loopback_is_allowed(tmp_path):
    settings = settings_for(tmp_path, camera_allow_loopback=True)
    assert checked("rtsp://127.0.0.1:8554/s", settings).connect_to == "127.0.0.1"
    assert checked("http://[::1]:8554/s", settings).connect_to == "::1"
    for address in ("http://127.0.0.1:8300/x", "rtsp://127.1:8300/x", "http://[::1]:8300/x"):
        with pytest.raises(AddressRefused, match="this service itself"):
            checked(address, settings)
    for host in OTHERS:
        with pytest.raises(AddressRefused):
            checked(f"rtsp://{host}:8554/s", settings, lookup=never)


def production(folder, **changes):
    return settings_for(folder, **changes).model_copy(
        update={"environment": "production"}
    )  # fmt: skip


def test_loopback_and_clips_are_for_development_only(tmp_path):
    settings = production(tmp_path, camera_allow_loopback=True, secret="s" * 40)
    with pytest.raises(AddressRefused, match="this machine itself"):
        checked("rtsp://127.0.0.1/s", settings)
    for address in ("sample:street", "clip:a.mp4"):
        with pytest.raises(AddressRefused, match="development"):
            checked(address, settings)
    with pytest.raises(InputError, match="CITYEYE_CAMERA_ALLOW_LOOPBACK"):
        Service(settings)


def test_clips_lie_in_their_folder_and_are_no_links(tmp_path, settings):
    assert checked("sample:street", settings).url.endswith("street.mp4")
    folder = settings.data_dir / "clips"
    folder.mkdir(parents=True)
    (folder / "a.mp4").write_bytes(b"film")
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "link.mp4").symlink_to(tmp_path / "secret")
    assert checked("clip:a.mp4", settings).url == str(folder / "a.mp4")
    with pytest.raises(AddressRefused):
        checked("clip:link.mp4", settings)
