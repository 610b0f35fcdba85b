"""Put the evaluation clips together from their rendered pictures, with truth and camera files.

Second of two steps; the first is ``scripts/render_evaluation_clips.py``, which runs where Blender's
module is. Each clip gets a folder with ``street.mp4``, ``truth.json``, ``events.json`` and
``camera.yaml``. ``--texts`` writes all but the videos, without any pictures. ``--painted`` needs
none either: each thing is a patch of its own colours, enough to try association and rules on the
truth's boxes (``scripts/evaluate_camera.py --truth-detections``).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.clip.frames import Studio  # noqa: E402
from datasets.clip.painted import PaintedStudio  # noqa: E402
from datasets.clip.sprites import MissingPicture  # noqa: E402
from datasets.clip.texts import VIDEO, write_texts  # noqa: E402
from datasets.clip.video import write_video  # noqa: E402
from datasets.event_scoring import read_truth  # noqa: E402
from datasets.scenes.clip_evaluation import clip_names, evaluation_clip  # noqa: E402

QUALITY, PRESET = 26, "veryfast"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    count = len(clip_names())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="pictures of the first step")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--clips", type=int, nargs="+", help=f"numbers, 1 to {count}; all without")
    parser.add_argument("--texts", action="store_true", help="truth and camera files alone")
    parser.add_argument("--painted", action="store_true", help="patches in place of pictures")
    args = parser.parse_args(argv)
    if args.work is None and not (args.texts or args.painted):
        parser.error("--work is needed, or --texts or --painted")
    for number in args.clips or range(1, count + 1):
        clip = evaluation_clip(number)
        folder = args.out / clip.name
        folder.mkdir(parents=True, exist_ok=True)
        write_texts(folder, clip)
        if args.texts:
            continue
        unfinished = folder / f".{VIDEO}"
        try:
            painted = PaintedStudio(clip, read_truth(folder)) if args.painted else None
            frames = write_video(
                unfinished,
                (painted or Studio(args.work / clip.name, clip)).frames(),
                size_wh=clip.view.size_wh,
                frames_per_s=clip.frames_per_s,
                quality=QUALITY,
                preset=PRESET,
            )
        except MissingPicture as error:
            sys.stderr.write(f"{error} (scripts/render_evaluation_clips.py)\n")
            return 3
        unfinished.replace(folder / VIDEO)
        size_mb = (folder / VIDEO).stat().st_size / 1e6
        print(f"{clip.name}: {frames} frames, {size_mb:.1f} MB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
