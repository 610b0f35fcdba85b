"""Render the pictures that the sample clip is put together from: first of two steps.

Runs where Blender's module is: ``python scripts/render_camera_sample.py --work DIR``. Pictures that
are there already are kept. The second step is ``scripts/make_camera_sample.py``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.scenes.clip_render import render_actors, render_street  # noqa: E402
from datasets.scenes.clip_story import sample_clip  # noqa: E402


def main() -> None:
    """Read the command line and render."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--actors", nargs="+", help="render these alone")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    clip = sample_clip()
    render_street(clip, options.work)
    names = None if options.actors is None else frozenset(options.actors)
    made = render_actors(clip, options.work, names=names)
    print(f"{made} poses in {time.monotonic() - started:.0f} s -> {options.work}")


if __name__ == "__main__":
    main()
