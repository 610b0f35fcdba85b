"""The bare-earth classifier: local colour and texture features and a tiny neural network.

The features are what a person uses: the warmth of the colour (log ratios of red and blue to green,
which a change of exposure leaves alone), brightness, how rough the surface is, and what lies
around it. They are box means at three scales given in metres, so a pixel's answer depends on
nothing farther away than `CONTEXT_PX` and never on where a window begins.

The weights are in `models/soil/weights.json`, made by `scripts/train_soil.py`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.errors import InputError
from vision.finding import ModelRef

CONTEXT_PX = 48
"""Nothing farther away than this many pixels changes a pixel's answer."""

POINT_RADIUS_M = 0.3
PATCH_RADIUS_M = 1.0
PLACE_RADIUS_M = 3.0
# With the point mean's own reach this stays inside CONTEXT_PX at any GSD.
_MAX_RADIUS_PX = 40
# Added before the logarithm: below this level an 8-bit colour ratio is sensor noise.
_LOG_FLOOR = 8.0
_LOG_MIDDLE = 108.0
# Excess green, ln G - (ln R + ln B) / 2, above which a pixel counts as plant in "plants_place".
_PLANT_LN = 0.10

FEATURES = (
    "red_point",
    "blue_point",
    "bright_point",
    "red_patch",
    "blue_patch",
    "bright_patch",
    "red_place",
    "blue_place",
    "bright_place",
    "rough_patch",
    "rough_place",
    "red_spread_place",
    "blue_spread_place",
    "plants_place",
)
# A product this small stays on the thread that asked for it: the BLAS library's own threads would
# only fight with those that already work on other windows. And it stays in the cache.
_PIECE_PX = 512
_PIECES_AT_A_TIME = 16


@dataclass(frozen=True)
class SoilModel:
    """A network of dense layers: standardised features in, one log-odds value out.

    Attributes:
        version: Name of the weights, for reports.
        layers: `(weight, bias)` pairs, weight float32 (out, in), bias float32 (out, 1); between
            layers stands a ReLU. Standardisation is folded into the first layer.
    """

    version: str
    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]

    def log_odds(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-odds of bare earth.

        Args:
            features: float32 (len(FEATURES), N), contiguous.

        Returns:
            float32 (N,).
        """
        count = features.shape[1]
        out = np.empty(count, np.float32)
        whole = count - count % _PIECE_PX
        if whole:
            pieces = features[:, :whole].reshape(len(features), -1, _PIECE_PX).transpose(1, 0, 2)
            places = out[:whole].reshape(-1, _PIECE_PX)
            for start in range(0, len(pieces), _PIECES_AT_A_TIME):
                part = np.s_[start : start + _PIECES_AT_A_TIME]
                places[part] = self._forward(pieces[part])
        if whole < count:
            out[whole:] = self._forward(features[None, :, whole:])[0]
        return out

    def _forward(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the layers on float32 (pieces, features, pixels); returns (pieces, pixels)."""
        last = len(self.layers) - 1
        carried: NDArray[np.float32] | float = 0.0
        for index, (weight, bias) in enumerate(self.layers):
            value = np.matmul(weight, value)
            offset = bias + carried
            if index < last:
                # relu(v + b) is max(v, -b) + b, and the next layer carries the last term on.
                np.maximum(value, -offset, out=value)
                carried = self.layers[index + 1][0] @ offset
            else:
                value += offset
        return np.asarray(value[:, 0], np.float32)


def parse_soil_model(text: str) -> SoilModel:
    """Read weights from their JSON text.

    Raises:
        InputError: The text was made for other features than this code computes.
    """
    data = json.loads(text)
    if tuple(data.get("features", ())) != FEATURES:
        raise InputError(
            "models/soil/weights.json was made for other features than this version computes; "
            "train it again with scripts/train_soil.py"
        )
    layers = tuple(
        (
            np.array(layer["weight"], np.float32),
            np.array(layer["bias"], np.float32).reshape(-1, 1),
        )
        for layer in data["layers"]
    )
    return SoilModel(version=str(data["version"]), layers=layers)


@lru_cache(maxsize=1)
def soil_model() -> SoilModel:
    """The model that ships with CityEye, read once.

    Raises:
        InputError: The weights are missing from the installation, or are for other features.
    """
    return parse_soil_model(_weights().decode("utf-8"))


@lru_cache(maxsize=1)
def soil_model_ref() -> ModelRef:
    """Name the model that ships with CityEye, for the findings it took part in.

    Raises:
        InputError: The weights are missing from the installation, or are for other features.
    """
    digest = hashlib.sha256(_weights()).hexdigest()
    return ModelRef(name="soil", version=soil_model().version, sha256=digest)


def _weights() -> bytes:
    path = Path(__file__).resolve().parents[2] / "models" / "soil" / "weights.json"
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the bare-earth model is missing ({path}); reinstall CityEye or make it with "
            "scripts/train_soil.py"
        ) from error


def _radius_px(radius_m: float, gsd_m: float) -> int:
    return int(np.clip(round(radius_m / gsd_m), 1, _MAX_RADIUS_PX))


def reach_px(gsd_m: float) -> int:
    """How far a pixel's features look, in pixels; at most `CONTEXT_PX`."""
    # The longest chain of means: what surrounds, of point means.
    return _radius_px(PLACE_RADIUS_M, gsd_m) + _radius_px(POINT_RADIUS_M, gsd_m)


def _log_table() -> NDArray[np.float32]:
    levels = np.arange(256, dtype=np.float32)
    table: NDArray[np.float32] = np.log((levels + _LOG_FLOOR) / np.float32(_LOG_MIDDLE))
    return table.astype(np.float32)


_LOG_TABLE = _log_table()


def soil_features(rgb: NDArray[np.uint8], *, gsd_m: float) -> NDArray[np.float32]:
    """Colour and texture features of every pixel.

    Args:
        rgb: uint8 (H, W, 3), tone already evened out (see `landcover.SceneTone`).
        gsd_m: Metres a pixel.

    Returns:
        float32 (len(FEATURES), H, W), in the order of `FEATURES`.
    """
    height, width = rgb.shape[:2]
    out = np.empty((len(FEATURES), height, width), np.float32)
    point = _radius_px(POINT_RADIUS_M, gsd_m)
    patch = _radius_px(PATCH_RADIUS_M, gsd_m)
    place = _radius_px(PLACE_RADIUS_M, gsd_m)

    def mean(source: NDArray[np.float32], radius: int, target: NDArray[np.float32]) -> None:
        cv2.blur(source, (2 * radius + 1, 2 * radius + 1), dst=target)

    log_red, log_green, log_blue = (
        np.asarray(cv2.LUT(np.ascontiguousarray(plane), _LOG_TABLE), np.float32)
        for plane in cv2.split(rgb)
    )
    red, blue = log_red - log_green, log_blue - log_green
    bright = np.asarray(cv2.addWeighted(red, 1 / 3, blue, 1 / 3, 0), np.float32)
    bright += log_green
    for index, plane in enumerate((red, blue, bright)):
        mean(plane, point, out[index])
        mean(plane, patch, out[3 + index])
        mean(plane, place, out[6 + index])

    square = bright * bright
    _spread(square, out[5], patch, out[9])
    _spread(square, out[8], place, out[10])
    _spread(red * red, out[6], place, out[11])
    _spread(blue * blue, out[7], place, out[12])
    # Excess green in logarithms: ln G - (ln R + ln B) / 2.
    excess_green = np.asarray(cv2.addWeighted(out[0], -0.5, out[1], -0.5, 0), np.float32)
    plants = (excess_green > _PLANT_LN).view(np.uint8)
    cv2.boxFilter(plants, cv2.CV_32F, (2 * place + 1, 2 * place + 1), dst=out[13])
    return out


def _spread(
    square: NDArray[np.float32],
    mean: NDArray[np.float32],
    radius: int,
    target: NDArray[np.float32],
) -> None:
    """Write the local standard deviation into `target`."""
    size = 2 * radius + 1
    cv2.blur(square, (size, size), dst=target)
    target -= mean * mean
    np.maximum(target, 0, out=target)
    np.sqrt(target, out=target)
