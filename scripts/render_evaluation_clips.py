"""Render the pictures that the evaluation clips are put together from: first of two steps.

Runs where Blender's module is: ``python scripts/render_evaluation_clips.py --work DIR``; an hour on
one core. Pictures that are there already are kept, so a run that was cut short goes on. The second
step is ``scripts/make_evaluation_clips.py``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.scenes.clip_evaluation import clip_names, evaluation_clip  # noqa: E402
from datasets.scenes.clip_render import render_clip  # noqa: E402


def main() -> None:
    """Read the command line and render."""
    count = len(clip_names())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--clips", type=int, nargs="+", help=f"numbers, 1 to {count}; all without")
    options = parser.parse_args()
    for number in options.clips or range(1, count + 1):
        print(render_clip(evaluation_clip(number), options.work), flush=True)


if __name__ == "__main__":
    main()
