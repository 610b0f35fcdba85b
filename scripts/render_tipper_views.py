"""Render muck trucks from street level and from the front, where their load is hard to see.

    PYTHONPATH=. .venv-render/bin/python scripts/render_tipper_views.py \
        --train 200 --test 50 --out out/tipper_views

Needs ``bpy`` (see datasets/scenes/requirements.txt). Writes PNGs with alpha and sprites.jsonl, as
scripts/render_sprites.py does; scripts/train_load.py and scripts/evaluate_load.py read both. What
is there already is kept, so a run that was cut short goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.scenes.catalogue import SPLITS, Split
from datasets.scenes.sprites import put_on_record, recorded
from datasets.scenes.stage import Stage
from datasets.scenes.tipper_views import render_hard_view

FRESH_STAGE_EVERY = 40
SIZE_PX = 256


def main() -> None:
    """Render what is asked for; records are written one by one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--train", type=int, default=200, help="pictures for training")
    parser.add_argument("--test", type=int, default=50, help="pictures for the test")
    parser.add_argument("--samples", type=int, default=8, help="light paths a pixel")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    asked = parser.parse_args()
    counts = {"train": asked.train, "test": asked.test}
    asked.out.mkdir(parents=True, exist_ok=True)
    # The splits take turns, so that a run cut short has both.
    jobs = sorted(
        (number / max(counts[split], 1), split, number)
        for split in SPLITS
        for number in range(counts[split])
    )
    records = asked.out / "sprites.jsonl"
    known = recorded(records)
    missing = [job for job in jobs if _name(*job[1:]) not in known]
    for done, (_, split, number) in enumerate(missing):
        if done % FRESH_STAGE_EVERY == 0:
            stage = Stage(samples=asked.samples)
        name = _name(split, number)
        record = render_hard_view(
            stage, split=split, seed=number, size=SIZE_PX, path=asked.out / name
        )
        put_on_record(records, {name: record})


def _name(split: Split, number: int) -> str:
    return f"hard_{split}_{number:05d}.png"


if __name__ == "__main__":
    main()
