"""Pairs of orthophoto blocks with exact labels of what was built, for the learned change cue."""

from __future__ import annotations

from datasets.change_pairs.blocks import (
    APPEARED,
    UNKNOWN,
    VANISHED,
    ChangeBlock,
    collage_block,
    planted_block,
    rendered_block,
)
from datasets.change_pairs.collage import Cutout, cut_roofs
from datasets.change_pairs.folder import read_blocks, write_block

__all__ = [
    "APPEARED",
    "UNKNOWN",
    "VANISHED",
    "ChangeBlock",
    "Cutout",
    "collage_block",
    "cut_roofs",
    "planted_block",
    "read_blocks",
    "rendered_block",
    "write_block",
]
