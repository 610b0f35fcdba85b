"""Make the INT8 variant of the street detector and time it against the original.

    python scripts/quantise_street.py --model models/street --data DATASET

Calibrates on pictures of the data set's train split, leaves the decoding of boxes in float32 (its
values span 0 to 640 and lose too much in 256 steps), writes the file beside the original, puts it
on the card, and times both with ONNX Runtime and OpenVINO, turn by turn in one run. What accuracy
it loses is measured by `scripts/evaluate_street.py --precision int8`. Needs the `train` extra.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.formats.yolo import list_images, read_data_yaml
from models.cards import (
    CARD_FILE,
    InputSpec,
    Metric,
    Precision,
    Variant,
    read_card,
    record_metric,
    write_card,
)
from models.errors import ModelError
from models.registry import RegisteredModel
from models.runtime import RuntimeOptions
from vision.camera.letterbox import fit, to_input
from vision.errors import CityEyeError

ROOT = Path(__file__).resolve().parents[1]
CALIBRATION_PICTURES = 100
SEED = 7
# The head turns its convolutions' outputs into pixels; only the convolutions are quantised there.
DECODING = r"/model\.23/(?!cv[23]).*"
TURNS = 15
RUNS_A_TURN = 2


def blobs(data: Path, spec: InputSpec) -> list[NDArray[np.float32]]:
    """Calibration inputs, float32 (1, 3, H, W), drawn from the train split."""
    _, splits = read_data_yaml(data)
    pictures = list_images(splits["train"])
    chosen = np.random.default_rng(SEED).permutation(len(pictures))[:CALIBRATION_PICTURES]
    assert spec.size_wh is not None  # noqa: S101 - the card of a detector has one
    made = []
    for index in chosen:
        picture = np.asarray(cv2.imread(str(pictures[int(index)])), np.uint8)
        canvas, _ = fit(np.ascontiguousarray(picture[..., ::-1]), spec.size_wh)
        made.append(to_input(canvas, spec))
    return made


def quantised(path: Path, inputs: list[NDArray[np.float32]]) -> onnx.ModelProto:
    """The INT8 model of an ONNX file, its metadata kept."""
    import nncf

    original = onnx.load(str(path))
    calibration = nncf.Dataset(inputs, lambda blob: {"images": blob})
    model: onnx.ModelProto = nncf.quantize(
        original,
        calibration,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(inputs),
        ignored_scope=nncf.IgnoredScope(patterns=[DECODING], validate=False),
    )
    del model.metadata_props[:]
    model.metadata_props.extend(original.metadata_props)
    onnx.checker.check_model(model)
    return model


def time_all(model: RegisteredModel) -> dict[str, Any]:
    """Milliseconds a frame of every engine and precision, medians over interleaved turns."""
    ways: dict[str, tuple[RuntimeOptions, Precision | None]] = {
        "onnxruntime_fp32": (RuntimeOptions(threads=1), None),
        "onnxruntime_int8": (RuntimeOptions(threads=1), "int8"),
        "openvino_fp32": (RuntimeOptions(engine="openvino", threads=1, exact=True), None),
        "openvino_default": (RuntimeOptions(engine="openvino", threads=1), None),
        "openvino_int8": (RuntimeOptions(engine="openvino", threads=1), "int8"),
    }
    opened = {name: model.open(options, precision=which) for name, (options, which) in ways.items()}
    blob = np.random.default_rng(SEED).random((1, 3, 640, 640), np.float32)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(TURNS + 1):
        for name, network in opened.items():
            for _ in range(RUNS_A_TURN):
                began = time.perf_counter()
                network.run({"images": blob})
                if turn:  # the first turn warms up
                    taken[name].append(1000 * (time.perf_counter() - began))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    return {
        "ms_a_frame_one_thread": {name: round(value, 1) for name, value in medians.items()},
        "int8_speedup_onnxruntime": round(
            medians["onnxruntime_fp32"] / medians["onnxruntime_int8"], 2
        ),
        "int8_speedup_openvino": round(medians["openvino_fp32"] / medians["openvino_int8"], 2),
        "load_average": [round(value, 1) for value in os.getloadavg()],
    }


def main() -> None:
    """Quantise, write, time."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "street")
    parser.add_argument("--data", type=Path, help="YOLO folder; none to time what is there")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    card_path = arguments.model / CARD_FILE
    card = read_card(card_path)
    if arguments.data:
        assert card.input is not None  # noqa: S101 - see blobs
        path = arguments.model / card.file
        model = quantised(path, blobs(arguments.data, card.input))
        file = f"{path.stem}-int8.onnx"
        content = model.SerializeToString()
        (arguments.model / file).write_bytes(content)
        variant = Variant(
            file=file,
            sha256=hashlib.sha256(content).hexdigest(),
            precision="int8",
            note="quantised by scripts/quantise_street.py; what it gains and loses: metrics speed "
            "and those ending in _int8",
        )
        others = [v for v in card.variants if v.precision != "int8"]
        write_card(card.model_copy(update={"variants": [*others, variant]}), card_path)
        print(f"wrote {file}, {len(content) / 1e6:.1f} MB")
    measured = time_all(RegisteredModel(read_card(card_path), arguments.model))
    print(measured)
    record_metric(
        card_path,
        Metric(
            key="speed",
            what="network alone, one 640 px frame, one thread; medians of turns taken one after "
            "the other in one run; OpenVINO's default computes in bfloat16 where the CPU can",
            measured=measured,
            command="python scripts/quantise_street.py --model models/street",
            machine=f"{os.cpu_count()} CPU cores, shared with other work as load_average says",
        ),
    )


if __name__ == "__main__":
    try:
        main()
    except (CityEyeError, ModelError) as error:
        raise SystemExit(str(error)) from error
