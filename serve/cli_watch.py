"""``cityeye watch``: turn a camera, a clip or a folder of stills into findings with evidence."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from serve.cli_exit import exit_codes

EngineChoice = Literal["auto", "onnxruntime", "openvino"]
"""What runs the models."""
Transport = Literal["tcp", "udp"]
"""How RTSP packets come."""


def watch(
    out: Annotated[
        Path,
        typer.Option(help="Folder for findings, events, evidence and report.html."),
    ],
    source: Annotated[
        str | None,
        typer.Argument(
            help="rtsp(s)://…, a video file, a folder of stills, or an http(s) snapshot address."
        ),
    ] = None,
    camera: Annotated[
        Path | None, typer.Option(help="CAMERA.yaml: the camera's zones and masks.")
    ] = None,
    fleet: Annotated[
        Path | None,
        typer.Option(
            help="Watch every camera of this folder at once; each *.yaml names its source."
        ),
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S%z"],
            help="When a recording began, with its offset, e.g. 2026-11-22T08:00:00+08:00; "
            "default: what the file says.",
        ),
    ] = None,
    interval_s: Annotated[
        float | None,
        typer.Option(min=0.01, help="Spacing of stills, or of snapshot requests, in seconds."),
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after this much of the scene's time.")
    ] = None,
    transport: Annotated[Transport, typer.Option(help="How RTSP streams are carried.")] = "tcp",
    engine: Annotated[
        EngineChoice,
        typer.Option(help="What runs the models; auto takes a GPU, else OpenVINO where installed."),
    ] = "auto",
    plates: Annotated[
        bool, typer.Option("--plates/--no-plates", help="Read number plates from close-ups.")
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON, for machines; no progress.")
    ] = False,
) -> None:
    """Watch a camera, a clip or many cameras for illegal parking, street vending and muck trucks.

    Recordings are gone through as fast as they can be read; live cameras are watched until the
    command is stopped, and a later run goes on where it stopped.

    Example: cityeye watch street.mp4 --camera camera.yaml --out result
    """
    with exit_codes():
        if (fleet is None) == (source is None) or (source is None) != (camera is None):
            raise typer.BadParameter("give SOURCE and --camera, or --fleet")
        from serve import run_watch

        wanted = run_watch.Wanted(
            out=out,
            start=start,
            interval_s=interval_s,
            max_seconds=max_seconds,
            transport=transport,
            engine=engine,
            plates=plates,
            as_json=as_json,
        )
        if fleet is not None:
            run_watch.watch_fleet(fleet, wanted)
        else:
            assert source is not None and camera is not None  # noqa: S101 - checked above
            run_watch.watch_one(source, camera, wanted)
