"""Average the weights of two street detectors that were trained from the same starting weights.

    python scripts/average_street.py OLD.onnx NEW.onnx --share 0.5 --model OUT

Two trainings from the same start lie in one valley: half-way between them a detector keeps what the
one knows of real streets and the other of rendered ones (Wortsman et al., Robust fine-tuning of
zero-shot models, CVPR 2022). Writes the file of the card in OUT again, with its hash; what was
measured of another file goes. Needs `onnx` (extra `train` or `dev`).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.cards import CARD_FILE, read_card, write_card
from models.errors import ModelError

# Turns a distribution into a distance: constants, see models/street/surgery.py.
CONSTANTS = ".dfl."


def averaged(old: onnx.ModelProto, new: onnx.ModelProto, share: float) -> onnx.ModelProto:
    """The new model with its weights moved towards the old one's.

    Args:
        old: One training's model.
        new: Another's, of the same layers.
        share: What the new one counts, 0 to 1.

    Raises:
        ValueError: The models do not have the same weights.
    """
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in old.graph.initializer}
    mixed = onnx.ModelProto()
    mixed.CopyFrom(new)
    if {tensor.name: tuple(tensor.dims) for tensor in mixed.graph.initializer} != {
        name: values.shape for name, values in held.items()
    }:
        raise ValueError("the two files do not hold the same weights: nothing to average")
    for tensor in mixed.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind == "f" and CONSTANTS not in tensor.name:
            mean = share * values.astype(np.float64) + (1 - share) * held[tensor.name]
            tensor.CopyFrom(numpy_helper.from_array(mean.astype(values.dtype), tensor.name))
    return mixed


def main() -> None:
    """Average as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="what the second counts, 0 to 1")
    parser.add_argument("--model", type=Path, required=True, help="folder with the card")
    arguments = parser.parse_args()
    try:
        card = read_card(arguments.model / CARD_FILE)
        mixed = averaged(onnx.load(arguments.old), onnx.load(arguments.new), arguments.share)
    except (ModelError, ValueError) as error:
        raise SystemExit(str(error)) from error
    content = mixed.SerializeToString()
    (arguments.model / card.file).write_bytes(content)
    changed = {"sha256": hashlib.sha256(content).hexdigest(), "variants": [], "metrics": []}
    write_card(card.model_copy(update=changed), arguments.model / CARD_FILE)
    print(f"wrote {arguments.model / card.file}; evaluate it before it is used")


if __name__ == "__main__":
    main()
