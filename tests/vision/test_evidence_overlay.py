"""The stamp below a picture, what is drawn over it, and the code that ties it to its original."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from make_evidence import camera, scene

from vision.evidence.overlay import (
    forgery_code,
    local_time,
    outlined,
    overlay_fields,
    stamped,
)

AT = datetime(2026, 3, 29, 0, 59, 59, 960_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Asia/Shanghai", "2026-03-29 08:59:59.9 +08:00"),
        ("UTC", "2026-03-29 00:59:59.9 +00:00"),
        ("Europe/Berlin", "2026-03-29 01:59:59.9 +01:00"),
        ("America/St_Johns", "2026-03-28 22:29:59.9 -02:30"),
    ],
)
def test_time_is_local_and_says_its_offset(zone, expected):
    assert local_time(AT, ZoneInfo(zone)) == expected


def test_the_overlay_names_everything_asked_for():
    fields = overlay_fields(camera(), zone="pavement", taken_at=AT, code="AAAA-BBBB")
    assert fields == (
        "时间 Time: 2026-03-29 08:59:59.9 +08:00",
        "地点 Place: 金龙路东门",
        "方向 Direction: 朝北 north",
        "设备编号 Device: 44011500081320000001",
        "区域 Zone: pavement",
        "防伪码 Code: AAAA-BBBB",
    )


def test_what_is_not_known_is_left_out_and_unseen_signs_too():
    fields = overlay_fields(
        camera(direction=None, name="gate\u202e\nA"), zone="z", taken_at=AT, code="c"
    )
    assert "地点 Place: gateA" in fields
    assert not any("Direction" in field for field in fields)


@pytest.mark.parametrize("width", [64, 240, 640, 1920])
def test_the_stamp_covers_nothing_and_is_readable(width):
    rgb = np.full((90, width, 3), 77, np.uint8)
    fields = overlay_fields(camera(), zone="pavement", taken_at=AT, code="AAAA-BBBB")
    result = stamped(rgb, fields)
    assert result.shape[1] == width
    assert (result[:90] == rgb).all()
    band = result[90:]
    assert band.max() > 200
    # No text reaches the edges, so none is cut off.
    assert (band[:, :3] == band[0, 0]).all()
    assert (band[:, -3:] == band[0, 0]).all()
    assert (band[-2:] == band[0, 0]).all()


def test_chinese_is_drawn_without_any_font_installed():
    blank = np.zeros((10, 640, 3), np.uint8)
    chinese, question = (stamped(blank, [text]) for text in ("金", "?"))
    assert chinese.shape == question.shape
    assert (chinese != question).any()
    # A sign that the font lacks comes out as a question mark or a box: all the same.
    assert (stamped(blank, ["金"]) != stamped(blank, ["龙"])).any()


def test_outlines_lie_on_zone_and_box():
    rgb = scene()
    before = rgb.copy()
    zone = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    result = outlined(rgb, zone=zone, box=(0.4, 0.4, 0.6, 0.6))
    assert (rgb == before).all()
    assert result[90, 300].tolist() == pytest.approx([255, 190, 40], abs=25)
    assert result[144, 300].tolist() == pytest.approx([232, 48, 66], abs=25)
    assert (result[100:140, 200:240] == rgb[100:140, 200:240]).all()
    assert (outlined(rgb) == rgb).all()


def test_the_code_belongs_to_one_finding_one_original_and_one_moment():
    code = forgery_code("f1", "a" * 64, AT)
    assert re.fullmatch(r"([0-9A-F]{4}-){3}[0-9A-F]{4}", code)
    assert code == forgery_code("f1", "a" * 64, AT)
    others = {
        forgery_code("f2", "a" * 64, AT),
        forgery_code("f1", "b" * 64, AT),
        forgery_code("f1", "a" * 64, AT.replace(microsecond=0)),
    }
    assert len(others | {code}) == 4
