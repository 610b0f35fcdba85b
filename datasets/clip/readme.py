"""The README that lies beside the sample clip."""

from __future__ import annotations

from typing import Any

from datasets.scenes.clip_story import DWELL_S

_HEAD = """\
# Sample clip of a street camera

Three minutes of one street that does not exist, seen by one fixed camera 7.6 m above the ground:
{duration_s:.0f} s, {width}×{height} px, {frames_per_s} frames a second with real timestamps, H.264,
a key frame every 2 s. Everything in it is modelled and rendered by this project
(`datasets/scenes`, Blender's Cycles); nothing is taken from real pictures. Free to use under the
project's licence.

Made in two steps (seed {seed}), the first where `datasets/scenes/requirements.txt` is installed:

    python scripts/render_camera_sample.py --work DIR
    python scripts/make_camera_sample.py --work DIR

| file | what |
|---|---|
| street.mp4 | the clip |
| camera.yaml | the camera with three zones; their dwell times are shorter than real ones |
| truth.json | who comes and goes when, stands from when to when, with boxes for every second |
| events.json | what a watcher should say of it, and who must not be reported, as what |

Times in truth.json are seconds from the clip's start. Boxes are those of the whole object, cut to
the picture, as if nothing stood before it. `leaves_s` is null for what is there at the end.

The assets are of the designs that the shipped models were trained on. The clip tests rules,
association, evidence and reports; **it says nothing about how well a model does in a real street**.

## What happens

| id | class | does | enters s | leaves s | stands s |
|---|---|---|---|---|---|
"""

_TAIL = """
## What a watcher should say of it

With camera.yaml as it is ({dwell_s} s of dwell):

- illegal parking: `car-parks`, once;
- street vending: `vendor-stays`, once;
- `muck-truck-1` heaped, `muck-truck-2` covered, at the gate; heaped is to be reported.

And of nothing else: not the queue, which waits in the no-parking zone for the light; not the cars
that pass through it; not `vendor-passes`, who walks through the no-vending zone without a halt; not
people who walk or stand there; not the lorry.
"""


def readme(happened: dict[str, Any]) -> str:
    """Return the README's text.

    Args:
        happened: from :func:`datasets.clip.truth.truth`.
    """
    width, height = happened["size_wh"]
    text = _HEAD.format(width=width, height=height, **happened)
    for entry in happened["objects"]:
        stands = ", ".join(f"{start:.0f}–{end:.0f}" for start, end in entry["stands_s"])
        leaves = "–" if entry["leaves_s"] is None else f"{entry['leaves_s']:.0f}"
        cells = (entry["id"], entry["class"], entry["does"], f"{entry['enters_s']:.0f}", leaves)
        text += f"| {' | '.join(cells)} | {stands or '–'} |\n"
    return text + _TAIL.format(dwell_s=DWELL_S)
