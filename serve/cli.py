"""The command line ``cityeye``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated

import cv2
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from serve import cli_case_system, cli_ledger, cli_models, cli_people, cli_serve, cli_watch
from serve.cli_exit import exit_codes, read_settings
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

app = typer.Typer(
    name="cityeye",
    help="Computer vision for city management: what changed between two drone surveys, and what "
    "street cameras see of illegal parking, street vending and muck trucks, as findings with "
    "evidence. Start with: cityeye compare --help, cityeye watch --help",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cli_models.app)
app.add_typer(cli_people.users_app)
app.add_typer(cli_people.tokens_app)
app.add_typer(cli_ledger.app)
app.command(
    "watch",
    epilog="Exit codes: 0 done or stopped, 2 wrong usage, 3 an input cannot be used, 4 failed.",
)(cli_watch.watch)
app.command("serve")(cli_serve.serve)
app.command("worker")(cli_serve.worker)
app.command("case-system")(cli_case_system.case_system)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cityeye {metadata.version('cityeye')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


@app.command(
    epilog="Exit codes: 0 done, 2 wrong usage, 3 an input cannot be used, 4 failed, "
    "130 interrupted. Limits on input files are settings, e.g. CITYEYE_RASTER__MAX_PIXELS."
)
def compare(
    before: Annotated[Path, typer.Argument(help="Orthophoto of the earlier survey (GeoTIFF).")],
    after: Annotated[
        Path,
        typer.Argument(help="Orthophoto of the later survey. Findings lie in its georeference."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="Folder for findings.geojson, comparison.json, change.tif and report.html.",
        ),
    ],
    before_dsm: Annotated[
        Path | None, typer.Option(help="Surface model (DSM) of the earlier survey, in metres.")
    ] = None,
    after_dsm: Annotated[
        Path | None, typer.Option(help="Surface model of the later survey. Give both or neither.")
    ] = None,
    area: Annotated[
        Path | None,
        typer.Option(help="Look only inside these polygons (GeoJSON or GeoPackage)."),
    ] = None,
    permits: Annotated[
        Path | None,
        typer.Option(
            help="Building permits (GeoJSON or GeoPackage polygons; fields permit_id, valid_from, "
            "valid_to, max_height_m). Structures they cover are marked permitted."
        ),
    ] = None,
    roads: Annotated[
        Path | None,
        typer.Option(
            help="Roads (GeoJSON lines or polygons): dust hotspots tell how near they are."
        ),
    ] = None,
    min_area_m2: Annotated[
        float, typer.Option(min=0.1, help="Smallest structure to report, m².")
    ] = 10.0,
    min_height_m: Annotated[
        float, typer.Option(min=0.1, help="Least new height to report, m (needs both DSMs).")
    ] = 2.0,
    min_dust_area_m2: Annotated[
        float, typer.Option(min=0.1, help="Smallest dust hotspot to report, m².")
    ] = 100.0,
    gsd_m: Annotated[
        float,
        typer.Option(
            min=0.02, max=2.0, help="Working pixel size, m; coarser where a survey itself is."
        ),
    ] = 0.2,
    permit_date: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Date on which permits must be valid; default: the later survey's date.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Compare even where the two surveys cannot be matched, as they are georeferenced.",
        ),
    ] = False,
    learned: Annotated[
        bool,
        typer.Option(
            "--learned/--no-learned",
            help="Let the learned change model (cityeye models show change) have its say.",
        ),
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON, for machines; no progress.")
    ] = False,
) -> None:
    """Compare two drone surveys of the same ground and report what changed.

    Finds new and removed structures, cleared land and dust hotspots. With both surface models,
    heights decide; without, colour, texture and a learned model do.

    Example: cityeye compare may.tif june.tif --before-dsm may_dsm.tif --after-dsm june_dsm.tif
    --out result
    """
    with exit_codes():
        options = _options(
            working_gsd_m=gsd_m,
            min_area_m2=min_area_m2,
            min_height_m=min_height_m,
            min_dust_area_m2=min_dust_area_m2,
            permit_date=None if permit_date is None else permit_date.date(),
            force_alignment=force,
            limits=read_settings().raster,
        )
        inputs = ComparisonInputs(before, after, before_dsm, after_dsm, area, permits, roads)
        model = open_change_model(cli_models.own_and_shipped()) if learned else None
        # The windows already run on every core; threads inside OpenCV would only get in the way.
        cv2.setNumThreads(1)
        with _progress(shown=not as_json) as progress:
            comparison, files = compare_to_folder(
                inputs, out, options=options, learned=model, progress=progress
            )
    if as_json:
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


def main() -> None:
    """Run the command line."""
    # Progress and tables hold characters that an ASCII terminal would stumble over.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app()


if __name__ == "__main__":
    main()
