"""A model is found by name, and opened only if it is what its card says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.cards import Variant, read_card
from models.errors import BadCard, BadModelFile, ModelError, ModelNotFound
from models.registry import RegisteredModel, Registry, version_key
from tests.make_models import STATES, change, classifier, detector, sha256, write_model

NAMES = ["car", "bus"]
CLASSIC = np.zeros((4 + len(NAMES), 7))
END_TO_END = np.zeros((5, 6))


def registered(card_path):
    return RegisteredModel(read_card(card_path), card_path.parent)


@pytest.mark.parametrize(
    ("older", "newer"),
    [("1", "2"), ("9", "10"), ("1.9.3", "1.10"), ("1.0", "1.0-city"), ("soil-9", "soil-10"),
     ("1.0", "1.0.1"), ("1-city2", "1-city10"), ("a", "1")],
)  # fmt: skip
def test_numbers_in_versions_compare_as_numbers(older, newer):
    assert version_key(older) < version_key(newer)


def test_without_a_version_the_newest_is_found(tmp_path):
    for version in ("9", "10", "2"):
        write_model(tmp_path / version, detector(CLASSIC, NAMES), version=version)
    registry = Registry((tmp_path,))
    assert registry.find("street").card.version == "10"
    assert registry.find("street", "9").folder == tmp_path / "9"
    assert [model.card.version for model in registry.models] == ["2", "9", "10"]


def test_the_citys_own_win_by_name_and_version(tmp_path):
    own, shipped = tmp_path / "own", tmp_path / "shipped"
    write_model(shipped / "street", detector(CLASSIC, NAMES), version="1")
    write_model(shipped / "street2", detector(CLASSIC, NAMES), version="2")
    write_model(own / "ours", detector(CLASSIC, NAMES), version="1")
    registry = Registry((own, shipped))
    assert registry.find("street", "1").folder == own / "ours"
    assert registry.find("street").folder == shipped / "street2"
    assert not registry.broken


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [("nosuch", None, ["nosuch", "street"]), ("street", "7", ["street", "7", "1"])],
)
def test_what_is_not_there_is_said_with_what_is(tmp_path, name, version, words):
    write_model(tmp_path / "street", detector(CLASSIC, NAMES))
    with pytest.raises(ModelNotFound) as caught:
        Registry((tmp_path,)).find(name, version)
    assert not [word for word in (*words, str(tmp_path)) if word not in str(caught.value)]


def test_a_broken_card_is_not_quietly_passed_over(tmp_path):
    write_model(tmp_path / "shipped" / "street", detector(CLASSIC, NAMES))
    own = write_model(tmp_path / "own" / "street", detector(CLASSIC, NAMES))
    own.write_text(own.read_text() + "surprise: 1\n")
    registry = Registry((tmp_path / "own", tmp_path / "shipped"))
    with pytest.raises(BadCard, match="surprise"):
        registry.find("street")
    assert [model.card.name for model in registry.models] == ["street"]


def test_one_version_twice_in_one_folder_is_refused(tmp_path):
    for place in ("a", "b"):
        write_model(tmp_path / place, detector(CLASSIC, NAMES))
    with pytest.raises(BadCard, match="also in"):
        Registry((tmp_path,)).find("street")


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadCard, match="does not exist"):
        Registry((tmp_path / "gone",)).find("street")


def test_half_copied_models_are_not_seen(tmp_path):
    write_model(tmp_path / ".adding-x", detector(CLASSIC, NAMES))
    assert Registry((tmp_path,)).models == ()


@pytest.mark.parametrize("spoil", [lambda b: b + b"\0", lambda b: b[:-1], lambda _: b""])
def test_an_altered_file_is_refused(tmp_path, spoil):
    card = write_model(tmp_path / "street", detector(CLASSIC, NAMES))
    file = card.parent / "model.onnx"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(BadModelFile, match=r"model\.onnx: its SHA-256"):
        registered(card).open()


def test_a_missing_file_is_refused(tmp_path):
    card = write_model(tmp_path / "street", detector(CLASSIC, NAMES))
    (card.parent / "model.onnx").unlink()
    with pytest.raises(BadModelFile, match=r"model\.onnx: cannot read"):
        registered(card).open()


def test_a_link_out_of_the_folder_is_refused_even_to_the_right_file(tmp_path):
    card = write_model(tmp_path / "street", detector(CLASSIC, NAMES))
    file = card.parent / "model.onnx"
    file.rename(tmp_path / "elsewhere.onnx")
    file.symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(BadModelFile, match="leads out"):
        registered(card).open()


def test_bytes_that_are_no_model_are_refused_with_their_place(tmp_path):
    card = write_model(tmp_path / "street", b"not a model")
    with pytest.raises(BadModelFile, match=r"model\.onnx: ONNX Runtime cannot open it"):
        registered(card).open()


SIZE_32 = {"size_wh": (32, 32)}
LOAD = {"task": "classify", "classes": STATES, "input": SIZE_32}
CHANGE = {"task": "change", "classes": ["built"], "input": None}


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (detector(CLASSIC, NAMES), {}),
        (detector(END_TO_END, NAMES, end2end=True), {}),
        (classifier(), LOAD),
        (change(), CHANGE),
    ],
    ids=["classic", "end to end", "load", "change"],
)
def test_what_its_card_describes_is_opened_and_verified(tmp_path, content, fields):
    model = registered(write_model(tmp_path / "model", content, **fields))
    model.verify()
    assert model.open().outputs


@pytest.mark.parametrize(
    ("content", "fields", "words"),
    [
        (detector(CLASSIC, ["bus", "car"]), {}, ["bus, car", "car, bus"]),
        (detector(CLASSIC, [*NAMES, "van"]), {}, ["van"]),
        (detector(CLASSIC, NAMES, names="nonsense ("), {}, ["(none)"]),
        (
            detector(CLASSIC, NAMES, size_hw=(32, 32)),
            {},
            ["images", "[1, 3, 32, 32]", "[any, 3, 64, 64]"],
        ),
        (detector(CLASSIC, NAMES, input_name="x"), {}, ["x", "images"]),
        (detector(CLASSIC[:-1], NAMES), {}, ["output0", "[1, 5, 7]", "[any, 6, any]"]),
        (detector(CLASSIC, NAMES, end2end=True), {}, ["output0", "[any, any, 6]"]),
        (detector(END_TO_END, NAMES), {}, ["output0", "[1, 5, 6]", "[any, 6, any]"]),
        (classifier(STATES[::-1]), LOAD, ["not_visible, heaped"]),
        (classifier(height=16), LOAD, ["crop", "[any, 3, 16, 32]"]),
        (classifier(batch=1), LOAD, ["crop", "dynamic"]),
        (classifier(), CHANGE, ["crop", "after, before"]),
        (change(gsd_m="none"), CHANGE, ["gsd_m", "none"]),
        (change(gsd_m="-1"), CHANGE, ["gsd_m"]),
        (change(other="1"), CHANGE, ["gsd_m"]),
        (change(size=(64, 64)), CHANGE, ["before", "dynamic"]),
        (change(), {}, ["before", "images"]),
    ],
)
def test_what_is_not_as_its_card_says_is_refused(tmp_path, content, fields, words):
    card = write_model(tmp_path / "model", content, **fields)
    with pytest.raises(BadModelFile) as caught:
        registered(card).open()
    missing = [word for word in (str(card.parent), *words) if word not in str(caught.value)]
    assert not missing, str(caught.value)


def test_variants_are_chosen_and_verified_too(tmp_path):
    small = detector(CLASSIC, NAMES, note="small")
    variant = Variant(file="small.onnx", sha256=sha256(small), precision="int8")
    card = write_model(tmp_path / "street", detector(CLASSIC, NAMES), variants=[variant])
    (card.parent / "small.onnx").write_bytes(small)
    model = registered(card)
    assert model.open(precision="int8").metadata["note"] == "small"
    assert model.sha256("int8") == sha256(small) != model.sha256()
    with pytest.raises(ModelError, match=r"no fp16 variant \(it has: int8\)"):
        model.open(precision="fp16")
    model.verify()
    (card.parent / "small.onnx").write_bytes(b"")
    with pytest.raises(BadModelFile, match=r"small\.onnx"):
        model.verify()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (json.dumps({"version": "2"}).encode(), "version 2"),
        (b"[]", "weights"),
        (b"\xff", "weights"),
    ],
)
def test_land_cover_weights_are_held_against_their_card(tmp_path, content, word):
    card = write_model(
        tmp_path / "soil", content, task="landcover", file="weights.json", classes=["soil"]
    )
    with pytest.raises(BadModelFile, match=word):
        registered(card).verify()


@pytest.mark.parametrize("model", Registry().models, ids=lambda model: model.label)
def test_what_ships_is_whole(model):
    model.verify()
    assert model.folder.name == model.card.name
    assert model.card.limits
    assert model.card.never_tested
    assert model.card.trained_on


def test_no_shipped_card_is_broken():
    assert Registry().broken == ()
    assert Registry().find("soil").card.task == "landcover"
