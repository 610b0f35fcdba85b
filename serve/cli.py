"""The command line ``cityeye``.

What a command runs is imported when it runs: the whole house takes seconds to import, and nobody
who asks for help or adds a user should wait for the computer vision.
"""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated

import typer

from serve import (
    cli_case_system,
    cli_compare,
    cli_ledger,
    cli_models,
    cli_people,
    cli_serve,
    cli_watch,
)

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
    "compare",
    epilog="Exit codes: 0 done, 2 wrong usage, 3 an input cannot be used, 4 failed, "
    "130 interrupted. Limits on input files are settings, e.g. CITYEYE_RASTER__MAX_PIXELS.",
)(cli_compare.compare)
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


def main() -> None:
    """Run the command line."""
    # Progress and tables hold characters that an ASCII terminal would stumble over.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app()


if __name__ == "__main__":
    main()
