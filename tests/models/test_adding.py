"""A city's own model is taken in whole, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from models.adding import add_model
from models.cards import Variant
from models.errors import ModelError
from models.registry import Registry
from tests.make_models import detector, sha256, write_model

NAMES = ["car", "bus"]
CONTENT = detector(np.zeros((6, 7)), NAMES)
OTHER = detector(np.ones((6, 7)), NAMES)


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_card_and_all_files_are_copied(tmp_path):
    variant = Variant(file="small.onnx", sha256=sha256(OTHER), precision="int8")
    card = write_model(tmp_path / "new", CONTENT, variants=[variant])
    (card.parent / "small.onnx").write_bytes(OTHER)
    (card.parent / "private.txt").write_text("not on the card")
    own = tmp_path / "deep" / "own"
    added = add_model(card, own)
    assert files_of(own) == [f"street-1/{n}" for n in ("card.yaml", "model.onnx", "small.onnx")]
    assert (own / "street-1" / "card.yaml").read_bytes() == card.read_bytes()
    assert Registry((own,)).find("street") == added
    added.verify()


def test_adding_the_same_twice_changes_nothing(tmp_path):
    card = write_model(tmp_path / "new", CONTENT)
    assert add_model(card, tmp_path / "own") == add_model(card, tmp_path / "own")


def test_another_model_under_the_same_name_and_version_is_refused(tmp_path):
    own = tmp_path / "own"
    add_model(write_model(tmp_path / "new", CONTENT), own)
    with pytest.raises(ModelError, match="holds another street 1"):
        add_model(write_model(tmp_path / "newer", OTHER), own)
    assert (own / "street-1" / "model.onnx").read_bytes() == CONTENT
    add_model(write_model(tmp_path / "newer", OTHER, version="2"), own)
    assert Registry((own,)).find("street").card.version == "2"


def test_a_model_that_is_not_what_its_card_says_leaves_nothing(tmp_path):
    card = write_model(tmp_path / "new", CONTENT, sha256="0" * 64)
    with pytest.raises(ModelError, match="SHA-256"):
        add_model(card, tmp_path / "own")
    assert list((tmp_path / "own").iterdir()) == []


def test_something_else_in_the_way_is_kept(tmp_path):
    card = write_model(tmp_path / "new", CONTENT)
    (tmp_path / "own" / "street-1").mkdir(parents=True)
    (tmp_path / "own" / "street-1" / "notes.txt").write_text("mine")
    with pytest.raises(ModelError, match="in the way"):
        add_model(card, tmp_path / "own")
    assert files_of(tmp_path / "own") == ["street-1/notes.txt"]
