"""Render the pictures that streets to learn from are put together from: first of two steps.

Runs where Blender's module is: ``python scripts/render_training_clips.py --count 60 --work DIR``;
half a minute a street on one core. Pictures that are there already are kept. The second step is
``scripts/make_training_clips.py``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.scenes.clip_render import render_clip  # noqa: E402
from datasets.scenes.clip_training import training_clip  # noqa: E402


def main() -> None:
    """Read the command line and render."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--count", type=int, required=True, help="streets")
    parser.add_argument("--first", type=int, default=0, help="number of the first street")
    options = parser.parse_args()
    for number in range(options.first, options.first + options.count):
        print(render_clip(training_clip(number), options.work), flush=True)


if __name__ == "__main__":
    main()
