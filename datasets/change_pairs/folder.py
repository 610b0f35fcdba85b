"""A folder of change blocks: one compressed NumPy file each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets.change_pairs.blocks import ChangeBlock


def write_block(path: Path, block: ChangeBlock) -> None:
    """Write a block; a file that is there is replaced only by a whole one."""
    part = path.with_suffix(".part.npz")
    np.savez(part, before=block.before, after=block.after, label=block.label)
    part.replace(path)


def read_blocks(folder: Path) -> Iterator[tuple[str, ChangeBlock]]:
    """Yield name and block of every file, in order of names."""
    for path in sorted(folder.glob("*.npz")):
        if path.name.endswith(".part.npz"):
            continue
        with np.load(path) as arrays:
            yield path.stem, ChangeBlock(arrays["before"], arrays["after"], arrays["label"])
