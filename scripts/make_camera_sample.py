"""Put the sample clip together from its rendered pictures, with truth, camera file and README.

Second of two steps; the first is ``scripts/render_camera_sample.py``, which runs where Blender's
module is. The same pictures give the same clip.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.clip.frames import Studio  # noqa: E402
from datasets.clip.readme import readme  # noqa: E402
from datasets.clip.sprites import MissingPicture  # noqa: E402
from datasets.clip.texts import VIDEO, write_texts  # noqa: E402
from datasets.clip.truth import truth  # noqa: E402
from datasets.clip.video import write_video  # noqa: E402
from datasets.scenes.clip_story import sample_clip  # noqa: E402

QUALITY = 32


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
    parser.add_argument("--end-s", type=float, help="end here, for a look")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    clip = sample_clip()
    paths = write_texts(args.out, clip)
    paths.append(args.out / "README.md")
    paths[-1].write_text(readme(truth(clip)), encoding="utf-8")
    if args.work is not None:
        path = args.out / VIDEO
        try:
            write_video(
                path,
                Studio(args.work, clip).frames(start_s=args.start_s, end_s=args.end_s),
                size_wh=clip.view.size_wh,
                frames_per_s=clip.frames_per_s,
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
