"""``cityeye case-system``: the reference case system as a process of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from serve.casesystem.modes import Mode
from serve.cli_exit import exit_codes
from vision.errors import InputError

SECRET_VARIABLE = "CITYEYE_CASE_SYSTEM_SECRET"  # noqa: S105 (a name)
MIN_SECRET_LENGTH = 16


def case_system(
    data: Annotated[Path, typer.Option(help="Folder for its file.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8400,
    step_s: Annotated[
        float, typer.Option(help="Seconds of each step of a case, 立案 … 结案.", min=0.0)
    ] = 20.0,
    fail: Annotated[
        list[Mode] | None, typer.Option(help="How requests fail from the start; repeatable.")
    ] = None,
    fail_share: Annotated[
        float, typer.Option(help="Share of requests that fail.", min=0.0, max=1.0)
    ] = 1.0,
) -> None:
    """Run a small case system to try things out: it takes drafts, numbers cases, calls back.

    Webhook drafts go to /drafts, Open311 lies under /open311, the list of cases is at /. The
    secret shared with CityEye is read from CITYEYE_CASE_SYSTEM_SECRET.
    """
    with exit_codes():
        secret = os.environ.get(SECRET_VARIABLE, "")
        if len(secret) < MIN_SECRET_LENGTH:
            raise InputError(
                f"{SECRET_VARIABLE} is not set or shorter than {MIN_SECRET_LENGTH} characters; set "
                "the secret that the target in CityEye's targets file has"
            )
        from pydantic import SecretStr

        from serve.casesystem.server import CaseSystem
        from serve.casesystem.trouble import Trouble

        trouble = Trouble(modes=tuple(fail or ()), share=fail_share)
        system = CaseSystem(
            data, SecretStr(secret), host=host, port=port, step_s=step_s, trouble=trouble
        )
        typer.echo(f"cityeye: case system at {system.url}", err=True)
        system.run()
