"""Measure how fast a model runs: its variants, both engines, one and two threads.

    python scripts/bench_models.py models/street/card.yaml
    python scripts/bench_models.py models/street/card.yaml --record      write it onto the card

All combinations take turns within one run, so that whatever else the machine does disturbs them
alike. The time is the model's alone: no decoding of pictures, no suppression of duplicates.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from models.cards import Metric, ModelCard, read_card, record_metric  # noqa: E402
from models.errors import ModelError  # noqa: E402
from models.registry import RegisteredModel  # noqa: E402
from models.runtime import OnnxModel, RuntimeOptions, Tensor  # noqa: E402

# Where neither a model nor its card asks for a size: pictures of this side.
FREE_SIDE_PX = 256
THREADS = (1, 2)
ENGINES = {
    "ONNX Runtime": RuntimeOptions("onnxruntime"),
    "OpenVINO f32": RuntimeOptions("openvino", exact=True),
    "OpenVINO default": RuntimeOptions("openvino"),
}
# An engine's threads go on spinning for a moment after a run; the next one must not pay for it.
PAUSE_S = 0.03


@dataclass
class Case:
    """One combination and the times seen, milliseconds."""

    precision: str
    engine: str
    threads: int
    model: OnnxModel
    inputs: dict[str, NDArray[np.float32]]
    times_ms: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Run twice; only the second counts, the first brings everything back into the cache."""
        time.sleep(PAUSE_S)
        self.model.run(self.inputs)
        began = time.perf_counter()
        self.model.run(self.inputs)
        self.times_ms.append((time.perf_counter() - began) * 1e3)

    @property
    def median_ms(self) -> float:
        """Median time."""
        return round(statistics.median(self.times_ms), 1)


def cases(model: RegisteredModel) -> Iterator[Case]:
    """Open every combination."""
    for precision in model.card.precisions:
        for engine, options in ENGINES.items():
            for threads in THREADS:
                opened = model.open(
                    RuntimeOptions(options.engine, threads, options.exact), precision=precision
                )
                size_hw = usual_hw(model.card)
                inputs = {tensor.name: some_input(tensor, size_hw) for tensor in opened.inputs}
                if model.card.task == "detect":
                    # As the detector runs it.
                    (shown,) = inputs.values()
                    opened = opened.fixed(shown.shape)
                yield Case(precision or "as trained", engine, threads, opened, inputs)


def usual_hw(card: ModelCard) -> tuple[int, int]:
    """Height and width of what a model is usually shown."""
    if card.input is None or card.input.size_wh is None:
        return FREE_SIDE_PX, FREE_SIDE_PX
    return card.input.size_wh[::-1]


def some_input(tensor: Tensor, size_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Noise between 0 and 1 in the shape a model takes, of one picture: float (1, 3, H, W)."""
    shape = [size or usual for size, usual in zip(tensor.shape, (1, 3, *size_hw), strict=True)]
    return np.random.default_rng(0).random(shape).astype(tensor.dtype)


def machine() -> str:
    """Name of the processor and how many cores may be used."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        name = next((line.split(":")[1].strip() for line in lines if "model name" in line), name)
    return f"{name}, {os.cpu_count()} cores"


def table(measured: list[Case]) -> str:
    """Lay the medians out as text, one line for each combination of engine and file."""
    lines = [f"{'file':<12}{'engine':<18}" + "".join(f"{n} thread(s)  " for n in THREADS)]
    rows: dict[tuple[str, str], list[float]] = {}
    for case in measured:
        rows.setdefault((case.precision, case.engine), []).append(case.median_ms)
    for (precision, engine), medians in rows.items():
        lines.append(
            f"{precision:<12}{engine:<18}" + "".join(f"{value:8.1f} ms  " for value in medians)
        )
    return "\n".join(lines)


def as_metric(measured: list[Case], model: RegisteredModel, arguments: str) -> Metric:
    """Make the measurement an entry for the card."""
    numbers: dict[str, dict[str, float]] = {}
    for case in measured:
        key = f"{case.precision} {case.engine}".lower().replace(" ", "_")
        numbers.setdefault(key, {})[f"threads_{case.threads}_ms"] = case.median_ms
    shapes = ", ".join("×".join(map(str, array.shape)) for array in measured[0].inputs.values())
    return Metric(
        key="speed",
        what=f"median time of {model.label} alone for input {shapes}, {len(measured[0].times_ms)} "
        "rounds, all combinations taking turns in one run",
        measured=numbers,
        command=f"python scripts/bench_models.py {arguments}",
        machine=machine(),
    )


def main() -> None:
    """Measure, print, and record where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("card", type=Path, help="the model's card.yaml")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--record", action="store_true", help="write the times onto the card")
    arguments = parser.parse_args()
    try:
        model = RegisteredModel(read_card(arguments.card), arguments.card.parent)
        measured = list(cases(model))
    except ModelError as error:
        raise SystemExit(str(error)) from error
    for _ in range(arguments.rounds):
        for case in measured:
            case.measure()
    print(table(measured))
    if arguments.record:
        words = f"models/{model.card.name}/{arguments.card.name} --rounds {arguments.rounds}"
        record_metric(arguments.card, as_metric(measured, model, words))
        print(f"recorded on {arguments.card}")


if __name__ == "__main__":
    main()
