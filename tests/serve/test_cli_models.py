"""``cityeye models``: what is listed, shown, verified and added, and with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from models.cards import Metric, TrainingData, record_metric
from models.registry import Registry
from serve.cli import app
from tests.make_models import detector, write_model

ROOT = Path(__file__).parents[2]
NAMES = ["car", "bus"]
CONTENT = detector(np.zeros((6, 7)), NAMES)


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """A city's own folder with one model; no other setting."""
    for name in [name for name in os.environ if name.startswith("CITYEYE_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "own"
    card = write_model(
        folder / "tiny",
        CONTENT,
        name="tiny",
        trained_on=[TrainingData(what="two frames", licence="CC BY 4.0")],
        limits=["sees nothing"],
        never_tested=["everything"],
        recipe={"epochs": 3},
    )
    record_metric(
        card,
        Metric(
            key="map", what="mAP50", measured={"car": {"map50": 0.5}}, command="make it",
            machine="2 cores",
        ),
    )  # fmt: skip
    monkeypatch.setenv("CITYEYE_MODELS_DIR", str(folder))
    monkeypatch.setenv("COLUMNS", "200")
    return folder


def models(*arguments):
    return CliRunner().invoke(app, ["models", *(str(a) for a in arguments)])


def refused(done, code=3):
    """The one line on stderr of a command that must fail."""
    assert done.exit_code == code, done.output
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("cityeye: ")
    return lines[0]


def test_list_shows_the_citys_models_beside_those_that_ship(own):
    done = models("list")
    assert done.exit_code == 0, done.output
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert set(lines) == {"name", "tiny", *(model.card.name for model in Registry().models)}
    for word in ("1", "detect", str(own), "AGPL-3.0-or-later", "kB"):
        assert word in lines["tiny"]
    assert "CityEye" in lines["soil"]


def test_show_is_for_people(own):
    done = models("show", "tiny")
    assert done.exit_code == 0, done.output
    words = [
        "tiny 1", "detect", str(own), "64 × 64", "car (from 0.25)", "AGPL-3.0-or-later",
        "two frames (CC BY 4.0)", "epochs: 3", "mAP50", "map50: 0.5", "make it", "2 cores",
        "Known limits", "sees nothing", "Never tested", "everything",
    ]  # fmt: skip
    assert not [word for word in words if word not in done.stdout]


def test_show_is_for_machines_too():
    card = json.loads(models("show", "tiny", "--json").stdout)
    assert (card["name"], card["classes"]) == ("tiny", NAMES)
    assert card["metrics"][0]["measured"] == {"car": {"map50": 0.5}}


@pytest.mark.parametrize("model", Registry().models, ids=lambda model: model.label)
def test_what_ships_can_be_shown(model):
    done = models("show", model.card.name, "--version", model.card.version)
    assert done.exit_code == 0
    assert model.card.limits[0] in done.stdout


def test_verify_has_a_line_for_every_model():
    done = models("verify")
    assert done.exit_code == 0, done.output
    assert "tiny 1: ok" in done.stdout.splitlines()
    assert len(done.stdout.splitlines()) == 1 + len(Registry().models)


def test_verify_goes_on_after_a_wrong_model_and_says_so(own):
    write_model(own / "zoo", CONTENT, name="zoo", sha256="0" * 64)
    done = models("verify")
    assert "tiny 1: ok" in done.stdout
    assert "zoo 1: REFUSED" in done.stdout
    assert "SHA-256" in done.stdout
    assert "1 of" in refused(done)
    assert models("verify", "tiny").exit_code == 0
    refused(models("verify", "zoo"))


def test_a_broken_card_is_told_everywhere(own):
    (own / "bad").mkdir()
    (own / "bad" / "card.yaml").write_text("name: bad\n")
    for arguments in (["list"], ["verify"], ["show", "tiny"]):
        assert str(own / "bad" / "card.yaml") in refused(models(*arguments))
    assert "tiny" in models("list").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "nosuch"], ["nosuch", "tiny", "soil"]),
        (["show", "tiny", "--version", "9"], ["tiny", "9"]),
        (["verify", "nosuch"], ["nosuch"]),
        (["add", "nosuch.yaml"], ["nosuch.yaml", "cannot read"]),
    ],
)
def test_what_is_not_there_is_refused(arguments, words):
    line = refused(models(*arguments))
    assert not [word for word in words if word not in line]


@pytest.mark.parametrize("arguments", [["show"], ["add"], ["nosuch"], ["list", "--nosuch"]])
def test_wrong_usage(arguments):
    assert models(*arguments).exit_code == 2


def test_add_puts_a_model_among_the_citys_own(own, tmp_path):
    card = write_model(tmp_path / "new", CONTENT, name="soil", version="soil-1")
    done = models("add", card)
    assert done.exit_code == 0, done.output
    assert str(own / "soil-soil-1") in done.stdout
    assert json.loads(models("show", "soil", "--json").stdout)["task"] == "detect"


def test_add_does_not_overwrite(own, tmp_path):
    other = detector(np.ones((6, 7)), NAMES)
    line = refused(models("add", write_model(tmp_path / "new", other, name="tiny")))
    assert "another tiny 1" in line
    assert (own / "tiny" / "model.onnx").read_bytes() == CONTENT


@pytest.mark.parametrize("value", [None, ""])
def test_add_needs_the_folder_of_the_citys_own(tmp_path, monkeypatch, value):
    if value is None:
        monkeypatch.delenv("CITYEYE_MODELS_DIR")
    else:
        monkeypatch.setenv("CITYEYE_MODELS_DIR", value)
    card = write_model(tmp_path / "new", CONTENT)
    assert "CITYEYE_MODELS_DIR" in refused(models("add", card))
    assert models("list").exit_code == 0


def test_a_folder_that_is_not_there_is_told(own, monkeypatch):
    monkeypatch.setenv("CITYEYE_MODELS_DIR", str(own / "gone"))
    assert str(own / "gone") in refused(models("list"))


def test_it_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "serve.cli", "models", "verify", "tiny"],
        capture_output=True, text=True, cwd=ROOT, timeout=60, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "tiny 1: ok"), done.stderr
