"""Render sprites of street assets with alpha, for composition into real frames.

Runs where Blender's module is: ``python scripts/render_sprites.py --kinds muck_truck --count 100
--split train --out DIR``. Several may run at once with other kinds, splits or seeds: each writes a
record file of its own, ``sprites-KIND-SPLIT-SEED.jsonl``, one line a sprite. What is there already
is kept, so a run that was cut short goes on where it stopped.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from datasets.scenes.catalogue import CATALOGUE, SPLITS, Split
from datasets.scenes.sprites import put_on_record, recorded, render_sprite
from datasets.scenes.stage import Stage

_FRESH_STAGE_EVERY = 60
"""Paints pile up on a stage; a new one starts without them."""
_SEED_STEP = 1_000_000


@dataclass(frozen=True, slots=True)
class Look:
    """How finely sprites are rendered.

    Attributes:
        size: of the pictures' sides, pixels.
        samples: light paths a pixel.
    """

    size: int
    samples: int


def render(kind: str, *, split: Split, numbers: range, seed: int, look: Look, out: Path) -> None:
    """Render sprites of one kind and append their records; those on record are not made again.

    Args:
        kind: a key of the catalogue.
        split: ``train`` or ``test``.
        numbers: of the sprites; a number and the seed fix a sprite.
        seed: of the run.
        look: how finely.
        out: folder to write to.
    """
    records = out / f"sprites-{kind}-{split}-{seed}.jsonl"
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    known = recorded(records)
    missing = [number for number in numbers if _name(kind, split, seed, number) not in known]
    for done, number in enumerate(missing):
        if done % _FRESH_STAGE_EVERY == 0:
            stage = Stage(samples=look.samples)
        name = _name(kind, split, seed, number)
        record = render_sprite(
            stage,
            kind,
            split=split,
            seed=seed * _SEED_STEP + number,
            size=look.size,
            path=out / name,
        )
        put_on_record(records, {name: record})
    seconds = time.monotonic() - started
    print(f"{kind} {split}: {len(missing)} sprites in {seconds:.0f} s -> {records}")


def _name(kind: str, split: Split, seed: int, number: int) -> str:
    return f"{kind}/{split}_{seed:02d}_{number:06d}.png"


def main() -> None:
    """Read the command line and render."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", required=True, choices=sorted(CATALOGUE))
    parser.add_argument("--count", type=int, required=True, help="sprites of each kind")
    parser.add_argument("--split", choices=SPLITS, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=320, help="sides of a picture in pixels")
    parser.add_argument(
        "--samples",
        type=int,
        default=6,
        help="light paths a pixel; what grain is left goes when a sprite is scaled down",
    )
    parser.add_argument("--start-index", type=int, default=0, help="number of the first sprite")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    numbers = range(options.start_index, options.start_index + options.count)
    for kind in options.kinds:
        render(
            kind,
            split=options.split,
            numbers=numbers,
            seed=options.seed,
            look=Look(options.size, options.samples),
            out=options.out,
        )


if __name__ == "__main__":
    main()
