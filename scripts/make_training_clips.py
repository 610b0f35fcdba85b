"""Put streets to learn from together from their rendered pictures, with labels in YOLO form.

Second of two steps; the first is ``scripts/render_training_clips.py``, which runs where Blender's
module is. Writes ``images/train`` and ``labels/train`` under ``--out``, which
``scripts/make_street_dataset.py`` takes as ``--clips``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.classes import STREET_CLASSES  # noqa: E402
from datasets.clip.frames import Studio  # noqa: E402
from datasets.clip.seen import seen_boxes  # noqa: E402
from datasets.clip.sprites import MissingPicture  # noqa: E402
from datasets.formats.yolo import write_yolo_labels  # noqa: E402
from datasets.scenes.clip_training import training_clip  # noqa: E402

JPEG_QUALITY = (60, 92)


def make(number: int, *, work: Path, out: Path) -> str:
    """Write the pictures and labels of one street; return what to say about it."""
    cv2.setNumThreads(1)
    clip = training_clip(number)
    studio = Studio(work / clip.name, clip)
    rng = np.random.default_rng((clip.seed, 3))
    count = 0
    for time_s in clip.frame_times():
        boxes = seen_boxes(studio, clip, float(time_s))
        name = f"{clip.name}_{round(time_s):02d}"
        labels = out / "labels" / "train" / f"{name}.txt"
        write_yolo_labels(labels, boxes, clip.view.size_wh, STREET_CLASSES)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*JPEG_QUALITY, endpoint=True))]
        picture = out / "images" / "train" / f"{name}.jpg"
        if not cv2.imwrite(str(picture), studio.frame(float(time_s)), quality):
            raise OSError(f"{picture}: cannot be written")
        count += len(boxes)
    return f"{clip.name}: {len(clip.frame_times())} pictures, {count} labels"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="pictures of the first step")
    parser.add_argument("--count", type=int, required=True, help="streets")
    parser.add_argument("--first", type=int, default=0, help="number of the first street")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    args = parser.parse_args(argv)
    for kind in ("images", "labels"):
        (args.out / kind / "train").mkdir(parents=True, exist_ok=True)
    numbers = range(args.first, args.first + args.count)
    try:
        with multiprocessing.get_context("fork").Pool(min(os.cpu_count() or 1, args.count)) as pool:
            for line in pool.imap(partial(make, work=args.work, out=args.out), numbers):
                print(line, flush=True)
    except MissingPicture as error:
        sys.stderr.write(f"{error} (scripts/render_training_clips.py)\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
