"""Put the sample clip together from its rendered pictures, with truth, camera file and README.

Second of two steps; the first is ``scripts/render_camera_sample.py``, which runs where Blender's
module is. The same pictures give the same clip.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.clip.frames import Studio  # noqa: E402
from datasets.clip.readme import readme  # noqa: E402
from datasets.clip.sprites import MissingPicture  # noqa: E402
from datasets.clip.truth import camera_settings, truth  # noqa: E402
from datasets.clip.video import write_video  # noqa: E402
from datasets.scenes.clip_poses import frame_times  # noqa: E402
from datasets.scenes.clip_story import DURATION_S, FRAMES_PER_S, SEED, SIZE_WH  # noqa: E402

QUALITY = 32


def write_texts(folder: Path) -> list[Path]:
    """Write truth, camera file and README; return their paths."""
    happened = truth()
    texts = {
        # One object a line: readable, and small enough to be kept with the code.
        "truth.json": _by_lines(happened),
        "camera.yaml": yaml.safe_dump(
            camera_settings(), sort_keys=False, allow_unicode=True, default_flow_style=None
        ),
        "README.md": readme(happened),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _by_lines(happened: dict[str, object]) -> str:
    objects = happened["objects"]
    assert isinstance(objects, list)  # noqa: S101
    head = json.dumps({**happened, "objects": []})
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in objects)
    return f"{head[:-3]}[\n{lines}\n]}}\n"


def frames(studio: Studio, *, start_s: float, end_s: float) -> Iterator[NDArray[np.uint8]]:
    """Yield the clip's frames between two times."""
    for time_s in frame_times(start_s, end_s):
        grain = np.random.default_rng((SEED, round(time_s * FRAMES_PER_S)))
        yield studio.frame(float(time_s), grain)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="pictures of the first step; texts alone without")
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "datasets" / "samples" / "camera",
        help="folder to write to (default: the committed sample)",
    )
    parser.add_argument("--start-s", type=float, default=0.0, help="begin here, for a look")
    parser.add_argument("--end-s", type=float, default=DURATION_S, help="end here, for a look")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    paths = write_texts(args.out)
    if args.work is not None:
        path = args.out / "street.mp4"
        try:
            studio = Studio(args.work)
            write_video(
                path,
                frames(studio, start_s=args.start_s, end_s=args.end_s),
                size_wh=SIZE_WH,
                frames_per_s=FRAMES_PER_S,
                quality=QUALITY,
            )
        except MissingPicture as error:
            sys.stderr.write(f"{error}\n")
            return 3
        paths.append(path)
    for path in paths:
        sys.stdout.write(f"{path}  {path.stat().st_size / 1e6:.2f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
