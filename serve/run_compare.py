"""What ``cityeye compare`` runs: surveys compared with progress, and the result told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cv2
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from serve.cli_exit import own_and_shipped, read_settings
from vision.finding import Finding
from vision.survey.compare import ComparisonInputs
from vision.survey.comparison import CompareOptions, ComparisonFiles, SurveyComparison
from vision.survey.learned import open_change_model
from vision.survey.writers import compare_to_folder

_STAGES = {
    "align": "Aligning the surveys",
    "change": "Looking for change",
    "findings": "Judging candidates",
    "pictures": "Cutting pictures",
    "write": "Writing results",
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the command line asks for, as its options are named."""

    before: Path
    after: Path
    out: Path
    before_dsm: Path | None
    after_dsm: Path | None
    area: Path | None
    permits: Path | None
    roads: Path | None
    min_area_m2: float
    min_height_m: float
    min_dust_area_m2: float
    gsd_m: float
    permit_date: date | None
    force: bool
    learned: bool
    as_json: bool


def compare_surveys(wanted: Wanted) -> None:
    """Compare, write the folder and print what was found.

    Raises:
        InputError: A survey, another file or a setting cannot be used.
        ModelError: The learned change model cannot be used.
        OutputError: The folder cannot be written.
    """
    options = _options(
        working_gsd_m=wanted.gsd_m,
        min_area_m2=wanted.min_area_m2,
        min_height_m=wanted.min_height_m,
        min_dust_area_m2=wanted.min_dust_area_m2,
        permit_date=wanted.permit_date,
        force_alignment=wanted.force,
        limits=read_settings().raster,
    )
    inputs = ComparisonInputs(
        wanted.before, wanted.after, wanted.before_dsm, wanted.after_dsm, wanted.area,
        wanted.permits, wanted.roads,
    )  # fmt: skip
    model = open_change_model(own_and_shipped()) if wanted.learned else None
    # The windows already run on every core; threads inside OpenCV would only get in the way.
    cv2.setNumThreads(1)
    with _progress(shown=not wanted.as_json) as progress:
        comparison, files = compare_to_folder(
            inputs, wanted.out, options=options, learned=model, progress=progress
        )
    if wanted.as_json:
        typer.echo(json.dumps(_summary(comparison, files), ensure_ascii=False))
    else:
        _print_result(comparison, files)


def _options(**values: object) -> CompareOptions:
    try:
        return CompareOptions.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(
            f"--{str(item['loc'][0]).removeprefix('working_').replace('_', '-')}: {item['msg']}"
            for item in error.errors()
        )
        raise typer.BadParameter(wrong) from error


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[str, float], None]]:
    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield lambda _stage, _share: None
        return
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = {
            stage: bars.add_task(text, total=1.0, start=False) for stage, text in _STAGES.items()
        }

        def tell(stage: str, share: float) -> None:
            bars.start_task(tasks[stage])
            bars.update(tasks[stage], completed=share)

        yield tell


def _summary(comparison: SurveyComparison, files: ComparisonFiles) -> dict[str, object]:
    counts: dict[str, int] = {}
    for finding in comparison.findings:
        counts[finding.kind.value] = counts.get(finding.kind.value, 0) + 1
    return {
        "findings": counts,
        "compared_area_m2": comparison.ground.compared_area_m2,
        "alignment_residual_m": comparison.alignment.residual_rmse_m,
        "files": {
            "findings": str(files.findings),
            "comparison": str(files.comparison),
            "change": str(files.change),
            "report": str(files.report),
        },
        "timings_s": comparison.timings_s,
    }


def _print_result(comparison: SurveyComparison, files: ComparisonFiles) -> None:
    console = Console()
    alignment = comparison.alignment
    console.print(
        f"Compared {comparison.ground.compared_area_m2 / 10_000:.1f} ha at "
        f"{comparison.gsd_m:.2f} m; alignment residual {alignment.residual_rmse_m:.2f} m "
        f"({alignment.tie_points_kept} tie points)"
        + ("" if alignment.matched else "; the surveys do NOT match, compared as they are"),
        highlight=False,
    )
    if comparison.findings:
        console.print(_table(comparison.findings))
    else:
        console.print("Nothing found.")
    console.print(f"Report: {files.report}", highlight=False, soft_wrap=True)


def _table(findings: tuple[Finding, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("no.", "kind", "score", "area m²", "height m", "status"):
        table.add_column(name, justify="left" if name in ("kind", "status") else "right")
    for number, finding in enumerate(findings, 1):
        measures = finding.measures
        area = measures.get("exposed_area_m2") or measures.get("area_m2")
        height = measures.get("height_gain_m") or measures.get("height_loss_m")
        table.add_row(
            str(number),
            finding.kind.value,
            f"{finding.score:.2f}",
            "" if area is None else f"{area.value:.0f}",
            "" if height is None else f"{height.value:.1f}",
            finding.assessment.value,
        )
    return table
