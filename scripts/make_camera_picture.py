"""Make the README's picture of the camera side from what the demo left.

    make demo
    python scripts/make_camera_picture.py

Shows the evidence of three findings in the sample clip: the parked car, the vendor, the heaped
truck. The street is rendered; nobody in it exists.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SHOWN = (
    ("illegal_parking", "scene_end"),
    ("street_vending", "scene_end"),
    ("muck_truck_overload", "load_1"),
    ("muck_truck_overload", "close_up"),
)
TILE_WH = (800, 500)
GAP_PX = 8
QUALITY = 85


def main() -> None:
    """Read findings and pictures, put four of them together, write one JPEG."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--demo", type=Path, default=ROOT / "out" / "demo" / "camera")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "camera-demo.jpg")
    arguments = parser.parse_args()
    lines = (arguments.demo / "findings.jsonl").read_text(encoding="utf-8").splitlines()
    paths = {
        (finding["kind"], evidence["role"]): evidence["path"]
        for finding in map(json.loads, lines)
        for evidence in finding["evidence"]
    }
    width, height = TILE_WH
    sheet = np.full((2 * height + GAP_PX, 2 * width + GAP_PX, 3), 255, np.uint8)
    for number, shown in enumerate(SHOWN):
        if shown not in paths:
            raise SystemExit(f"{arguments.demo}: has no {shown[1]} of {shown[0]}; run make demo")
        picture = cv2.imread(str(arguments.demo / paths[shown]))
        if picture is None:
            raise SystemExit(f"{arguments.demo / paths[shown]}: cannot be read")
        scale = min(width / picture.shape[1], height / picture.shape[0])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = (number // 2) * (height + GAP_PX), (number % 2) * (width + GAP_PX)
        top, left = top + (height - small.shape[0]) // 2, left + (width - small.shape[1]) // 2
        sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
    if not cv2.imwrite(str(arguments.out), sheet, [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
        raise SystemExit(f"{arguments.out}: cannot be written")
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
