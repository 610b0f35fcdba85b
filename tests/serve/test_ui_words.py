"""What the pages call what was measured: nothing is shown by the name a program has for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vision.camera_texts import (
    CAMERA_ATTRIBUTES,
    CAMERA_MEASURES,
    CAMERA_THRESHOLDS,
    CAMERA_VALUES,
)
from vision.report_texts import MEASURES

WORDS = Path(__file__).resolve().parents[2] / "serve/ui/src/pages/review/words.ts"


@pytest.mark.parametrize(
    ("table", "reported"),
    [
        ("MEASURES", {*CAMERA_MEASURES, *MEASURES}),
        ("ATTRIBUTES", CAMERA_ATTRIBUTES),
        ("VALUES", CAMERA_VALUES),
        ("THRESHOLDS", CAMERA_THRESHOLDS),
    ],
)
def test_what_reports_have_a_name_for_the_review_page_has_one_for_too(table, reported):
    text = WORDS.read_text("utf-8")
    body = re.search(rf"const {table} = texts\(\{{\n(.*?)\n\}}\);", text, re.DOTALL)
    assert body
    named = set(re.findall(r"^  (\w+):", body[1], re.MULTILINE))
    assert set(reported) <= named
