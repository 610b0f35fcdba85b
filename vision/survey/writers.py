"""Writing a comparison to a folder: all of it or nothing."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
import rasterio.shutil
from rasterio.errors import RasterioError

from vision.errors import OutputError
from vision.finding import Finding
from vision.report import write_survey_report
from vision.survey.change import LearnedCue
from vision.survey.compare import ComparisonInputs, Progress, run
from vision.survey.comparison import (
    CompareOptions,
    ComparisonFiles,
    SurveyComparison,
    SurveyPictures,
)

FINDINGS_NAME = "findings.geojson"
COMPARISON_NAME = "comparison.json"
CHANGE_NAME = "change.tif"
REPORT_NAME = "report.html"


def compare_to_folder(
    inputs: ComparisonInputs,
    folder: str | Path,
    *,
    options: CompareOptions | None = None,
    learned: LearnedCue | None = None,
    progress: Progress | None = None,
    on_pictures: Callable[[SurveyPictures], None] | None = None,
) -> tuple[SurveyComparison, ComparisonFiles]:
    """Compare two surveys and write findings, comparison, change raster and report.

    Everything is made in a temporary folder in or beside ``folder`` and moved at the end; an
    error or an interrupt leaves what was there before.

    Args:
        inputs: the files to compare.
        folder: where the results go; made if missing. Earlier results there are replaced.
        options: thresholds and settings.
        learned: a trained change model, if there is one.
        progress: called with the stage and how much of it is done.
        on_pictures: given the pictures that the report shows, for who keeps them by themselves.

    Raises:
        InputError: an input cannot be used; nothing was written.
        OutputError: the results cannot be written.
    """
    tell: Progress = progress or (lambda _stage, _share: None)
    target = Path(folder)
    with _staging(target) as staging:
        plain = staging / "change-plain.tif"
        comparison, pictures = run(
            inputs,
            options=options or CompareOptions(),
            learned=learned,
            change_path=plain,
            with_pictures=True,
            progress=tell,
        )
        tell("write", 0.0)
        _write_cog(plain, staging / CHANGE_NAME)
        plain.unlink()
        _write_json(staging / FINDINGS_NAME, feature_collection(comparison))
        _write_json(staging / COMPARISON_NAME, comparison_document(comparison))
        if pictures is not None:
            write_survey_report(staging / REPORT_NAME, comparison, pictures)
            if on_pictures is not None:
                on_pictures(pictures)
        tell("write", 1.0)
    return comparison, ComparisonFiles(
        folder=target,
        findings=target / FINDINGS_NAME,
        comparison=target / COMPARISON_NAME,
        change=target / CHANGE_NAME,
        report=target / REPORT_NAME,
    )


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """Give a temporary folder; move its files to ``target`` if all went well."""
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target}: is a file; the results need a folder. Name another place.")
    made = [folder for folder in (target, *target.parents) if not folder.exists()]
    staging: Path | None = None
    done = False
    try:
        try:
            # Inside the folder where there is one: beside it may be another disk, or no right to
            # write, as where a container mounts it.
            beside = target if target.is_dir() else target.parent
            beside.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=beside))
        except OSError as error:
            raise OutputError(
                f"{target}: results cannot be written there ({error.strerror}). Name a folder "
                "that may be written to."
            ) from error
        yield staging
        try:
            target.mkdir(exist_ok=True)
            for file in sorted(staging.iterdir()):
                os.replace(file, target / file.name)
        except OSError as error:
            raise OutputError(f"{target}: results cannot be put there ({error})") from error
        done = True
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        if not done:
            for empty in made:
                try:
                    empty.rmdir()
                except FileNotFoundError:  # not made yet
                    continue
                except OSError:  # someone put something there meanwhile
                    break


def _write_json(path: Path, document: dict[str, Any]) -> None:
    try:
        text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _write_cog(source: Path, target: Path) -> None:
    try:
        with rasterio.Env(GDAL_CACHEMAX=192):
            rasterio.shutil.copy(
                source,
                target,
                driver="COG",
                COMPRESS="DEFLATE",
                LEVEL="3",
                BLOCKSIZE="512",
                OVERVIEW_RESAMPLING="AVERAGE",
                NUM_THREADS="ALL_CPUS",
                BIGTIFF="IF_SAFER",
            )
    except (RasterioError, OSError) as error:
        raise OutputError(
            f"{target}: the change raster cannot be written ({error}). Is the disk full?"
        ) from error


def feature_collection(comparison: SurveyComparison) -> dict[str, Any]:
    """Return the findings as a GeoJSON feature collection (RFC 7946), in WGS-84.

    Each feature's ``properties`` are flat, so that QGIS and geojson.io show them in a table:
    measures under their own names, words under theirs, cues as ``cue_height`` and so on.
    """
    return {
        "type": "FeatureCollection",
        "features": [
            _feature(number, finding) for number, finding in enumerate(comparison.findings, 1)
        ],
    }


def _feature(number: int, finding: Finding) -> dict[str, Any]:
    if finding.geometry is None:
        raise ValueError(f"finding {finding.id} has no place on the map")
    properties: dict[str, Any] = {
        "number": number,
        "kind": finding.kind.value,
        "score": finding.score,
        "assessment": finding.assessment.value,
    }
    properties |= {name: measure.value for name, measure in finding.measures.items()}
    properties |= finding.attributes
    properties |= {f"cue_{vote.cue}": vote.probability for vote in finding.cues}
    if finding.permit is not None:
        properties["permit_id"] = finding.permit.permit_id
        properties["permit_note"] = finding.permit.note
        properties["permit_covered_share"] = finding.permit.covered_share
    properties["first_seen"] = (
        None if finding.first_seen is None else finding.first_seen.isoformat()
    )
    properties["rule"] = f"{finding.rule.name} {finding.rule.version}"
    return {
        "type": "Feature",
        "id": finding.id,
        "geometry": finding.geometry.model_dump(mode="json"),
        "properties": properties,
    }


def comparison_document(comparison: SurveyComparison) -> dict[str, Any]:
    """Return everything about a comparison, findings in full, ready for JSON."""
    return comparison.model_dump(mode="json")
