"""Outputs of the street network before training, after a way through ONNX, and while learning."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")

from datasets.classes import STREET_CLASSES  # noqa: E402
from models.street.surgery import (  # noqa: E402
    COCO_ROWS,
    folded,
    network_from_coco,
    network_from_onnx,
    write_onnx,
)
from models.street.training import (  # noqa: E402
    Recipe,
    freeze,
    parameter_groups,
    rate_share,
    train,
    train_together,
)
from models.street.views import Views  # noqa: E402

SIZE = 128
RECIPE = Recipe(
    epochs=2,
    batch=2,
    frozen_layers=10,
    rate=1e-3,
    row_rate_factor=5.0,
    weight_decay=0.0,
    warmup_share=0.2,
    most_minutes=5,
    seed=1,
    views=Views((64, 64), (0.8, 1.5), 64, 0.01, 0.2, 0.2),
)


def random_coco_checkpoint(path):
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(3)
    network = DetectionModel("yolo11n.yaml", nc=80, verbose=False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.6, 1.6)
    # A trained network has no two equal biases; the exporter would store equal ones once.
    for branch in (*network.model[-1].cv2, *network.model[-1].cv3):
        torch.nn.init.normal_(branch[-1].bias, -1.0, 0.3)
    network.names = {number: f"coco {number}" for number in range(80)}
    torch.save({"model": network}, path)
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.set_num_threads(1)
    return random_coco_checkpoint(tmp_path_factory.mktemp("start") / "coco.pt")


@pytest.fixture(scope="module")
def network(checkpoint):
    return network_from_coco(checkpoint, STREET_CLASSES)


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "street-1.onnx"
    write_onnx(network, path, size_wh=(SIZE, SIZE))
    return path


def output(network, pictures):
    with torch.no_grad():
        out = network.eval()(pictures)
    return (out[0] if isinstance(out, tuple | list) else out).numpy()


def pictures(width=SIZE, height=SIZE):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("name", ["person", "car", "bus", "truck"])
def test_known_classes_score_like_the_starting_weights(name, checkpoint, network):
    from ultralytics import YOLO

    before = output(folded(YOLO(str(checkpoint)).model), pictures())
    after = output(network, pictures())
    assert after.shape[1] == 4 + len(STREET_CLASSES)
    np.testing.assert_allclose(after[:, :4], before[:, :4], atol=1e-3)
    (source,), _ = COCO_ROWS[name]
    row = STREET_CLASSES.index(name)
    np.testing.assert_allclose(after[:, 4 + row], before[:, 4 + source], atol=1e-6)


def test_muck_truck_starts_as_a_truck_less_sure(network):
    scores = output(network, pictures())[0, 4:]
    muck, truck = (scores[STREET_CLASSES.index(name)] for name in ("muck_truck", "truck"))
    assert (muck < truck).all()


def test_every_street_class_has_a_start():
    assert set(COCO_ROWS) == set(STREET_CLASSES)


# Of any size, one after the other and back.
@pytest.mark.parametrize("size_wh", [(SIZE, SIZE), (192, 64), (64, 192), (SIZE, SIZE)])
def test_the_onnx_file_gives_the_network_back(network, exported, size_wh):
    again = network_from_onnx(exported, STREET_CLASSES)
    shown = pictures(*size_wh)
    wanted = output(network, shown)
    np.testing.assert_allclose(output(again, shown), wanted, rtol=1e-4, atol=1e-4)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    (shipped,) = session.run(None, {"images": shown.numpy()})
    np.testing.assert_allclose(shipped[:, 4:], wanted[:, 4:], atol=1e-4)
    np.testing.assert_allclose(shipped[:, :4], wanted[:, :4], atol=1e-2)  # pixels
    names = session.get_modelmeta().custom_metadata_map["names"]
    assert all(repr(name) in names for name in STREET_CLASSES)


def test_another_network_is_refused(exported):
    with pytest.raises(ValueError, match=r"street-1\.onnx: not a street detector.*missing"):
        network_from_onnx(exported, ("person", "car"))


def test_a_checkpoint_of_other_classes_is_refused(network, tmp_path):
    torch.save({"model": network}, tmp_path / "nine.pt")
    with pytest.raises(ValueError, match=r"nine\.pt: has 9 classes"):
        network_from_coco(tmp_path / "nine.pt", STREET_CLASSES)


def test_rates_rise_then_fall():
    shares = [rate_share(step / 100, 0.1) for step in range(101)]
    assert shares[0] == pytest.approx(0.02)
    assert shares.index(max(shares)) == 10
    assert max(shares) == pytest.approx(1.0)
    assert shares[-1] == pytest.approx(0.02)


def test_class_rows_learn_faster_and_every_parameter_once(network):
    freeze(network, RECIPE.frozen_layers)
    groups = parameter_groups(network, RECIPE)
    held = [id(p) for group in groups for p in group["params"]]
    assert len(held) == len(set(held)) == sum(p.requires_grad for p in network.parameters())
    assert max(group["peak"] for group in groups) == pytest.approx(5e-3)


def yolo_folder(folder):
    images, labels = folder / "images" / "train", folder / "labels" / "train"
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    rng = np.random.default_rng(2)
    for number in range(4):
        picture = rng.integers(0, 255, (64, 64, 3), np.uint8)
        cv2.imwrite(str(images / f"{number}.jpg"), picture)
        (labels / f"{number}.txt").write_text("2 0.5 0.5 0.4 0.4\n", encoding="utf-8")
    return images


def test_training_moves_what_may_learn_and_nothing_else(exported, tmp_path):
    network = network_from_onnx(exported, STREET_CLASSES)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images = sorted(yolo_folder(tmp_path).iterdir())
    said = []
    train(network, images * 2, recipe=RECIPE, log=said.append)
    moved = {
        name for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }
    layers = {int(name.split(".")[1]) for name in moved}
    assert min(layers) >= RECIPE.frozen_layers
    assert 23 in layers
    assert not any(".dfl." in name for name in moved)
    # 4 pictures shown twice in 2 epochs, 2 a step.
    assert said[-1].startswith("step 8/8")


def test_processes_share_the_work_and_end_with_one_network(exported, tmp_path):
    network = network_from_onnx(exported, STREET_CLASSES)
    row = "model.23.cv3.0.2.weight"
    before = network.state_dict()[row].clone()
    images = sorted(yolo_folder(tmp_path).iterdir())
    train_together(network, images, recipe=RECIPE, processes=2)
    after = network.state_dict()[row]
    assert not torch.equal(after, before)
    assert torch.isfinite(after).all()


def test_of_a_training_that_counts_a_quarter_three_quarters_stay_as_before(exported, tmp_path):
    images = sorted(yolo_folder(tmp_path).iterdir())
    row = "model.23.cv3.0.2.weight"
    rows = {}
    for share in (0.0, 0.25, 1.0):
        network = network_from_onnx(exported, STREET_CLASSES)
        rows["before"] = network.state_dict()[row].clone()
        train_together(network, images, recipe=replace(RECIPE, share=share), processes=1)
        rows[share] = network.state_dict()[row]
    torch.testing.assert_close(rows[0.0], rows["before"])
    assert not torch.allclose(rows[1.0], rows["before"])
    torch.testing.assert_close(rows[0.25], 0.75 * rows["before"] + 0.25 * rows[1.0])
