"""The one door to survey comparison: two surveys in, findings out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from vision.errors import BadRaster, InputError
from vision.survey.align import Alignment, align
from vision.survey.change import LearnedCue
from vision.survey.comparison import (
    CompareOptions,
    SurveyComparison,
    SurveyInput,
    SurveyPictures,
)
from vision.survey.findings import Judged, judge
from vision.survey.pair import SurveyPair, make_pair, working_crs, working_grid
from vision.survey.pictures import MOST_PICTURED, survey_pictures
from vision.survey.raster import SurveyRaster, open_ortho, open_surface
from vision.survey.scan import scan
from vision.survey.vectors import read_area, read_permits, read_roads

Progress = Callable[[str, float], None]
"""Told the stage (``read``, ``align``, ``change``, ``findings``, ``pictures``) and 0–1 of it."""


@dataclass(frozen=True, slots=True)
class ComparisonInputs:
    """The files of one comparison."""

    before: Path
    after: Path
    before_dsm: Path | None = None
    after_dsm: Path | None = None
    area: Path | None = None
    permits: Path | None = None
    roads: Path | None = None


@dataclass(slots=True)
class _Clock:
    """How long each stage took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(time.perf_counter() - start, 3)


def compare(
    before: str | Path,
    after: str | Path,
    *,
    before_dsm: str | Path | None = None,
    after_dsm: str | Path | None = None,
    options: CompareOptions | None = None,
    area: str | Path | None = None,
    permits: str | Path | None = None,
    roads: str | Path | None = None,
    learned: LearnedCue | None = None,
    change_path: Path | None = None,
    progress: Progress | None = None,
) -> SurveyComparison:
    """Compare two drone surveys of the same ground.

    Args:
        before: the earlier orthophoto, a GeoTIFF.
        after: the later orthophoto; findings lie in its georeference.
        before_dsm: the earlier surface model; used only together with ``after_dsm``.
        after_dsm: the later surface model.
        options: thresholds and settings.
        area: polygons to look at (GeoJSON or GeoPackage); everything by default.
        permits: building permits to hold new structures against.
        roads: roads (lines or polygons) to give each dust hotspot's distance to.
        learned: a trained change model, if there is one.
        change_path: where to write the change probability as a plain GeoTIFF; not written if None.
        progress: called with the stage and how much of it is done.

    Raises:
        InputError: an input cannot be used; nothing was written.
        OutputError: the change raster could not be written.
    """
    inputs = ComparisonInputs(
        Path(before),
        Path(after),
        _path(before_dsm),
        _path(after_dsm),
        _path(area),
        _path(permits),
        _path(roads),
    )
    comparison, _ = run(
        inputs,
        options=options or CompareOptions(),
        learned=learned,
        change_path=change_path,
        with_pictures=False,
        progress=progress or _silent,
    )
    return comparison


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _silent(_stage: str, _share: float) -> None:
    pass


def run(
    inputs: ComparisonInputs,
    *,
    options: CompareOptions,
    learned: LearnedCue | None,
    change_path: Path | None,
    with_pictures: bool,
    progress: Progress,
) -> tuple[SurveyComparison, SurveyPictures | None]:
    """Compare two surveys and, if wanted, cut the pictures of the result; see :func:`compare`."""
    if (inputs.before_dsm is None) != (inputs.after_dsm is None):
        raise InputError(
            "Heights are compared only between two surface models: give both DSMs or neither."
        )
    started, clock = datetime.now(UTC), _Clock()
    with ExitStack() as stack:
        with clock.stage("open"):
            files = _open_all(inputs, options, stack)
            before, after = files["before"], files["after"]
            crs = working_crs(after)
            area = None if inputs.area is None else (read_area(inputs.area, crs), crs)
            permits = () if inputs.permits is None else read_permits(inputs.permits, crs)
            roads = None if inputs.roads is None else read_roads(inputs.roads, crs)
            grid = working_grid(before, after, options=options, area=area)
        hashing = stack.enter_context(ThreadPoolExecutor(1, "sha256"))
        hashes = {role: hashing.submit(file.sha256) for role, file in files.items()}

        with clock.stage("align"):
            progress("align", 0.0)
            alignment: Alignment = align(
                before, after, grid, options=options, progress=lambda s: progress("align", s)
            )
        with clock.stage("normalise"):
            pair = make_pair(
                grid,
                before,
                after,
                before_dsm=files.get("before_dsm"),
                after_dsm=files.get("after_dsm"),
                displacement=alignment.displacement,
                area=None if area is None else area[0],
            )
        workers = options.workers or os.cpu_count() or 1
        with _pool(workers) as pool:
            with clock.stage("change"):
                scanned = scan(
                    pair,
                    options=options,
                    learned=learned,
                    change_path=change_path,
                    pool=pool,
                    workers=workers,
                    progress=lambda s: progress("change", s),
                )
            with clock.stage("findings"):
                judged = judge(
                    pair,
                    scanned,
                    options=options,
                    learned=learned,
                    permits=permits,
                    roads=roads,
                    pool=pool,
                    source=(before.info.path.name, after.info.path.name),
                    hashes=(hashes["before"].result(), hashes["after"].result()),
                    progress=lambda s: progress("findings", s),
                )
        pictures = None
        if with_pictures:
            with clock.stage("pictures"):
                progress("pictures", 0.0)
                pictures = _pictures(pair, judged)
                progress("pictures", 1.0)
        comparison = SurveyComparison(
            findings=tuple(item.finding for item in judged),
            alignment=alignment.report,
            height_datum=None if pair.datum is None else pair.datum.report,
            ground=scanned.ground,
            options=options,
            inputs=tuple(_input(role, files[role], hashes[role]) for role in files),
            crs=grid.crs.to_string(),
            gsd_m=grid.gsd_m,
            width=grid.width,
            height=grid.height,
            cues=_cues(pair, learned),
            timings_s=clock.seconds,
            versions=versions(),
            started_at=started,
            finished_at=datetime.now(UTC),
        )
    return comparison, pictures


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Give threads for windows; an error or an interrupt drops the work that still waits."""
    pool = ThreadPoolExecutor(workers, "window")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _open_all(
    inputs: ComparisonInputs, options: CompareOptions, stack: ExitStack
) -> dict[str, SurveyRaster]:
    files = {
        "before": open_ortho(inputs.before, limits=options.limits),
        "after": open_ortho(inputs.after, limits=options.limits),
    }
    if inputs.before_dsm is not None and inputs.after_dsm is not None:
        files["before_dsm"] = open_surface(inputs.before_dsm, limits=options.limits)
        files["after_dsm"] = open_surface(inputs.after_dsm, limits=options.limits)
    for file in files.values():
        stack.enter_context(file)
        if not file.has_data():
            raise BadRaster(
                f"{file.info.path}: every pixel is marked as no data. Export the survey again "
                "with its data, or mend its nodata value or alpha band."
            )
    return files


def _pictures(pair: SurveyPair, judged: list[Judged]) -> SurveyPictures:
    outlines: dict[str, BaseGeometry] = {item.finding.id: item.outline for item in judged}
    best = sorted(judged, key=lambda item: -item.finding.score)[:MOST_PICTURED]
    chosen = {item.finding.id for item in best}
    return survey_pictures(pair, outlines, pictured=[name for name in outlines if name in chosen])


def _input(role: str, file: SurveyRaster, sha256: Future[str]) -> SurveyInput:
    info = file.info
    return SurveyInput(
        role=role,
        path=info.path.name,
        sha256=sha256.result(),
        file_bytes=info.file_bytes,
        width=info.width,
        height=info.height,
        bands=info.bands,
        dtype=info.dtype,
        crs=info.crs.to_string(),
        gsd_m=info.gsd_m,
        taken_at=info.taken_at,
    )


def _cues(pair: SurveyPair, learned: LearnedCue | None) -> tuple[str, ...]:
    cues = ["colour"]
    if pair.has_heights:
        cues.insert(0, "height")
    if learned is not None:
        cues.append("learned")
    return tuple(cues)


def versions() -> dict[str, str]:
    """Return the versions of CityEye and of the libraries that a result depends on."""
    names = ("cityeye", "numpy", "opencv-python-headless", "rasterio", "shapely", "pyproj", "scipy")
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # a source tree that was never installed
            found[name] = "unknown"
    return found
