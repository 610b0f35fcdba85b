"""Which addresses are read from, and that none ever shows a password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.camera.sources import open_source, redacted
from vision.camera.sources.address import AddressKind, kind_of
from vision.errors import InputError


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://10.0.0.8:554/ch1", "rtsp://10.0.0.8:554/ch1"),
        ("rtsp://admin:secret@10.0.0.8:554/ch1", "rtsp://***@10.0.0.8:554/ch1"),
        ("rtsp://admin:se@cret@10.0.0.8/ch1", "rtsp://***@10.0.0.8/ch1"),
        ("rtsp://admin:se/cr?et@10.0.0.8/ch1", "rtsp://***@10.0.0.8/ch1"),
        ("rtsp://secret@10.0.0.8/", "rtsp://***@10.0.0.8/"),
        ("rtsp://10.0.0.8/user=admin_password=secret_channel=1/live", "rtsp://10.0.0.8/***/live"),
        ("rtsp://10.0.0.8/a?user=admin&password=secret", "rtsp://10.0.0.8/a?***"),
        ("http://[fd00::8]:80/snap.jpg#secret", "http://[fd00::8]:80/snap.jpg"),
        ("/data/gate 1.mp4", "/data/gate 1.mp4"),
        ("folder/of@stills", "folder/of@stills"),
    ],
)
def test_what_is_shown_of_an_address(address, shown):
    assert redacted(address) == shown


@given(st.text(st.characters(codec="ascii", exclude_characters="/@"), min_size=1), st.text())
def test_no_password_is_ever_shown(host, tail):
    secret = "hunter2" + tail
    assert "hunter2" not in redacted(f"rtsp://admin:{secret}@{host}/ch1").replace(host, "")


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("rtsp://10.0.0.8/ch1", AddressKind.RTSP),
        ("RTSPS://10.0.0.8/ch1", AddressKind.RTSP),
        ("http://10.0.0.8/snap.jpg", AddressKind.SNAPSHOT),
        ("https://u:p%40@10.0.0.8:8443/snap.jpg", AddressKind.SNAPSHOT),
    ],
)
def test_streams_are_known_by_their_scheme(address, kind):
    assert kind_of(address) is kind


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ftp://admin:hunter2@10.0.0.8/a.mp4", r"ftp:// is not read from"),
        ("file:///etc/passwd", r"file:// is not read from"),
        ("concat://a.mp4|b.mp4", r"concat:// is not read from"),
        ("rtsp://", "not a usable address"),
        ("rtsp://admin:hunter2@10.0.0.8:port/", "not a usable address"),
        ("rtsp://admin:hunter2@10.0.0.8:0/", "not a usable address"),
        ("http://10.0.0.8/a b.jpg", "not a usable address"),
        ("http://10.0.0.8/a\r\nHost: b", "not a usable address"),
        ("nowhere/there.mp4", "no such file or folder"),
    ],
)
def test_what_cannot_be_read_is_said_without_the_password(address, says):
    with pytest.raises(InputError, match=says) as caught:
        open_source(address)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_files_and_folders_are_told_apart(tmp_path):
    file = tmp_path / "a.mp4"
    file.write_bytes(b"x")
    assert kind_of(str(file)) is AddressKind.FILE
    assert kind_of(str(tmp_path)) is AddressKind.FOLDER


def test_a_live_source_does_not_show_its_password():
    for address in ("rtsp://admin:hunter2@127.0.0.1/x", "http://admin:hunter2@127.0.0.1/x"):
        source = open_source(address)
        assert "hunter2" not in repr(source) + source.address
