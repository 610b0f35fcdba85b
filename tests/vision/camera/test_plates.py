"""Plates: read where they are plain, never guessed."""

from __future__ import annotations

import logging
import re
import socket
import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_plates import plate, vehicle

from vision.camera.plates import LEAST_CONFIDENCE, PROVINCES, PlateReader, plate_of

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


@pytest.fixture(scope="module")
def reader():
    return PlateReader(threads=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("粤A12345", "粤A12345"),
        (" 京B·D0G88 ", "京BD0G88"),
        ("粵\uff21·\uff11\uff12\uff13\uff14\uff15", "粤A12345"),
        ("沪a•8h08d", "沪A8H08D"),
        ("滬A·8H08D", "沪A8H08D"),
        # No I and no O after the second sign: they are 1 and 0.
        ("沪A·8O08I", "沪A80081"),
        ("粤AD1234O", "粤AD12340"),
        # Suffixes, and plates for both sides of the border.
        ("粤B1234挂", "粤B1234挂"),
        ("粤B1234学", "粤B1234学"),
        ("粤B1234警", "粤B1234警"),
        ("粤ZAB12港", "粤ZAB12港"),
        ("粤Z1234澳", "粤Z1234澳"),
        ("京ZAB12港", None),
        ("粤A1234扫", None),
        # New energy: small ones have their letter first, large ones last; the rest are digits.
        ("粤AD12345", "粤AD12345"),
        ("粤AF1234B", None),
        ("粤AFA2345", "粤AFA2345"),
        ("粤A12345D", "粤A12345D"),
        ("粤A1234B5", None),
        ("粤A123456", None),
        ("粤AZ12345", None),
        # The city's letter is never repaired, nor is any digit made of a letter but I and O.
        ("粤012345", None),
        ("粤I12345", None),
        ("粤O12345", None),
        ("粤812345", None),
        ("粤AD1234B", None),
        # What is not a plate.
        ("A12345", None),
        ("粤A1234", None),
        ("粤A1234567", None),
        ("北京市12345", None),
        ("京东物流", None),
        ("", None),
    ],
)
def test_form(text, expected):
    assert plate_of(text) == expected


@given(
    st.sampled_from(PROVINCES),
    st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ"),
    st.text(ALPHABET, min_size=5, max_size=5),
    st.sampled_from(["", "·", " ", ".", "-", "•"]),
)
def test_every_ordinary_plate_has_the_form_however_it_is_spaced(province, city, serial, gap):
    assert plate_of(f"{province}{city}{gap}{serial}") == province + city + serial


@given(st.text(max_size=12))
def test_nothing_but_plates_has_the_form(text):
    found = plate_of(text)
    assert found is None or re.fullmatch(
        f"[{PROVINCES}][A-HJ-NP-Z][A-HJ-NP-Z0-9]{{4,6}}[挂学警领港澳]?", found
    )


@pytest.mark.parametrize(
    ("text", "colour"),
    [("京B70G88", "blue"), ("苏E42T7K", "yellow"), ("苏AD85361", "green"), ("渝C5Q2Z7", "blue")],
)
def test_reads_a_plain_plate_and_says_where(reader, text, colour):
    rgb = vehicle(plate(text, height_px=46, colour=colour))
    look = reader.look(rgb)
    assert look.plate is not None
    assert look.plate.text == text
    assert look.plate.confidence >= LEAST_CONFIDENCE
    x1, y1, x2, y2 = look.plate.box_xyxy
    # It was drawn in the middle, 70 % down; the picture was turned a little.
    assert x1 < 0.45 < 0.55 < x2
    assert 0.6 < y1 < 0.75 < y2 < 0.95
    where = np.multiply((x1, y1, x2, y2), (420, 340) * 2)
    assert any(np.allclose(box, where) for box in look.texts_xyxy)


def test_reads_a_plate_of_two_lines(reader):
    upper = cv2.copyMakeBorder(
        plate("鲁K", height_px=46, colour="yellow")[4:42, 4:44], 2, 2, 46, 46,
        cv2.BORDER_CONSTANT, value=(240, 190, 20),
    )  # fmt: skip
    lower = plate("  83B20", height_px=58, colour="yellow")[6:52, 45:178]
    lower = cv2.resize(lower, (upper.shape[1], 46))
    look = reader.look(vehicle(upper, lower, turn_deg=0))
    assert look.plate is not None
    assert look.plate.text == "鲁K83B20"


def test_a_plate_that_cannot_be_read_is_none_but_its_place_is_known(reader):
    rgb = cv2.GaussianBlur(vehicle(plate("京B70G88", height_px=40)), (0, 0), 3.2)
    look = reader.look(rgb)
    assert look.plate is None
    assert look.texts_xyxy


def test_no_plate_is_made_of_other_words(reader):
    rgb = np.full((340, 420, 3), 90, np.uint8)
    for row, words in enumerate(("京东物流 12345", "TEL 138 0013 8000", "A12345")):
        cv2.putText(rgb, words, (30, 90 + 80 * row), (250, 250, 250), cv2.FontFace("sans"), 36, 500)
    look = reader.look(rgb)
    assert look.plate is None
    assert len(look.texts_xyxy) >= 3


def test_two_plates_in_one_picture_give_none(reader):
    rgb = vehicle(plate("京B70G88", height_px=46), plate("苏E42T7K", height_px=46), turn_deg=0)
    assert reader.look(rgb).plate is None


def test_a_green_plate_with_its_last_sign_hidden_is_not_taken_for_a_shorter_one(reader):
    whole = plate("苏AD85361", height_px=46, colour="green")
    cut = whole[:, : int(whole.shape[1] * 0.86)]
    assert reader.look(vehicle(cut)).plate is None


def test_a_plate_that_goes_on_outside_the_picture_is_not_read(reader):
    # By lamp light, without colour: what is left has the form of a plate.
    whole = plate("苏AD85361", height_px=50)
    rgb = vehicle(whole, turn_deg=0)
    left = (420 - whole.shape[1]) // 2
    cut = np.ascontiguousarray(rgb[:, : left + int(0.87 * whole.shape[1])])
    assert reader.look(cut).plate is None


def test_an_empty_picture_has_no_text(reader):
    look = reader.look(np.full((200, 200, 3), 120, np.uint8))
    assert look.texts_xyxy == ()
    assert look.plate is None


def test_least_confidence_counts():
    rgb = vehicle(plate("京B70G88", height_px=46))
    assert PlateReader(least_confidence=1.0, threads=1).look(rgb).plate is None


def test_asks_no_network_and_writes_no_log(monkeypatch, capfd):
    def refuse(*_args, **_kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    PlateReader(threads=1).look(vehicle(plate("京B70G88", height_px=46)))
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert logging.getLogger("RapidOCR").level == logging.CRITICAL


def test_the_reader_is_imported_only_when_needed():
    code = (
        "import sys; from vision.camera.plates import PlateReader; PlateReader();"
        "sys.exit('rapidocr' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
