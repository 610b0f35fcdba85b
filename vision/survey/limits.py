"""Limits on survey files. Apart from what reads files, so that settings can be read without it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RasterLimits(BaseModel):
    """What a survey file may claim before a pixel of it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_pixels: int = Field(
        default=40_000_000_000, gt=0, title="Most pixels", description="width × height of one file"
    )
    max_side_px: int = Field(
        default=1_000_000, gt=0, title="Longest side", description="pixels along one side"
    )
    max_bands: int = Field(default=8, gt=0, title="Most bands", description="bands of one file")
    max_file_bytes: int = Field(
        default=100_000_000_000, gt=0, title="Largest file", description="bytes on disk"
    )
    max_block_bytes: int = Field(
        default=256_000_000,
        gt=0,
        title="Largest block",
        description="decoded bytes of one tile or strip; a whole picture in one strip would have "
        "to be held in memory at once",
    )
    max_expansion: int = Field(
        default=2000,
        gt=0,
        title="Largest expansion",
        description="decoded bytes for one byte on disk; applies to files that decode to more "
        "than 1 GB. Real compression stays far below, a made-up size does not",
    )
