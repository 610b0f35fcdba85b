"""The child that opens an uploaded file for the first time, and the one that makes a COG of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from serve.surveys.child import serve_one


def prepare(job: dict[str, Any], tell: Callable[[str, float], None]) -> dict[str, Any]:
    """Check a file, or convert one that was checked, as the job says."""
    from serve.surveys import rasters
    from vision.survey.limits import RasterLimits

    source = Path(job["source"])
    role = job["role"]
    limits = RasterLimits.model_validate(job["limits"])
    if job["task"] == "check":
        return rasters.check(source, role, limits)
    target = Path(job["target"])
    rasters.convert(source, target, role, limits, tell=lambda share: tell("convert", share))
    if job.get("preview"):
        rasters.draw_preview(target, Path(job["preview"]), limits)
    return {}


if __name__ == "__main__":
    serve_one(prepare)
