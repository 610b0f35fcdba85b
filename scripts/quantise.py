"""Make the INT8 variant of a model and put it on the model's card.

    python scripts/quantise.py models/street/card.yaml --pictures FOLDER

Static quantisation (QDQ, per channel): pictures like those the model will see set the ranges. For
a change model FOLDER holds the pairs as A/NAME and B/NAME. The last convolutions and what follows
them (a detector's decoding of boxes, a final sigmoid) stay in float: eight bits are too coarse for
pixel coordinates, and for scores of which most lie far below those that matter. Weights are signed
and activations unsigned, which CPUs with VNNI instructions run fastest; older ones may saturate, so
check the accuracy where such a CPU is used.

Afterwards measure what it loses (scripts/evaluate_*.py) and what it gains
(scripts/bench_models.py).
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from models.cards import InputSpec, ModelCard, Variant, read_card, write_card  # noqa: E402
from models.errors import ModelError  # noqa: E402
from models.registry import RegisteredModel  # noqa: E402
from vision.camera.detector import canvas_wh  # noqa: E402
from vision.camera.letterbox import fit, to_input  # noqa: E402

SUFFIXES = (".jpg", ".jpeg", ".png")
# A change model takes any size; windows of this side keep the calibration small.
WINDOW_PX = 256
# Turns the spread of distances into one distance in a YOLO head: fixed weights, part of decoding.
DECODING_CONV = "/dfl/"

Inputs = dict[str, NDArray[np.float32]]


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Hands prepared pictures to the quantiser one by one."""

    def __init__(self, inputs: Iterator[Inputs]) -> None:
        """Keep what is to be handed out."""
        self._inputs = inputs

    def get_next(self) -> Inputs | None:
        """Give the next inputs, none at the end."""
        return next(self._inputs, None)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Read a picture as uint8 (H, W, 3)."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise SystemExit(f"{path}: no picture that can be read")
    return np.asarray(picture, np.uint8)


def pictures_in(folder: Path, most: int) -> list[Path]:
    """Pictures of a folder, evenly spread over it where there are more than needed."""
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise SystemExit(f"{folder}: holds no pictures ({', '.join(SUFFIXES)})")
    return [found[index] for index in np.unique(np.linspace(0, len(found) - 1, most).astype(int))]


def window(path: Path, spec: InputSpec) -> NDArray[np.float32]:
    """Read the middle of a picture as a model's input."""
    rgb = read_rgb(path)
    top, left = ((side - WINDOW_PX) // 2 for side in rgb.shape[:2])
    if min(top, left) < 0:
        raise SystemExit(f"{path}: is smaller than {WINDOW_PX} × {WINDOW_PX} pixels")
    cut = rgb[top : top + WINDOW_PX, left : left + WINDOW_PX]
    return to_input(np.ascontiguousarray(cut), spec)


def prepared(
    card: ModelCard, inputs: Sequence[onnx.ValueInfoProto], folder: Path, most: int
) -> Iterator[Inputs]:
    """Read the calibration pictures as the model takes them."""
    spec = card.input or InputSpec()
    if card.task == "change":
        for path in pictures_in(folder / "A", most):
            yield {
                "before": window(path, spec),
                "after": window(folder / "B" / path.name, spec),
            }
    elif spec.size_wh is not None:
        free = card.task == "detect" and takes_any_size(inputs[0])
        for path in pictures_in(folder, most):
            rgb = read_rgb(path)
            picture_wh = rgb.shape[1], rgb.shape[0]
            size_wh = canvas_wh(picture_wh, math.prod(spec.size_wh)) if free else spec.size_wh
            yield {inputs[0].name: to_input(fit(rgb, size_wh)[0], spec)}


def takes_any_size(value: onnx.ValueInfoProto) -> bool:
    """Whether the height and width of an input are free."""
    return not any(axis.dim_value for axis in value.type.tensor_type.shape.dim[2:])


def from_the_last_convolutions_on(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes from which no learned convolution can be reached any more."""
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    leads_to_one: dict[str, bool] = {}
    # Nodes are in topological order: backwards, every user is settled before what it uses.
    for node in reversed(graph.node):
        following = [user for name in node.output for user in users.get(name, [])]
        leads_to_one[node.name] = any(
            is_learned(user) or leads_to_one[user.name] for user in following
        )
    return [node.name for node in graph.node if not leads_to_one[node.name]]


def is_learned(node: onnx.NodeProto) -> bool:
    """Whether a node is a convolution whose weights were trained."""
    return node.op_type in ("Conv", "ConvTranspose", "Gemm") and DECODING_CONV not in node.name


def quantise(model: RegisteredModel, folder: Path, *, most: int, method: str, out: Path) -> None:
    """Write the INT8 form of a model's main file."""
    card = model.card
    with tempfile.TemporaryDirectory() as name:
        ready = Path(name) / "ready.onnx"
        # Shapes by ONNX alone: the symbolic tool would need SymPy, for transformers only.
        quant_pre_process(str(model.folder / card.file), str(ready), skip_symbolic_shape=True)
        graph = onnx.load(str(ready)).graph
        quantize_static(
            str(ready),
            str(out),
            Calibration(prepared(card, graph.input, folder, most)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[method],
            nodes_to_exclude=from_the_last_convolutions_on(graph),
        )


def main() -> None:
    """Quantise, check, and put the variant on the card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("card", type=Path, help="the model's card.yaml")
    parser.add_argument("--pictures", type=Path, required=True, help="calibration pictures")
    parser.add_argument("--most", type=int, default=32, help="use at most so many pictures")
    parser.add_argument("--method", choices=("MinMax", "Entropy"), default="MinMax")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        card = read_card(arguments.card)
        model = RegisteredModel(card, arguments.card.parent)
        model.open()
    except ModelError as error:
        raise SystemExit(str(error)) from error
    if card.task == "landcover":
        raise SystemExit(f"{arguments.card}: a land cover model is no ONNX file")
    file = f"{card.name}-{card.version}-int8.onnx"
    out = arguments.card.parent / file
    quantise(model, arguments.pictures, most=arguments.most, method=arguments.method, out=out)
    variant = Variant(
        file=file,
        sha256=hashlib.sha256(out.read_bytes()).hexdigest(),
        precision="int8",
        note="static, per channel, by scripts/quantise.py; what it loses and gains: see metrics",
    )
    others = [other for other in card.variants if other.precision != "int8"]
    changed = card.model_copy(update={"variants": [*others, variant]})
    RegisteredModel(changed, arguments.card.parent).open(precision="int8")
    write_card(changed, arguments.card)
    print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB) and put it on {arguments.card}")


if __name__ == "__main__":
    main()
