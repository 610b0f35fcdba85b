"""Still pictures: their size is known before they are decoded."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.camera.sources.pictures import decoded_picture, picture_size


def encoded(suffix, width, height, grey=120, *options):
    picture = np.full((height, width, 3), grey, np.uint8)
    done, data = cv2.imencode(suffix, picture, list(options))
    assert done
    return data.tobytes()


def png_that_claims(width, height):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checked = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + checked


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@given(width=st.integers(1, 300), height=st.integers(1, 300))
def test_the_size_is_the_one_that_it_decodes_to(suffix, width, height):
    data = encoded(suffix, width, height)
    assert picture_size(data) == (width, height)
    assert decoded_picture(data).shape == (height, width, 3)


def test_progressive_jpeg_is_understood():
    data = encoded(".jpg", 40, 30, 120, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert picture_size(data) == (40, 30)


def test_colours_come_as_red_green_blue():
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[..., 2] = 255
    _, data = cv2.imencode(".png", picture)
    assert decoded_picture(data.tobytes())[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>busy</html>",
        b"\xff\xd8\xff\xe0",
        encoded(".jpg", 40, 30)[:60],
        encoded(".png", 40, 30)[:30],
        png_that_claims(60_000, 60_000),
        png_that_claims(0, 10),
        encoded(".bmp", 40, 30),
    ],
)
def test_what_is_broken_too_large_or_something_else_is_none(data):
    assert decoded_picture(data) is None


@given(st.binary(max_size=300))
def test_any_bytes_may_come(data):
    for start in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"):
        picture_size(start + data)
