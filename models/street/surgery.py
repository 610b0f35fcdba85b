"""The street network in torch: from COCO weights, from a shipped ONNX file, and back to ONNX.

Only training needs this module (extra `train`): it imports torch and ultralytics.

Batch normalisation is folded into the convolutions before training starts and stays so. Its
statistics could not be estimated anew from small batches, and a folded network is exactly what an
ONNX file holds: a city can train on from the file that ships.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("YOLO_OFFLINE", "true")

import onnx
import torch
from onnx import numpy_helper
from torch import nn
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel

ARCHITECTURE = "yolo11n.yaml"
COCO_CLASSES = 80
OPSET = 17
# Each street class starts as the mean of these COCO rows, its bias moved by the last number. What
# COCO does not have begins as what looks nearest, too unsure to fire before it was taught.
COCO_ROWS: dict[str, tuple[tuple[int, ...], float]] = {
    "person": ((0,), 0.0),
    "two_wheeler": ((1, 3), 0.0),
    "car": ((2,), 0.0),
    "bus": ((5,), 0.0),
    "truck": ((7,), 0.0),
    "muck_truck": ((7,), -1.0),
    "stall": ((60,), -2.0),  # dining table
    "cart": ((60, 3, 7), -2.0),  # dining table, motorcycle, truck
    "canopy": ((25,), -0.5),  # umbrella
}


def set_classes(network: DetectionModel, classes: Sequence[str]) -> None:
    """Give the network fresh output rows for `classes`, in place; the layers before them stay.

    ultralytics sizes the hidden layers of the class branch by the number of classes. The 80 hidden
    channels of a COCO network are kept: they carry what it knows of vehicles and people.
    """
    head = network.model[-1]
    for branch in head.cv3:
        hidden = branch[-1].in_channels
        branch[-1] = nn.Conv2d(hidden, len(classes), kernel_size=1)
    head.nc = len(classes)
    head.no = len(classes) + 4 * head.reg_max
    network.nc = len(classes)
    network.names = dict(enumerate(classes))


def folded(network: DetectionModel) -> DetectionModel:
    """The network in float32 with batch normalisation folded into its convolutions."""
    folded_network: DetectionModel = network.float().eval().fuse(verbose=False)
    return folded_network


def network_from_coco(weights: Path, classes: Sequence[str]) -> DetectionModel:
    """A network that scores `classes` from the rows of a COCO checkpoint.

    Args:
        weights: Checkpoint of YOLO11n with the 80 COCO classes.
        classes: Street classes, all of them in `COCO_ROWS`.

    Raises:
        ValueError: The checkpoint does not have COCO's classes.
    """
    network = folded(YOLO(str(weights)).model)
    head = network.model[-1]
    if head.nc != COCO_CLASSES:
        raise ValueError(f"{weights}: has {head.nc} classes; starting needs COCO's {COCO_CLASSES}")
    old_rows = [branch[-1] for branch in head.cv3]
    set_classes(network, classes)
    with torch.no_grad():
        for old, branch in zip(old_rows, head.cv3, strict=True):
            for row, name in enumerate(classes):
                sources, shift = COCO_ROWS[name]
                branch[-1].weight[row] = old.weight[list(sources)].mean(dim=0)
                branch[-1].bias[row] = old.bias[list(sources)].mean() + shift
    return network


def network_from_onnx(path: Path, classes: Sequence[str]) -> DetectionModel:
    """The network that an exported street detector holds, ready to be trained on.

    Args:
        path: ONNX file that `write_onnx` wrote (float32 or float16 weights).
        classes: The classes of the file, in its order.

    Raises:
        ValueError: The file's weights are not those of this architecture.
    """
    network = folded(DetectionModel(ARCHITECTURE, nc=COCO_CLASSES, verbose=False))
    set_classes(network, classes)
    held = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()).float()
        for tensor in onnx.load(str(path)).graph.initializer
    }
    state = network.state_dict()
    # The weights that turn the box distribution into a distance are constants: 0, 1, 2, …
    wanted = [name for name in state if ".dfl." not in name]
    wrong = [name for name in wanted if name not in held or held[name].shape != state[name].shape]
    if wrong:
        raise ValueError(
            f"{path}: not a street detector that can be trained on: "
            f"{len(wrong)} of {len(wanted)} weights missing or of another shape, first {wrong[0]}"
        )
    network.load_state_dict({name: held[name] for name in wanted}, strict=False)
    network.requires_grad_(True)
    return network


def write_onnx(network: DetectionModel, path: Path, *, size_wh: tuple[int, int]) -> None:
    """Write the network as ultralytics exports it: input `images`, metadata names, stride, task.

    The file takes pictures of any width and height that are multiples of 32.

    Args:
        network: A folded network.
        path: Where to write; the folder must exist.
        size_wh: Width and height that it is tried with, pixels, multiples of 32.
    """
    exporter = YOLO(ARCHITECTURE, task="detect")
    # The exporter expects its own settings, not those of training.
    network.args, network.task = exporter.model.args, exporter.task
    exporter.model = network
    # ultralytics names its file after the checkpoint it believes it read.
    network.pt_path = str(path.with_suffix(".pt"))
    written = exporter.export(
        format="onnx", imgsz=size_wh[::-1], opset=OPSET, simplify=True, dynamic=True, device="cpu"
    )
    Path(written).replace(path)
