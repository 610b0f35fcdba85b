"""Render muck trucks with each load in turn: pictures that differ in the load alone.

    PYTHONPATH=. .venv-render/bin/python scripts/render_load_sets.py \
        --count 1000 --out out/load_sets

Needs ``bpy`` (see datasets/scenes/requirements.txt). Writes PNGs with alpha and their records, as
scripts/render_sprites.py does; scripts/train_load.py reads both. What is there already is kept, so
a run that was cut short goes on; several may run at once with other first numbers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.scenes.muck_trucks import LOADED_STATES
from datasets.scenes.sprites import put_on_record, recorded
from datasets.scenes.stage import Stage
from datasets.scenes.tipper_views import render_load_set

FRESH_STAGE_EVERY = 15
"""Sets; a stage keeps every paint that it has shown."""


def main() -> None:
    """Render what is asked for; records are written set by set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, required=True, help="trucks, each with four loads")
    parser.add_argument("--first", type=int, default=0, help="number of the first truck")
    parser.add_argument("--size", type=int, default=224, help="sides of a picture in pixels")
    parser.add_argument("--samples", type=int, default=4, help="light paths a pixel")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    records = asked.out / f"sprites-{asked.first}.jsonl"
    known = recorded(records)
    numbers = range(asked.first, asked.first + asked.count)
    missing = [number for number in numbers if _name(number, LOADED_STATES[-1]) not in known]
    for done, number in enumerate(missing):
        if done % FRESH_STAGE_EVERY == 0:
            stage = Stage(samples=asked.samples)
        names = {state: _name(number, state) for state in LOADED_STATES}
        made = render_load_set(
            stage,
            seed=number,
            size=asked.size,
            paths={state: asked.out / name for state, name in names.items()},
        )
        put_on_record(records, dict(zip(names.values(), made, strict=True)))
    print(f"{len(missing)} trucks -> {records}")


def _name(number: int, state: str) -> str:
    return f"set_{number:05d}_{state}.png"


if __name__ == "__main__":
    main()
