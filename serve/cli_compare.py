"""``cityeye compare``: what changed between two drone surveys."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from serve.cli_exit import exit_codes


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
        from serve.run_compare import Wanted, compare_surveys

        compare_surveys(
            Wanted(
                before=before,
                after=after,
                out=out,
                before_dsm=before_dsm,
                after_dsm=after_dsm,
                area=area,
                permits=permits,
                roads=roads,
                min_area_m2=min_area_m2,
                min_height_m=min_height_m,
                min_dust_area_m2=min_dust_area_m2,
                gsd_m=gsd_m,
                permit_date=None if permit_date is None else permit_date.date(),
                force=force,
                learned=learned,
                as_json=as_json,
            )
        )
