"""Cards are read strictly, written whole, and name what is wrong with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.cards import Metric, ModelCard, read_card, record_metric, write_card
from models.errors import BadCard

HASH = "0" * 64
CARD = {
    "name": "street",
    "version": "1.2",
    "task": "detect",
    "file": "street-1.2.onnx",
    "sha256": HASH,
    "variants": [{"file": "street-1.2-int8.onnx", "sha256": HASH, "precision": "int8"}],
    "input": {"size_wh": [640, 480], "letterbox": True},
    "classes": ["car", "stall"],
    "thresholds": {"car": 0.25, "stall": 0.4},
    "licence": "AGPL-3.0-or-later",
    "trained_from": "nothing",
    "trained_on": [{"what": "rendered streets, 街道", "licence": "AGPL-3.0-or-later"}],
    "recipe": {"epochs": 20, "frozen": None, "command": "make train-street"},
    "limits": ["small far stalls"],
    "never_tested": ["snow"],
}


def metric(key="map", value=0.5):
    return Metric(
        key=key, what="mAP50", measured={"map50": value}, command="make x", machine="2 cores"
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "card.yaml"
    write_card(ModelCard.model_validate(CARD), path)
    return path


def test_what_is_written_is_read_again(path):
    assert read_card(path) == ModelCard.model_validate(CARD)


def test_a_card_is_text_for_people_in_the_order_of_its_fields(path):
    text = path.read_text(encoding="utf-8")
    assert list(yaml.safe_load(text)) == list(ModelCard.model_fields)
    assert "街道" in text
    assert "{" not in text.replace("recipe: {}", "")
    assert text.count("\n") > len(ModelCard.model_fields)


def test_a_card_does_not_change(path):
    with pytest.raises(ValidationError):
        read_card(path).version = "2"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": "red"}, ["colour"]),
        ({"version": 1.0}, ["version", "string"]),
        ({"name": "Street 1"}, ["name"]),
        ({"task": "guess"}, ["task"]),
        ({"file": "../street.onnx"}, ["file"]),
        ({"file": "/etc/passwd"}, ["file"]),
        ({"file": "a\\b.onnx"}, ["file"]),
        ({"file": "sub/street.onnx"}, ["file"]),
        ({"file": "street-1.2-int8.onnx"}, ["twice", "street-1.2-int8.onnx"]),
        ({"sha256": "ABC"}, ["sha256"]),
        ({"input": None}, ["input", "size_wh"]),
        ({"input": {"size_wh": [0, 640]}}, ["input.size_wh.0"]),
        ({"classes": []}, ["classes"]),
        ({"classes": ["car", "car"]}, ["classes", "twice", "car"]),
        ({"thresholds": {"car": 0.3}}, ["thresholds", "stall"]),
        ({"thresholds": {"car": 0.3, "stall": 1.1}}, ["thresholds.stall"]),
        ({"thresholds": {"car": 0.3, "stall": 0.3, "van": 0.3}}, ["thresholds", "van"]),
        ({"licence": " "}, ["licence"]),
        ({"trained_on": [{"what": "frames"}]}, ["trained_on.0.licence"]),
        ({"metrics": [{"key": "x", "what": "y", "measured": {}}]}, ["command", "machine"]),
        ({"metrics": [metric().model_dump()] * 2}, ["metrics", "twice", "map"]),
        ({"variants": [{**CARD["variants"][0], "precision": "int4"}]}, ["precision"]),
        (
            {"variants": [{**CARD["variants"][0], "file": f"{n}.onnx"} for n in "ab"]},
            ["precisions", "twice", "int8"],
        ),
    ],
)
def test_what_no_card_may_say_is_refused_with_file_and_field(tmp_path, changes, words):
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(CARD | changes), encoding="utf-8")
    with pytest.raises(BadCard) as caught:
        read_card(path)
    message = str(caught.value)
    assert not [word for word in (str(path), *words) if word not in message], message


@pytest.mark.parametrize("field", ["name", "version", "file", "sha256", "classes", "licence"])
def test_a_missing_field_is_named(tmp_path, field):
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in CARD.items() if k != field}))
    with pytest.raises(BadCard, match=f"{field}: Field required"):
        read_card(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"- a\n- b\n", b"{a: [", b"\xff\xfe\x00", b"!!python/object:os.system {}\n", b"[" * 5000],
)
def test_what_is_no_card_is_refused(tmp_path, content):
    path = tmp_path / "card.yaml"
    path.write_bytes(content)
    with pytest.raises(BadCard, match=r"card\.yaml"):
        read_card(path)


def test_a_missing_card_and_a_huge_one_are_refused(tmp_path):
    with pytest.raises(BadCard, match="cannot read"):
        read_card(tmp_path / "card.yaml")
    (tmp_path / "card.yaml").write_bytes(b"#" * 2_000_000)
    with pytest.raises(BadCard, match="too large"):
        read_card(tmp_path / "card.yaml")


@pytest.mark.parametrize("value", [np.float32(0.5), math.nan, math.inf, {1, 2}])
def test_only_plain_finite_numbers_are_recorded(value):
    with pytest.raises(ValidationError, match="plain"):
        metric(value=value)


def test_a_metric_is_added_and_then_replaced_in_its_place(path):
    record_metric(path, metric("first", 1))
    record_metric(path, metric("second", 2))
    record_metric(path, metric("first", 3))
    record_metric(path, metric("first", 3))
    assert [(m.key, m.measured["map50"]) for m in read_card(path).metrics] == [
        ("first", 3),
        ("second", 2),
    ]


def test_a_failed_write_leaves_no_half_a_card(path):
    in_the_way = path.parent / "folder"
    in_the_way.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_card(read_card(path), in_the_way)
    assert sorted(path.parent.iterdir()) == [path, in_the_way]


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_", min_size=1), inner),
    max_leaves=6,
)


@example(measured={"breaks": "a\x85b\u2028c\u2029d\re\nf", "lone": "\x85"})
@given(measured=st.dictionaries(st.text("abc_é", min_size=1), plain, max_size=4))
def test_any_measurement_survives_the_file(tmp_path_factory, measured):
    path = tmp_path_factory.mktemp("card") / "card.yaml"
    write_card(ModelCard.model_validate(CARD), path)
    wanted = metric().model_copy(update={"measured": measured})
    record_metric(path, wanted)
    assert read_card(path).metrics == [wanted]
