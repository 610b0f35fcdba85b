"""Score the bare-earth classification against hand labels and print a table.

    python scripts/evaluate_soil.py --labels banepa_soil --ortho banepa_ortho.tif [--gsd 0.2]

`--labels` is a folder of NAME.tif and NAME_label.png (0 other, 1 bare soil or earth yard, 2 unpaved
road, 255 cannot tell). 1 and 2 are joined; 255 and a border band of 3 px around every label
boundary are left out. The tone is measured on the whole survey (`--ortho`), as a comparison does
it. Then the same crops are scored re-lit: colour cast, gamma, haze; the tone is measured again
under that light.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vision.survey.landcover import NEUTRAL_TONE, SceneTone, classify, scene_tone, soil_probability

BORDER_PX = 3
OVERVIEW_GSD_M = 1.0
NEAR_NEGATIVE = ("urban_paved", "green_fields")
VEIL_RGB = (0.86, 0.9, 0.95)


@dataclass(frozen=True)
class Light:
    """Another light: factors of red and blue, gamma, share of haze."""

    name: str
    red: float = 1.0
    blue: float = 1.0
    gamma: float = 1.0
    haze: float = 0.0

    def on(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture in this light."""
        levels = (np.arange(256) / 255.0) ** self.gamma
        table = np.empty((256, 1, 3), np.uint8)
        for channel, gain in enumerate((self.red, 1.0, self.blue)):
            moved = levels * gain * (1 - self.haze) + self.haze * VEIL_RGB[channel]
            table[:, 0, channel] = np.clip(np.rint(moved * 255), 0, 255)
        return np.asarray(cv2.LUT(rgb, table), np.uint8)


AS_FLOWN = Light("as flown")
LIGHTS = (
    Light("warm, red +8 % blue -8 %", red=1.08, blue=0.92),
    Light("cold, red -8 % blue +8 %", red=0.92, blue=1.08),
    Light("gamma 0.8", gamma=0.8),
    Light("gamma 1.25", gamma=1.25),
    Light("haze 15 %", haze=0.15),
    Light("warm, gamma 1.25, haze 10 %", red=1.08, blue=0.92, gamma=1.25, haze=0.1),
)


@dataclass(frozen=True)
class Crop:
    """A labelled crop at the GSD of evaluation: 1 soil, 0 other, 255 left out."""

    name: str
    rgb: NDArray[np.uint8]
    label: NDArray[np.uint8]


def read_crop(path: Path, gsd_m: float) -> Crop:
    """Read a crop and its labels, leave out the border band, resample both."""
    with rasterio.open(path) as source:
        rgb = np.ascontiguousarray(source.read([1, 2, 3]).transpose(1, 2, 0))
        own_gsd_m = float(source.res[0])
    raw = cv2.imread(str(path.with_name(f"{path.stem}_label.png")), cv2.IMREAD_UNCHANGED)
    if raw is None:
        raise SystemExit(f"{path.name}: no label picture {path.stem}_label.png beside it")
    label = np.asarray(raw, np.uint8).copy()
    label[label == 2] = 1
    kernel = np.ones((2 * BORDER_PX + 1, 2 * BORDER_PX + 1), np.uint8)
    label[cv2.dilate(label, kernel) != cv2.erode(label, kernel)] = 255
    scale = own_gsd_m / gsd_m
    size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return Crop(
        name=path.stem,
        rgb=np.asarray(cv2.resize(rgb, size, interpolation=way), np.uint8),
        label=np.asarray(cv2.resize(label, size, interpolation=cv2.INTER_NEAREST), np.uint8),
    )


def counts(crop: Crop, soil: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pixels that are soil and found, soil and missed, other and called soil, other and not."""
    is_soil, is_other = crop.label == 1, crop.label == 0
    return np.array(
        [
            (is_soil & soil).sum(),
            (is_soil & ~soil).sum(),
            (is_other & soil).sum(),
            (is_other & ~soil).sum(),
        ],
        np.int64,
    )


def row(name: str, c: NDArray[np.int64]) -> str:
    """One line of the table."""
    hit, missed, false, right = (int(v) for v in c)
    iou = f"{hit / max(1, hit + missed + false):.3f}" if hit + missed else "    –"
    recall = f"{hit / (hit + missed):.3f}" if hit + missed else "    –"
    precision = f"{hit / (hit + false):.3f}" if hit + false else "    –"
    wrong = f"{100 * false / max(1, false + right):.1f}"
    return f"{name:32s} {iou:>6} {precision:>9} {recall:>6} {wrong:>15}"


def overview(path: str) -> NDArray[np.uint8]:
    """The whole survey at the size that tone is measured on."""
    with rasterio.open(path) as source:
        step = OVERVIEW_GSD_M / source.res[0]
        shape = (3, int(source.height / step), int(source.width / step))
        view = source.read([1, 2, 3], out_shape=shape, resampling=Resampling.average)
    return np.ascontiguousarray(view.transpose(1, 2, 0))


def speed_ns(gsd_m: float) -> float:
    """Nanoseconds a pixel of `classify` on 1024 × 1024, best of five, one thread."""
    rgb = np.random.default_rng(1).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    best = np.inf
    for _ in range(5):
        # Processor time: what other programs on the machine take is not ours.
        began = time.process_time()
        classify(rgb, gsd_m=gsd_m)
        best = min(best, time.process_time() - began)
    return best * 1e9 / 1024**2


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--labels", required=True, help="folder with NAME.tif, NAME_label.png")
    parser.add_argument("--ortho", help="the whole survey, for its tone; without it: neutral tone")
    parser.add_argument("--gsd", type=float, default=0.2, help="metres a pixel")
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--pictures", help="folder for overlays of what was found")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    gsd_m, threshold = arguments.gsd, arguments.threshold
    crops = [read_crop(path, gsd_m) for path in sorted(Path(arguments.labels).glob("*.tif"))]
    view = overview(arguments.ortho) if arguments.ortho else None
    valid = None if view is None else view.max(axis=2) > 0

    def tone_under(light: Light) -> SceneTone:
        if view is None or valid is None:
            return NEUTRAL_TONE
        return scene_tone(light.on(view), valid)

    def find(crop: Crop, light: Light, tone: SceneTone) -> NDArray[np.bool_]:
        picture = light.on(crop.rgb)
        return np.asarray(soil_probability(picture, gsd_m=gsd_m, tone=tone) > threshold)

    print(f"{'':32s} {'IoU':>6} {'precision':>9} {'recall':>6} {'% other as soil':>15}")
    as_flown = {crop.name: find(crop, AS_FLOWN, tone_under(AS_FLOWN)) for crop in crops}
    total = np.zeros(4, np.int64)
    near = np.zeros(4, np.int64)
    for crop in crops:
        c = counts(crop, as_flown[crop.name])
        total += c
        if crop.name in NEAR_NEGATIVE:
            near += c
        print(row(crop.name, c))
        if arguments.pictures:
            _draw(Path(arguments.pictures), crop, as_flown[crop.name])
    print(row("near-negative crops", near))
    print(row("ALL (pooled)", total))
    print("re-lit; last column: % of the soil found as flown that is still found")
    for light in LIGHTS:
        tone, total, kept, had = tone_under(light), np.zeros(4, np.int64), 0, 0
        for crop in crops:
            soil = find(crop, light, tone)
            total += counts(crop, soil)
            kept += int((soil & as_flown[crop.name]).sum())
            had += int(as_flown[crop.name].sum())
        print(row(light.name, total), f"{100 * kept / max(1, had):6.1f}")
    print(f"classify: {speed_ns(gsd_m):.0f} ns a pixel, processor time, 1024 x 1024")


def _draw(folder: Path, crop: Crop, soil: NDArray[np.bool_]) -> None:
    """Picture, and picture with found (red), missed (blue), false (yellow) soil."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = cv2.cvtColor(crop.rgb, cv2.COLOR_RGB2BGR)
    painted = plain.copy()
    for mask, colour in (
        (soil & (crop.label == 1), (0, 0, 255)),
        (~soil & (crop.label == 1), (255, 0, 0)),
        (soil & (crop.label == 0), (0, 255, 255)),
    ):
        painted[mask] = (0.55 * painted[mask] + 0.45 * np.array(colour)).astype(np.uint8)
    cv2.imwrite(str(folder / f"{crop.name}.png"), np.hstack([plain, painted]))


if __name__ == "__main__":
    main()
