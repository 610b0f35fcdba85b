"""The load-state network: what is trained, what stays, and what is exported."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")

from models.load.network import STEM_LAYERS, LoadNetwork, StyleMixing, export_onnx  # noqa: E402

STATES = ("empty", "covered", "level", "heaped", "not_visible")


@pytest.fixture
def network():
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(0)
    stem = list(DetectionModel("yolo11n.yaml", verbose=False).model[:STEM_LAYERS])
    return LoadNetwork(stem, classes=5, size_px=160, style_share=1.0, dropout=0.2)


def test_training_leaves_first_layers_and_batch_statistics_alone(network):
    network.train()
    crops, states = torch.rand(4, 3, 160, 160), torch.tensor([0, 1, 2, 3])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.5)
    torch.nn.functional.cross_entropy(network(crops), states).backward()
    optimizer.step()
    changed = {n for n, v in network.state_dict().items() if not torch.equal(v, before[n])}
    assert not [name for name in changed if name.startswith("frozen.") or "running" in name]
    for learning in ("fine.", "deep.", "deepest.", "detail.", "surroundings.", "head."):
        assert [name for name in changed if name.startswith(learning)]


def test_style_mixing_exchanges_contrast_in_training_only():
    features = torch.stack([torch.rand(3, 8, 8) + 5, torch.rand(3, 8, 8) * 9])
    mixing = StyleMixing(1.0)
    torch.manual_seed(1)
    assert not torch.equal(mixing.train()(features), features)
    assert torch.equal(mixing.eval()(features), features)
    assert torch.equal(StyleMixing(0.0).train()(features), features)


def test_the_exported_file_keeps_the_contract(network, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "load.onnx"
    export_onnx(network, path, size_px=160, classes=STATES)
    session = onnxruntime.InferenceSession(str(path))
    assert [tensor.name for tensor in session.get_inputs()] == ["crop"]
    assert [tensor.name for tensor in session.get_outputs()] == ["probabilities"]
    names = session.get_modelmeta().custom_metadata_map["names"]
    assert tuple(json.loads(names)) == STATES
    crops = torch.rand(3, 3, 160, 160)
    found = session.run(None, {"crop": crops.numpy()})[0]
    assert found.shape == (3, 5)
    assert found.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    with torch.no_grad():
        sides = [network.eval()(shown).softmax(1).numpy() for shown in (crops, crops.flip(3))]
    assert found == pytest.approx((sides[0] + sides[1]) / 2, abs=1e-4)
    (mirrored,) = session.run(None, {"crop": crops.numpy()[..., ::-1].copy()})
    assert mirrored == pytest.approx(found, abs=1e-4)
