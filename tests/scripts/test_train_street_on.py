"""Training on from the shipped file: nothing is written that is not better."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")

from datasets.classes import STREET_CLASSES  # noqa: E402
from datasets.formats.yolo import write_data_yaml  # noqa: E402
from models.cards import InputSpec, ModelCard  # noqa: E402
from models.street.surgery import folded, set_classes  # noqa: E402
from scripts.train_street import INPUT_WH, train_on, write_model  # noqa: E402
from vision.camera.detector import Detector  # noqa: E402


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(1)
    network = folded(DetectionModel("yolo11n.yaml", nc=80, verbose=False))
    set_classes(network, STREET_CLASSES)
    # Equal biases would be stored once; no trained network has any.
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.05 * torch.randn_like(parameter))
    for branch in (*network.model[-1].cv2, *network.model[-1].cv3):
        torch.nn.init.normal_(branch[-1].bias, -8.0, 0.3)
    card = ModelCard(
        name="street",
        version="3",
        task="detect",
        file="to-be-written.onnx",
        sha256="0" * 64,
        input=InputSpec(size_wh=INPUT_WH, letterbox=True),
        classes=list(STREET_CLASSES),
        thresholds=dict.fromkeys(STREET_CLASSES, 0.25),
        licence="AGPL-3.0-or-later",
        trained_from="nothing",
    )
    return write_model(network, card, tmp_path_factory.mktemp("models") / "street")


def export(folder):
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        images, labels = folder / "images" / split, folder / "labels" / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for number in range(2):
            cv2.imwrite(str(images / f"{number}.jpg"), rng.integers(0, 255, (64, 96, 3), np.uint8))
            (labels / f"{number}.txt").write_text("7 0.5 0.5 0.4 0.4\n", encoding="utf-8")
    write_data_yaml(folder, STREET_CLASSES, ("train", "test"))
    return folder


def test_what_is_written_opens_as_a_detector(model):
    found = Detector(model).detect(np.full((48, 64, 3), 90, np.uint8))
    assert len(found) == 0
    assert model.card.file == "street-3.onnx"


def test_a_model_that_is_not_better_is_not_written(model, tmp_path, capsys):
    out = tmp_path / "next"
    assert train_on(model.folder, export(tmp_path / "export"), None, out) is False
    assert not out.exists()
    assert "street 4 is not better than 3: not written" in capsys.readouterr().out


def test_a_folder_with_a_model_is_left_alone(model, tmp_path):
    with pytest.raises(SystemExit, match="holds a model already"):
        train_on(model.folder, export(tmp_path / "export"), None, model.folder)


def test_an_altered_model_is_not_trained_on(model, tmp_path):
    from models.errors import BadModelFile

    path = model.folder / model.card.file
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-1] + b"?")
        with pytest.raises(BadModelFile, match="altered or damaged"):
            train_on(model.folder, export(tmp_path / "export"), None, tmp_path / "next")
    finally:
        path.write_bytes(whole)
