"""Render orthophoto pairs of made-up places at two dates, with heights and truth.

    PYTHONPATH=. .venv-render/bin/python scripts/render_survey_pairs.py \
        --count 24 --size 512 --gsd-m 0.3 --seed 1 --out out/survey_pairs

Needs ``bpy`` (see datasets/scenes/requirements.txt). Writes A/NAME.png and B/NAME.png (first and
second date), label/NAME.png (255 where a new structure is seen from above), label_removed/NAME.png
(255 where one is gone), dsm_before/NAME.npy and dsm_after/NAME.npy (float32 metres above the
ground) and meta.json. The same seed gives the same places.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.scenes.survey_layout import plan_place
from datasets.scenes.survey_mesh import Mesh, meshes_of, top_view
from datasets.scenes.survey_parts import Date, Place
from datasets.scenes.survey_scene import SurveyStage

SAMPLES = 12
LICENCE = "CC BY 4.0, CityEye contributors"


def main() -> None:
    """Render the pairs asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=24, help="pairs to render")
    parser.add_argument("--size", type=int, default=512, help="side of a picture in pixels")
    parser.add_argument("--gsd-m", type=float, default=0.3, help="metres a pixel")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first place")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    asked = parser.parse_args()
    stage = SurveyStage(samples=SAMPLES)
    start = time.monotonic()
    pairs = [
        render_pair(
            stage,
            plan_place(asked.seed + number, side_m=asked.size * asked.gsd_m),
            asked.out,
            size_px=asked.size,
        )
        for number in range(asked.count)
    ]
    meta = {
        "gsd_m": asked.gsd_m,
        "size_px": asked.size,
        "licence": LICENCE,
        "samples": SAMPLES,
        "pairs": pairs,
    }
    (asked.out / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    print(f"{asked.count} pairs in {time.monotonic() - start:.0f} s: {asked.out}")


def render_pair(stage: SurveyStage, place: Place, out: Path, *, size_px: int) -> dict[str, Any]:
    """Render both dates of a place and write what is true about them.

    Returns:
        The pair's entry in meta.json.
    """
    name = f"place_{place.seed:05d}"
    seen = {}
    for folder, dsm, date in (
        ("A", "dsm_before", place.before),
        ("B", "dsm_after", place.after),
    ):
        meshes = standing(date)
        stage.render(
            date, meshes, out / folder / f"{name}.png", side_m=place.side_m, size_px=size_px
        )
        seen[folder] = top_view(meshes, side_m=place.side_m, size_px=size_px)
        (out / dsm).mkdir(parents=True, exist_ok=True)
        np.save(out / dsm / f"{name}.npy", seen[folder].height)
    write_mask(out / "label" / f"{name}.png", np.isin(seen["B"].part_id, list(place.added)))
    gone = np.isin(seen["A"].part_id, list(place.removed))
    write_mask(out / "label_removed" / f"{name}.png", gone)
    return {
        "name": name,
        "seed": place.seed,
        "style": place.style,
        "added": len(place.added),
        "removed": len(place.removed),
        "before": _describe(place.before),
        "after": _describe(place.after),
    }


def standing(date: Date) -> list[Mesh]:
    """The meshes of everything that stands at a date."""
    return [mesh for part in date.parts for mesh in meshes_of(part)]


def write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write an (H, W) mask as an 8-bit grey PNG: 255 where true (RFC 2083)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = mask.shape
    # Each row begins with its filter: 0, none.
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = mask * np.uint8(255)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
    )


def _describe(date: Date) -> dict[str, Any]:
    kinds = Counter(type(part).__name__.lower() for part in date.parts)
    return {
        "overcast": date.sky.overcast,
        "sun_azimuth_deg": round(date.sky.sun_azimuth_deg, 1),
        "sun_elevation_deg": round(date.sky.sun_elevation_deg, 1),
        "parts": dict(sorted(kinds.items())),
    }


if __name__ == "__main__":
    main()
